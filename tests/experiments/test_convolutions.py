import dataclasses
import itertools
import json

import numpy as np
import pytest
import torch
from made_up_data import add, multiply, put, with_record
from matplotlib.figure import Figure

from feedback_alignment import experiments
from feedback_alignment.companion import provenance, store
from feedback_alignment.companion.monitor import Monitor
from feedback_alignment.experiments import convolutions, filter_images_claims, finished, kept_pieces
from feedback_alignment.experiments.convolution_limits import ConvolutionLimits, Place, of_networks
from feedback_alignment.experiments.convolutional_networks import TEACHERS
from feedback_alignment.experiments.convolutions_printed import ALIGNMENT, TEST
from feedback_alignment.networks.ensemble import StepSize
from feedback_alignment.networks.losses import CrossEntropy, one_hot

SETTINGS = convolutions.SETTINGS
SMOKE, QUICK, PAPER = SETTINGS["smoke"], SETTINGS["quick"], SETTINGS["paper"]


@pytest.fixture(scope="module")
def dataset():
    return convolutions.run(SMOKE)


# ---- settings --------------------


def test_the_paper_profile_has_the_papers_recipe():
    """Table 4's caption, and what the released code adds: batch size, epochs, ratio of rates."""
    assert [each.practice.name for each in PAPER.table if each.teacher == "DFA"] == list(TEST) * 3
    assert [each.practice.name for each in PAPER.table if each.teacher == "released"] == list(TEST) * 3
    assert list(ALIGNMENT) == list(TEST)
    for each in PAPER.networks:
        assert (each.images, each.channels, each.kernel, each.hidden) == ("cifar10", (32, 64, 64), 5, (128,))
        assert each.pools == ((3, 2),) * 3
        assert (each.schedule.epochs, each.schedule.batch, each.schedule.reduction) == (50, 128, "mean")
        rates = each.schedule.learning_rate, each.hidden_error_scale
        assert rates == ((0.064, 1) if each.teacher in ("BP", "FA") else (5e-4, 128))
    assert pytest.approx(5e-4 * 128) == 0.064
    assert PAPER.reduced[0] == f"{len(PAPER.seeds)} of 10 seeds"


@pytest.mark.parametrize("settings", [SMOKE, QUICK, PAPER], ids=lambda each: each.profile)
def test_each_piece_is_computed_once_and_has_a_name_for_a_file(settings):
    assert len({json.dumps(kept_pieces.identity(each)) for each in settings.works}) == len(settings.works)
    assert len({each.name for each in settings.works}) == len(settings.works)
    assert not [each.name for each in settings.works if set(each.name) & set("|()+/,")]


def test_the_network_of_table_4_has_the_shapes_of_the_paper():
    one = PAPER.table[0]
    network = one.network((3, 32, 32), 10)
    assert [tuple(W.shape[1:]) for W in network.weights] == [
        (32, 3, 5, 5),
        (64, 32, 5, 5),
        (64, 64, 5, 5),
        (128, 576),
        (10, 128),
    ]
    assert [F.shape[1] for F in network.feedback] == [7200, 3136, 576, 128]
    assert network.matrices[3].matrix.data_ptr() == network.matrices[0].matrix.data_ptr()


def test_the_released_code_drops_nothing_in_convolutions():
    rows = {practice.name: practice for practice in (each.practice for each in PAPER.table)}
    for teacher, expected in (("DFA", 4), ("released", 1)):
        one = dataclasses.replace(SMOKE.table[0], practice=rows["norm + DO(0.5)"], teacher=teacher)
        blocks = one.network((1, 8, 8), 10).blocks
        assert sum("Dropout" in [type(each).__name__ for each in block.operations] for block in blocks) == expected


# ---- teachers --------------------


def taught(teacher):
    one = next(
        each
        for each in SMOKE.networks
        if (each.teacher, each.practice.name) in ((teacher, "norm"), (teacher, "norm + BN"))
    )
    one = dataclasses.replace(one, practice=SMOKE.table[0].practice)
    network = one.network((1, 8, 8), 10)
    draw = torch.Generator().manual_seed(4)
    x = torch.randn(2, 7, 1, 8, 8, generator=draw, dtype=torch.float64)
    y = one_hot(torch.arange(7).expand(2, 7), 10, torch.float64)
    return one, network, x, y


