import math

import literal_blocks as literal
import numpy as np
import pytest
import torch

from feedback_alignment import streams
from feedback_alignment.networks.layers import Conv2d, Linear, by_member, side_by_side

MEMBERS, BATCH = 2, 3
# kernel, stride, padding, (channels, height, width): windows that do and do not reach the far edges
CONVOLUTIONS = [
    (3, 1, 1, (2, 5, 5)),
    (1, 1, 0, (3, 2, 4)),
    (3, 2, 0, (2, 6, 7)),
    (2, 3, 1, (1, 6, 5)),
    (5, 2, 2, (2, 5, 8)),
    (4, 1, 0, (2, 4, 4)),
]


def normal(*shape):
    return torch.from_numpy(streams.generator(0, "test samples", *shape).normal(size=shape))


def described(layer, shape):
    return {
        "input_shape": shape,
        "affine_shape": layer.output_shape(shape),
        "stride": getattr(layer, "stride", 1),
        "padding": getattr(layer, "padding", 0),
    }


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (Linear(4), (6,)),
        (Linear(3), (2, 3, 2)),
        *[(Conv2d(3, kernel, stride, padding), shape) for kernel, stride, padding, shape in CONVOLUTIONS],
    ],
    ids=str,
)
def test_a_layer_is_a_matrix_its_transpose_and_outer_products(layer, shape):
    """A convolution is held against its Toeplitz matrix, filled entry by entry."""
    weight_shape = layer.weight_shape(shape)
    W, b = normal(MEMBERS, *weight_shape), normal(MEMBERS, weight_shape[0])
    h, delta = normal(MEMBERS, BATCH, *shape), normal(MEMBERS, BATCH, *layer.output_shape(shape))
    a, without_biases = layer.forward(W, b, h), layer.forward(W, None, h)
    below = layer.transposed(delta, W, shape)
    assert a.shape == delta.shape
    assert below.shape == h.shape
    weight_gradient, bias_gradient = layer.weight_gradient(delta, h), layer.bias_gradient(delta)
    for member in range(MEMBERS):
        filters = W[member].numpy()
        M = literal.matrix(filters, described(layer, shape))
        gradients = []
        for sample in range(BATCH):
            x, d = h[member, sample].flatten().numpy(), delta[member, sample].flatten().numpy()
            biases = np.repeat(b[member].numpy(), len(M) // len(filters))
            np.testing.assert_allclose(a[member, sample].flatten(), M @ x + biases, rtol=0, atol=1e-13)
            np.testing.assert_allclose(without_biases[member, sample].flatten(), M @ x, rtol=0, atol=1e-13)
            np.testing.assert_allclose(below[member, sample].flatten(), M.T @ d, rtol=0, atol=1e-13)
            gradients.append(literal.gradient(d, x, filters, described(layer, shape)))
        for ours, theirs in zip((weight_gradient, bias_gradient), zip(*gradients, strict=True), strict=True):
            np.testing.assert_allclose(ours[member], sum(theirs), rtol=0, atol=1e-12)


def test_members_side_by_side_come_back_without_a_copy():
    images = normal(MEMBERS, BATCH, 4, 2, 5)
    wide = side_by_side(images)
    assert wide.shape == (BATCH, MEMBERS * 4, 2, 5)
    back = by_member(wide, MEMBERS)
    assert torch.equal(back, images)
    assert back.data_ptr() == wide.data_ptr()
    assert side_by_side(back).data_ptr() == wide.data_ptr()


def test_sizes_are_those_of_launays_network():
    shape = (3, 32, 32)
    for channels in (32, 64, 64):
        shape = Conv2d(channels, 5, padding=2).output_shape(shape)
        shape = (shape[0], (shape[1] - 3) // 2 + 1, (shape[2] - 3) // 2 + 1)
    assert math.prod(shape) == 576


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Linear(0), "a linear layer needs a width of at least 1; got 0"),
        (lambda: Conv2d(0, 3), "needs channels, kernel and stride of at least 1 .*; got 0, 3, 1 and 0"),
        (lambda: Conv2d(2, 0), "got 2, 0, 1 and 0"),
        (lambda: Conv2d(2, 3, 0), "got 2, 3, 0 and 0"),
        (lambda: Conv2d(2, 3, 1, -1), "got 2, 3, 1 and -1"),
        (lambda: Conv2d(2, 3).output_shape((6,)), r"a convolution needs images .*; got the shape \(6,\)"),
        (
            lambda: Conv2d(2, 5, padding=1).output_shape((3, 9, 2)),
            "a convolution with kernel 5 and padding 1 does not fit into images of 9 x 2 pixels: take a smaller kernel",
        ),
    ],
)
def test_layers_that_cannot_be_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
