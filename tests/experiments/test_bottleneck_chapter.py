import dataclasses
import json

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from feedback_alignment import experiments, streams
from feedback_alignment.companion import provenance, store
from feedback_alignment.companion.monitor import Monitor
from feedback_alignment.companion.pictures import Picture
from feedback_alignment.experiments import bottleneck, bottleneck_reference, finished, kept_pieces
from feedback_alignment.experiments.best_practices_settings import on_digits
from feedback_alignment.experiments.bottleneck_settings import PAPER_UNITS, through
from feedback_alignment.experiments.bottleneck_threshold import threshold
from feedback_alignment.networks import data
from feedback_alignment.networks.losses import CrossEntropy
from feedback_alignment.networks.rules import DFA
from feedback_alignment.networks.training import Schedule, batches

SETTINGS = bottleneck.SETTINGS
SMOKE, QUICK, PAPER = SETTINGS["smoke"], SETTINGS["quick"], SETTINGS["paper"]


@pytest.fixture(scope="module")
def dataset(smoke_run):
    return smoke_run("11_bottleneck")


# ---- settings --------------------


def test_the_paper_profile_has_the_papers_recipe():
    assert PAPER_UNITS == bottleneck_reference.UNITS
    assert {each.units for each in PAPER.works} <= set(PAPER_UNITS)
    assert len({each.units for each in PAPER.works}) == 6
    for each in PAPER.works:
        width = each.units if each.bottleneck == "narrow" else 800
        assert (each.images, each.hidden) == ("cifar10", (800, width, 800))
        assert (each.schedule.epochs, each.schedule.batch, each.schedule.learning_rate) == (50, 128, 5e-4)
        assert each.hidden_error_scale == 128
    assert PAPER.seeds == (0,)
    assert PAPER.reduced
    lengths = {len(getattr(bottleneck_reference, name)) for name in ("UNITS", "TEST", "TRAIN", "COSINE")}
    assert lengths == {14}


@pytest.mark.parametrize("settings", [SMOKE, QUICK, PAPER], ids=lambda each: each.profile)
def test_each_piece_is_computed_once(settings):
    assert len({json.dumps(kept_pieces.identity(each)) for each in settings.works}) == len(settings.works)
    assert len({each.name for each in settings.works}) == len(settings.works)


# ---- what is measured --------------------


def test_few_learning_units_are_a_literal_loop(dataset):
    """Train two of twelve units of layer 2 in NumPy, and write both cosines out."""
    one = next(each for each in SMOKE.works if (each.bottleneck, each.units) == ("units", 2))
    member, seed = 1, one.seeds[1]
    images = data.standardise(data.load("digits"), per_channel=True)
    x, x_test = (a.astype(float) for a in images.flat)
    made = one.network((64,), 10)
    W = [w[member].numpy().copy() for w in made.weights]
    b = [np.zeros(len(w)) for w in W]
    F = [f[member].numpy() for f in made.feedback]
    learning = streams.generator(seed, "bottleneck", 2).permutation(12) < 2

    def forward(x, labels):
        h = [x]
        for W_l, b_l in zip(W[:-1], b[:-1], strict=True):
            h.append(np.tanh(h[-1] @ W_l.T + b_l))
        p = np.exp(h[-1] @ W[-1].T + b[-1])
        return h, p / p.sum(1, keepdims=True) - np.eye(10)[labels]

    batch = one.schedule.batch
    for epoch in range(2):
        for chosen in batches(one.seeds, epoch, len(x), batch)[member]:
            h, e = forward(x[chosen], images.train_labels[chosen])
            deltas = [64 * (e @ F_l.T) * (1 - h_l**2) for F_l, h_l in zip(F, h[1:], strict=True)]
            deltas[1] = deltas[1] * learning
            for layer, (delta, below) in enumerate(zip([*deltas, e], h, strict=True)):
                W[layer] -= 0.01 / batch * delta.T @ below
                b[layer] -= 0.01 / batch * delta.sum(0)
    h, e = forward(x_test[:128], images.test_labels[:128])
    c, d = ((e @ W[3]) * (1 - h[3] ** 2)) @ W[2], e @ F[1].T

    def cosine(a, b):
        return np.mean(np.sum(a * b, 1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1))

    found = dataset.sel(kind="units", units=2, learning_rate=0.01, member=seed)
    np.testing.assert_allclose(found.alignment_at_bottleneck, cosine(d, c), rtol=1e-8)
    np.testing.assert_allclose(found.alignment_of_learning, cosine(d[:, learning], c[:, learning]), rtol=1e-8)
    S, R = (lambda a: a[:, learning]), (lambda a: a[:, ~learning])
    length = np.linalg.norm
    parts = [
        np.sum(part(d) * part(c), 1) / length(part(d), axis=1) / length(part(c), axis=1)
        * length(part(d), axis=1) * length(part(c), axis=1) / length(d, axis=1) / length(c, axis=1)
        for part in (S, R)
    ]  # fmt: skip
    np.testing.assert_allclose(np.mean(parts[0] + parts[1]), found.alignment_at_bottleneck, rtol=1e-8)


