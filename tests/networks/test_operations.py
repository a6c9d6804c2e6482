import math
import re

import numpy as np
import pytest
import torch
from torch import nn

from feedback_alignment import streams
from feedback_alignment.networks.activations import activation
from feedback_alignment.networks.operations import Activation, AveragePool2d, BatchNorm, Dropout, MaxPool2d, Passage

SEEDS = (3, 1, 4)


def normal(*shape):
    return torch.from_numpy(streams.generator(0, "test samples", *shape).normal(size=shape))


def passage(mode="train", layer=2, step=7):
    return Passage(mode, SEEDS, layer, step)


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("tanh", math.tanh),
        ("relu", lambda a: max(a, 0)),
        ("linear", lambda a: a),
        ("abs", abs),
        ("erf", lambda a: math.erf(a / math.sqrt(2))),
        ("leaky_relu(0.01)", lambda a: a if a > 0 else 0.01 * a),
        ("leaky_relu(-0.5)", lambda a: a if a > 0 else -0.5 * a),
        ("leaky_relu(1e-3)", lambda a: a if a > 0 else 1e-3 * a),
    ],
)
def test_activations_and_their_slopes(name, function):
    """Slopes against central differences, whose error here is about 1e-10: h² of the series and 1e-16/h of rounding."""
    a = torch.linspace(-2.95, 2.95, 60, dtype=torch.float64)[None, :, None].requires_grad_()
    h = 1e-5
    Activation(name).apply(a, {}, passage()).sum().backward()
    points, values, slopes = (part.flatten().tolist() for part in (a, activation(name)(a), a.grad))
    np.testing.assert_allclose(values, [function(x) for x in points], rtol=0, atol=1e-15)
    differences = [(function(x + h) - function(x - h)) / (2 * h) for x in points]
    np.testing.assert_allclose(slopes, differences, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["sigmoid", "leaky_relu", "leaky_relu()", "leaky_relu(x)", "leaky_relu(inf)", ""])
def test_unknown_activations_are_refused(name):
    message = f"activation must be one of ['abs', 'erf', 'linear', 'relu', 'tanh'] or 'leaky_relu(s)' .*; got '{name}'"
    with pytest.raises(ValueError, match=re.escape(message).replace(r"\.\*", ".*")):
        Activation(name)


def test_dropout_keeps_one_minus_rate_and_the_mean():
    values = torch.ones(3, 100, 40, 5, 5, dtype=torch.float64)
    dropped = Dropout(0.3).apply(values, {}, passage())
    assert set(dropped.unique().tolist()) == {0.0, 1 / (1 - 0.3)}
    count = values[0].numel()
    kept = (dropped > 0).flatten(1).double().mean(1)
    assert ((kept - 0.7).abs() < 4 * math.sqrt(0.3 * 0.7 / count)).all()
    assert Dropout(0.3).apply(values, {}, passage("eval")) is values
    assert torch.equal(Dropout(0.0).apply(values, {}, passage()), values)


def test_dropout_masks_belong_to_seed_layer_step_and_place():
    values = torch.ones(3, 20, 30)
    first = passage()
    masks = [Dropout(0.5).apply(values, {}, first) for _ in range(2)]
    masks += [Dropout(0.5).apply(values, {}, other) for other in (passage(layer=3), passage(step=8))]
    each = [mask[member] for mask in masks for member in range(3)]
    assert not any(torch.equal(one, other) for index, one in enumerate(each) for other in each[:index])
    assert torch.equal(masks[0], Dropout(0.5).apply(values, {}, passage()))
    alone = Dropout(0.5).apply(values[:1], {}, Passage("train", (SEEDS[1],), 2, 7))
    assert torch.equal(alone[0], masks[0][1])


@pytest.mark.parametrize("shape", [(6, 5), (4, 5, 3, 2)])
def test_batch_normalisation_is_pytorchs_for_each_member(shape):
    channels = shape[1]
    gain, shift, running_mean = (normal(3, channels, number)[..., 0] for number in (1, 2, 3))
    running_variance = normal(3, channels, 4)[..., 0].square()
    state = {"gain": gain, "shift": shift, "mean": running_mean.clone(), "variance": running_variance.clone()}
    values = normal(3, *shape)
    through = {mode: passage(mode) for mode in ("train", "eval")}
    ours = {mode: BatchNorm().apply(values, state, way) for mode, way in through.items()}
    assert torch.equal(state["mean"], running_mean)
    assert through["eval"].renewals == []
    renewed = {id(running): value for running, value in through["train"].renewals}
    for member in range(3):
        module = (nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d)(channels).double()
        parts = (module.weight, module.bias, module.running_mean, module.running_var)
        with torch.no_grad():
            for part, name in zip(parts, ("gain", "shift", "mean", "variance"), strict=True):
                part.copy_(state[name][member])
            torch.testing.assert_close(ours["eval"][member], module.eval()(values[member]), rtol=0, atol=1e-13)
            torch.testing.assert_close(ours["train"][member], module.train()(values[member]), rtol=0, atol=1e-13)
        for name, theirs in (("mean", module.running_mean), ("variance", module.running_var)):
            torch.testing.assert_close(renewed[id(state[name])][member], theirs, rtol=0, atol=1e-14)


def test_batch_normalisation_needs_two_numbers():
    state = {name: torch.ones(3, 5) for name in ("gain", "shift", "mean", "variance")}
    with pytest.raises(ValueError, match="at least two numbers of each channel; got a batch of 1: use larger batches"):
        BatchNorm().apply(torch.ones(3, 1, 5), state, passage())
    assert BatchNorm().apply(torch.ones(3, 1, 5), state, passage("eval")).shape == (3, 1, 5)
    assert BatchNorm().apply(torch.ones(3, 1, 5, 2, 2), state, passage()).shape == (3, 1, 5, 2, 2)


@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (3, 2), (2, 1), (1, 3)])
@pytest.mark.parametrize(("operation", "of_window"), [(MaxPool2d, np.max), (AveragePool2d, np.mean)])
def test_pooling_window_by_window(operation, of_window, kernel, stride):
    values = normal(3, 2, 4, 7, 6)
    pooled = operation(kernel, stride).apply(values, {}, passage())
    assert tuple(pooled.shape[2:]) == operation(kernel, stride).output_shape((4, 7, 6))
    for r in range(pooled.shape[3]):
        for s in range(pooled.shape[4]):
            window = values[..., r * stride : r * stride + kernel, s * stride : s * stride + kernel].numpy()
            np.testing.assert_allclose(pooled[..., r, s], of_window(window, axis=(3, 4)), rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dropout(1.0), "a dropout rate must be at least 0 and below 1; got 1.0"),
        (lambda: Dropout(-0.1), "got -0.1"),
        (lambda: Dropout(math.nan), "got nan"),
        (lambda: MaxPool2d(0, 1), "pooling needs a kernel and a stride of at least 1; got 0 and 1"),
        (lambda: AveragePool2d(2, 0), "got 2 and 0"),
        (lambda: MaxPool2d(3, 1).output_shape((4, 2, 9)), "pooling with kernel 3 .* does not fit .* 2 x 9 pixels"),
        (lambda: MaxPool2d(3, 1).output_shape((4,)), r"pooling needs images .*; got the shape \(4,\)"),
    ],
)
def test_operations_that_cannot_be_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
