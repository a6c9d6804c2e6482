import itertools

import numpy as np
import pytest

from feedback_alignment.networks.unit_matching import matched, matched_similarity
from feedback_alignment.streams import generator


def network(seed, sizes=(12, 20, 16, 5)):
    draw = generator(seed, "test networks")
    return [draw.normal(size=shape) for shape in zip(sizes[1:], sizes, strict=False)]


def permuted(weights, seed, signs):
    """The same network with the units of its hidden layers in another order, and some signs turned."""
    draw = generator(seed, "test orders")
    moved = list(weights)
    for layer in range(len(weights) - 1):
        order = draw.permutation(len(moved[layer]))
        flips = draw.choice([-1.0, 1.0], len(order)) if signs else np.ones(len(order))
        moved[layer] = flips[:, None] * moved[layer][order]
        moved[layer + 1] = flips * moved[layer + 1][:, order]
    return moved


def cosine(a, b):
    a, b = (np.concatenate([W.ravel() for W in weights]) for weights in (a, b))
    return float(a @ b / np.sqrt(a @ a * (b @ b)))


def outputs(weights, x):
    for W in weights[:-1]:
        x = np.tanh(x @ W.T)
    return x @ weights[-1].T


@pytest.mark.parametrize("odd", [False, True])
def test_a_permuted_copy_is_recognised(odd):
    weights = network(0)
    copy = permuted(weights, 1, signs=odd)
    assert cosine(weights, copy) < 0.2
    assert matched_similarity(weights, copy, odd) == pytest.approx(1, abs=1e-14)
    for W, found in zip(weights, matched(weights, copy, odd), strict=True):
        np.testing.assert_array_equal(W, found)


def test_a_noisy_permuted_copy_is_recognised():
    weights = network(0)
    noisy = [W + 0.5 * noise for W, noise in zip(weights, network(2), strict=True)]
    found = matched_similarity(weights, permuted(noisy, 1, signs=True), odd=True)
    assert found == pytest.approx(cosine(weights, noisy), abs=1e-12)


def test_turned_signs_are_beyond_an_activation_that_is_not_odd():
    weights = network(0)
    turned = permuted(weights, 1, signs=True)
    assert matched_similarity(weights, turned, odd=False) < 0.9


def test_matching_leaves_the_function_as_it_is():
    other, x = network(1), generator(0, "test inputs").normal(size=(9, 12))
    moved = matched(network(0), other, odd=True)
    assert cosine(other, moved) < 0.9
    np.testing.assert_allclose(outputs(moved, x), outputs(other, x), atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_one_hidden_layer_gets_the_best_of_all_orders(seed):
    first, second = network(seed, (3, 5, 2)), network(seed + 50, (3, 5, 2))
    every = max(
        cosine(first, [second[0][list(order)], second[1][:, list(order)]]) for order in itertools.permutations(range(5))
    )
    assert matched_similarity(first, second, odd=False) == pytest.approx(every, abs=1e-12)


@pytest.mark.parametrize("odd", [False, True])
def test_matching_never_makes_networks_less_alike(odd):
    for seed in range(5):
        first = network(seed)
        second = [0.7 * W + V for W, V in zip(first, network(seed + 10), strict=True)]
        assert matched_similarity(first, second, odd) >= cosine(first, second) - 1e-14


def test_a_network_that_diverged_resembles_nothing():
    broken = network(1)
    broken[1][0, 0] = np.nan
    assert np.isnan(matched_similarity(network(0), broken, odd=True))


def test_networks_of_different_shapes_are_refused():
    with pytest.raises(ValueError, match="need equal shapes"):
        matched(network(0), network(0, (12, 20, 17, 5)), odd=True)
