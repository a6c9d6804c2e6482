import dataclasses

import numpy as np
import pytest
import torch

from feedback_alignment.companion.monitor import Quiet
from feedback_alignment.experiments.chu_networks import Recipe
from feedback_alignment.experiments.few_updates import ARMS, FewUpdates
from feedback_alignment.networks import BP, FA, LastLayerOnly, PerturbedBP, StepSize, accuracy
from feedback_alignment.networks.losses import one_hot
from feedback_alignment.networks.training import batches

RECIPE = Recipe("digits", (9, 8), "tanh", 50, 0.3, "float64")
WORK = FewUpdates(RECIPE, 0.4, (0, 1, 2), 4, (-0.3, 1.0))
ROUNDING = 1e-10


@pytest.fixture(scope="module")
def dataset():
    return WORK.compute("cpu", Quiet(), None)[0]


@pytest.mark.parametrize(
    ("arm", "rule"),
    [
        ("FA", FA()),
        ("BP", BP()),
        ("last layer only", LastLayerOnly()),
        ("cosine -0.3", PerturbedBP(-0.3)),
        ("cosine 1", BP()),
    ],
)
def test_arms_that_are_rules_take_the_rules_steps(dataset, arm, rule):
    samples = RECIPE.samples("cpu")
    network = RECIPE.network(samples, WORK.seeds, WORK.scale)
    orders = torch.from_numpy(batches(WORK.seeds, 0, len(samples.x), 50)[:, :4])
    for chosen in orders.unbind(1):
        network.update(rule, samples.x[chosen], one_hot(samples.y, 10, torch.float64)[chosen], StepSize(0.3, "mean"))
    reached = accuracy(network, samples.x_test, samples.y_test)
    np.testing.assert_array_equal(dataset.arm_accuracy.sel(arm=arm), reached)


def test_perturbed_arms_have_fas_cosines_and_the_size_in_their_name(dataset):
    fa = dataset.sel(arm="FA")
    for kind in ("perturbed BP", "fresh feedback"):
        for arm in (kind, f"{kind}, FA's size"):
            np.testing.assert_allclose(dataset.arm_alignment.sel(arm=arm), fa.arm_alignment, atol=ROUNDING)
        np.testing.assert_allclose(dataset.arm_size.sel(arm=f"{kind}, FA's size"), fa.arm_size, rtol=ROUNDING)
    np.testing.assert_allclose(dataset.arm_size.sel(arm="BP, FA's size"), fa.arm_size, rtol=ROUNDING)
    np.testing.assert_allclose(dataset.arm_alignment.sel(arm=["BP", "BP, FA's size", "cosine 1"]), 1, rtol=ROUNDING)
    np.testing.assert_allclose(dataset.arm_alignment.sel(arm="cosine -0.3"), -0.3, rtol=ROUNDING)
    assert (dataset.arm_size.sel(arm="last layer only") == 0).all()


def test_the_first_step_separates_direction_from_size():
    """After one step, from the same point, sizes and cosines at own weights are those of the same gradients."""
    one = dataclasses.replace(WORK, updates=1).compute("cpu", Quiet(), None)[0]
    fa, bp = one.sel(arm="FA"), one.sel(arm="BP")
    np.testing.assert_allclose(one.arm_size.sel(arm="FA, BP's size"), bp.arm_size, rtol=ROUNDING)
    np.testing.assert_allclose(one.arm_alignment.sel(arm="FA, BP's size"), fa.arm_alignment, atol=ROUNDING)
    np.testing.assert_allclose(one.arm_size.sel(arm="perturbed BP"), bp.arm_size, rtol=ROUNDING)
    assert (np.abs(fa.arm_size - bp.arm_size) > 0.1 * bp.arm_size).all()


def test_a_repeat_does_not_depend_on_its_group(dataset):
    alone = dataclasses.replace(WORK, seeds=(1,)).compute("cpu", Quiet(), None)[0]
    np.testing.assert_allclose(alone.arm_size, dataset.arm_size.sel(repeat=[1]), rtol=ROUNDING)
    np.testing.assert_array_equal(alone.arm_accuracy, dataset.arm_accuracy.sel(repeat=[1]))


def test_fa_is_the_first_arm_as_others_need_its_sizes():
    assert next(iter(ARMS)) == "FA"
    assert list(WORK.arms()) == [*ARMS, "cosine -0.3", "cosine 1"]


@pytest.mark.parametrize(("updates", "cosines"), [(0, ()), (5, (1.5,)), (5, (0.2, -1.01))])
def test_impossible_updates_and_cosines_are_refused(updates, cosines):
    with pytest.raises(ValueError, match="need updates >= 1 and cosines in -1 … 1"):
        FewUpdates(RECIPE, 0.4, (0,), updates, cosines)
