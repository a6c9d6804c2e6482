import dataclasses

import numpy as np
import pytest
import torch
import xarray as xr
from made_up_data import add, verdicts, with_record
from matplotlib.figure import Figure

from feedback_alignment import experiments, streams
from feedback_alignment.companion import provenance, store
from feedback_alignment.companion.monitor import Monitor
from feedback_alignment.companion.pictures import Picture
from feedback_alignment.experiments import finished, label_noise
from feedback_alignment.experiments.deep_ensembles import EnsembleSettings, ensemble, network
from feedback_alignment.experiments.label_noise_observations import MEASURED
from feedback_alignment.experiments.label_noise_settings import variant
from feedback_alignment.experiments.onsets import onset_epoch
from feedback_alignment.networks import DFA, Schedule, data, train
from feedback_alignment.networks.label_noise import noisy_labels, shuffle_labels, softened_targets

SETTINGS = label_noise.SETTINGS
SMOKE, QUICK, PAPER = SETTINGS["smoke"], SETTINGS["quick"], SETTINGS["paper"]
PROFILES = pytest.mark.parametrize("settings", [SMOKE, QUICK, PAPER], ids=lambda each: each.profile)


@pytest.fixture(scope="module")
def dataset(smoke_run):
    return smoke_run("08_label_noise")


@pytest.fixture(scope="module")
def images():
    return data.standardise(data.load("digits"), per_channel=False)


# ---- settings --------------------


def test_the_paper_profile_has_the_papers_recipe():
    """Fig. 9, with the share 1 added; three matrices of weights; members share one F."""
    assert [each.label_noise for each in PAPER.noisy] == [0.0, 0.1, 0.2, 0.5, 0.9, 1.0]
    for each in PAPER.ensembles:
        assert (each.images, each.side, each.hidden, each.activation) == ("cifar10", 14, (100, 100), "relu")
        assert (each.rule, set(each.feedback_seeds), each.seeds) == ("DFA", {0}, (0, 1, 2, 3, 4))
        schedule = each.schedule
        assert (schedule.batch, schedule.learning_rate, schedule.reduction) == (32, 1e-4, "sum")
    assert PAPER.levels == (0.02, 0.05, 0.1)
    assert PAPER.reduced == ("5 of 10 seeds",)
    assert label_noise.MEMBERS_IN_PAPER == 10


@PROFILES
def test_each_ensemble_is_trained_once_and_has_a_place_of_its_own(settings):
    assert len({str(each.identity) for each in settings.ensembles}) == len(settings.ensembles)
    assert len({each.name for each in settings.ensembles}) == len(settings.ensembles)
    places = {(variant(each), each.label_noise) for each in settings.ensembles}
    assert len(places) == len(settings.ensembles)
    assert {("shuffled", 0.9), ("softened", 0.9), ("silent start", 0.0), ("silent start", 0.9)} < places


@PROFILES
def test_levels_are_multiples_of_a_random_layers_cosine(settings):
    (width, same) = settings.noisy[0].hidden
    assert width == same
    np.testing.assert_allclose(np.array(settings.levels) * width, [2, 5, 10], rtol=1e-12)


# ---- what is trained and measured --------------------


def test_plain_noise_is_that_of_other_chapters(dataset):
    """The same networks as plain ensembles; what both measure agrees."""
    fields = {field.name: getattr(SMOKE.noisy[1], field.name) for field in dataclasses.fields(EnsembleSettings)}
    plain = ensemble(EnsembleSettings(**fields)).sel(sampled="probe")
    one = dataset.sel(variant="drawn", label_noise=0.9)
    for name in ("train_error", "test_error", "weight_alignment", "weight_alignment_unscaled", "gradient_alignment"):
        np.testing.assert_allclose(one[name], plain[name], rtol=1e-9, atol=1e-12)
    for name in ("layer_weight_alignment", "layer_gradient_alignment"):
        np.testing.assert_allclose(one[name], plain[name], rtol=1e-9)
    np.testing.assert_allclose(one.sample_spread, plain.probability_spread, rtol=1e-6)


def trained_here(settings, images, targets):
    """Train the ensemble's networks on `targets` and return its weights at the end."""
    made = network(settings, 64, 10)
    x = torch.from_numpy(images.flat[0]).double()
    train(made, DFA(), x, targets, settings.schedule, lambda trained, step: {})
    return made