def test_without_a_bottleneck_all_kinds_of_dfa_agree(dataset):
    """With all units learning the stated variant is plain DFA; the released one still teaches layer 1 by BP."""
    whole = dataset.sel(units=12, learning_rate=0.01)
    plain = through(SMOKE.works[0], "units", 12)
    assert plain.network((64,), 10).feedback[0].shape == (2, 12, 10)
    np.testing.assert_array_equal(
        whole.alignment_at_bottleneck.sel(kind="units"), whole.alignment_of_learning.sel(kind="units")
    )
    assert (whole.alignment.sel(kind="units", hidden_layer=1) < 0.999).all()


def test_the_released_variants_first_layer_is_taught_by_bp():
    """With all weights learning its cosine at layer 1 to BP through the bottleneck is that of layer 2's signal."""
    one = through(on_digits((0, 1), 12, Schedule(1, 256, 0.01, "mean", (1,)), 64), "scattered", 12)
    network = one.network((64,), 10)
    x = torch.rand(5, 64, dtype=torch.float64)
    y = torch.nn.functional.one_hot(torch.arange(5), 10).double().expand(2, -1, -1)
    (taught,) = network.teachings([one.rule], x, y, CrossEntropy(), "eval")
    below = taught.deltas[1] @ network.weights[1]
    torch.testing.assert_close(taught.signals[0], below)


def test_with_feedback_of_its_own_layer_1_hears_dfa_and_the_rest_is_as_released():
    base = on_digits((0, 1), 12, Schedule(1, 256, 0.01, "mean", (1,)), 64)
    own, released = through(base, "own feedback", 3), through(base, "scattered", 3)
    network = own.network((64,), 10)
    x = torch.rand(5, 64, dtype=torch.float64)
    y = torch.nn.functional.one_hot(torch.arange(5), 10).double().expand(2, -1, -1)
    ours, theirs, dfa = network.teachings([own.rule, released.rule, DFA()], x, y, CrossEntropy(), "eval")
    torch.testing.assert_close(ours.signals[0], dfa.signals[0], rtol=0, atol=0)
    torch.testing.assert_close(ours.gradients[0], dfa.gradients[0], rtol=0, atol=0)
    for layer in (1, 2, 3):
        torch.testing.assert_close(ours.gradients[layer], theirs.gradients[layer], rtol=0, atol=0)
    assert own.reference == released.reference


# ---- threshold --------------------


def test_a_threshold_is_where_nine_tenths_of_the_rise_are_made():
    units, values = np.array([1.0, 10.0, 100.0, 1000.0]), np.array([0.0, 0.4, 0.8, 1.0])
    found, low, high = threshold(units, values)
    assert (low, high) == (100.0, 1000.0)
    assert found == pytest.approx(100 * 10**0.5)


@pytest.mark.parametrize("values", [[0.5, 0.4, 0.3], [0.0, np.nan, 1.0], [0.2, 0.2, 0.2]])
def test_a_curve_that_does_not_rise_or_has_a_gap_has_no_threshold(values):
    assert np.isnan(threshold(np.array([1.0, 2.0, 4.0]), np.array(values))).all()


def test_sizes_must_ascend():
    with pytest.raises(ValueError, match="sizes must ascend"):
        threshold(np.array([2.0, 1.0]), np.array([0.0, 1.0]))


# ---- the dataset and pieces --------------------


def test_the_dataset_has_named_axes(dataset):
    assert dict(dataset.sizes) == {"kind": 4, "units": 2, "learning_rate": 1, "member": 2, "hidden_layer": 3}
    for values in dataset.data_vars.values():
        assert values.attrs["units"]
        assert values.attrs["long_name"]
    assert np.isnan(dataset.test_accuracy.sel(kind="narrow", units=12)).all()
    assert store.provenance(dataset)["settings"] == provenance.settings_as_data(SMOKE)


def test_unfinished_pieces_are_named_and_the_rest_is_shown(tmp_path, monkeypatch, dataset):
    monkeypatch.setitem(SETTINGS, "paper", dataclasses.replace(SMOKE, profile="paper", reduced=("1 seed",)))
    with Monitor(tmp_path / "checkpoints" / "11", {}, results=tmp_path) as monitor:
        kept_pieces.done([SMOKE.works[0], SMOKE.works[3]], "cpu", monitor)
    found = store.read(finished.store_finished("11", tmp_path))
    assert store.provenance(found)["reduced"][0] == "1 seed"
    assert [words[:15] for words in store.provenance(found)["reduced"][1:]] == [
        "2 of 2 pieces o",
        "1 of 1 pieces o",
        "1 of 1 pieces o",
    ]
    np.testing.assert_array_equal(found.test_accuracy.sel(kind="units"), dataset.test_accuracy.sel(kind="units"))
    keys = {claim.key for claim in bottleneck.claims(found)}
    assert keys == {"11-rise-accuracy-units", "11-rise-alignment-units", "11-threshold-units"}
    assert list(bottleneck.figures(found)) == ["curves", "who-aligns"]