def error_and_activity(network, x, y):
    activity = network.forward(x, "eval")
    return activity, CrossEntropy().error(activity.outputs, y)


@pytest.mark.parametrize("teacher", ["released", "classifier, released"])
def test_as_released_the_classifier_learns_by_bp_of_the_mean_error(teacher):
    """Its hidden layer moves as under BP with the output layer's rate, whatever the ratio of rates."""
    one, network, x, y = taught(teacher)
    before = [W.clone() for W in network.weights]
    activity, e = error_and_activity(network, x, y)
    delta = (e @ before[4]) * (1 - activity.blocks[3].output ** 2)
    network.update(one.rule, x, y, StepSize(0.1, "mean", hidden_error_scale=one.hidden_error_scale))
    expected = before[3] - 0.1 / 7 * delta.mT @ activity.blocks[2].output.flatten(2)
    torch.testing.assert_close(network.weights[3], expected, rtol=1e-12, atol=1e-14)
    moved = [bool((W != V).any()) for W, V in zip(network.weights, before, strict=True)]
    assert moved == [teacher == "released"] * 3 + [True, True]


def test_as_stated_all_hidden_layers_hear_dfa():
    one, network, x, y = taught("DFA")
    (found,) = network.teachings([one.rule], x, y, CrossEntropy(), "eval")
    _, e = error_and_activity(network, x, y)
    for signal, F in zip(found.signals, network.feedback, strict=True):
        torch.testing.assert_close(signal, e @ F.mT)


def test_a_classifier_alone_leaves_the_filters_as_they_are():
    one, network, x, y = taught("classifier")
    (found,) = network.teachings([one.rule], x, y, CrossEntropy(), "eval")
    assert [signal is None for signal in found.signals] == [True, True, True, False]


def test_what_is_measured_of_weights_is_there_for_those_who_have_it(dataset):
    norm = dataset.sel(practice="norm")
    for name, teachers in (
        ("weight_alignment", {"DFA", "chained"}),
        ("best_weight_alignment", {"DFA", "chained"}),
        ("filter_alignment", {"chained", "FA"}),
    ):
        found = np.isfinite(norm[name].sel(hidden_layer=[2, 3])).all(("hidden_layer", "member"))
        assert set(norm.teacher[found].values) == teachers
    assert (norm.weight_alignment <= norm.best_weight_alignment).sel(teacher=["DFA", "chained"])[:, :, 1:3].all()


def test_bp_is_aligned_with_itself_and_the_silent_layer_too(dataset):
    norm = dataset.sel(ruler="eval")
    np.testing.assert_allclose(norm.alignment.sel(teacher="BP", practice="norm"), 1)
    np.testing.assert_allclose(norm.alignment.sel(teacher="released", practice="norm + BN", hidden_layer=4), 1)
    assert (dataset.alignment.sel(teacher="released", practice="norm + BN", hidden_layer=4, ruler="bent") < 1).all()


def test_a_convolution_without_its_pooling_is_refused():
    with pytest.raises(ValueError, match=r"each convolution needs its pooling.* got 3 for channels \(2, 2\)"):
        dataclasses.replace(SMOKE.table[0], channels=(2, 2))


# ---- limits --------------------


def test_the_convolutions_of_real_networks_have_their_shapes():
    launay, vgg = of_networks(("CNN, 10 classes",)), of_networks(("VGG-16, 32 px, 10 classes",))
    assert [(each.channels, each.kernel, each.shape) for each in launay] == [
        (64, 5, (32, 15, 15)),
        (64, 5, (64, 7, 7)),
    ]
    assert len(vgg) == 12
    assert (vgg[0].channels, vgg[0].shape) == (64, (64, 32, 32))
    assert (vgg[-1].channels, vgg[-1].shape) == (512, (512, 2, 2))


def test_a_kernel_larger_than_the_image_has_no_limits():
    work = ConvolutionLimits((Place("too small", 2, 5, 0, (1, 4, 4)),), 3, 1, 0)
    with pytest.raises(ValueError, match="does not fit into images of 4 x 4 pixels: take a smaller kernel"):
        convolutions.run(dataclasses.replace(SMOKE, limits=work, table=(), others=()))


