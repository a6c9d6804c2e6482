import dataclasses

import numpy as np
import pytest
from made_up_data import add, verdicts, with_record
from matplotlib.figure import Figure

from feedback_alignment import experiments
from feedback_alignment.companion import provenance, store
from feedback_alignment.companion.monitor import Monitor
from feedback_alignment.companion.pictures import Picture
from feedback_alignment.experiments import align_then_memorise, degeneracy_breaking, finished
from feedback_alignment.experiments.align_then_memorise_parts import KEPT, select
from feedback_alignment.experiments.align_then_memorise_settings import as_in_fig7
from feedback_alignment.experiments.deep_ensembles import ensemble, network
from feedback_alignment.experiments.degeneracy_breaking_settings import as_in_the_paper
from feedback_alignment.networks import data
from feedback_alignment.networks.label_noise import noisy_labels
from feedback_alignment.networks.training import batches
from feedback_alignment.networks.weight_alignment import strongly_aligned

SETTINGS = align_then_memorise.SETTINGS
SMOKE, QUICK, PAPER = SETTINGS["smoke"], SETTINGS["quick"], SETTINGS["paper"]


@pytest.fixture(scope="module")
def dataset(smoke_run):
    return smoke_run("07_align_then_memorise")


# ---- settings --------------------


def test_the_paper_profile_has_the_papers_recipe():
    """SM E.2, Figs 6, 7 and 11; members share one F."""
    places = [(each.images, each.activation, each.label_noise) for each in PAPER.noisy]
    assert set(places) == {
        (i, a, p) for i in ("mnist", "cifar10") for a in ("relu", "tanh") for p in (0.0, 0.1, 0.5, 0.9)
    }
    assert len(places) == 16
    for each in PAPER.noisy:
        assert (each.rule, each.side, each.hidden, set(each.feedback_seeds)) == ("DFA", 14, (100,) * 3, {0})
        epochs = 3000 if each == PAPER.layerwise else 183 if each.label_noise else 1000
        schedule = each.schedule
        assert (schedule.epochs, schedule.batch, schedule.learning_rate) == (epochs, 32, 1e-4)
        assert schedule.reduction == "sum"
        whole = PAPER.noisy[0].schedule.observe_at
        assert len(whole) == 40
        assert schedule.observe_at[:40] == tuple(time for time in whole if time <= epochs)
    seven = PAPER.layerwise
    assert (seven.images, seven.activation, seven.label_noise) == ("cifar10", "relu", 0.1)
    assert seven in PAPER.noisy
    assert PAPER.reduced == ("3 of 10 seeds", "Fig. 11's networks with label noise: 183 of 1000 epochs")
    assert align_then_memorise.MEMBERS_IN_PAPER == 10


def test_what_chapter_06_has_trained_is_not_trained_again():
    other = {str(each.identity) for each in degeneracy_breaking.SETTINGS["paper"].fig5}
    shared = [each for each in PAPER.ensembles if str(each.identity) in other]
    assert len(shared) == 8
    assert list(PAPER.ensembles[:8]) == shared
    assert PAPER.ensembles[8] == PAPER.layerwise


@pytest.mark.parametrize("settings", [SMOKE, QUICK, PAPER], ids=lambda each: each.profile)
def test_each_ensemble_is_trained_once(settings):
    assert len({str(each.identity) for each in settings.ensembles}) == len(settings.ensembles)
    assert {*settings.noisy, *settings.own, settings.layerwise} == set(settings.ensembles)
    assert all(len(set(each.feedback_seeds)) == len(each.seeds) for each in settings.own)


def test_fig7s_networks_are_fig11s_until_these_end():
    """Equal but for the schedule's end and its looks, which do not touch training: the learning rate is constant."""
    seven = as_in_fig7((0, 1))
    eleven = as_in_the_paper("cifar10", "relu", "DFA", (0, 1), 0.1)
    assert dataclasses.replace(seven, schedule=eleven.schedule) == eleven
    assert seven.schedule.observe_at[:40] == eleven.schedule.observe_at
    long = SMOKE.layerwise
    short = dataclasses.replace(long, schedule=dataclasses.replace(long.schedule, epochs=2, observe_at=(0, 1, 2)))
    until, ended = ensemble(long).sel(epoch=slice(None, 2)), ensemble(short)
    for name in KEPT:
        np.testing.assert_array_equal(until[name], ended[name])


