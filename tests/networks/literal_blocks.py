"""Blocks for one member and one sample: a convolution as its Toeplitz matrix, pooling as a choice of indices."""

import itertools
import math

import numpy as np

G = {
    "tanh": (math.tanh, lambda a: 1 / math.cosh(a) ** 2),
    "relu": (lambda a: max(a, 0.0), lambda a: float(a > 0)),
    "linear": (lambda a: a, lambda a: 1.0),
    "abs": (abs, lambda a: math.copysign(1.0, a)),
    "erf": (lambda a: math.erf(a / math.sqrt(2)), lambda a: math.sqrt(2 / math.pi) * math.exp(-a * a / 2)),
    "leaky_relu(-0.5)": (lambda a: a if a > 0 else -0.5 * a, lambda a: 1.0 if a > 0 else -0.5),
}


def places(weight_shape, shape, stride, padding):
    """Every (row, column, index of the filters) of a convolution's matrix, by looking at each pixel of each window."""
    channels, below, kernel, _ = weight_shape
    _, height, width = shape
    rows, columns = ((side + 2 * padding - kernel) // stride + 1 for side in (height, width))
    for o, r, s in itertools.product(range(channels), range(rows), range(columns)):
        for c, i, j in itertools.product(range(below), range(kernel), range(kernel)):
            y, x = r * stride + i - padding, s * stride + j - padding
            if 0 <= y < height and 0 <= x < width:
                yield (o * rows + r) * columns + s, (c * height + y) * width + x, (o, c, i, j)


def matrix(W, layer):
    """The matrix that maps h_{l-1} to a_l − b_l."""
    if W.ndim == 2:
        return W
    M = np.zeros((math.prod(layer["affine_shape"]), math.prod(layer["input_shape"])))
    for row, column, index in places(W.shape, layer["input_shape"], layer["stride"], layer["padding"]):
        M[row, column] = W[index]
    return M


def gradient(delta, below, W, layer):
    """∂(δa · a)/∂W and ∂(δa · a)/∂b."""
    per_channel = delta.reshape(len(W), -1).sum(1)
    if W.ndim == 2:
        return np.outer(delta, below), per_channel
    made = np.zeros(W.shape)
    for row, column, index in places(W.shape, layer["input_shape"], layer["stride"], layer["padding"]):
        made[index] += delta[row] * below[column]
    return made, per_channel


def pooled(z, layer):
    """Index of the largest number in each window of an image given as a vector; all indices without pooling."""
    if "pool" not in layer:
        return np.arange(len(z))
    (channels, height, width), (kernel, stride) = layer["affine_shape"], layer["pool"]
    chosen = []
    for c in range(channels):
        for r, s in itertools.product(*(range((side - kernel) // stride + 1) for side in (height, width))):
            window = [
                (c * height + r * stride + i) * width + s * stride + j
                for i, j in itertools.product(range(kernel), range(kernel))
            ]
            chosen.append(max(window, key=lambda index: z[index]))
    return np.array(chosen)


def updates(rule, parameters, F, x, label, layers):
    """The gradient of every layer's weights and biases from one sample, None where a layer does not learn (Eqs 1–4)."""
    h, a, chosen, M = [x], [], [], [matrix(W, layer) for (W, _), layer in zip(parameters, layers, strict=True)]
    for (_, b), M_l, layer in zip(parameters, M, layers, strict=True):
        a.append(M_l @ h[-1] + np.repeat(b, len(M_l) // len(b)))
        z = np.array([G[layer["activation"]][0](value) for value in a[-1]])
        chosen.append(pooled(z, layer))
        h.append(z[chosen[-1]])
    p = np.exp(a[-1] - a[-1].max())
    y = np.eye(len(p))[label]
    e = p / p.sum() - y
    deltas = [None] * (len(layers) - 1) + [e]
    for index in range(len(layers) - 2, -1, -1):
        match rule.name:
            case "BP":
                signal = M[index + 1].T @ deltas[index + 1]
            case "FA":
                signal = matrix(F[index].swapaxes(0, 1), layers[index + 1]).T @ deltas[index + 1]
            case "DFA":
                signal = F[index] @ e
            case "DRTP":
                signal = -F[index] @ y
            case "sign-symmetric FA":
                fan_in = parameters[index + 1][0][0].size
                signal = np.sign(M[index + 1]).T @ deltas[index + 1] / math.sqrt(fan_in)
            case "last layer only":
                continue
        above = np.zeros(len(a[index]))
        np.add.at(above, chosen[index], signal)
        deltas[index] = above * np.array([G[layers[index]["activation"]][1](value) for value in a[index]])
    return [
        None if delta is None else gradient(delta, below, W, layer)
        for delta, below, (W, _), layer in zip(deltas, h, parameters, layers, strict=False)
    ]
