import dataclasses
import json

import numpy as np
import pytest
from matplotlib.figure import Figure

from feedback_alignment import experiments
from feedback_alignment.companion import provenance, store
from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.companion.pictures import Picture
from feedback_alignment.experiments import finished, fixed_points, kept_pieces
from feedback_alignment.experiments.extreme_weights import NEVER

SETTINGS = fixed_points.SETTINGS
SMOKE, QUICK, PAPER = SETTINGS["smoke"], SETTINGS["quick"], SETTINGS["paper"]


@pytest.fixture(scope="module")
def dataset(smoke_run):
    return smoke_run("13_fixed_points")


# ---- settings --------------------


def test_the_paper_profile_has_the_papers_recipe():
    """Methods, Figs 4 and 5: MNIST, 784-700-1000-10, weights 0.05 N(0, 1), a swap at step 25,000; ten seeds for one."""
    for work in (*PAPER.starts, *PAPER.swaps, PAPER.loss):
        recipe = work.recipe
        assert (recipe.images, recipe.hidden, recipe.activation) == ("mnist", (700, 1000), "tanh")
        assert (recipe.batch, recipe.learning_rate, work.scale) == (100, 0.05, 0.05)
    assert [work.start for work in PAPER.starts] == ["unaligned", "signs", "equal"]
    assert {(work.epochs, len(work.seeds)) for work in PAPER.starts} == {(10, 10)}
    assert {(work.swap_at, work.observe_at[-1]) for work in PAPER.swaps} == {(25000, 50000)}
    assert [work.seeds for work in PAPER.swaps] == [(0,), (1,), (2,)]
    assert len(PAPER.roots.seeds) >= 20
    assert len(QUICK.roots.seeds) >= 20


@pytest.mark.parametrize("settings", [SMOKE, QUICK, PAPER], ids=lambda each: each.profile)
def test_each_piece_is_done_once(settings):
    assert len({json.dumps(kept_pieces.identity(work)) for work in settings.works}) == len(settings.works)


# ---- the dataset --------------------


def test_the_dataset_has_named_axes(dataset):
    assert dict(dataset.sizes) == {
        "flow_time": 201,
        "mode": 8,
        "activation": 3,
        "rule": 2,
        "net": 3,
        "layer": 3,
        "large_scale": 3,
        "classified": 2,
        "formula": 2,
        "network": 6,
        "trial_epoch": 3,
        "trial_member": 2,
        "rate": 2,
        "start": 3,
        "start_epoch": 3,
        "member": 3,
        "upper_layer": 2,
        "hidden_layer": 2,
        "swap": 2,
        "step": len(SMOKE.swaps[0].observe_at),
        "pair": 3,
        "trained": 2,
    }
    for values in dataset.data_vars.values():
        assert values.units == "1"
        assert values.long_name


def test_each_piece_is_in_its_place(dataset):
    second = SMOKE.swaps[1].compute("cpu", Quiet(), None)[0]
    found = dataset.swap_cosine.sel(pair=list(SMOKE.swaps[1].seeds))
    np.testing.assert_array_equal(found.transpose(*second.swap_cosine.dims), second.swap_cosine)
    signs = SMOKE.starts[1].compute("cpu", Quiet(), None)[0]
    np.testing.assert_array_equal(dataset.start_accuracy.sel(start="signs"), signs.start_accuracy)


def test_the_provenance_is_that_of_the_chapter(dataset):
    record = store.provenance(dataset)
    assert record["chapter"] == "13_fixed_points"
    assert record["settings"] == provenance.settings_as_data(SMOKE)
    assert len(record["parts"]) == len(SMOKE.works)
    assert record["reduced"] == []


def test_finished_pieces_are_shown_and_the_rest_is_named(tmp_path, monkeypatch):
    paper = dataclasses.replace(SMOKE, profile="paper", reduced=())
    monkeypatch.setitem(SETTINGS, "paper", paper)
    with Monitor(tmp_path / "checkpoints" / "13", {}, results=tmp_path) as monitor:
        kept_pieces.done([paper.rising, paper.starts[0], paper.swaps[0]], "cpu", monitor)
    found = store.read(finished.store_finished("13", tmp_path))
    assert store.provenance(found)["reduced"] == [
        "2 of 3 pieces of Fig. 4 not there yet (digits FA start signs; digits FA start equal)",
        "1 of 2 pieces of Fig. 5 not there yet (digits swap seeds 2 to 2)",
        "1 of 1 pieces of Eqs 7 to 11 not there yet",
        "2 of 3 pieces in small networks not there yet (extreme weights seeds 0 to 2; fixed points 3-2-2 seeds 0 to 5)",
    ]
    keys = {claim.key for claim in fixed_points.claims(found)}
    assert {"13-drops", "13-necessary"} < keys
    assert not [key for key in keys if "aligned" in key or "zero" in key]
    figures = fixed_points.figures(found)
    assert list(figures) == ["starts", "swaps", "rising"]
    for figure in figures.values():
        assert Picture(figure, dpi=40)._repr_png_().startswith(b"\x89PNG")


