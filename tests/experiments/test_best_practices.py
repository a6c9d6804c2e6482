import dataclasses
import json
import math

import numpy as np
import pytest
import torch
import xarray as xr
from matplotlib.figure import Figure

from feedback_alignment import experiments
from feedback_alignment.companion import provenance, store
from feedback_alignment.companion.monitor import Monitor
from feedback_alignment.companion.pictures import Picture
from feedback_alignment.experiments import best_practices, finished, kept_pieces
from feedback_alignment.experiments.best_practices_cells import TWO_MODES
from feedback_alignment.experiments.best_practices_claims import ALIGNED, BETTER
from feedback_alignment.experiments.best_practices_printed import ALIGNMENT, TEST, TRAIN
from feedback_alignment.experiments.best_practices_settings import PRACTICES, SLOWER, rows
from feedback_alignment.experiments.launay_observations import LastEpoch, cosines_by_ruler
from feedback_alignment.networks import data
from feedback_alignment.networks.ensemble import StepSize
from feedback_alignment.networks.losses import one_hot
from feedback_alignment.networks.rules import BP, DFA
from feedback_alignment.networks.training import Schedule, batches

SETTINGS = best_practices.SETTINGS
SMOKE, QUICK, PAPER = SETTINGS["smoke"], SETTINGS["quick"], SETTINGS["paper"]


@pytest.fixture(scope="module")
def dataset(smoke_run):
    return smoke_run("09_best_practices")


# ---- settings --------------------


def test_the_paper_profile_has_the_papers_recipe():
    """Table 2's caption, and what the released code adds: batch size, epochs, ratio of rates."""
    assert [each.practice.name for each in PAPER.table[:9]] == list(TEST) == list(TRAIN) == list(ALIGNMENT)
    assert [each.seeds for each in PAPER.table] == [(0,)] * 9 + [(1,)] * 9
    for each in (*PAPER.table, *PAPER.ratios, *PAPER.starts):
        schedule = each.schedule
        assert (each.images, each.hidden, each.dtype, each.probe_samples) == ("cifar10", (800,) * 3, "float32", 128)
        assert (schedule.epochs, schedule.batch, schedule.reduction) == (50, 128, "mean")
        assert schedule.learning_rate == (1e-4 if each.practice.name in SLOWER else 5e-4)
    assert {each.hidden_error_scale for each in PAPER.table} == {128}
    assert 1.0 in {each.hidden_error_scale for each in PAPER.ratios}
    assert PAPER.reduced == ("2 of 10 seeds",)
    assert [(each.practice, each.schedule, each.seeds) for each in PAPER.starts] == [
        (each.practice, each.schedule, each.seeds) for each in PAPER.table
    ]


def test_the_released_start_is_pytorchs_and_nothing_else_differs():
    first, other = SMOKE.table[0], SMOKE.starts[0]
    assert dataclasses.asdict(first) == dataclasses.asdict(other)
    stated, released = (each.network((64,), 10).weights for each in (first, other))
    for W, W_released in zip(stated, released, strict=True):
        bound = W_released.shape[-1] ** -0.5
        assert 0.9 * bound < W_released.abs().max() <= bound
        assert W.std() / W_released.std() == pytest.approx(math.sqrt(6), rel=0.2)  # √(2/n) against 1/√(3n)


@pytest.mark.parametrize("settings", [SMOKE, QUICK, PAPER], ids=lambda each: each.profile)
def test_each_piece_is_computed_once_and_has_a_name_for_a_file(settings):
    identities = {json.dumps(kept_pieces.identity(each)) for each in settings.works}
    assert len(identities) == len(settings.works)
    assert not [each.name for each in settings.works if set(each.name) & set("|()+/")]


def test_practices_are_built_in_the_papers_order():
    by_name = {practice.name: practice for practice in PRACTICES}
    words = {name: [type(op).__name__ for op in practice.operations] for name, practice in by_name.items()}
    assert words["norm + BN"] == ["Activation", "BatchNorm"]
    assert words["norm + DO(0.5)"] == ["Dropout", "Activation"]
    assert words["norm"] == ["Activation"]
    for name, rate in (("norm + DO(0.5)", 0.5), ("norm + DO(0.1)", 0.1)):
        assert by_name[name].operations[0].rate == rate
        assert by_name[name].input_operations[0].rate == 0.1
    assert by_name["norm"].input_operations == ()
    assert by_name["no norm"].feedback_scale == 1


