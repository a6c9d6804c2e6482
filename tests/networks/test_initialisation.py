import math

import numpy as np
import pytest

from feedback_alignment.networks.architectures import cnn, stack
from feedback_alignment.networks.initialisation import He, PyTorchDefault, ScaledNormal, Zero
from feedback_alignment.networks.layers import Linear
from feedback_alignment.networks.operations import Activation
from feedback_alignment.networks.rules import BP
from feedback_alignment.streams import generator

SHAPES = [(300, 400), (60, 20, 5, 5)]


def close_to_normal(numbers, deviation):
    """Mean, variance and fourth moment within four standard errors of those of a normal distribution."""
    z = numbers.ravel() / deviation
    n = z.size
    assert abs(z.mean()) < 4 / math.sqrt(n)
    assert abs((z**2).mean() - 1) < 4 * math.sqrt(2 / n)
    assert abs((z**4).mean() - 3) < 4 * math.sqrt(96 / n)


@pytest.mark.parametrize("shape", SHAPES)
def test_normal_weights_and_their_biases(shape):
    fan_in = math.prod(shape[1:])
    close_to_normal(He().weights(generator(0, "weights"), shape), math.sqrt(2 / fan_in))
    close_to_normal(ScaledNormal(0.05).weights(generator(0, "weights"), shape), 0.05)
    for init in (He(), ScaledNormal(0.05), Zero()):
        biases = init.biases(generator(0, "biases"), shape)
        assert biases.shape == (shape[0],)
        assert not biases.any()
    assert not Zero().weights(generator(0, "weights"), shape).any()
    assert not ScaledNormal(0).weights(generator(0, "weights"), shape).any()


@pytest.mark.parametrize("shape", SHAPES)
def test_pytorchs_default_is_uniform(shape):
    bound = 1 / math.sqrt(math.prod(shape[1:]))
    weights = PyTorchDefault().weights(generator(0, "weights"), shape) / bound
    assert 0.999 < np.abs(weights).max() <= 1
    deciles = np.histogram(weights, 10, (-1, 1))[0] / weights.size
    assert np.abs(deciles - 0.1).max() < 5 * math.sqrt(0.1 * 0.9 / weights.size)
    biases = PyTorchDefault().biases(generator(0, "biases"), shape) / bound
    assert biases.shape == (shape[0],)
    assert 0.9 < np.abs(biases).max() <= 1


@pytest.mark.parametrize("scale", [-0.1, math.nan, math.inf])
def test_scales_that_cannot_be_are_refused(scale):
    with pytest.raises(ValueError, match=f"scale of normal weights must be finite and at least 0; got {scale}"):
        ScaledNormal(scale)


def test_networks_take_the_draws_of_each_members_streams():
    seeds, init = (5, 2), ScaledNormal(0.3)
    network = cnn((2, 8, 8), (3,), (4,), 3, BP(), seeds, kernel=3, initialisation=init)
    for layer, W in enumerate(network.weights, 1):
        for member, seed in enumerate(seeds):
            drawn = init.weights(generator(seed, "weights", layer), tuple(W.shape[1:]))
            np.testing.assert_array_equal(W[member].numpy(), drawn.astype(np.float32))
    with_default = stack((6,), [(Linear(5), Activation("tanh")), (Linear(3),)], BP(), seeds)
    for member, seed in enumerate(seeds):
        drawn = PyTorchDefault().biases(generator(seed, "biases", 2), (3, 5))
        np.testing.assert_array_equal(with_default.state()["biases 2"][member].numpy(), drawn.astype(np.float32))


def test_without_biases_there_are_none():
    network = cnn((2, 8, 8), (3,), (4,), 3, BP(), (1,), kernel=3, bias=False)
    assert not [name for name in network.state() if "bias" in name]