# ---- what filters respond to --------------------


def test_the_images_of_fig_3_are_those_of_16_filters_and_of_enough_untrained_networks():
    untrained, bp, dfa = PAPER.filters
    assert [each.pupil for each in PAPER.filters] == ["untrained", "BP", "DFA"]
    assert {(each.layer, each.filters) for each in PAPER.filters} == {(2, 16)}
    assert len(untrained.networks.seeds) >= 20
    assert not set(untrained.networks.seeds) & set(PAPER.seeds)
    for each in (bp, dfa):
        (same,) = (
            one
            for one in PAPER.networks
            if (one.teacher, one.practice) == (each.pupil, PAPER.table[0].practice) and one.seeds == (0,)
        )
        shorter = dataclasses.replace(same.schedule, epochs=10, observe_at=(10,))
        assert dataclasses.replace(same, seeds=PAPER.seeds, schedule=shorter) == each.networks


def test_networks_that_differ_before_training_differ_by_teaching_alone(dataset):
    """BP and DFA start from equal filters, and what they respond to is measured after other training."""
    pupils = [each.networks.network((1, 8, 8), 10) for each in SMOKE.filters[1:]]
    assert torch.equal(pupils[0].weights[1], pupils[1].weights[1])
    assert (dataset.filter_entropy.sel(pupil="BP") != dataset.filter_entropy.sel(pupil="DFA")).all()
    assert ((dataset.filter_entropy > 0) & (dataset.filter_entropy < 1)).all()
    np.testing.assert_allclose((dataset.filter_image**2).mean(("colour", "row", "column")), 1, rtol=1e-6)


def test_p_values_of_ranks_are_shares_of_all_choices():
    """Written out: all choices of two among seven, and how many have as extreme a sum of ranks."""
    few, many = np.array([0.1, 0.35]), np.array([0.2, 0.3, 0.4, 0.5, 0.6])
    ranks = np.argsort(np.argsort(np.concatenate([few, many])))
    sums = np.array([a + b for a, b in itertools.combinations(range(7), 2)])
    expected = min(1, 2 * np.mean(sums <= ranks[:2].sum()))
    assert filter_images_claims.rank_p_value(few, many) == pytest.approx(expected, rel=1e-12)


# ---- the dataset and pieces --------------------


def test_the_dataset_has_named_axes(dataset):
    sizes = {"teacher": 7, "practice": 5, "member": 2, "ruler": 3, "hidden_layer": 4, "convolution": 2, "draw": 2}
    sizes |= {"pupil": 2, "untrained": 24, "filter": 2, "colour": 1, "row": 5, "column": 5}
    sizes |= {"vgg_teacher": 3, "vgg_member": 2, "vgg_epoch": 2, "vgg_layer": 3}
    assert dict(dataset.sizes) == sizes
    for values in dataset.data_vars.values():
        assert values.attrs["units"]
        assert values.attrs["long_name"]
    assert list(dataset.teacher.values) == list(TEACHERS)
    assert np.isfinite(dataset.test_accuracy.sel(teacher="DFA")).all()
    assert np.isfinite(dataset.test_accuracy.sel(practice="norm")).sum("teacher")[0] == 6
    assert store.provenance(dataset)["settings"] == provenance.settings_as_data(SMOKE)


def test_unfinished_pieces_are_named_and_the_rest_is_shown(tmp_path, monkeypatch, dataset):
    monkeypatch.setitem(SETTINGS, "paper", dataclasses.replace(SMOKE, profile="paper", reduced=("1 seed",)))
    with Monitor(tmp_path / "checkpoints" / "10", {}, results=tmp_path) as monitor:
        kept_pieces.done([SMOKE.limits], "cpu", monitor)
    found = store.read(finished.store_finished("10", tmp_path))
    reduced = store.provenance(found)["reduced"]
    assert [words[:19] for words in reduced] == [
        "1 seed",
        "6 of 6 pieces of Ta",
        "5 of 5 pieces under",
        "3 of 3 pieces of Fi",
        "3 of 3 pieces of VG",
    ]
    assert [claim.key for claim in convolutions.claims(found)] == ["10-share", "10-low-rank"]
    assert list(convolutions.figures(found)) == ["limits"]
    np.testing.assert_array_equal(found.expected_share, dataset.expected_share)