def test_rows_need_one_rate():
    base = SMOKE.table[0]
    two = dataclasses.replace(base, schedule=dataclasses.replace(base.schedule, learning_rate=(0.1, 0.2)))
    with pytest.raises(ValueError, match=r"the practices need one learning rate .*; got \(0.1, 0.2\)"):
        rows(two)


# ---- what is measured --------------------


def test_a_row_is_a_literal_loop(dataset):
    """Train the first row sample by sample in NumPy, and write accuracy, cosines and the running accuracy out."""
    one, member = SMOKE.table[0], 1
    images = data.standardise(data.load("digits"), per_channel=True)
    x, x_test = (a.astype(float) for a in images.flat)
    y = np.eye(10)[images.train_labels]
    made = one.network((64,), 10)
    W = [w[member].numpy().copy() for w in made.weights]
    b = [np.zeros(len(w)) for w in W]
    F = [f[member].numpy() for f in made.feedback]

    def forward(x):
        h = [x]
        for W_l, b_l in zip(W[:-1], b[:-1], strict=True):
            h.append(np.tanh(h[-1] @ W_l.T + b_l))
        outputs = h[-1] @ W[-1].T + b[-1]
        p = np.exp(outputs)
        return h, p / p.sum(1, keepdims=True)

    right, of, batch = 0, 0, one.schedule.batch
    steps = len(x) // batch
    starts = [steps * part // one.last_epoch_parts for part in range(one.last_epoch_parts + 1)]
    for epoch in range(2):
        order = batches(one.seeds, epoch, len(x), batch)[member]
        for number, chosen in enumerate(order):
            if epoch == 1 and number in starts[:-1]:
                for ahead in order[number : starts[starts.index(number) + 1]]:
                    right += np.sum(forward(x[ahead])[1].argmax(1) == images.train_labels[ahead])
                    of += len(ahead)
            h, p = forward(x[chosen])
            e = p - y[chosen]
            deltas = [64 * (e @ F_l.T) * (1 - h_l**2) for F_l, h_l in zip(F, h[1:], strict=True)]
            for layer, (delta, below) in enumerate(zip([*deltas, e], h, strict=True)):
                W[layer] -= 0.01 / batch * delta.T @ below
                b[layer] -= 0.01 / batch * delta.sum(0)
    found = dataset.sel(practice="norm", member=1).isel(epoch=-1)
    np.testing.assert_allclose(found.test_accuracy, np.mean(forward(x_test)[1].argmax(1) == images.test_labels))
    np.testing.assert_allclose(found.train_accuracy, np.mean(forward(x)[1].argmax(1) == images.train_labels))
    np.testing.assert_allclose(found.running_accuracy, right / of)
    assert of == steps * batch

    h, p = forward(x_test[:128])
    e = p - np.eye(10)[images.test_labels[:128]]
    true = [e @ W[3]]
    for layer in (2, 1):
        true.insert(0, (true[0] * (1 - h[layer + 1] ** 2)) @ W[layer])
    for layer, c in enumerate(true):
        d = e @ F[layer].T
        cosines = np.sum(d * c, 1) / np.linalg.norm(d, axis=1) / np.linalg.norm(c, axis=1)
        for ruler in ("eval", "train", "bent"):
            np.testing.assert_allclose(found.alignment.sel(ruler=ruler)[layer], cosines.mean(), rtol=1e-8)
            np.testing.assert_allclose(found.alignment_spread.sel(ruler=ruler)[layer], cosines.std(ddof=1), rtol=1e-8)


def test_the_size_of_the_feedback_is_a_ratio_of_rates():
    """'No norm' is 'norm' with the ratio times √(n n_L): equal to rounding after some steps, in float64."""
    norm, bare = SMOKE.table[0], SMOKE.table[1]
    assert bare.practice.name == "no norm"
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(2, 32, 64, generator=draw, dtype=torch.float64)
    y = one_hot(torch.randint(0, 10, (2, 32), generator=draw), 10, torch.float64)
    one, other = norm.network((64,), 10), bare.network((64,), 10)
    for _ in range(5):
        one.update(DFA(), x, y, StepSize(0.01, "mean", hidden_error_scale=4 * math.sqrt(12 * 10)))
        other.update(DFA(), x, y, StepSize(0.01, "mean", hidden_error_scale=4))
    for mine, its in zip(one.state().values(), other.state().values(), strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_a_mask_turns_a_vector_by_the_root_of_what_it_keeps(p):
    """Mean over 200 masks of a vector with 4000 numbers: standard error below 1e-3, and 1/n corrections as small."""
    draw = np.random.default_rng(2)
    u = draw.standard_normal(4000)
    masked = u * (draw.random((200, 4000)) >= p)
    cosines = masked @ u / np.linalg.norm(u) / np.linalg.norm(masked, axis=1)
    np.testing.assert_allclose(cosines.mean(), math.sqrt(1 - p), atol=3e-3)


def test_a_sample_without_direction_is_left_out():
    """ReLU networks with all units of layer 2 dead for every sample: no angle at layer 1, and one at layer 2."""
    by_name = {each.practice.name: each for each in SMOKE.table}
    network = by_name["norm + ReLU"].network((64,), 10)
    network.blocks[1].parameters["biases"].fill_(-1e3)
    x, y = torch.rand(6, 64, dtype=torch.float64), torch.arange(6)
    found = cosines_by_ruler(network, DFA(), BP(), x, y)["alignment"]
    assert np.isnan(found[:, :, 0]).all()
    assert np.isfinite(found[:, :, 2]).all()


@pytest.mark.parametrize(
    ("schedule", "parts", "message"),
    [
        (Schedule(1.5, 4, 0.1, "mean", (1.5,)), 1, "whole epochs, one or more, and measured at their end; got 1.5"),
        (Schedule(2, 4, 0.1, "mean", (1,)), 1, r"measured at their end; got 2 epochs and \(1,\)"),
        (Schedule(2, 4, 0.1, "mean", (2,)), 6, "an epoch of 5 steps has 1 to as many parts; got 6"),
    ],
)
def test_schedules_that_do_not_fit_are_refused(schedule, parts, message):
    with pytest.raises(ValueError, match=message):
        LastEpoch(schedule, 20, parts)


# ---- the dataset and pieces --------------------


def test_the_dataset_has_named_axes(dataset):
    assert dict(dataset.sizes) == {
        "network": 5,
        "place": 2,
        "scheme": 2,
        "practice": 9,
        "member": 2,
        "epoch": 2,
        "ruler": 3,
        "hidden_layer": 3,
        "ratio": 2,
    }
    for values in dataset.data_vars.values():
        assert values.units
        assert values.long_name
    assert store.provenance(dataset)["settings"] == provenance.settings_as_data(SMOKE)
    assert len(store.provenance(dataset)["parts"]) == len(SMOKE.works)
    np.testing.assert_array_equal(
        dataset.ratio_test_accuracy.sel(ratio=64), dataset.test_accuracy.sel(practice="norm").isel(epoch=-1)
    )
    released = dataset.released_alignment.sel(ruler="eval", hidden_layer=3)
    assert (released.sel(practice="norm") != dataset.alignment.isel(epoch=-1).sel(practice="norm")).all()
    assert released.sel(practice=list(TEST)[1:]).isnull().all()


def test_unfinished_pieces_are_named_and_the_rest_is_shown(tmp_path, monkeypatch, dataset):
    """Members apart, as in the paper profile: one row has both, one has one of two, the others none."""
    alone = [dataclasses.replace(each, seeds=(seed,)) for seed in (0, 1) for each in SMOKE.table]
    paper = dataclasses.replace(SMOKE, profile="paper", table=tuple(alone), reduced=("2 of 10 seeds",))
    monkeypatch.setitem(SETTINGS, "paper", paper)
    with pytest.raises(ValueError, match="none of 21 pieces is finished"):
        finished.store_finished("09", tmp_path)
    with Monitor(tmp_path / "checkpoints" / "09", {}, results=tmp_path) as monitor:
        kept_pieces.done([alone[0], alone[9], alone[1]], "cpu", monitor)
    found = store.read(finished.store_finished("09", tmp_path))
    reduced = store.provenance(found)["reduced"]
    assert reduced[:2] == ["2 of 10 seeds", "1 of 1 pieces of Table 1 not there yet"]
    assert reduced[2].startswith("15 of 18 pieces of Table 2 not there yet (digits norm BN ratio 64")
    for name in ("test_accuracy", "alignment"):
        np.testing.assert_allclose(found[name].sel(practice="norm"), dataset[name].sel(practice="norm"), rtol=1e-9)
    assert {claim.key for claim in best_practices.claims(found)} == {
        f"09-{kind}-norm" for kind in ("test", "train", "angle-1", "angle-2", "angle-3")
    }
    drawn = best_practices.figures(found)
    assert list(drawn) == ["accuracies", "angles", "ratios"]
    for figure in drawn.values():
        assert Picture(figure, dpi=40)._repr_png_().startswith(b"\x89PNG")


def test_the_chapter_is_an_experiment_in_pieces():
    assert isinstance(best_practices, experiments.Experiment)
    assert isinstance(best_practices, finished.InPieces)


# ---- claims --------------------


@pytest.fixture
def agreeing(dataset):
    """A paper-scale dataset, made up, with the printed numbers, and little scatter."""
    made = dataset.copy(deep=True).assign_attrs(provenance=json.dumps(store.provenance(dataset) | {"profile": "paper"}))
    scatter = xr.DataArray([-1e-4, 1e-4], dims="member")
    for practice in TEST:
        place = {"practice": practice}
        made["test_accuracy"].loc[place] = TEST[practice][0] / 100 + scatter
        made["running_accuracy"].loc[place] = TRAIN[practice][0] / 100 + scatter
        for layer, (mean, _) in enumerate(ALIGNMENT[practice], 1):
            made["alignment"].loc[place | {"hidden_layer": layer}] = mean + scatter
            if practice in TWO_MODES:
                made["alignment"].loc[place | {"hidden_layer": layer, "ruler": ["eval", "train"]}] += 0.02
    for name, low, high in (("ratio_test_accuracy", 0.3, 0.46), ("ratio_alignment", 0.0, 0.7)):
        made[name].loc[{"ratio": 1.0}] = low + scatter
        made[name].loc[{"ratio": 64.0}] = high + scatter
    for name in ("test_accuracy", "running_accuracy", "alignment", "alignment_spread"):
        made[f"released_{name}"] = made[name].isel(epoch=-1, missing_dims="ignore").copy(deep=True)
    made["alignment"].loc[{"practice": "norm", "hidden_layer": 3}] -= 0.01
    return made


def outcomes(dataset):
    return {claim.key: claim.verdict for claim in best_practices.claims(dataset)}


def test_the_printed_numbers_agree_with_themselves(agreeing):
    found = outcomes(agreeing)
    assert {key for key, verdict in found.items() if verdict == "not reproducible"} == {
        f"09-memory-{network}-{scheme}" for network in ("fc", "cnn", "vgg") for scheme in ("naive", "shared")
    }
    wrong = {key for key, verdict in found.items() if verdict == "disagrees"}
    assert wrong == set()
    cells = [key for key in found if key.split("-")[1] in ("test", "train", "angle")]
    assert len(cells) == 9 * 5
    assert len([key for key in found if key.startswith("09-start-")]) == 9 * 5 + 1
    assert len([key for key in found if key.startswith("09-better-")]) == len(BETTER)
    assert len([key for key in found if key.startswith("09-aligned-")]) == len(ALIGNED) + 2
    assert len([key for key in found if key.startswith("09-ruler-")]) == 6


WRONG = [("09-test-norm-bn", "test_accuracy", 0.02, {"practice": "norm + BN"})]
WRONG += [("09-train-norm-abs", "running_accuracy", 0.02, {"practice": "norm + |x|"})]
WRONG += [("09-angle-2-norm", "alignment", 0.1, {"practice": "norm", "hidden_layer": 2})]
WRONG += [("09-angle-3-norm-do0.5", "alignment", 0.1, {"practice": "norm + DO(0.5)", "ruler": "bent"})]
WRONG += [(f"09-better-{key}", "test_accuracy", -0.3, {"practice": better}) for key, (better, _, _) in BETTER.items()]
WRONG += [(f"09-aligned-{key}", "alignment", 0.9, {"practice": worse}) for key, (_, worse, _) in ALIGNED.items()]
WRONG += [("09-aligned-bn-straight", "alignment", 0.9, {"practice": "norm + BN", "ruler": "eval"})]
WRONG += [("09-ruler-train-norm-bn", "alignment", 0.3, {"practice": "norm + BN", "ruler": "bent"})]
WRONG += [("09-ruler-eval-norm-do0.1", "alignment", 0.3, {"practice": "norm + DO(0.1)", "ruler": "bent"})]
WRONG += [("09-ratio-accuracy", "ratio_test_accuracy", 0.5, {"ratio": 1.0})]
WRONG += [("09-ratio-alignment", "ratio_alignment", 0.9, {"ratio": 1.0})]
WRONG += [("09-start-test-norm", "released_test_accuracy", 0.02, {"practice": "norm"})]
WRONG += [("09-start-angle-3-norm-bn", "released_alignment", 0.2, {"practice": "norm + BN", "ruler": "bent"})]
WRONG += [("09-start-alignment", "alignment", 0.2, {"practice": "norm"})]
WRONG += [("09-memory-held", "held_bytes", 4.0, {"network": "FC, 10 classes"})]


@pytest.mark.parametrize(("key", "name", "change", "where"), WRONG)
def test_claims_can_fail(agreeing, key, name, change, where):
    assert outcomes(agreeing)[key] == "agrees"
    agreeing[name].loc[where] += change
    assert outcomes(agreeing)[key] == "disagrees"


def test_a_network_that_has_died_has_no_angle_and_that_disagrees(agreeing):
    agreeing["alignment"].loc[{"practice": "norm + ReLU", "member": 1}] = np.nan
    found = outcomes(agreeing)
    assert [found[f"09-angle-{layer}-norm-relu"] for layer in (1, 2, 3)] == ["disagrees"] * 3
    assert found["09-aligned-relu"] == "disagrees"
    assert found["09-test-norm-relu"] == "agrees"


# ---- figures --------------------

PANELS = {
    "memory": (1, 1),
    "accuracies": (1, 2),
    "angles": (1, 2),
    "ratios": (2, 4),
    "starts": (1, 2),
    "released": (2, 4),
    "rulers": (3, 6),
}
"""Figure -> panels for one dataset and for two."""


def test_figures_have_labelled_axes(dataset, agreeing):
    agreeing.attrs["provenance"] = json.dumps(
        store.provenance(agreeing)
        | {
            "settings": store.provenance(agreeing)["settings"]
            | {"table": [{"images": "cifar10", "hidden_error_scale": 64}]}
        }
    )
    for count, datasets in enumerate([(dataset,), (dataset, agreeing)]):
        figures = best_practices.figures(*datasets)
        assert list(figures) == list(PANELS)
        for name, panels in PANELS.items():
            assert isinstance(figures[name], Figure)
            assert len(figures[name].axes) == panels[count]
            assert any(ax.get_xlabel() for ax in figures[name].axes)
            assert figures[name].axes[0].get_legend() is not None
    for figure in figures.values():
        assert Picture(figure, dpi=40)._repr_png_().startswith(b"\x89PNG")


def test_the_figures_show_the_datasets_numbers(dataset):
    figures = best_practices.figures(dataset)
    (above, below) = figures["ratios"].axes
    lines = {line.get_label(): np.asarray(line.get_ydata()) for line in (*above.lines, *below.lines)}
    np.testing.assert_allclose(lines["test"], dataset.ratio_test_accuracy.mean("member"))
    angles = dataset.ratio_alignment.sel(ruler="eval", hidden_layer=2).mean("member")
    np.testing.assert_allclose(lines["hidden layer 2"], angles)
    lines = {line.get_label(): np.asarray(line.get_ydata()) for line in figures["starts"].axes[0].lines}
    expected = dataset.released_alignment.sel(practice="norm", ruler="eval").mean("member")
    np.testing.assert_allclose(lines["default, as released"], expected)
    shown = {box.get_label(): box.lines[0].get_xdata() for box in figures["released"].axes[0].containers}
    expected = dataset.released_test_accuracy.sel(practice=["norm"]).mean("member")
    np.testing.assert_allclose(shown["test"], expected)
    bent = {line.get_label(): np.asarray(line.get_ydata()) for line in figures["rulers"].axes[0].lines}
    expected = dataset.alignment.sel(practice="norm + BN", ruler="bent").isel(epoch=-1).mean("member")
    np.testing.assert_allclose(bent["bent: DFA eval., BP training"], expected)
    bars = [bar.get_width() for bar in figures["memory"].axes[0].patches]
    np.testing.assert_allclose(bars[:5], dataset.counted_bytes.sel(place="before pooling", scheme="naive") / 1e6)