def test_the_chapter_is_an_experiment_in_pieces():
    assert isinstance(fixed_points, experiments.Experiment)
    assert isinstance(fixed_points, finished.InPieces)


# ---- claims --------------------


def with_record(dataset, **changes):
    return dataset.assign_attrs(provenance=json.dumps(store.provenance(dataset) | changes))


@pytest.fixture
def agreeing(dataset):
    """A paper-scale dataset, made up, in which all that is claimed is so, clearly but not without scatter."""
    made = with_record(dataset.copy(deep=True), profile="paper")
    for values in made.data_vars.values():
        axis = next((dim for dim in ("member", "pair", "trial_member") if dim in values.dims), None)
        if axis is not None:
            scatter = np.linspace(-0.001, 0.001, values.sizes[axis])
            shape = [-1 if dim == axis else 1 for dim in values.dims]
            values.values = np.broadcast_to(scatter.reshape(shape), values.shape).copy()
    made["start_accuracy"].loc[{"start": "unaligned"}] += 0.5
    made["start_gradient_alignment"].loc[{"start": ["signs", "equal"]}] += 0.5
    swap_at = SMOKE.swaps[0].swap_at
    made["swap_cosine"].loc[{"step": slice(0, swap_at - 1)}] += 0.5
    made["swap_cosine"].loc[{"swap": "BP takes FA's weights", "step": slice(swap_at, None)}] += 0.98
    made["swap_accuracy"].loc[{"step": slice(0, swap_at)}] += 0.9
    made["predicted_fall"] += 0.5
    made["loss_fall"] += 0.5
    made["root_real_part"].values[:] = -0.1
    made["root_gradient"].values[:] = 0
    made["root_gradient"].values[:] += 1e-9
    made["rising_alignment"].values[:] = 0.5
    made["first_move"].loc[{"rule": "FA"}] = 2
    made["first_move"].loc[{"rule": "BP"}] = NEVER
    made["large_size"].values[:] = 0
    made["softmax_error"].values[:] = 0
    made["hidden_error"].values[:] = 0.5
    return made


_FA, _BP = "BP takes FA's weights", "FA takes BP's weights"
WRONG = {
    "13-drops": ("swap_accuracy", 1.0, {"swap": _BP, "trained": "FA", "step": slice(41, None)}),
    "13-first-order": ("loss_fall", 0.5, {"rate": 0.001}),
    "13-sign": ("loss_fall", -1.0, {"rate": 0.1}),
    "13-extrema": ("root_gradient", 0.1, {}),
    "13-necessary": ("rising_alignment", -1.0, {"flow_time": 0}),
    "13-returns": ("rising_real_part", 3.0, {"mode": 0}),
    "13-rises-and-falls": ("rising_loss", 1.0, {"flow_time": 0}),
    "13-softmax-printed": ("softmax_error", 0.1, {"formula": "printed"}),
    "13-softmax-corrected": ("softmax_error", 0.1, {"formula": "corrected"}),
    "13-rank": ("hidden_error", -0.5, {}),
}
for _other in ("signs", "equal"):
    WRONG[f"13-unaligned-best-{_other}"] = ("start_accuracy", 0.9, {"start": _other})
    WRONG[f"13-aligned-gradient-{_other}"] = ("start_gradient_alignment", -0.9, {"start": _other})
for _layer in (2, 3):
    WRONG[f"13-diverge-{_layer}"] = ("swap_cosine", 0.48, {"layer": _layer, "step": slice(0, 39)})
    WRONG[f"13-stays-{_layer}"] = ("swap_cosine", -0.5, {"layer": _layer, "swap": _FA})
    WRONG[f"13-leaves-{_layer}"] = ("swap_cosine", 1.5, {"layer": _layer, "swap": _BP})
