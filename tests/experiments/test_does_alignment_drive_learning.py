import dataclasses
import json

import numpy as np
import pytest
from matplotlib.figure import Figure

from feedback_alignment import experiments
from feedback_alignment.companion import provenance, store
from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.companion.pictures import Picture
from feedback_alignment.experiments import does_alignment_drive_learning as chapter
from feedback_alignment.experiments import finished, kept_pieces
from feedback_alignment.experiments.few_updates import ARMS

SETTINGS = chapter.SETTINGS
SMOKE, QUICK, PAPER = SETTINGS["smoke"], SETTINGS["quick"], SETTINGS["paper"]


@pytest.fixture(scope="module")
def dataset(smoke_run):
    return smoke_run("12_does_alignment_drive_learning")


# ---- settings --------------------


def test_the_paper_profile_has_the_papers_recipe():
    """Methods: MNIST, 784-700-1000-10, tanh, batches of 100, learning rate 0.05."""
    for work in PAPER.works:
        recipe = work.recipe
        assert (recipe.images, recipe.hidden, recipe.activation) == ("mnist", (700, 1000), "tanh")
        assert (recipe.batch, recipe.learning_rate) == (100, 0.05)
    assert len(PAPER.trainings) >= 8
    assert {work.epochs for work in PAPER.trainings} == {50}
    assert {0, 1, 10, 50} < set(PAPER.trainings[0].observe_at)
    assert {"-1", "0", "1", "BP", "last layer only"} < {work.rule for work in PAPER.perturbed}
    assert {work.updates for work in PAPER.few} == {5}
    repeats = [seed for work in PAPER.few if work.scale == 0.05 for seed in work.seeds]
    assert repeats == list(range(100))
    assert PAPER.reduced[0] == "100 of 500 repeats of five updates"


@pytest.mark.parametrize("settings", [SMOKE, QUICK, PAPER], ids=lambda each: each.profile)
def test_each_piece_is_done_once_and_has_a_name_of_its_own(settings):
    assert len({json.dumps(kept_pieces.identity(work)) for work in settings.works}) == len(settings.works)
    assert len(settings.trainings) >= (3 if settings is SMOKE else 8)


# ---- the dataset --------------------


def test_the_dataset_has_named_axes(dataset):
    assert dict(dataset.sizes) == {
        "scale": 3,
        "epoch": 3,
        "member": 3,
        "upper_layer": 2,
        "hidden_layer": 2,
        "first_scale": 4,
        "sampled": 2,
        "steps_before": 2,
        "draw": 3,
        "layer": 3,
        "rule": 5,
        "few_scale": 2,
        "arm": len(ARMS) + 2,
        "repeat": 6,
    }
    for name, values in dataset.data_vars.items():
        assert values.units == "1"
        assert values.long_name
        # A step of size zero has no direction.
        assert np.isfinite(values.sel(arm="FA") if name == "arm_alignment" else values).all()


def test_each_piece_is_in_its_place(dataset):
    work = SMOKE.trainings[1]
    alone = work.compute("cpu", Quiet(), None)[0]
    np.testing.assert_array_equal(dataset.gradient_alignment.sel(scale=work.scale), alone.gradient_alignment)
    group = SMOKE.few[3]
    alone = group.compute("cpu", Quiet(), None)[0]
    found = dataset.arm_size.sel(few_scale=group.scale, repeat=list(group.seeds))
    np.testing.assert_array_equal(found.transpose(*alone.arm_size.dims), alone.arm_size)


def test_the_provenance_is_that_of_the_chapter(dataset):
    record = store.provenance(dataset)
    assert record["chapter"] == "12_does_alignment_drive_learning"
    assert record["settings"] == provenance.settings_as_data(SMOKE)
    assert len(record["parts"]) == len(SMOKE.works)
    assert record["reduced"] == []


