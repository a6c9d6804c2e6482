import dataclasses

import numpy as np
import pytest
import torch
from made_up_data import add, check_that_wrong_inputs_turn_their_claims, verdicts, with_record
from matplotlib.container import BarContainer

from feedback_alignment import experiments
from feedback_alignment.companion import provenance, store
from feedback_alignment.companion.monitor import Monitor
from feedback_alignment.companion.pictures import Picture
from feedback_alignment.experiments import degeneracy_breaking, finished
from feedback_alignment.experiments.deep_ensembles import ensemble, network
from feedback_alignment.experiments.degeneracy_breaking_settings import (
    OWN,
    as_in_the_paper,
    on_digits,
    pretrained,
    turned,
)
from feedback_alignment.experiments.degeneracy_breaking_variants import TurnedEnsemble
from feedback_alignment.networks import BP, Schedule, data, mlp, train
from feedback_alignment.networks.turned_feedback import Follower, backward_products

SETTINGS = degeneracy_breaking.SETTINGS
SMOKE, QUICK, PAPER = SETTINGS["smoke"], SETTINGS["quick"], SETTINGS["paper"]


@pytest.fixture(scope="module")
def dataset(smoke_run):
    return smoke_run("06_degeneracy_breaking")


# ---- settings --------------------


def test_the_paper_profile_has_the_papers_recipe():
    """SM E.2, and what recipes of the released code add: summed loss, 14×14 images, one F for all."""
    places = {(each.images, each.activation, each.rule, len(set(each.feedback_seeds))) for each in PAPER.fig5}
    grid = {(i, a, r, 1) for i in ("mnist", "cifar10") for a in ("relu", "tanh") for r in ("DFA", "BP")}
    assert places == grid | {(i, a, "DFA", 3) for i in ("mnist", "cifar10") for a in ("relu", "tanh")}
    for each in PAPER.fig5:
        assert each.side == 14
        assert each.hidden == (100, 100, 100)
        assert each.label_noise == 0
        assert (each.schedule.epochs, each.schedule.batch, each.schedule.learning_rate) == (1000, 32, 1e-4)
        assert each.schedule.reduction == "sum"
        assert len(each.schedule.observe_at) == 40
        assert each.seeds == PAPER.seeds
    assert PAPER.reduced == ("3 of 10 seeds",)
    first = [(each.images, each.activation, each.rule) for each in PAPER.fig5[:4]]
    assert first == [("mnist", a, r) for r in ("DFA", "BP") for a in ("relu", "tanh")]


def test_the_paper_networks_have_the_papers_sizes():
    for inputs in (196, 588):
        made = network(as_in_the_paper("mnist", "relu", "DFA", (0, 1)), inputs, 10)
        assert [tuple(W.shape) for W in made.weights] == [(2, 100, inputs), (2, 100, 100), (2, 100, 100), (2, 10, 100)]
        assert made.weights[0].dtype == torch.float32


@pytest.mark.parametrize("settings", [SMOKE, QUICK, PAPER], ids=lambda each: each.profile)
def test_variants_differ_from_the_base_in_one_thing(settings):
    base = settings.base
    for each in settings.turned:
        assert {name: value for name, value in vars(each).items() if name not in ("towards", "share")} == vars(base)
    for each in settings.pretrained:
        assert {name: value for name, value in vars(each).items() if name != "pretraining_epochs"} == vars(base)
    for each in settings.widths:
        assert dataclasses.replace(each, hidden=base.hidden) == base
    assert base in settings.widths
    assert len(set(settings.ensembles)) == len(settings.ensembles)
    assert len({str(each.identity) for each in settings.ensembles}) == len(settings.ensembles)


# ---- variants --------------------

BASE = on_digits("tanh", "DFA", (0, 1, 2), 12, Schedule(1, 32, 0.01, "sum", (0, 1)))


def test_feedback_is_turned_towards_each_members_own_initial_weights():
    (half, *_, _, whole) = turned(BASE, (0.5, 1))
    assert (half.towards, half.share, whole.towards, whole.share) == ("initial", 0.5, "current", 1)
    plain = network(BASE, 64, 10)
    made = half.prepared(network(half, 64, 10), torch.zeros(1, 64).double(), torch.zeros(1).long())
    assert not isinstance(made, Follower)
    for F, F_0, M in zip(made.feedback, plain.feedback, backward_products(plain.weights), strict=True):
        cosines = [(F * other).sum((1, 2)) / F.norm(dim=(1, 2)) / other.norm(dim=(1, 2)) for other in (F_0, M)]
        torch.testing.assert_close(*cosines, rtol=1e-6, atol=1e-9)
        assert not torch.allclose(F[0], F[1])
    follower = whole.prepared(network(whole, 64, 10), torch.zeros(1, 64).double(), torch.zeros(1).long())
    assert isinstance(follower, Follower)
    assert follower.share == 1