def test_a_finished_result_is_stored_and_read(tmp_path, dataset):
    store.write(dataset, tmp_path / "whole.nc")
    found = store.read(tmp_path / "whole.nc")
    assert list(found.pupil.values) == ["BP", "DFA"]
    assert [claim.verdict for claim in convolutions.claims(found)] == [
        claim.verdict for claim in convolutions.claims(dataset)
    ]


def test_the_chapter_is_an_experiment_in_pieces():
    assert isinstance(convolutions, experiments.Experiment)
    assert isinstance(convolutions, finished.InPieces)


# ---- claims --------------------


@pytest.fixture
def agreeing(dataset):
    """A paper-scale dataset, made up: the printed numbers in each variant, and other teachers as expected of them."""
    made = with_record(dataset, profile="paper").copy(deep=True)
    made["drawn_part"] = made.drawn_whole * made.expected_share
    for practice, (mean, _) in TEST.items():
        for teacher in ("DFA", "released"):
            where = {"teacher": teacher, "practice": practice}
            for name in ("test_accuracy", "running_accuracy"):
                made[name].loc[where] = mean / 100
            made.alignment.loc[where] = np.array([cosine for cosine, _ in ALIGNMENT[practice]])
    for teacher, accuracy, cosine in (
        ("classifier", 0.5, 0.0),
        ("classifier, released", 0.5, 0.0),
        ("chained", 0.65, 0.2),
        ("FA", 0.66, 0.3),
        ("BP", 0.75, 1.0),
    ):
        where = {"teacher": teacher, "practice": "norm"}
        for name in ("test_accuracy", "running_accuracy"):
            made[name].loc[where] = accuracy
        made.alignment.loc[where] = cosine
    made.weight_alignment.loc[{"practice": "norm", "teacher": "DFA"}] = 0.01
    made.weight_alignment.loc[{"practice": "norm", "teacher": "chained"}] = 0.1
    for teacher, accuracy in (("BP", 0.8), ("DFA", 0.3), ("classifier", 0.5)):
        made.vgg_test_accuracy.loc[{"vgg_teacher": teacher}] = accuracy
    made["untrained_entropy"][:] = np.linspace(0.8, 0.9, 24)[:, None]
    made.filter_entropy.loc[{"pupil": "DFA"}] = 0.8504
    made.filter_entropy.loc[{"pupil": "BP"}] = 0.5
    for teacher in ("chained", "FA"):
        made.filter_alignment.loc[{"practice": "norm", "teacher": teacher}] = 0.2
    return made


WRONG = {
    "10-share": multiply("drawn_part", 1.01),
    "10-low-rank": put("found_low_rank", 1.1),
    "10-bp": put("test_accuracy", 0.6, teacher="BP", practice="norm"),
    "10-filters": put("test_accuracy", 0.64, teacher="classifier", practice="norm"),
    "10-chained-accuracy": put("test_accuracy", 0.6, teacher="chained", practice="norm"),
    "10-chained-alignment": put("alignment", 0.01, teacher="chained", practice="norm"),
    "10-chained-weights": put("weight_alignment", 0.2, teacher="DFA", practice="norm"),
    "10-chained-gap": put("test_accuracy", 0.8, teacher="chained", practice="norm"),
    "10-fa-chained": put("alignment", 0.1, teacher="FA", practice="norm"),
    "10-fixed-filters-chained": put("filter_alignment", -0.1, teacher="chained", practice="norm"),
    "10-fixed-filters-fa": put("filter_alignment", -0.1, teacher="FA", practice="norm"),
    "10-vgg-bp": put("vgg_test_accuracy", 0.9, vgg_teacher="DFA"),
    "10-vgg-classifier": put("vgg_test_accuracy", 0.55, vgg_teacher="DFA"),
    "10-fig3-dfa": put("filter_entropy", 0.5, pupil="DFA"),
    "10-fig3-bp": put("filter_entropy", 0.8504, pupil="BP"),
    "10-fig3-difference": put("filter_entropy", 0.9, pupil="BP"),
}