# ---- what is measured --------------------


def test_alignments_are_those_of_a_literal_loop(dataset):
    """Train the networks by layer of the smoke profile sample by sample, and write Eqs 18 and 19 out."""
    one = SMOKE.layerwise
    images = data.standardise(data.load("digits"), per_channel=False)
    made, x = network(one, 64, 10), images.flat[0].astype(float)
    labels = noisy_labels(images.train_labels, one.label_noise, 10, one.seeds)
    part = select(dataset, "layerwise").isel(epoch=-1, member=1).sel(sampled="probe")
    W, F = [w[1].numpy().copy() for w in made.weights], [f[1].numpy() for f in made.feedback]
    y = np.eye(10)[labels[1]]

    def forward(x):
        h = [x.T]
        for W_l in W[:-1]:
            h.append(np.tanh(W_l @ h[-1]))
        p = np.exp(W[-1] @ h[-1])
        return h, p / p.sum(0)

    for epoch in range(4):
        for chosen in batches(one.seeds, epoch, len(x), 32)[1]:
            h, p = forward(x[chosen])
            e = p - y[chosen].T
            deltas = [(F_l @ e) * (1 - h_l**2) for F_l, h_l in zip(F, h[1:], strict=True)]
            for W_l, delta, below in zip(W, [*deltas, e], h, strict=True):
                W_l -= one.schedule.learning_rate * delta @ below.T

    def cosine(a, b):
        return float(np.vdot(a, b) / np.linalg.norm(a) / np.linalg.norm(b))

    wanted = [F[1] @ F[0].T, F[2] @ F[1].T, F[2].T]
    layers = [cosine(V, W_l) for V, W_l in zip(wanted, W[1:], strict=True)]
    np.testing.assert_allclose(part.layer_weight_alignment, layers, rtol=1e-8)
    reached = np.concatenate([W_l.ravel() for W_l in W[1:]])
    np.testing.assert_allclose(
        part.weight_alignment, cosine(np.concatenate([V.ravel() for V in wanted]), reached), rtol=1e-8
    )
    unscaled = np.concatenate([16 * wanted[0].ravel(), 16 * wanted[1].ravel(), 4 * wanted[2].ravel()])
    np.testing.assert_allclose(part.weight_alignment_unscaled, cosine(unscaled, reached), rtol=1e-8)

    h, p = forward(x[: one.probe_samples])
    e = p - y[: one.probe_samples].T
    true = [(W[3].T @ e) * (1 - h[3] ** 2)]
    for level in (2, 1):
        true.insert(0, (W[level].T @ true[0]) * (1 - h[level] ** 2))
    ours = [(F_l @ e) * (1 - h_l**2) for F_l, h_l in zip(F, h[1:], strict=True)]
    for level in range(3):
        each = [cosine(ours[level][:, s], true[level][:, s]) for s in range(one.probe_samples)]
        np.testing.assert_allclose(part.layer_gradient_alignment[level], np.mean(each), rtol=1e-8)
    together = np.concatenate(ours), np.concatenate(true)
    each = [cosine(together[0][:, s], together[1][:, s]) for s in range(one.probe_samples)]
    np.testing.assert_allclose(part.gradient_alignment, np.mean(each), rtol=1e-8)


@pytest.mark.parametrize("scale", [0.0, 0.5])
def test_how_much_the_last_layer_counts(scale):
    """E ‖V_l‖² = n_L/9 between hidden layers and n_L/3 at the end, with F as used: 2.2 to 3.3 for 100 units.

    Unscaled, each F_l times √n_l: 67 to 1. Over 400 draws of F the mean's relative standard error is under 0.5 %.
    """
    one = as_in_the_paper("mnist", "relu", "DFA, own F", tuple(range(400)))
    feedback = [F.double() * 100**scale for F in network(one, 1, 10).feedback]
    two, three, last = (V.square().sum(-1).mean().item() for V in strongly_aligned(feedback))
    expected = (20 / 9, 10 / 3) if scale == 0 else (2 * 100 * 100 * 10 / 9, 100 * 10 / 3)
    np.testing.assert_allclose((two + three, last), expected, rtol=0.015)
    if scale:
        assert round((two + three) / last) == 67