def test_finished_pieces_are_shown_and_the_rest_is_named(tmp_path, monkeypatch):
    paper = dataclasses.replace(SMOKE, profile="paper", reduced=("few repeats",))
    monkeypatch.setitem(SETTINGS, "paper", paper)
    with Monitor(tmp_path / "checkpoints" / "12", {}, results=tmp_path) as monitor:
        kept_pieces.done([paper.first, paper.few[0], paper.trainings[0]], "cpu", monitor)
    found = store.read(finished.store_finished("12", tmp_path))
    assert store.provenance(found)["reduced"] == [
        "few repeats",
        "2 of 3 pieces of Fig. 1 not there yet (digits FA scale 0.1; digits FA scale 1)",
        "5 of 5 pieces of Fig. 3a not there yet",
        "3 of 4 pieces of Fig. 3b, c not there yet (digits 5 updates scale 0.2 repeats 0 to 2; "
        "digits 5 updates scale 0.01 repeats 3 to 5; digits 5 updates scale 0.2 repeats 3 to 5)",
    ]
    keys = {claim.key for claim in chapter.claims(found)}
    assert "12-norm-1-sample-0" in keys
    assert {key for key in keys if "above" in key} == {
        "12-above-0.01",
        "12-above-last-layer-0.01",
        "12-above-same-size-0.01",
    }
    assert not [key for key in keys if "cosine" in key or "scale" in key]
    figures = chapter.figures(found)
    assert list(figures) == ["learning", "scales", "first_steps", "few_updates", "matched"]
    for figure in figures.values():
        assert Picture(figure, dpi=40)._repr_png_().startswith(b"\x89PNG")


def test_the_chapter_is_an_experiment_in_pieces():
    assert isinstance(chapter, experiments.Experiment)
    assert isinstance(chapter, finished.InPieces)


# ---- claims --------------------


def with_record(dataset, **changes):
    return dataset.assign_attrs(provenance=json.dumps(store.provenance(dataset) | changes))


@pytest.fixture
def agreeing(dataset):
    """A paper-scale dataset, made up, in which all that is claimed is so, clearly but not without scatter."""
    made = with_record(dataset.copy(deep=True), profile="paper")
    for values in made.data_vars.values():
        axis = next(dim for dim in ("member", "draw", "repeat") if dim in values.dims)
        scatter = np.linspace(-0.001, 0.001, values.sizes[axis])
        shape = [-1 if dim == axis else 1 for dim in values.dims]
        values.values = np.broadcast_to(scatter.reshape(shape), values.shape).copy()
    made["test_accuracy"].loc[{"scale": 0.01}] += 0.5
    made["weight_alignment"].loc[{"scale": 0.01}] += 0.05
    made["gradient_alignment"].loc[{"scale": 0.01}] += 0.5
    made["gradient_norm"] += 1
    made["gradient_norm"].loc[{"first_scale": 0.01}] += 1
    made["gradient_norm"].loc[{"first_scale": 0}] = 0
    for rule, value in (("-1", 0.1), ("0", 0.8), ("last layer only", 0.8), ("1", 0.9), ("BP", 0.9)):
        made["perturbed_accuracy"].loc[{"rule": rule}] += value
    made["arm_accuracy"].loc[{"arm": "FA"}] += 0.5
    return made


WRONG = {
    "12-scale-early": ("test_accuracy", -0.8, {"scale": 0.01, "epoch": 1}),
    "12-scale-late": ("test_accuracy", -0.8, {"scale": 0.01, "epoch": 2}),
    "12-cosine-zero": ("perturbed_accuracy", -0.1, {"rule": "0"}),
    "12-cosine-minus-one": ("perturbed_accuracy", 0.3, {"rule": "-1"}),
    "12-cosine-up": ("perturbed_accuracy", 0.3, {"rule": "0"}),
    "12-cosine-one": ("perturbed_accuracy", 0.1, {"rule": "BP"}),
    "12-zero-weights": ("gradient_norm", 0.1, {"first_scale": 0, "steps_before": 0, "layer": 3}),
}
for _layer in (1, 2, 3):
    for _sampled, _steps in (("one sample", 0), ("one batch", 0), ("one sample", 1)):
        WRONG[f"12-norm-{_layer}-{_sampled.split()[1]}-{_steps}"] = (
            "gradient_norm",
            -1.5,
            {"layer": _layer, "sampled": _sampled, "steps_before": _steps, "first_scale": 0.01},
        )
for _layer in (2, 3):
    WRONG[f"12-scale-weights-{_layer}"] = ("weight_alignment", -0.1, {"scale": 0.01, "upper_layer": _layer})
    WRONG[f"12-modest-{_layer}"] = ("weight_alignment", 0.2, {"scale": 0.01, "upper_layer": _layer})
