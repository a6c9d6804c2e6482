import dataclasses

import numpy as np
import pytest
import torch

from feedback_alignment.companion.monitor import Quiet
from feedback_alignment.experiments.aligned_starts import STARTS, AlignedStart
from feedback_alignment.experiments.chu_networks import Recipe
from feedback_alignment.experiments.loss_change import LossChange
from feedback_alignment.experiments.swapped_weights import Swap
from feedback_alignment.networks import BP, FA, StepSize
from feedback_alignment.networks.losses import CrossEntropy, one_hot
from feedback_alignment.networks.training import batches

RECIPE = Recipe("digits", (8, 9), "tanh", 50, 0.1, "float64")
SWAP = Swap(RECIPE, 0.2, (0, 1), 30, (0, 10, 30, 31, 60))


@pytest.fixture(scope="module")
def samples():
    return RECIPE.samples("cpu")


def start(kind):
    return AlignedStart(RECIPE, 0.3, kind, (0, 1), 1, (0, 1), 50)


def test_starts_differ_in_their_alignment_alone(samples):
    made = {kind: start(kind).network(samples) for kind in STARTS}
    free = made["unaligned"]
    for kind, network in made.items():
        assert torch.equal(network.weights[0], free.weights[0])
        for W, F, other in zip(network.weights[1:], network.feedback, free.weights[1:], strict=True):
            if kind == "signs":
                assert torch.equal(W.abs(), other.abs())
                assert torch.equal(W.sign(), F.mT.sign())
            if kind == "equal":
                assert torch.equal(W, 0.3 * F.mT)


def test_equal_weights_are_perfectly_aligned_at_the_start_and_signs_to_two_over_pi():
    """E|w||r| over the norms of two independent normal numbers is 2/π; 72 and 90 entries scatter it by about 0.05."""
    found = {kind: start(kind).compute("cpu", Quiet(), None)[0].isel(start_epoch=0) for kind in STARTS}
    np.testing.assert_allclose(found["equal"].start_weight_alignment, 1, rtol=1e-12)
    np.testing.assert_allclose(found["equal"].start_gradient_alignment, 1, rtol=1e-12)
    np.testing.assert_allclose(found["signs"].start_weight_alignment, 2 / np.pi, atol=0.15)
    assert np.abs(found["unaligned"].start_weight_alignment).max() < 0.4


def test_an_unknown_start_is_refused():
    with pytest.raises(ValueError, match="start must be one of unaligned, signs, equal; got 'zero'"):
        start("zero")


def literal_run(samples, networks, steps):
    target = one_hot(samples.y, 10, torch.float64)
    per_epoch = len(samples.x) // 50
    for step in steps:
        epoch, within = divmod(step, per_epoch)
        chosen = torch.from_numpy(batches((0, 1), epoch, len(samples.x), 50)[:, within])
        for rule, network in networks.items():
            network.update(rule, samples.x[chosen], target[chosen], StepSize(0.1, "mean"))


@pytest.mark.parametrize(("swap", "taker"), [("BP takes FA's weights", BP()), ("FA takes BP's weights", FA())])
def test_a_swap_is_that_of_a_literal_loop(samples, swap, taker):
    found = SWAP.compute("cpu", Quiet(), None)[0].sel(swap=swap)
    networks = {rule: RECIPE.network(samples, (0, 1), 0.2) for rule in (FA(), BP())}
    literal_run(samples, networks, range(30))
    (giver,) = (rule for rule in networks if rule != taker)
    for mine, theirs in zip(networks[taker].weights, networks[giver].weights, strict=True):
        mine.copy_(theirs)
    literal_run(samples, networks, range(30, 60))
    for layer, pair in enumerate(zip(networks[FA()].weights, networks[BP()].weights, strict=True)):
        ours = torch.nn.functional.cosine_similarity(*(W.flatten(1) for W in pair))
        np.testing.assert_allclose(found.swap_cosine.sel(step=60)[:, layer], ours, rtol=1e-9)


def test_networks_are_equal_at_the_start_and_right_after_the_first_step_from_a_swap():
    found = SWAP.compute("cpu", Quiet(), None)[0]
    np.testing.assert_allclose(found.swap_cosine.sel(step=0), 1, rtol=1e-12)
    before, after = found.swap_cosine.sel(step=30), found.swap_cosine.sel(step=31)
    assert (after > before).all()
    np.testing.assert_array_equal(found.swap_cosine.isel(swap=0)[:3], found.swap_cosine.isel(swap=1)[:3])


@pytest.mark.parametrize("swap_at", [0, 60, 61, 29])
def test_a_swap_that_is_not_inside_the_run_is_refused(swap_at):
    with pytest.raises(ValueError, match=f"the run ends at step 60; got {swap_at}"):
        dataclasses.replace(SWAP, swap_at=swap_at)


@pytest.mark.parametrize("looks", [(), (1, 30, 60), (0, 60, 30)])
def test_looks_that_do_not_ascend_from_the_start_are_refused(looks):
    with pytest.raises(ValueError, match="observe_at must be steps that ascend from 0"):
        dataclasses.replace(SWAP, observe_at=looks)


def test_small_trial_steps_change_the_loss_as_foretold_and_leave_no_trace(samples):
    """Eq. 9: the deviation is of first order in η; a tenth of η leaves a tenth of it."""
    work = LossChange(RECIPE, 0.3, (0, 1), 0, (0,), (1e-5, 1e-4), 40)
    found = work.compute("cpu", Quiet(), None)[0].isel(trial_epoch=0)
    off = np.abs(found.loss_fall - found.predicted_fall)
    assert (off.isel(rate=0) < 0.2 * off.isel(rate=1)).all()
    network = RECIPE.network(samples, (0, 1), 0.3)
    W = network.weights[-1].clone().requires_grad_()
    h = network.forward(samples.x[:40])[-2]
    target = one_hot(samples.y[:40], 10, torch.float64).expand(2, -1, -1)
    (G,) = torch.autograd.grad(CrossEntropy().value(h @ W.mT, target).mean(-1).sum(), W)
    # The output layer's own step is gradient descent: its prediction is the squared norm of the gradient.
    np.testing.assert_allclose(found.predicted_fall.sel(layer=3), G.square().sum((1, 2)), rtol=1e-12)
    np.testing.assert_allclose(found.trial_alignment.sel(layer=3), 1, rtol=1e-12)
