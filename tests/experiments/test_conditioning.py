from dataclasses import replace

import numpy as np
import pytest
from interrupted_runs import StoppedError, Watch
from made_up_data import verdicts, with_record

from feedback_alignment.companion import provenance, store
from feedback_alignment.companion.pictures import Picture
from feedback_alignment.experiments import conditioning, conditioning_claims, load

SMOKE = conditioning.SETTINGS["smoke"]


@pytest.fixture(scope="module")
def dataset(smoke_run):
    return smoke_run("05_conditioning")


# ---- the dataset --------------------


def test_the_dataset_has_named_axes_and_units(dataset):
    sizes = {"recipe": 2, "activation": 3, "seed": 3, "alpha": 3, "beta": 3, "time": 5, "upper": 3, "hidden": 3}
    sizes |= {"matrix": 3, "predictor": 3, "uneven_activation": 2, "input_condition": 3, "digits_seed": 2}
    sizes |= {"formula": 2, "equation": 3, "weights": 6, "aligned": 5}
    assert dict(dataset.sizes) == sizes
    for name, values in dataset.data_vars.items():
        assert values.long_name, name
        assert values.units, name
        assert values.dtype == np.float64, name
    assert dataset.examples.values.tolist() == [64, 128]
    np.testing.assert_array_equal(dataset.epoch.isel(time=-1), [[60, 20, 20], [60, 10, 10]])
    for name in ("weight_alignment", "gradient_alignment", "probe_alignment", "uneven_probe_alignment", "foretold"):
        assert not (abs(dataset[name]) > 1 + 1e-12).any(), name
    later = dataset.condition.isel(time=slice(1, None))
    assert (later >= 1).all()


def test_the_provenance_says_what_was_run(dataset):
    record = store.provenance(dataset)
    assert record["chapter"] == "05_conditioning"
    assert record["settings"] == provenance.settings_as_data(SMOKE)
    assert record["seeds"] == [0, 1, 2]
    assert record["reduced"] == []


def test_moments_foretell_linear_networks(dataset):
    foretold = dataset.foretold.sel(predictor="moment dynamics")
    measured = dataset.gradient_alignment.sel(activation="linear").isel(time=-1)
    # Gaussian errors of the same moment stand for the samples' own, 64 of them: cosines scatter by up to 0.3.
    assert float(abs(foretold - measured).mean()) < 0.3 / np.sqrt(64) + 0.02


@pytest.mark.usefixtures("shapes_unchecked")
def test_an_interrupted_run_ends_with_the_same_numbers():
    few = replace(SMOKE.main_text, linear_epochs=5, network_epochs=5)
    small = replace(SMOKE, main_text=few, supplement=few, digits_epochs=1, digits_seeds=2, together=1)
    states = {}
    for stop in (2, 8, 9):
        with pytest.raises(StoppedError):
            conditioning.run(small, progress=Watch(states, stop))
    resumed = conditioning.run(small, progress=Watch(states))
    assert resumed.drop_attrs().identical(conditioning.run(small).drop_attrs())


@pytest.mark.usefixtures("shapes_unchecked")
def test_seeds_in_one_lockstep_or_several_give_the_same_numbers():
    few = replace(SMOKE.main_text, linear_epochs=5, network_epochs=5)
    small = replace(SMOKE, main_text=few, supplement=few, digits_epochs=1)
    together, apart = (conditioning.run(replace(small, together=n)) for n in (3, 1))
    for name in ("weight_alignment", "gradient_alignment", "loss", "digits_alignment"):
        # Sums of batched products may be taken in another order.
        np.testing.assert_allclose(together[name], apart[name], rtol=1e-8, err_msg=name)


def test_the_profiles_fit_their_purpose():
    for profile, settings in conditioning.SETTINGS.items():
        assert settings.profile == profile
        assert profile in conditioning.COST
        assert settings.digits_seeds <= len(settings.seeds)
    paper = conditioning.SETTINGS["paper"]
    assert (paper.main_text.examples, paper.main_text.network_epochs) == (1000, 1000)
    assert (paper.supplement.examples, paper.supplement.linear_epochs) == (10_000, 1000)
    assert (paper.inputs, paper.width, paper.batch, paper.learning_rate) == (10, 100, 32, 1e-4)
    assert paper.alphas == paper.betas == (0.2, 0.4, 0.6, 0.8, 1.0)
    assert load("05") is conditioning


def test_there_is_no_other_device():
    with pytest.raises(ValueError, match="device must be 'cpu'; got 'cuda'"):
        conditioning.run(SMOKE, device="cuda")


# ---- claims and figures --------------------