for _layer in (1, 2):
    WRONG[f"12-scale-gradient-{_layer}"] = ("gradient_alignment", -0.8, {"scale": 0.01, "hidden_layer": _layer})
for _scale in (0.01, 0.2):
    for _key, _arm in (
        ("above", "perturbed BP"),
        ("above-last-layer", "last layer only"),
        ("above-same-size", "perturbed BP, FA's size"),
    ):
        WRONG[f"12-{_key}-{_scale:g}"] = ("arm_accuracy", 0.8, {"few_scale": _scale, "arm": _arm})


def outcomes(dataset):
    return {claim.key: claim.verdict for claim in chapter.claims(dataset)}


def test_all_claims_agree_where_they_are_right(agreeing):
    assert {key for key, verdict in outcomes(agreeing).items() if verdict != "agrees"} == set()


def test_every_claim_has_a_wrong_input(agreeing):
    keys = [claim.key for claim in chapter.claims(agreeing)]
    assert len(set(keys)) == len(keys)
    assert set(keys) == set(WRONG)


@pytest.mark.parametrize("key", WRONG)
def test_a_wrong_input_turns_its_claim(agreeing, key):
    name, amount, where = WRONG[key]
    agreeing[name].loc[where] += amount
    assert outcomes(agreeing)[key] == "disagrees"


@pytest.mark.parametrize("profile", ["smoke", "quick"])
def test_small_runs_decide_nothing_but_mathematics(agreeing, profile):
    verdicts = outcomes(with_record(agreeing, profile=profile))
    assert {key for key, verdict in verdicts.items() if verdict != "reduced"} == {"12-zero-weights"}


# ---- figures --------------------

ROWS = {"learning": 1, "scales": 3, "first_steps": 3, "perturbed": 1, "few_updates": 2, "matched": 1}


@pytest.mark.parametrize("columns", [1, 2])
def test_figures_have_labelled_axes(dataset, columns):
    figures = chapter.figures(*[dataset] * columns)
    assert list(figures) == list(ROWS)
    for name, rows in ROWS.items():
        assert isinstance(figures[name], Figure)
        axes = figures[name].axes
        each = columns * (2 if name in ("few_updates", "matched") else 1)
        assert len(axes) == rows * each
        assert all(ax.get_title().startswith("smoke run:\ndigits") for ax in axes[:each])
        assert all(ax.lines for ax in axes)
        assert all(ax.get_xlabel() for ax in axes[-each:])
        assert name == "matched" or all(ax.get_ylabel() for ax in axes[::each])
        assert columns == 1 or Picture(figures[name], dpi=40)._repr_png_().startswith(b"\x89PNG")


def drawn(ax):
    return {line.get_label(): np.asarray(line.get_ydata()) for line in ax.lines}


def test_the_figures_show_the_datasets_numbers(dataset):
    figures = chapter.figures(dataset)
    curve = drawn(figures["learning"].axes[0])["s = 0.1"]
    np.testing.assert_allclose(curve, dataset.test_accuracy.sel(scale=0.1).mean("member"))
    curve = drawn(figures["scales"].axes[2])["hidden layer 2"]
    expected = dataset.gradient_alignment.sel(hidden_layer=2, epoch=2).mean("member")
    np.testing.assert_allclose(curve, expected)
    curve = drawn(figures["first_steps"].axes[1])["one batch, the one after it"]
    expected = dataset.gradient_norm.sel(layer=2, sampled="one batch", steps_before=1).mean("draw")[1:]
    np.testing.assert_allclose(curve, expected)
    curve = drawn(figures["perturbed"].axes[0])
    mean = dataset.perturbed_accuracy.mean("member")
    np.testing.assert_allclose(curve["perturbed BP"], mean.sel(rule=["-1", "0", "1"]) / mean.sel(rule="BP"))
    np.testing.assert_allclose(curve["last layer only"], (mean.sel(rule="last layer only") / mean.sel(rule="BP")))
    points = [float(line.get_xdata()[0]) for line in figures["matched"].axes[0].lines]
    expected = dataset.arm_accuracy.sel(few_scale=0.01, arm=list(ARMS)).mean("repeat")
    np.testing.assert_allclose(points, expected)