def test_shuffled_labels_are_taught_and_missed(dataset, images):
    settings = SMOKE.controls[0]
    generators = [streams.generator(seed, "label noise") for seed in settings.seeds]
    labels = np.stack([shuffle_labels(images.train_labels, 0.9, 10, each) for each in generators])
    made = trained_here(settings, images, torch.from_numpy(labels))
    answers = made.outputs(torch.from_numpy(images.flat[0]).double()).argmax(-1).numpy()
    there = dataset.sel(variant="shuffled", label_noise=0.9).isel(epoch=-1)
    np.testing.assert_allclose(there.train_error, (answers != labels).mean(1), atol=1e-15)


def test_softened_targets_are_taught_and_labels_drawn_are_missed(dataset, images):
    settings = SMOKE.controls[1]
    made = trained_here(settings, images, torch.from_numpy(softened_targets(images.train_labels, 0.9, 10)))
    answers = made.outputs(torch.from_numpy(images.flat[0]).double()).argmax(-1).numpy()
    there = dataset.sel(variant="softened", label_noise=0.9).isel(epoch=-1)
    labels = noisy_labels(images.train_labels, 0.9, 10, settings.seeds)
    np.testing.assert_allclose(there.train_error, (answers != labels).mean(1), atol=1e-15)


def test_a_silent_start_predicts_equal_probabilities_and_is_otherwise_the_same(dataset):
    silent = dataset.sel(variant="silent start", label_noise=0)
    drawn = dataset.sel(variant="drawn", label_noise=0)
    np.testing.assert_allclose(silent.class_spread.isel(epoch=0), 0, atol=1e-9)
    assert (drawn.class_spread.isel(epoch=0) > 1e-3).all()
    second = {"upper_layer": 0, "epoch": 0}
    np.testing.assert_array_equal(silent.layer_weight_alignment[second], drawn.layer_weight_alignment[second])


# ---- the dataset --------------------


def test_the_dataset_has_named_axes(dataset):
    sizes = {"variant": 4, "label_noise": 3, "epoch": 5, "member": 3, "upper_layer": 2, "hidden_layer": 2}
    assert dict(dataset.sizes) == sizes
    assert dataset.variant.values.tolist() == ["drawn", "shuffled", "softened", "silent start"]
    assert set(dataset.data_vars) == set(MEASURED)
    for values in dataset.data_vars.values():
        assert values.units == "1"
        assert values.long_name


def test_each_ensemble_is_in_its_place_and_others_are_nan(dataset):
    for each in SMOKE.ensembles:
        place = dataset.sel(variant=variant(each), label_noise=each.label_noise)
        np.testing.assert_array_equal(place.layer_weight_alignment, ensemble(each).layer_weight_alignment)
    assert dataset.weight_alignment.sel(variant="softened", label_noise=0).isnull().all()


def test_the_provenance_is_that_of_the_chapter(dataset):
    record = store.provenance(dataset)
    assert record["chapter"] == "08_label_noise"
    assert record["settings"] == provenance.settings_as_data(SMOKE)
    assert len(record["parts"]) == len(SMOKE.ensembles)
    assert record["reduced"] == []
    assert "missing" not in record


def test_a_device_that_is_absent_is_an_error():
    with pytest.raises(ValueError, match="device 'cuda:99' cannot be used here"):
        label_noise.run(SMOKE, device="cuda:99")


def test_what_is_finished_is_shown_and_the_rest_is_named(tmp_path, monkeypatch):
    paper = dataclasses.replace(SMOKE, profile="paper", reduced=("5 of 10 seeds",))
    monkeypatch.setitem(SETTINGS, "paper", paper)
    with Monitor(tmp_path / "checkpoints" / "08", {}, results=tmp_path) as monitor:
        for each in (paper.noisy[0], paper.noisy[1]):
            ensemble(each, progress=monitor)
    found = store.read(finished.store_finished("08", tmp_path))
    assert store.provenance(found)["reduced"] == [
        "5 of 10 seeds",
        "1 of 3 ensembles of Fig. 9 and of noise alone not there yet (early digits relu DFA noise 1)",
        "4 of 4 ensembles beside them not there yet",
    ]
    keys = {claim.key for claim in label_noise.claims(found)}
    assert not [key for key in keys if key.endswith("-1") or "silent" in key or "softened" in key or "alone" in key]
    assert list(label_noise.figures(found)) == list(PANELS)