# ---- the dataset --------------------


def test_the_dataset_has_named_axes(dataset):
    assert dict(dataset.sizes) == {
        "images": 1,
        "activation": 2,
        "label_noise": 2,
        "epoch": 4,
        "layerwise_epoch": 4,
        "own_epoch": 4,
        "member": 3,
        "pair": 3,
        "upper_layer": 3,
        "hidden_layer": 3,
        "sampled": 2,
    }
    assert set(dataset.data_vars) == {f"{part}{name}" for part in ("", "layerwise_", "own_") for name in KEPT}
    for values in dataset.data_vars.values():
        assert values.units == "1"
        assert values.long_name


def test_each_ensemble_is_in_its_place(dataset):
    for each in SMOKE.noisy:
        place = dataset.sel(images="digits", activation=each.activation, label_noise=each.label_noise)
        np.testing.assert_array_equal(place.layer_weight_alignment, ensemble(each).layer_weight_alignment)
    part = select(dataset, "own").sel(images="digits", activation="tanh")
    np.testing.assert_array_equal(part.gradient_alignment, ensemble(SMOKE.own[1]).gradient_alignment)
    part = select(dataset, "layerwise")
    np.testing.assert_array_equal(part.similarity, ensemble(SMOKE.layerwise).similarity)


def test_the_provenance_is_that_of_the_chapter(dataset):
    record = store.provenance(dataset)
    assert record["chapter"] == "07_align_then_memorise"
    assert record["settings"] == provenance.settings_as_data(SMOKE)
    assert len(record["parts"]) == len(SMOKE.ensembles)
    assert record["reduced"] == []
    assert "missing" not in record


def test_a_device_that_is_absent_is_an_error():
    with pytest.raises(ValueError, match="device 'cuda:99' cannot be used here"):
        align_then_memorise.run(SMOKE, device="cuda:99")


# ---- pieces --------------------


def paper_of_smoke(monkeypatch):
    """Make all ensembles of the paper profile small ones; those by layer go on when the others have ended."""
    long = dataclasses.replace(
        SMOKE.layerwise, schedule=dataclasses.replace(SMOKE.layerwise.schedule, epochs=6, observe_at=(0, 1, 2, 4, 6))
    )
    noisy = tuple(long if each == SMOKE.layerwise else each for each in SMOKE.noisy)
    paper = dataclasses.replace(SMOKE, profile="paper", noisy=noisy, layerwise=long, reduced=("3 of 10 seeds",))
    monkeypatch.setitem(SETTINGS, "paper", paper)
    return paper


def finish(chosen, folder):
    with Monitor(folder / "checkpoints" / "07", {}, results=folder) as monitor:
        for each in chosen:
            ensemble(each, progress=monitor)


def test_what_chapter_06_leaves_is_shown_and_the_rest_is_named(tmp_path, monkeypatch):
    paper = paper_of_smoke(monkeypatch)
    finish([paper.noisy[0]], tmp_path)
    found = store.read(finished.store_finished("07", tmp_path))
    assert store.provenance(found)["reduced"] == [
        "3 of 10 seeds",
        "1 of 2 ensembles of Fig. 6 not there yet (digits tanh DFA)",
        "1 of 1 ensembles of Fig. 7 not there yet",
        "2 of 2 ensembles of Fig. 11 with label noise not there yet",
        "2 of 2 ensembles with a feedback for each member not there yet",
    ]
    assert {claim.key.rpartition("-digits")[2] for claim in align_then_memorise.claims(found)} == {"-relu"}
    assert list(align_then_memorise.figures(found)) == ["overall", "noise-tanh", "noise-relu"]
    for figure in align_then_memorise.figures(found).values():
        assert Picture(figure, dpi=40)._repr_png_().startswith(b"\x89PNG")


