"""The rules for one member, one sample at a time: loops and outer products (Refinetti et al. 2021, Eqs 1–4)."""

import math

import numpy as np
import torch

from feedback_alignment.networks import BP, DFA, DRTP, FA, LastLayerOnly

RULES = (BP(), FA(), DFA(), DRTP(), LastLayerOnly())
G = {
    "tanh": (math.tanh, lambda a: 1 / math.cosh(a) ** 2),
    "relu": (lambda a: max(a, 0.0), lambda a: float(a > 0)),
    "linear": (lambda a: a, lambda a: 1.0),
}


def activities(W, x, activation):
    """Pre-activations [a_1 … a_L] and activities [h_0 … h_{L-1}] of one sample."""
    g, _ = G[activation]
    a, h = [], [x]
    for W_l in W:
        a.append(np.array([sum(W_l[i, j] * h[-1][j] for j in range(len(h[-1]))) for i in range(len(W_l))]))
        h.append(np.array([g(value) for value in a[-1]]))
    return a, h[:-1]


def softmax_error(a_L, label):
    """e = ∂J/∂a_L of the cross entropy, and the one-hot y."""
    p = [math.exp(value - max(a_L)) for value in a_L]
    y = np.array([float(k == label) for k in range(len(a_L))])
    return np.array(p) / sum(p) - y, y


def teaching(rule, W, F, a, e, y, activation):
    """Signals at h_1 … h_{L-1} and δa_1 … δa_L of one sample; None where a layer does not learn."""
    _, slope = G[activation]
    L = len(W)
    signals, deltas = [None] * (L - 1), [None] * (L - 1) + [e]
    for index in range(L - 2, -1, -1):  # layer l = index + 1: W_l is W[index], and W_{l+1} is W[index + 1]
        match rule.name:
            case "BP":
                signals[index] = W[index + 1].T @ deltas[index + 1]
            case "FA":
                signals[index] = F[index] @ deltas[index + 1]
            case "DFA":
                signals[index] = F[index] @ e
            case "DRTP":
                signals[index] = -F[index] @ y
            case "last layer only":
                continue
        deltas[index] = signals[index] * np.array([slope(value) for value in a[index]])
    return signals, deltas


def updates(rule, W, F, inputs, labels, activation):
    """Σ_samples δa_l h_{l-1}ᵀ of every layer, zeros where a layer does not learn."""
    total = [np.zeros_like(W_l) for W_l in W]
    for x, label in zip(inputs, labels, strict=True):
        a, h = activities(W, x, activation)
        e, y = softmax_error(a[-1], label)
        for sum_l, delta, below in zip(total, teaching(rule, W, F, a, e, y, activation)[1], h, strict=True):
            if delta is not None:
                sum_l += np.outer(delta, below)
    return total


def member(network, index):
    """One member's W and F as float64 arrays, copied."""
    W = [W_l[index].to(torch.float64, copy=True).numpy() for W_l in network.weights]
    F = [None if F_l is None else F_l[index].to(torch.float64, copy=True).numpy() for F_l in network.feedback]
    return W, F
