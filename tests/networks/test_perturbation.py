import math

import pytest
import torch

from feedback_alignment import streams
from feedback_alignment.networks.architectures import cnn
from feedback_alignment.networks.ensemble import StepSize
from feedback_alignment.networks.losses import one_hot
from feedback_alignment.networks.operations import Activation, BatchNorm
from feedback_alignment.networks.perturbation import GradientRule, PerturbedBP
from feedback_alignment.networks.rules import BP, DFA

SEEDS = (3, 1, 4)


def network():
    return cnn(
        (2, 8, 8),
        (3,),
        (7,),
        4,
        BP(),
        SEEDS,
        kernel=3,
        after_hidden=(BatchNorm(), Activation("tanh")),
        dtype=torch.float64,
    )


def gradients(chosen, rule, steps=0):
    """Every layer's gradient as one vector a member."""
    draw = streams.generator(0, "test samples")
    inputs = torch.from_numpy(draw.normal(size=(3, 6, 2, 8, 8)))
    target = one_hot(torch.from_numpy(draw.integers(0, 4, (3, 6))), 4, torch.float64)
    for _ in range(steps):
        chosen.update(rule, inputs, target, StepSize(1e-12, "mean"))
    activity = chosen.forward(inputs, "train")
    error = StepSize(1.0, "mean").loss.error(activity.outputs, target)
    teaching = chosen.teach(rule, activity, error, target)
    return [torch.cat([part.flatten(1) for part in gradient.values()], 1) for gradient in teaching.gradients]


@pytest.mark.parametrize("cosine", [-1.0, -0.4, 0.0, 0.5, 1.0])
def test_hidden_gradients_have_the_norm_of_bp_and_the_cosine_asked_for(cosine):
    ours, true = gradients(network(), PerturbedBP(cosine)), gradients(network(), BP())
    for one, other in zip(ours[:-1], true[:-1], strict=True):
        torch.testing.assert_close(one.norm(dim=1), other.norm(dim=1), rtol=1e-14, atol=0)
        found = torch.nn.functional.cosine_similarity(one, other)
        assert (found - cosine).abs().max() < 1e-14
    assert torch.equal(ours[-1], true[-1])


def test_directions_are_drawn_for_every_member_layer_and_batch():
    def directions(steps=0, seeds=SEEDS):
        return gradients(network(), PerturbedBP(0.0), steps)

    first, again, later = directions(), directions(), directions(steps=1)
    for one, same, other in zip(first[:-1], again[:-1], later[:-1], strict=True):
        assert torch.equal(one, same)
        assert (torch.nn.functional.cosine_similarity(one, other).abs() < 5 / math.sqrt(one.shape[1])).all()
        cosines = torch.nn.functional.cosine_similarity(one[:, None], one, dim=-1)
        assert (cosines - torch.eye(3)).abs().max() < 5 / math.sqrt(one.shape[1])


def test_a_gradient_of_zero_stays_zero():
    chosen = network()
    chosen.weights[-1].zero_()
    for gradient in gradients(chosen, PerturbedBP(0.5))[:-1]:
        assert not gradient.any()


def test_which_rules_change_the_gradient():
    assert isinstance(PerturbedBP(0.2), GradientRule)
    assert not isinstance(BP(), GradientRule)
    assert not isinstance(DFA(), GradientRule)
    assert PerturbedBP(-0.25).name == "BP at cosine -0.25"


@pytest.mark.parametrize("cosine", [-1.01, 1.5, math.nan])
def test_cosines_that_cannot_be_are_refused(cosine):
    with pytest.raises(ValueError, match=rf"must lie in -1 … 1; got {cosine}"):
        PerturbedBP(cosine)
