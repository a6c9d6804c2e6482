import math

import numpy as np
import pytest
import torch

from feedback_alignment import streams
from feedback_alignment.networks import BP, DFA, Schedule, mlp, train
from feedback_alignment.networks.perceptron import Perceptrons
from feedback_alignment.networks.turned_feedback import Follower, backward_products, turned

SIZES = (7, 9, 8, 6, 4)
SEEDS = (3, 1)


def ensemble(activation="tanh"):
    return mlp(SIZES, DFA(), SEEDS, activation=activation, dtype=torch.float64)


def angle(a, b):
    return torch.arccos(((a * b).sum((1, 2)) / a.norm(dim=(1, 2)) / b.norm(dim=(1, 2))).clamp(-1, 1))


def samples(count=64):
    draw = streams.generator(0, "test samples")
    return torch.from_numpy(draw.normal(size=(count, 7))), torch.from_numpy(draw.integers(0, 4, count))


def test_the_products_are_those_that_bp_uses_in_a_linear_network():
    network = ensemble("linear")
    inputs, _ = samples(5)
    layers = network.forward(inputs)
    error = torch.from_numpy(streams.generator(0, "test errors").normal(size=(2, 5, 4)))
    signals = network.teach(BP(), layers, error, error).signals
    for product, signal in zip(backward_products(network.weights), signals, strict=True):
        torch.testing.assert_close(error @ product.mT, signal, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("share", [0, 0.25, 0.5, 1])
def test_the_angle_to_the_target_shrinks_by_the_share_and_the_norm_stays(share):
    network = ensemble()
    for F, M in zip(network.feedback, backward_products(network.weights), strict=True):
        found = turned(F, M, share)
        whole = angle(F, M)
        torch.testing.assert_close(angle(F, found), share * whole, rtol=1e-7, atol=3e-8)  # arccos near 1 loses digits
        torch.testing.assert_close(angle(found, M), (1 - share) * whole, rtol=1e-7, atol=3e-8)
        torch.testing.assert_close(found.norm(dim=(1, 2)), F.norm(dim=(1, 2)), rtol=1e-14, atol=0)


def test_feedback_that_has_arrived_stays():
    F = ensemble().feedback[0]
    torch.testing.assert_close(turned(F, 3 * F, 0.5), F, rtol=1e-7, atol=0)  # arccos near 1 loses digits


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_a_share_that_is_none_is_refused(share):
    F = ensemble().feedback[0]
    with pytest.raises(ValueError, match=r"share must lie in \[0, 1\]"):
        turned(F, F, share)


def following(share):
    network = ensemble()
    return Follower(network.weights, network.feedback, "tanh", SEEDS, fixed=list(network.feedback), share=share)


def test_a_follower_turns_its_feedback_before_every_step():
    inputs, labels = samples()
    schedule = Schedule(3, 16, 0.1, "mean", (0, 1, 3))
    seen = train(following(0.7), DFA(), inputs, labels, schedule, observe_weights)
    network = ensemble()
    fixed = list(network.feedback)

    def turn_then_observe(network, step):
        products = backward_products(network.weights)
        network.feedback = [turned(F, M, 0.7) for F, M in zip(fixed, products, strict=True)]
        return observe_weights(network, step)

    every_step = Schedule(3, 16, 0.1, "mean", tuple(np.arange(13) / 4))
    literal = train(network, DFA(), inputs, labels, every_step, turn_then_observe)
    np.testing.assert_allclose(seen["W2"], literal["W2"][[0, 4, 12]], rtol=1e-12, atol=1e-14)


def observe_weights(network, step):
    return {"W2": network.weights[1].numpy().copy()}


def test_a_follower_that_goes_no_way_is_plain_dfa():
    inputs, labels = samples()
    schedule = Schedule(3, 16, 0.1, "mean", (0, 3))
    follower, plain = (
        train(network, DFA(), inputs, labels, schedule, observe_weights) for network in (following(0), ensemble())
    )
    np.testing.assert_allclose(follower["W2"], plain["W2"], rtol=1e-12, atol=1e-14)
    assert isinstance(following(0), Perceptrons)


def test_a_follower_that_goes_all_the_way_is_bp_in_a_linear_network_but_for_the_size_of_the_signal():
    network = ensemble("linear")
    products = backward_products(network.weights)
    fixed = [
        F * (M.norm(dim=(1, 2)) / F.norm(dim=(1, 2)))[:, None, None]
        for F, M in zip(network.feedback, products, strict=True)
    ]
    follower = Follower(network.weights, [*fixed], "linear", SEEDS, fixed=fixed, share=1)
    for F, M in zip(follower.feedback, products, strict=True):
        torch.testing.assert_close(F, M, rtol=1e-12, atol=1e-14)