for _act in ("tanh", "relu", "sigmoid"):
    WRONG[f"13-zero-{_act}"] = ("first_move", NEVER - 2, {"activation": _act, "rule": "FA"})
    WRONG[f"13-deadlock-{_act}"] = ("first_move", 2, {"activation": _act, "rule": "BP"})
    for _layer in (2, 3):
        for _label in ("right", "wrong"):
            WRONG[f"13-large-{_act}-{_layer}-{_label}"] = (
                "large_size",
                1.0,
                {"activation": _act, "layer": _layer, "classified": _label},
            )


def outcomes(dataset):
    return {claim.key: claim.verdict for claim in fixed_points.claims(dataset)}


def test_all_claims_but_one_agree_where_they_are_right(agreeing):
    """That FA's fixed points are extrema, and that some are not, cannot both be right."""
    found = outcomes(agreeing)
    assert {key for key, verdict in found.items() if verdict != "agrees"} == {"13-stable-share"}
    agreeing["root_gradient"].values[:] = 0.1
    assert outcomes(agreeing)["13-stable-share"] == "agrees"


def test_every_claim_has_a_wrong_input(agreeing):
    keys = [claim.key for claim in fixed_points.claims(agreeing)]
    assert len(set(keys)) == len(keys)
    assert set(keys) == {*WRONG, "13-stable-share"}


@pytest.mark.parametrize("key", WRONG)
def test_a_wrong_input_turns_its_claim(agreeing, key):
    name, amount, where = WRONG[key]
    agreeing[name].loc[where] += amount
    assert outcomes(agreeing)[key] == "disagrees"


def test_small_runs_decide_mathematics_only(agreeing):
    decided = {key for key, verdict in outcomes(with_record(agreeing, profile="quick")).items() if verdict != "reduced"}
    learnt = ("unaligned", "aligned", "diverge", "stays", "leaves", "drops", "first-order", "sign")
    assert not [key for key in decided if key.removeprefix("13-").startswith(learnt)]
    assert {"13-extrema", "13-necessary", "13-zero-relu", "13-large-tanh-3-wrong", "13-rank"} <= decided


def test_without_stable_roots_nothing_is_said_of_them(agreeing):
    agreeing["root_real_part"].values[:] = np.nan
    assert not {"13-extrema", "13-stable-share"} & set(outcomes(agreeing))


# ---- figures --------------------

PANELS = {"starts": 3, "swaps": 4, "loss_change": 2, "roots": 1}


@pytest.mark.parametrize("columns", [1, 2])
def test_figures_have_labelled_axes(dataset, columns):
    figures = fixed_points.figures(*[dataset] * columns)
    assert list(figures) == [*PANELS, "rising", "large"]
    for name, figure in figures.items():
        assert isinstance(figure, Figure)
        # What is mathematics is drawn once.
        assert len(figure.axes) == {"rising": 2, "large": 6}.get(name, PANELS.get(name, 0) * columns)
        assert all(ax.lines for ax in figure.axes)
        assert figure.axes[0].get_ylabel()
        assert figure.axes[-1].get_xlabel()
        assert columns == 1 or Picture(figure, dpi=40)._repr_png_().startswith(b"\x89PNG")


def drawn(ax):
    return {line.get_label(): np.asarray(line.get_ydata()) for line in ax.lines}


def test_the_figures_show_the_datasets_numbers(dataset):
    figures = fixed_points.figures(dataset)
    curve = drawn(figures["starts"].axes[1])["signs"]
    expected = dataset.start_weight_alignment.sel(start="signs", upper_layer=2).mean("member")
    np.testing.assert_allclose(curve, expected)
    curve = drawn(figures["swaps"].axes[3])["FA"]
    np.testing.assert_allclose(curve, dataset.swap_accuracy.sel(swap=_BP, trained="FA").mean("pair"))
    points = drawn(figures["loss_change"].axes[0])["layer 2"]
    np.testing.assert_allclose(points, dataset.loss_fall.sel(layer=2, rate=0.001).values.ravel())
    shown = sum(len(line.get_ydata()) for line in figures["roots"].axes[0].lines)
    assert shown == np.isfinite(dataset.root_gradient).sum()
    curve = drawn(figures["large"].axes[3])["layer 3"]
    np.testing.assert_allclose(
        curve, dataset.large_size.sel(activation="tanh", classified="wrong", layer=3).median("net")
    )