def test_the_chapter_is_an_experiment_in_pieces():
    assert isinstance(label_noise, experiments.Experiment)
    assert isinstance(label_noise, finished.InPieces)


# ---- claims --------------------

NOISES = (0.0, 0.5, 0.9, 1.0)
SIGNALS = {0.0: 1.0, 0.5: 0.5, 0.9: 0.1, 1.0: 0.05}
EPOCHS = np.array([0, *np.geomspace(0.1, 300, 60)])


@pytest.fixture
def agreeing(dataset):
    """A paper-scale dataset, made up, in which all that is claimed is so, clearly but not without scatter."""
    made = dataset.isel(label_noise=[0, 1, 1, 2], epoch=[0] * len(EPOCHS)).copy(deep=True)
    made = made.assign_coords(label_noise=list(NOISES), epoch=EPOCHS)
    settings = store.provenance(dataset)["settings"] | {"levels": [0.02, 0.05, 0.1]}
    scatter = {"member": [-0.001, 0, 0.001]}
    for name, values in made.data_vars.items():
        shape = [3 if dim == "member" else 1 for dim in values.dims]
        made[name] = values.dims, np.broadcast_to(np.reshape(scatter["member"], shape), values.shape).copy()
    made["error_conditioning"] += 0.99
    made["class_spread"] += 0.005
    for noise, share in SIGNALS.items():
        for place in made.variant.values:
            where = {"variant": place, "label_noise": noise}
            rise = rising(share if place != "softened" else 0.5 * share)
            for name in ("weight_alignment", "gradient_alignment", "layer_weight_alignment"):
                add(name, rise, **where)(made)
            add("signal", share, **where)(made)
    return with_record(made, settings=settings, profile="paper")


def rising(share):
    """Return a curve that reaches any level after a time in proportion to 1/share."""
    return xr.DataArray(0.5 * np.tanh((EPOCHS * share) ** 2 / 10), dims="epoch")


def earlier(noise, factor, **where):
    """Return a wrong input: alignment as if time went `factor` times as fast as the signal of a share of noise says."""
    share = SIGNALS[noise]
    return rising(share * factor) - rising(share), {"variant": "drawn", "label_noise": noise} | where


WRONG = {}
for _less, _more in ((0.0, 0.5), (0.5, 0.9)):
    for _words, _name in (("weight", "weight_alignment"), ("gradient", "gradient_alignment")):
        WRONG[f"08-later-{_words}-{_more:g}"] = (_name, *earlier(_more, 1.5 * SIGNALS[_less] / SIGNALS[_more]))
for _level in (0, 2):
    WRONG[f"08-level-{_level}"] = ("weight_alignment", *earlier(0.9, 20))
_DRAWN = {"variant": "drawn", "label_noise": 0.9}
WRONG |= {
    "08-equal": ("class_spread", 0.1, _DRAWN),
    "08-conditioned": ("error_conditioning", -0.2, _DRAWN),
    "08-noise-alone": ("weight_alignment", *earlier(1.0, 0.0)),
    "08-shuffled": ("weight_alignment", *earlier(0.9, 0.2, variant="shuffled")),
    "08-softened": ("weight_alignment", rising(0.2) - rising(0.05), _DRAWN | {"variant": "softened"}),
    "08-silent-0": ("layer_weight_alignment", *earlier(0.0, 0.5, variant="silent start")),
    "08-silent-0.9": ("layer_weight_alignment", *earlier(0.9, 0.5, variant="silent start")),
}
for _noise in (0.5, 0.9, 1.0):
    WRONG[f"08-foretold-{_noise:g}"] = ("weight_alignment", *earlier(_noise, 2))
    WRONG[f"08-clock-{_noise:g}"] = ("weight_alignment", *earlier(_noise, 2))
    if _noise < 1:
        WRONG[f"08-slowed-{_noise:g}"] = ("weight_alignment", *earlier(_noise, 2))