def test_pretraining_is_bp_with_the_same_schedule():
    (after,) = pretrained(BASE, (2,))
    images = data.standardise(data.load("digits"), per_channel=False)
    x, y = torch.from_numpy(images.flat[0]).double(), torch.from_numpy(images.train_labels)
    made = after.prepared(network(after, 64, 10), x, y)
    plain = mlp((64, 12, 12, 12, 10), BP(), (0, 1, 2), dtype=torch.float64)
    train(plain, BP(), x, y, Schedule(2, 32, 0.01, "sum", (0,)), lambda trained, step: {})
    for W, W_plain in zip(made.weights, plain.weights, strict=True):
        torch.testing.assert_close(W, W_plain, rtol=1e-12, atol=1e-14)
    assert ensemble(after).train_error.isel(epoch=0).max() < 0.2


def test_a_share_of_nothing_is_the_base():
    (nothing, _) = turned(BASE, (0,))
    found, plain = ensemble(nothing), ensemble(BASE)
    np.testing.assert_allclose(found.similarity, plain.similarity, rtol=1e-9, atol=1e-12)


def test_an_angle_beyond_the_target_is_refused():
    with pytest.raises(ValueError, match=r"share must lie in \[0, 1\]"):
        ensemble(TurnedEnsemble(**vars(BASE), towards="initial", share=1.5))


# ---- the dataset --------------------


def test_the_dataset_has_named_axes(dataset):
    assert dict(dataset.sizes) == {
        "images": 1,
        "activation": 2,
        "rule": 3,
        "epoch": 4,
        "member": 3,
        "pair": 3,
        "layer": 4,
        "hidden_layer": 3,
        "upper_layer": 3,
        "sampled": 2,
        "towards": 2,
        "share": 2,
        "digits_member": 3,
        "digits_pair": 3,
        "pretraining": 3,
        "dfa_epoch": 2,
        "width": 3,
    }
    assert dataset.rule.values.tolist() == ["DFA", "BP", OWN]
    assert dataset.share.values.tolist() == [0, 1]
    assert dataset.pretraining.values.tolist() == [0, 1, 10]
    assert dataset.width.values.tolist() == [4, 8, 16]
    for values in dataset.data_vars.values():
        assert values.units == "1"
        assert values.long_name


def test_each_ensemble_is_in_its_place(dataset):
    for each, rule in ((SMOKE.fig5[1], "DFA"), (SMOKE.fig5[2], "BP"), (SMOKE.fig5[5], OWN)):
        place = dataset.sel(images="digits", activation=each.activation, rule=rule)
        np.testing.assert_array_equal(place.similarity, ensemble(each).similarity)
    last = ensemble(SMOKE.turned[1]).isel(epoch=-1)
    place = dataset.sel(towards="current", share=1)
    np.testing.assert_array_equal(place.turned_similarity, last.similarity)
    np.testing.assert_array_equal(place.turned_gradient_alignment, last.gradient_alignment.sel(sampled="probe"))
    np.testing.assert_array_equal(
        dataset.pretrained_train_error.sel(pretraining=10), ensemble(SMOKE.pretrained[1]).train_error
    )
    narrow = ensemble(SMOKE.widths[0]).isel(epoch=-1)
    np.testing.assert_array_equal(dataset.width_similarity_of_changes.sel(width=4), narrow.similarity_of_changes)
    base = ensemble(SMOKE.base).isel(epoch=-1).similarity
    for start in (
        dataset.turned_similarity.sel(share=0, towards="initial"),
        dataset.turned_similarity.sel(share=0, towards="current"),
        dataset.pretrained_similarity.sel(pretraining=0).isel(dfa_epoch=-1),
        dataset.width_similarity.sel(width=16),
    ):
        np.testing.assert_array_equal(start, base)