def made(dataset, *, falls=1.0, apart=0.0, foretold=True):
    """A dataset that follows the chapter's laws; `falls` = −1 turns trends round, `apart` adds to what was measured."""
    changed = dataset.copy(deep=True)
    level = dataset.alpha * 0.2 + dataset.beta * 0.1 + 0.01 * dataset.seed
    for name in ("weight_alignment", "gradient_alignment", "probe_alignment"):
        changed[name] = (0.5 + falls * level).broadcast_like(dataset[name]).transpose(*dataset[name].dims).copy()
    noiseless = dataset.noiseless_weight_alignment
    changed["noiseless_weight_alignment"] = (falls * level).broadcast_like(noiseless).transpose(*noiseless.dims)
    T = dataset.map_condition
    powers = {"A2": (2, 2 / 7), "A3": (4, 4 / 7)}
    for matrix, (early, late) in powers.items():
        for time in range(dataset.sizes["time"]):
            power = (late if time == dataset.sizes["time"] - 1 else early) + apart
            changed.condition.loc[{"matrix": matrix, "time": time}] = T**power
    condition = changed.condition.sel(activation="linear", matrix="A3").isel(time=-1)
    where = {"activation": "linear", "recipe": "main text"}
    line = conditioning_claims.condition_cosine(condition.sel(recipe="main text").values) + apart
    changed.weight_alignment.loc[{**where, "upper": "3", "time": -1}] = line
    line = conditioning_claims.isotropic_cosine(condition.sel(recipe="main text").values) + apart
    changed.probe_alignment.loc[{**where, "hidden": "2", "time": -1}] = line
    S = dataset.uneven_signal_condition
    linear = {"uneven_activation": "linear", "matrix": "A2"}
    changed.uneven_condition.loc[{**linear, "time": 1}] = S ** (1 + apart)
    changed.uneven_condition.loc[{**linear, "time": -1}] = dataset.input_condition ** (1 / 7 + apart)
    rank = -falls * np.log(dataset.input_condition)
    changed["uneven_probe_alignment"] = rank.broadcast_like(dataset.uneven_probe_alignment).transpose(
        *dataset.uneven_probe_alignment.dims
    )
    measured = changed.gradient_alignment.isel(time=-1, activation=0)
    noise = (dataset.alpha * 7.3 + dataset.beta * 3.1) % 1
    predicted = measured if foretold else noise.broadcast_like(measured)
    changed["foretold"] = predicted.expand_dims(predictor=dataset.predictor).transpose(*dataset.foretold.dims)
    on_digits = predicted.isel(recipe=0).sel(seed=dataset.digits_seed.values).rename(seed="digits_seed")
    changed["digits_foretold"] = on_digits.expand_dims(predictor=dataset.predictor).transpose(
        *dataset.digits_foretold.dims
    )
    truth = measured.isel(recipe=0).sel(seed=dataset.digits_seed.values).rename(seed="digits_seed")
    changed["digits_alignment"] = truth.expand_dims(activation=dataset.activation).transpose(
        *dataset.digits_alignment.dims
    )
    return changed


TRENDS = (
    "05-wa-",
    "05-noiseless",
    "05-ga-",
    "05-probe-",
    "05-maximal-",
    "05-final-",
    "05-uneven-linear",
    "05-uneven-relu",
)
LAWS = ("05-early-", "05-late-", "05-line-", "05-uneven-early", "05-uneven-late")


def test_data_that_follow_the_laws_agree(dataset):
    found = verdicts(conditioning, with_record(made(dataset), profile="paper"))
    printed = {key for key, verdict in found.items() if verdict == "disagrees"}
    assert printed == {
        "05-eq53-printed",
        "05-eq55-printed",
        "05-eq56-printed",
        "05-eq57-printed-4",
        "05-eq57-printed-5",
        *(f"05-growth-printed-{layer}" for layer in range(2, 7)),
    }
    assert set(found.values()) == {"agrees", "disagrees"}


def test_trends_the_other_way_disagree(dataset):
    found = verdicts(conditioning, with_record(made(dataset, falls=-1.0), profile="paper"))
    turned = [key for key in found if key.startswith(TRENDS)]
    assert len(turned) == 21
    assert {found[key] for key in turned} == {"disagrees"}


def test_numbers_off_the_laws_disagree(dataset):
    found = verdicts(conditioning, with_record(made(dataset, apart=0.9), profile="paper"))
    off = [key for key in found if key.startswith(LAWS)]
    assert len(off) == 8
    assert {found[key] for key in off} == {"disagrees"}


def test_a_forecast_that_says_nothing_is_not_shown_as_agreeing(dataset):
    found = verdicts(conditioning, with_record(made(dataset, foretold=False), profile="paper"))
    said = {found[key] for key in found if key.startswith("05-foretold-")}
    assert said <= {"disagrees", "reduced"}


def test_corrected_and_printed_formulas_change_places_with_their_numbers(dataset):
    turned = dataset.copy(deep=True)
    turned["projection_error"] = dataset.projection_error[:, ::-1].assign_coords(formula=dataset.formula)
    turned["projection_conditioning"] = (dataset.aligned - 1.0).broadcast_like(dataset.projection_conditioning)
    turned["projection_growth"] = dataset.projection_growth * 0 + 1.0
    found = verdicts(conditioning, with_record(turned, profile="paper"))
    for key, verdict in found.items():
        if key.startswith(("05-eq", "05-growth")) and key != "05-growth-corrected-1":
            assert verdict == ("agrees" if "printed" in key else "disagrees"), key


def test_small_runs_decide_about_mathematics_only(dataset):
    found = {claim.key: claim.verdict for claim in conditioning.claims(dataset)}
    decided = {key for key, verdict in found.items() if verdict != "reduced"}
    assert decided
    assert all(key.startswith(("05-eq", "05-growth")) for key in decided)
    assert len(found) == len(conditioning.claims(dataset))


def test_every_figure_is_drawn_from_one_dataset_and_from_two(dataset):
    for datasets in ((dataset,), (dataset, with_record(dataset, profile="paper"))):
        figures = conditioning.figures(*datasets)
        assert set(figures) == {"final", "over_time", "exponents", "lines", "uneven", "foretold"}
    for figure in figures.values():
        assert Picture(figure, dpi=40)._repr_png_().startswith(b"\x89PNG")