def test_fig7s_networks_alone_are_shown_as_far_as_each_figure_goes(tmp_path, monkeypatch):
    paper = paper_of_smoke(monkeypatch)
    finish([paper.layerwise], tmp_path)
    found = store.read(finished.store_finished("07", tmp_path))
    assert found.layerwise_epoch.values.tolist() == [0, 1, 2, 4, 6]
    assert found.epoch.values.tolist() == [0, 1, 2, 4]
    both = found.weight_alignment.sel(images="digits", activation="tanh", label_noise=0.5)
    np.testing.assert_array_equal(both, found.layerwise_weight_alignment.sel(layerwise_epoch=[0, 1, 2, 4]))
    assert {claim.key[:9] for claim in align_then_memorise.claims(found)} == {"07-layer-"}
    assert {"layers", "conventions"} <= set(align_then_memorise.figures(found))


def test_the_chapter_is_an_experiment_in_pieces():
    assert isinstance(align_then_memorise, experiments.Experiment)
    assert isinstance(align_then_memorise, finished.InPieces)


# ---- claims --------------------


def on_images(dataset, noisy=("mnist", "cifar10"), layerwise="cifar10"):
    """Return the dataset as if it were of the paper's images."""
    record = store.provenance(dataset)
    settings = record["settings"] | {
        "layerwise": record["settings"]["layerwise"] | {"images": layerwise},
        "noisy": [each | {"images": name} for name in noisy for each in record["settings"]["noisy"]],
    }
    made = dataset.isel(images=[0] * len(noisy)).assign_coords(images=list(noisy))
    return with_record(made, settings=settings, profile="paper")


@pytest.fixture
def agreeing(dataset):
    """A paper-scale dataset, made up, in which all that is claimed is so, clearly but not without scatter."""
    made = on_images(dataset.copy(deep=True))
    made = made.assign_coords(layerwise_epoch=[0.0, 1000.0, 2000.0, 3000.0])
    scatter = np.array([-0.001, 0, 0.001])
    for name, values in made.data_vars.items():
        axis = "pair" if "pair" in values.dims else "member"
        shape = [3 if dim == axis else 1 for dim in values.dims]
        made[name] = values.dims, np.broadcast_to(scatter.reshape(shape), values.shape).copy()
    for name in ("weight_alignment", "weight_alignment_unscaled"):
        add(name, 0.6, epoch=1)(made)
        add(name, 0.5, epoch=2)(made)
        add(name, 0.4, epoch=4)(made)
        for images, fall, noisy in (("mnist", 0.05, 0.1), ("cifar10", 0.2, 0.1)):
            add(name, -fall, epoch=4, images=images)(made)
            add(name, -noisy, epoch=4, images=images, label_noise=0.5)(made)
        add(f"own_{name}", 0.35, own_epoch=4, images="mnist")(made)
        add(f"own_{name}", 0.2, own_epoch=4, images="cifar10")(made)
    for name in ("gradient_alignment", "gradient_alignment_without_last", "update_alignment"):
        add(name, 0.7, epoch=4)(made)
        add(f"own_{name}", 0.7, own_epoch=4)(made)
    for epoch, values in ((1000, (0.6, 0.2, 0.1)), (2000, (0.4, 0.5, 0.3)), (3000, (0.2, 0.3, 0.7))):
        for layer, value in zip((2, 3, 4), values, strict=True):
            add("layerwise_layer_weight_alignment", value, layerwise_epoch=epoch, upper_layer=layer)(made)
    add("layerwise_layer_gradient_alignment", 0.5, layerwise_epoch=3000)(made)
    return made


