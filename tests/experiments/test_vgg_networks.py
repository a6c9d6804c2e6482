"""Networks like VGG, in place of Table 3 of Launay et al. 2019."""

import dataclasses

import numpy as np
import pytest

from feedback_alignment.companion.monitor import Quiet
from feedback_alignment.experiments.convolutions_settings import SETTINGS, VGG_ON_DIGITS
from feedback_alignment.experiments.vgg_claims import measured
from feedback_alignment.experiments.vgg_networks import VGG_TEACHERS
from feedback_alignment.networks.architectures import vgg
from feedback_alignment.networks.training import Schedule

SMOKE, PAPER = SETTINGS["smoke"].vgg, SETTINGS["paper"].vgg


@pytest.fixture(scope="module")
def found():
    return {work.teacher: work.compute("cpu", Quiet(), None)[0] for work in SMOKE}


def test_the_recipe_is_that_of_table_3_as_far_as_it_is_known():
    """Thirteen convolutions, one hidden layer of 512, rate 1e-2 over 10 at a plateau of more than 5 epochs."""
    assert [each.teacher for each in PAPER] == list(VGG_TEACHERS)
    for each in PAPER:
        assert sum(count for count, _ in each.groups) == 13
        assert (each.hidden, each.images, each.samples) == ((512,), "cifar10", 10_000)
        assert (each.schedule.learning_rate, each.patience, each.momentum) == (1e-2, 5, 0.9)
        assert each.schedule.epochs == 10


def test_vgg16_at_32_pixels_has_its_shapes():
    one = dataclasses.replace(PAPER[0], seeds=(0,))
    network = one.network((3, 32, 32), 10)
    channels = [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
    below = [3, *channels[:-1]]
    assert [tuple(W.shape) for W in network.weights] == [
        *((1, out, into, 3, 3) for out, into in zip(channels, below, strict=True)),
        (1, 512, 512),
        (1, 10, 512),
    ]
    sides = [block.output_shape[1] for block in network.blocks[:13]]
    assert sides == [32, 16, 16, 8, 8, 8, 4, 4, 4, 2, 2, 2, 1]


def test_each_teacher_teaches_whom_it_says(found):
    angles = {teacher: piece.vgg_alignment.values for teacher, piece in found.items()}
    np.testing.assert_allclose(angles["BP"], 1)
    assert np.isfinite(angles["classifier"]).tolist() == [[False] * 2 + [True]] * 2
    assert (np.abs(angles["DFA"]) < 1).all()
    for work in SMOKE:
        ours = work.network((1, 8, 8), 10)
        assert [F is None for F in ours.feedback] == [work.teacher != "DFA"] * 3


def test_the_rate_falls_when_the_loss_on_kept_images_does_not():
    """With a patience of 0 and a rate that climbs, the share falls at every look but the first."""
    work = dataclasses.replace(
        SMOKE[0], seeds=(0,), patience=0, schedule=Schedule(4, 256, 1e-12, "mean", (0, 1, 2, 3, 4))
    )
    piece, _ = work.compute("cpu", Quiet(), None)
    np.testing.assert_allclose(piece.vgg_share_of_rate[:, 0], [1, 1, 0.1, 0.01, 0.001])


@pytest.mark.long
def test_at_one_rate_for_all_layers_dfa_makes_the_loss_grow():
    work = dataclasses.replace(VGG_ON_DIGITS, teacher="DFA", hidden_error_scale=1.0)
    loss = work.compute("cpu", Quiet(), None)[0].vgg_validation_loss
    assert (loss[-1] > 2 * loss[0]).all()


@pytest.mark.parametrize(
    ("changes", "complaint"),  # the tests' own check of types may speak first
    [
        ({"teacher": "nobody"}, "BP'?, '?DFA"),
        ({"schedule": Schedule(2, 32, 0.1, "mean", (2,))}, "looked for after every epoch: observe at 0, 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes, complaint):
    with pytest.raises((TypeError, ValueError), match=complaint):
        dataclasses.replace(VGG_ON_DIGITS, **changes)


def test_more_images_than_there_are_are_refused():
    with pytest.raises(ValueError, match="need 1400 training and 200 validation images; digits has 1437"):
        dataclasses.replace(VGG_ON_DIGITS, samples=1400).compute("cpu", Quiet(), None)


@pytest.mark.parametrize("groups", [(), ((0, 4),)])
def test_groups_without_convolutions_are_refused(groups):
    with pytest.raises(ValueError, match="a convolution at least in each"):
        vgg(groups, 10, (8,))


def test_one_seed_has_no_standard_error(found):
    accuracy = found["BP"].vgg_test_accuracy
    assert measured(accuracy[:1]).seeds == 1
    assert measured(accuracy[:1]).standard_error == 0
    assert measured(accuracy).seeds == 2