def test_the_printed_numbers_agree_with_themselves_and_wrong_ones_do_not(agreeing):
    """Every cell of the table turns when its number does, and no other claim on a cell."""
    outcomes = {claim.key: claim.verdict for claim in convolutions.claims(agreeing)}
    assert set(outcomes.values()) == {"agrees"}
    cells = [key for key in outcomes if key.startswith(("10-test-", "10-angle-"))]
    assert len(cells) == 2 * (5 + 20)
    for change, kind in ((add("test_accuracy", 0.05), "10-test-"), (add("alignment", -0.2), "10-angle-")):
        made = agreeing.copy(deep=True)
        change(made)
        found = {claim.key: claim.verdict for claim in convolutions.claims(made)}
        assert {found[key] for key in cells if key.startswith(kind)} == {"disagrees"}
        assert {found[key] for key in cells if not key.startswith(kind)} == {"agrees"}


@pytest.mark.parametrize("key", list(WRONG))
def test_claims_can_fail(agreeing, key):
    made = agreeing.copy(deep=True)
    WRONG[key](made)
    assert {claim.key: claim.verdict for claim in convolutions.claims(made)}[key] == "disagrees"


@pytest.mark.parametrize(
    ("key", "layers", "cosine"),
    [("10-convolutions-do-not-align", [1, 2], 0.3), ("10-linear-layers-align", [3, 4], 0.01)],
)
def test_claims_on_layers_can_fail(agreeing, key, layers, cosine):
    agreeing.alignment.loc[{"teacher": "DFA", "practice": "norm", "hidden_layer": layers}] = cosine
    assert {claim.key: claim.verdict for claim in convolutions.claims(agreeing)}[key] == "disagrees"


def test_the_order_of_rows_can_fail(agreeing):
    keys = [key for key in verdicts_of(agreeing) if key.startswith("10-better-")]
    assert len(keys) == 8
    agreeing["test_accuracy"] = -agreeing.test_accuracy
    assert {verdicts_of(agreeing)[key] for key in keys} == {"disagrees"}


def verdicts_of(made):
    return {claim.key: claim.verdict for claim in convolutions.claims(made)}


# ---- figures --------------------


def test_figures_have_labelled_axes_and_the_datasets_numbers(dataset, agreeing):
    figures = convolutions.figures(dataset, agreeing)
    assert {name: len(figure.axes) for name, figure in figures.items()} == {
        "limits": 2,
        "accuracies": 2,
        "angles": 4,
        "teachers": 4,
        "weights": 2,
        "vgg-accuracies": 2,
        "vgg-angles": 2,
        "filters": 6,
        "filter-entropies": 2,
    }
    for figure in figures.values():
        assert isinstance(figure, Figure)
        assert figure.axes[-1].get_xlabel() or figure.axes[-1].images
    lines = {line.get_label(): np.asarray(line.get_xdata()) for line in figures["limits"].axes[0].lines}
    np.testing.assert_allclose(lines["random feedback, expected"], np.sqrt(dataset.expected_share))
    lines = {line.get_label(): np.asarray(line.get_ydata()) for line in figures["weights"].axes[0].lines}
    expected = dataset.weight_alignment.sel(teacher="chained", practice="norm", hidden_layer=[2, 3]).mean("member")
    np.testing.assert_allclose(lines["chained feedback"], expected)


def test_what_filters_respond_to_is_shown_side_by_side(dataset):
    panels = convolutions.figures(dataset)["filters"].axes
    assert [ax.get_title().splitlines()[-1] for ax in panels] == ["untrained", "BP", "DFA"]
    (image,) = panels[2].images
    pixels = np.asarray(image.get_array())
    assert pixels.shape == (5, 11)
    assert (pixels[:, 5] == 1).all()
    second = dataset.filter_image.sel(pupil="DFA").isel(filter=1, colour=0)
    np.testing.assert_allclose(pixels[:, 6:], np.clip(0.5 + second / 6, 0, 1), rtol=1e-6)


def test_each_convolution_has_one_row_for_all_panels(dataset):
    other = dataset.assign_coords(convolution=["digits 3", "another"])
    axes = convolutions.figures(dataset, other)["limits"].axes
    assert [label.get_text() for label in axes[0].get_yticklabels()] == ["digits 2", "digits 3", "another"]
    for ax, rows in zip(axes, ([0, 1], [1, 2]), strict=True):
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), rows)