def test_all_claims_agree_where_they_are_right(agreeing):
    assert {key: verdict for key, verdict in verdicts(label_noise, agreeing).items() if verdict != "agrees"} == {}


def test_every_claim_has_a_wrong_input(agreeing):
    keys = [claim.key for claim in label_noise.claims(agreeing)]
    assert len(set(keys)) == len(keys)
    assert set(keys) == set(WRONG)


@pytest.mark.parametrize("key", WRONG)
def test_a_wrong_input_turns_its_claim(agreeing, key):
    name, amount, where = WRONG[key]
    add(name, amount, **where)(agreeing)
    assert verdicts(label_noise, agreeing)[key] == "disagrees"


@pytest.mark.parametrize("profile", ["smoke", "quick"])
def test_small_runs_decide_nothing(agreeing, profile):
    assert set(verdicts(label_noise, with_record(agreeing, profile=profile)).values()) == {"reduced"}


def test_an_onset_that_a_member_does_not_reach_makes_no_claim(agreeing):
    agreeing["weight_alignment"].loc[{"variant": "drawn", "label_noise": 0.5, "member": 1}] = 0.0
    absent = set(WRONG) - set(verdicts(label_noise, agreeing))
    assert absent == {f"08-{key}-0.5" for key in ("later-weight", "slowed", "foretold", "clock")} | {
        "08-later-weight-0.9"
    }


# ---- figures --------------------

PANELS = {"curves": 3, "onsets": 1, "predictions": 4, "rescaled": 2, "controls": 2}
"""Figure -> rows of panels."""


def test_figures_have_labelled_axes(dataset):
    columns = 2
    figures = label_noise.figures(dataset, dataset)
    assert {name: len(figure.axes) for name, figure in figures.items()} == {
        name: rows * columns for name, rows in PANELS.items()
    }
    for figure in figures.values():
        assert isinstance(figure, Figure)
        axes = figure.axes
        assert all(ax.get_ylabel() for ax in axes[::columns])
        assert all(ax.get_xlabel() for ax in axes)
        assert all(ax.get_title().startswith("smoke run: 3 seeds") for ax in axes[:columns])
        assert all(ax.lines for ax in axes)
        assert axes[0].get_legend() is not None
        assert Picture(figure, dpi=40)._repr_png_().startswith(b"\x89PNG")


def drawn(ax):
    return {line.get_label(): line for line in ax.lines}


def test_the_figures_show_the_datasets_numbers(agreeing):
    figures = label_noise.figures(agreeing)
    noisy = agreeing.sel(variant="drawn", label_noise=0.9)
    curve = drawn(figures["curves"].axes[1])["90% noise"]
    np.testing.assert_allclose(curve.get_ydata(), noisy.weight_alignment.mean("member"), atol=1e-12)
    curve = drawn(figures["predictions"].axes[2])["90% noise"]
    np.testing.assert_allclose(curve.get_ydata(), noisy.error_conditioning.mean("member"), atol=1e-12)
    curve = drawn(figures["rescaled"].axes[0])["90% noise"]
    np.testing.assert_allclose(curve.get_xdata(), 0.1 * EPOCHS, rtol=1e-9)
    curve = drawn(figures["controls"].axes[1])["90%, silent start"]
    silent = agreeing.sel(variant="silent start", label_noise=0.9, upper_layer=2).layer_weight_alignment
    np.testing.assert_allclose(curve.get_ydata(), silent.mean("member"), atol=1e-12)
    points = figures["onsets"].axes[0].containers[1].lines[0]
    expected = onset_epoch(agreeing.weight_alignment, 0.05).sel(variant="drawn").mean("member")
    np.testing.assert_allclose(points.get_ydata(), expected, rtol=1e-12)


# ---- bad input --------------------


def test_noise_outside_zero_to_one_is_refused():
    wrong = dataclasses.replace(SMOKE.noisy[1], label_noise=1.5, schedule=Schedule(0, 32, 0.004, "sum", (0,)))
    for corruption in ("drawn", "shuffled", "softened"):
        with pytest.raises(ValueError, match=r"fraction must be a probability in \[0, 1\]; got 1\.5"):
            ensemble(dataclasses.replace(wrong, corruption=corruption))