def test_the_chapter_is_an_experiment_in_pieces():
    assert isinstance(bottleneck, experiments.Experiment)
    assert isinstance(bottleneck, finished.InPieces)


# ---- claims --------------------


@pytest.fixture
def agreeing(dataset):
    """A paper-scale dataset of one seed, made up: the numbers beside the released code for each kind."""
    places = [bottleneck_reference.UNITS.index(units) for units in (1, 118, 800)]
    made = dataset.isel(units=[0, 0, 0], member=[0]).copy(deep=True).assign_coords(units=[1, 118, 800])
    made = made.assign_coords(learning_rate=[5e-4])
    for name, printed in (
        ("test_accuracy", np.array(bottleneck_reference.TEST) / 100),
        ("running_accuracy", np.array(bottleneck_reference.TRAIN) / 100),
        ("alignment_at_bottleneck", np.array(bottleneck_reference.COSINE)),
    ):
        made[name] = made[name].dims, np.broadcast_to(printed[places][None, :, None, None], made[name].shape).copy()
    made["alignment_of_learning"] = made.alignment_at_bottleneck + 0.1
    made["alignment_at_bottleneck"].loc[{"kind": "units", "units": 118}] = 0.3
    made["test_accuracy"].loc[{"kind": "own feedback", "units": 1}] += 0.05
    record = store.provenance(dataset)
    settings = record["settings"] | {"works": [record["settings"]["works"][0] | {"images": "cifar10"}]}
    return made.assign_attrs(provenance=json.dumps(record | {"profile": "paper", "settings": settings}))


def outcomes(dataset):
    return {claim.key: claim.verdict for claim in bottleneck.claims(dataset)}


def test_the_numbers_beside_the_code_agree_with_themselves(agreeing):
    found = outcomes(agreeing)
    assert {key for key, verdict in found.items() if verdict != "agrees"} <= {"11-threshold-units"}
    assert {f"11-{kind}-{units}" for kind in ("test", "train", "cosine") for units in (1, 118, 800)} <= set(found)


WRONG = [
    ("11-rise-accuracy-units", "test_accuracy", -0.2, {"kind": "units", "units": 800}),
    ("11-rise-alignment-scattered", "alignment_at_bottleneck", -0.9, {"kind": "scattered", "units": 800}),
    ("11-rise-accuracy-narrow", "test_accuracy", -0.2, {"kind": "narrow", "units": 800}),
    ("11-threshold-scattered", "alignment_at_bottleneck", 3.0, {"kind": "scattered", "units": [1, 800]}),
    ("11-learning-units", "alignment_of_learning", -0.8, {"kind": "units", "units": 118}),
    ("11-scattered", "alignment_at_bottleneck", 0.6, {"kind": "units", "units": 118}),
    ("11-own-feedback", "test_accuracy", -0.1, {"kind": "own feedback", "units": 1}),
    ("11-test-118", "test_accuracy", 0.03, {"kind": "scattered", "units": 118}),
    ("11-train-800", "running_accuracy", 0.03, {"kind": "scattered", "units": 800}),
    ("11-cosine-1", "alignment_at_bottleneck", 0.1, {"kind": "scattered", "units": 1}),
]


@pytest.mark.parametrize(("key", "name", "change", "where"), WRONG)
def test_claims_can_fail(agreeing, key, name, change, where):
    assert outcomes(agreeing)[key] == "agrees"
    if key == "11-threshold-scattered":
        agreeing[name].loc[{"kind": "scattered"}] = np.array([1.0, 0.5, 0.2])[:, None, None]
    else:
        agreeing[name].loc[where] += change
    assert outcomes(agreeing)[key] == "disagrees"


# ---- figures --------------------


def test_figures_have_labelled_axes_and_the_datasets_numbers(dataset, agreeing):
    for datasets in ((dataset,), (dataset, agreeing)):
        figures = bottleneck.figures(*datasets)
        for name, rows in (("curves", 3), ("who-aligns", 1)):
            assert isinstance(figures[name], Figure)
            axes = figures[name].axes
            assert len(axes) == rows * len(datasets)
            assert all(ax.get_ylabel() for ax in axes[:: len(datasets)])
            assert axes[-1].get_xlabel()
    for figure in figures.values():
        assert Picture(figure, dpi=40)._repr_png_().startswith(b"\x89PNG")
    lines = {line.get_label(): np.asarray(line.get_ydata()) for line in figures["curves"].axes[0].lines}
    expected = dataset.test_accuracy.sel(kind="units", learning_rate=0.01).mean("member")
    np.testing.assert_allclose(lines["a fixed set of units learns, rate 0.01"], expected)
    lines = {line.get_label(): np.asarray(line.get_ydata()) for line in figures["curves"].axes[1].lines}
    np.testing.assert_allclose(lines["released with the paper"], np.array(bottleneck_reference.TEST) / 100)