WRONG = {}
for _images in ("mnist", "cifar10"):
    for _act in ("relu", "tanh"):
        _where, _key = {"images": _images, "activation": _act}, f"{_images}-{_act}"
        WRONG |= {
            f"07-order-one-{_key}": ("weight_alignment", -0.5, _where),
            f"07-fall-{_key}": ("weight_alignment", 0.5, _where | {"epoch": 4}),
            f"07-fall-unscaled-{_key}": ("weight_alignment_unscaled", 0.5, _where | {"epoch": 4}),
            f"07-rise-{_key}": ("gradient_alignment", -0.8, _where | {"epoch": 4, "label_noise": 0}),
            f"07-rise-without-last-{_key}": ("gradient_alignment_without_last", -0.8, _where | {"epoch": 4}),
            f"07-rise-update-{_key}": ("update_alignment", -0.8, _where | {"epoch": 4}),
            f"07-noise-{_key}-0.5": ("weight_alignment", 0.3, _where | {"epoch": 4, "label_noise": 0.5}),
            f"07-noise-unscaled-{_key}-0.5": (
                "weight_alignment_unscaled",
                0.3,
                _where | {"epoch": 4, "label_noise": 0.5},
            ),
            f"07-transition-{_key}-0.5": (
                "weight_alignment_unscaled",
                0.3,
                _where | {"epoch": 2, "label_noise": 0.5},
            ),
            f"07-own-weight-{_key}": ("own_weight_alignment", 0.2, _where | {"own_epoch": 4}),
            f"07-own-gradient-{_key}": ("own_gradient_alignment", 0.2, _where | {"own_epoch": 4}),
        }
for _act in ("relu", "tanh"):
    for _kind, _name in (("", "weight_alignment"), ("unscaled-", "weight_alignment_unscaled")):
        WRONG[f"07-harder-{_kind}{_act}"] = (_name, -0.18, {"images": "mnist", "activation": _act, "epoch": 4})
_WEIGHTS, _GRADIENTS = "layerwise_layer_weight_alignment", "layerwise_layer_gradient_alignment"
WRONG |= {
    "07-layer-fall-2": (_WEIGHTS, 0.395, {"upper_layer": 2, "layerwise_epoch": 3000}),
    "07-layer-fall-3": (_WEIGHTS, 0.195, {"upper_layer": 3, "layerwise_epoch": 3000}),
    "07-layer-fall-4": (_WEIGHTS, 0.8, {"upper_layer": 4, "layerwise_epoch": 2000}),
    "07-layer-order": (_WEIGHTS, 2, {"upper_layer": 2, "layerwise_epoch": 3000}),
    "07-layer-time-2": (_WEIGHTS, 1, {"upper_layer": 2, "layerwise_epoch": 2000}),
    "07-layer-time-3": (_WEIGHTS, 1, {"upper_layer": 3, "layerwise_epoch": 1000}),
}
for _layer in (1, 2, 3):
    WRONG[f"07-layer-rise-{_layer}"] = (_GRADIENTS, -0.6, {"hidden_layer": _layer, "layerwise_epoch": 3000})


def test_all_claims_agree_where_they_are_right(agreeing):
    assert {key for key, verdict in verdicts(align_then_memorise, agreeing).items() if verdict != "agrees"} == set()


def test_every_claim_has_a_wrong_input(agreeing):
    keys = [claim.key for claim in align_then_memorise.claims(agreeing)]
    assert len(set(keys)) == len(keys)
    assert set(keys) == set(WRONG)


@pytest.mark.parametrize("key", WRONG)
def test_a_wrong_input_turns_its_claim(agreeing, key):
    name, amount, where = WRONG[key]
    add(name, amount, **where)(agreeing)
    assert verdicts(align_then_memorise, agreeing)[key] == "disagrees"


@pytest.mark.parametrize("profile", ["smoke", "quick"])
def test_small_runs_decide_nothing(agreeing, profile):
    assert set(verdicts(align_then_memorise, with_record(agreeing, profile=profile)).values()) == {"reduced"}


def test_the_papers_epochs_are_asked_of_cifar_only(dataset):
    assert not [key for key in verdicts(align_then_memorise, dataset) if "layer-time" in key]


def test_a_curve_that_rises_to_the_end_has_no_transition(agreeing):
    add("weight_alignment_unscaled", 0.5, images="mnist", activation="relu", epoch=4, label_noise=0)(agreeing)
    absent = set(WRONG) - set(verdicts(align_then_memorise, agreeing))
    assert absent == {"07-transition-mnist-relu-0.5"}