def test_the_provenance_keeps_that_of_every_piece(dataset):
    record = store.provenance(dataset)
    assert record["chapter"] == "06_degeneracy_breaking"
    assert record["settings"] == provenance.settings_as_data(SMOKE)
    assert len(record["parts"]) == len(SMOKE.ensembles)
    assert record["wall_seconds"] == pytest.approx(sum(part["wall_seconds"] for part in record["parts"]), abs=0.06)
    assert record["data"]["digits: origin"].startswith("load_digits")
    assert record["reduced"] == []
    assert "missing" not in record


def test_a_device_that_is_absent_is_an_error():
    with pytest.raises(ValueError, match="device 'cuda:99' cannot be used here"):
        degeneracy_breaking.run(SMOKE, device="cuda:99")


# ---- pieces --------------------


@pytest.fixture
def few_pieces(tmp_path, monkeypatch):
    """A folder of results in which two of the paper profile's ensembles are finished, all of them made small."""
    paper = dataclasses.replace(SMOKE, profile="paper", reduced=("3 of 10 seeds",))
    monkeypatch.setitem(SETTINGS, "paper", paper)
    with Monitor(tmp_path / "checkpoints" / "06", {}, results=tmp_path) as monitor:
        for each in (paper.fig5[0], paper.fig5[3]):
            ensemble(each, progress=monitor)
    return tmp_path


def test_what_is_finished_is_stored_and_says_what_is_missing(few_pieces):
    path = finished.store_finished("06", few_pieces)
    assert path == few_pieces / "06_degeneracy_breaking.paper.nc"
    found = store.read(path)
    record = store.provenance(found)
    first, *others = record["missing"]
    assert first.startswith("4 of 6 ensembles of Fig. 5 not there yet (digits tanh DFA; digits relu BP; ")
    assert others == [
        "2 of 2 ensembles with turned feedback not there yet",
        "2 of 2 ensembles after BP not there yet",
        "3 of 3 ensembles of different width not there yet",
    ]
    assert record["reduced"] == ["3 of 10 seeds", *record["missing"]]
    there = {
        (str(a), str(r))
        for a in found.activation.values
        for r in found.rule.values
        if np.isfinite(found.similarity.sel(activation=a, rule=r)).all()
    }
    assert there == {("relu", "DFA"), ("tanh", "BP")}
    assert "turned_similarity" not in found
    keys = [claim.key for claim in degeneracy_breaking.claims(found)]
    assert keys == [
        "06-dfa-digits-relu",
        "06-dilution-digits-relu",
        "06-first-digits-relu",
        "06-bp-digits-tanh",
        "06-permuted-digits-tanh",
    ]
    assert list(degeneracy_breaking.figures(found)) == ["learning", "sequence", "layers", "matched"]


def test_nothing_finished_is_nothing_to_store(tmp_path):
    with pytest.raises(ValueError, match="no ensemble of profile 'paper' is finished"):
        finished.store_finished("06", tmp_path)


def test_a_chapter_without_pieces_cannot_be_stored_in_part(tmp_path):
    with pytest.raises(ValueError, match="chapter 01 is not put together from pieces"):
        finished.store_finished("01", tmp_path)


def test_the_chapter_is_an_experiment():
    assert isinstance(degeneracy_breaking, experiments.Experiment)
    assert isinstance(degeneracy_breaking, finished.InPieces)


# ---- claims --------------------


@pytest.fixture
def agreeing(dataset):
    """A paper-scale dataset, made up, in which all that is claimed is so, clearly but not without scatter."""
    made = with_record(dataset.copy(deep=True), profile="paper")
    scatter = np.array([-0.001, 0, 0.001])
    for name, values in made.data_vars.items():
        axis = next((dim for dim in values.dims if dim.endswith(("member", "pair"))), None)
        shape = [3 if dim == axis else 1 for dim in values.dims]
        made[name] = values.dims, np.broadcast_to(scatter.reshape(shape), values.shape).copy()
    add("similarity", 0.8, rule="DFA", epoch=4)(made)
    add("matched_similarity", 0.4)(made)
    made["weight_norm"] += 1
    made["start_overlap"] += 0.5
    add("layer_similarity_of_changes", 0.9, rule="DFA", epoch=1, layer=1)(made)
    add("similarity_of_changes", 0.8, rule="DFA", epoch=4)(made)
    add("turned_similarity", 0.6, share=0)(made)
    add("turned_gradient_alignment", 0.9, share=1)(made)
    add("width_similarity", 0.7, width=4)(made)
    return made


def both(amount, **where):
    def change(made):
        for name in ("similarity", "similarity_of_changes"):
            add(name, amount, **where)(made)

    return change