def test_networks_with_noise_that_end_earlier_are_compared_where_they_end(agreeing):
    made = agreeing.copy(deep=True)
    for name, values in made.data_vars.items():
        if {"epoch", "label_noise"} <= set(values.dims):
            made[name].loc[{"epoch": 4, "label_noise": 0.5}] = np.nan
    made.weight_alignment.loc[{"epoch": 2, "label_noise": 0.5}] -= 0.125
    record = store.provenance(made)
    for each in record["settings"]["noisy"]:
        if each["label_noise"]:
            each["schedule"]["epochs"] = 2
    made = with_record(made, settings=record["settings"])
    found = {claim.key: claim for claim in align_then_memorise.claims(made)}
    assert found["07-noise-cifar10-relu-0.5"].measured.value == pytest.approx(0.125)
    assert "07-transition-cifar10-relu-0.5" in found
    for name in ("noise-tanh", "noise-relu"):
        axes = align_then_memorise.figures(made)[name].axes
        lengths = {len(line.get_xdata()) for line in axes[0].lines}
        assert lengths == {3, 4}


def test_an_ensemble_that_diverged_makes_no_claim(agreeing):
    agreeing["weight_alignment"].loc[{"images": "mnist", "activation": "relu", "member": 1}] = np.nan
    assert not [
        key for key in verdicts(align_then_memorise, agreeing) if "mnist-relu" in key or key.endswith("harder-relu")
    ]


# ---- figures --------------------

LABELS = {"overall": 4, "layers": 2, "noise-tanh": 5, "noise-relu": 5, "conventions": 2, "feedbacks": 2}
"""Figure -> rows of panels."""


@pytest.mark.parametrize("columns", [1, 2])
def test_figures_have_labelled_axes(dataset, columns):
    figures = align_then_memorise.figures(*[dataset] * columns)
    assert list(figures) == list(LABELS)
    for name, rows in LABELS.items():
        assert isinstance(figures[name], Figure)
        axes = figures[name].axes
        assert len(axes) == rows * columns
        labels = [ax.get_ylabel() for ax in axes[::columns]]
        assert len(set(labels)) == rows
        assert all(labels)
        assert all(ax.get_title().startswith("smoke run: 3 seeds") for ax in axes[:columns])
        assert all(ax.lines for ax in axes)
        assert axes[0].get_legend() is not None
        assert columns == 1 or Picture(figures[name], dpi=40)._repr_png_().startswith(b"\x89PNG")


def test_images_without_noisy_networks_get_no_panels_of_noise(dataset):
    both = dataset.isel(images=[0, 0]).assign_coords(images=["mnist", "cifar10"]).copy(deep=True)
    both["train_error"].loc[{"images": "mnist", "label_noise": 0.5}] = np.nan
    axes = align_then_memorise.figures(dataset, both)["noise-relu"].axes
    assert [ax.get_title().splitlines()[-1] for ax in axes[:2]] == ["digits", "CIFAR-10"]
    assert len(axes) == 2 * LABELS["noise-relu"]


def drawn(ax):
    return {line.get_label(): np.asarray(line.get_ydata()) for line in ax.lines}


def test_the_figures_show_the_datasets_numbers(dataset):
    figures = align_then_memorise.figures(dataset)
    probe = dataset.sel(images="digits", sampled="probe")
    tanh = probe.sel(activation="tanh")
    curve = drawn(figures["overall"].axes[3])["tanh"]
    np.testing.assert_allclose(curve, tanh.gradient_alignment.sel(label_noise=0).mean("member"), atol=1e-12)
    curve = drawn(figures["layers"].axes[0])["layer 3"]
    expected = dataset.layerwise_layer_weight_alignment.sel(upper_layer=3).mean("member")
    np.testing.assert_allclose(curve, expected, atol=1e-12)
    assert "tanh, 50% noise" in figures["layers"].axes[0].get_title()
    curve = drawn(figures["noise-relu"].axes[4])["50% noise"]
    expected = probe.similarity.sel(activation="relu", label_noise=0.5).mean("pair")
    np.testing.assert_allclose(curve, expected, atol=1e-12)
    curve = drawn(figures["conventions"].axes[1])["the same, current batch"]
    expected = dataset.layerwise_gradient_alignment_without_last.sel(sampled="current batch").mean("member")
    np.testing.assert_allclose(curve, expected, atol=1e-12)
    curve = drawn(figures["feedbacks"].axes[0])["tanh, an F each"]
    expected = dataset.own_weight_alignment.sel(images="digits", activation="tanh").mean("member")
    np.testing.assert_allclose(curve, expected, atol=1e-12)