WRONG = {
    "06-pretrained": add("pretrained_similarity", 0.5, pretraining=10, dfa_epoch=1),
    "06-width": add("width_similarity", 0.9, width=16),
}
for _towards in ("initial", "current"):
    WRONG |= {
        f"06-turned-similarity-{_towards}": add("turned_similarity", 0.9, share=1, towards=_towards),
        f"06-turned-alignment-{_towards}": add("turned_gradient_alignment", 1, share=0, towards=_towards),
    }
for _act in ("relu", "tanh"):
    WRONG |= {
        f"06-dfa-digits-{_act}": both(-0.5, activation=_act, rule="DFA", epoch=4),
        f"06-dilution-digits-{_act}": add("similarity_of_changes", -0.4, activation=_act, rule="DFA", epoch=4),
        f"06-first-digits-{_act}": add(
            "layer_similarity_of_changes", 1.0, activation=_act, rule="DFA", epoch=1, layer=2
        ),
        f"06-bp-digits-{_act}": add("similarity", 0.1, activation=_act, rule="BP", epoch=2),
        f"06-permuted-digits-{_act}": add("matched_similarity", 0.6, activation=_act, rule="BP", epoch=4),
        f"06-error-digits-{_act}": add("train_error", 0.1, activation=_act, rule="DFA", epoch=4),
        f"06-own-digits-{_act}": add("similarity", 0.5, activation=_act, rule=OWN, epoch=4),
    }


def test_each_claim_holds_where_it_is_right_and_turns_by_its_wrong_input(agreeing):
    check_that_wrong_inputs_turn_their_claims(degeneracy_breaking, agreeing, WRONG)


@pytest.mark.parametrize("profile", ["smoke", "quick"])
def test_small_runs_decide_nothing(agreeing, profile):
    assert set(verdicts(degeneracy_breaking, with_record(agreeing, profile=profile)).values()) == {"reduced"}


# ---- figures --------------------

LABELS = {
    "learning": ("training error", "similarity (cosine)", "similarity of the\nchanges (cosine)"),
    "sequence": ("similarity of the\nchanges (cosine), ReLU", "similarity of the\nchanges (cosine), tanh"),
    "layers": ("similarity (cosine)", "overlap with the\nown start (cosine)"),
    "matched": ("final similarity (cosine)",),
    "turned": ("final similarity (cosine)", "final gradient\nalignment (cosine)"),
    "pretrained": ("similarity (cosine)", "training error"),
    "widths": ("final similarity (cosine)",),
}
CURVES = [f"{rule}, {activation}" for rule in ("DFA", "BP", OWN) for activation in ("ReLU", "tanh")]


@pytest.mark.parametrize("columns", [1, 2])
def test_figures_have_labelled_axes(dataset, columns):
    figures = degeneracy_breaking.figures(*[dataset] * columns)
    assert list(figures) == list(LABELS)
    for name, labels in LABELS.items():
        axes = figures[name].axes
        assert len(axes) == len(labels) * columns
        assert [ax.get_ylabel() for ax in axes[::columns]] == list(labels)
        assert all(ax.get_title().startswith("smoke run: 3 seeds") for ax in axes[:columns])
        assert all(ax.lines or ax.patches for ax in axes)
        assert columns == 1 or Picture(figures[name], dpi=40)._repr_png_().startswith(b"\x89PNG")


def test_the_figures_show_the_datasets_numbers(dataset):
    figures = degeneracy_breaking.figures(dataset)
    lines = {line.get_label(): line for line in figures["learning"].axes[1].lines if line.get_linestyle() != ":"}
    assert list(lines) == CURVES
    expected = dataset.similarity.sel(images="digits", rule="BP", activation="tanh").mean("pair")
    np.testing.assert_allclose(lines["BP, tanh"].get_ydata(), expected, atol=1e-12)
    (line, _) = figures["turned"].axes[0].lines
    expected = dataset.turned_similarity.sel(towards="initial").mean("digits_pair")
    np.testing.assert_allclose(line.get_ydata(), expected, atol=1e-12)
    bars = [each for each in figures["matched"].axes[0].containers if isinstance(each, BarContainer)]
    heights = [patch.get_height() for patch in bars[1].patches]
    expected = dataset.matched_similarity.sel(images="digits", rule="DFA", activation="relu").isel(epoch=-1).mean()
    assert heights[0] == pytest.approx(float(expected), abs=1e-12)
