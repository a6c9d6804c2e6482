from dataclasses import replace
from math import comb

import numpy as np
import pytest
from interrupted_runs import StoppedError, Watch
from made_up_data import multiply, put, verdicts, with_record

from feedback_alignment.companion import provenance, store
from feedback_alignment.companion.pictures import Picture
from feedback_alignment.experiments import load, overparametrisation, overparametrisation_claims
from feedback_alignment.experiments.overparametrisation_selection import start_size
from feedback_alignment.experiments.plateau_escape import TILTED

SMOKE = overparametrisation.SETTINGS["smoke"]


@pytest.fixture(scope="module")
def dataset(smoke_run):
    return smoke_run("03_overparametrisation")


# ---- the dataset --------------------


def test_the_dataset_has_named_axes_and_units(dataset):
    sizes = {
        "trial": 12,
        "run": 10,
        "entries": 3,
        "curve": 3,
        "panel": 3,
        "teacher": 2,
        "F1": 4,
        "F2": 4,
        "plane_run": 1,
    }
    sizes |= {"escape": 7, "start_seed": 2, "angle": 2, "unit": 2, "state": 3, "time": dataset.sizes["time"]}
    assert dict(dataset.sizes) == sizes
    for name, values in dataset.data_vars.items():
        assert values.long_name, name
        assert values.units, name
        assert values.dtype == np.float64, name
    assert dataset.K.values.tolist() == [2, 3, 4, 6, 8, 2, 3, 2, 2, 3, 4, 3]
    assert dataset.rule.values.tolist() == ["dfa"] * 7 + ["bp"] * 2 + ["dfa"] * 3
    assert dataset.start.values.tolist() == ["random"] * 8 + ["positive"] + ["random"] * 3
    assert dataset.teacher_negative.values.tolist() == [0] * 5 + [1] * 2 + [0] * 3 + [1, 0]
    assert dataset.panel.values.tolist() == ["BP, K = 2", "DFA, K = 2", "DFA, K = 8"]


def test_the_provenance_says_what_was_run(dataset):
    record = store.provenance(dataset)
    assert record["chapter"] == "03_overparametrisation"
    assert record["settings"] == provenance.settings_as_data(SMOKE)
    assert record["seeds"] == list(range(10))
    assert record["reduced"] == []


def test_learning_is_what_the_dataset_says(dataset):
    learned = np.isfinite(dataset.learned_at)
    assert (dataset.learned_at <= SMOKE.horizon).where(learned, True).all()
    assert (dataset.final_error > 0).all()
    assert ((dataset.positive_entries >= 0) & (dataset.positive_entries <= dataset.K)).all()
    assert ((dataset.agreeing_share >= 0) & (dataset.agreeing_share <= 1)).all()
    assert (dataset.held_negative.isel(trial=8) == 0).all()
    assert dataset.held_negative.isel(trial=7).sum() > 0
    np.testing.assert_allclose(
        dataset.entries_simulation.isel(time=0), dataset.entries_equations.isel(time=0), rtol=0.02
    )
    at = dataset.plane_learned_at.values[..., 0]
    assert np.isinf(at[0, :2]).all()
    assert np.isinf(at[0, :, :2]).all()
    np.testing.assert_allclose(dataset.rate_measured, dataset.rate_there, rtol=1e-3)


SMALL = replace(
    SMOKE,
    seeds=tuple(range(12)),
    trials=tuple(replace(trial, runs=12) for trial in SMOKE.trials[:2]),
    horizon=20,
    curve_horizon=5,
    plane=replace(SMOKE.plane, horizon=10),
    plateau=replace(SMOKE.plateau, escapes=SMOKE.plateau.escapes[:2], starts=1),
)


@pytest.fixture(scope="module")
def uninterrupted():
    return overparametrisation.run(SMALL)


@pytest.mark.usefixtures("shapes_unchecked")
@pytest.mark.parametrize("stop", [4, 9, 21, 30])
def test_an_interrupted_run_ends_with_the_same_numbers(stop, uninterrupted):
    states = {}
    with pytest.raises(StoppedError):
        overparametrisation.run(SMALL, progress=Watch(states, stop))
    resumed = overparametrisation.run(SMALL, progress=Watch(states))
    assert resumed.drop_attrs().identical(uninterrupted.drop_attrs())


def test_the_profiles_fit_their_purpose():
    for profile, settings in overparametrisation.SETTINGS.items():
        assert settings.profile == profile
        assert profile in overparametrisation.COST
        assert len(settings.seeds) == max(trial.runs for trial in settings.trials)
    paper = overparametrisation.SETTINGS["paper"]
    assert (paper.N, paper.eta, paper.sigma0, paper.horizon) == (500, 0.1, 1e-2, 6000)
    assert all(trial.runs >= 200 for trial in paper.trials)
    assert max(trial.N for trial in paper.trials) == 10_000
    assert load("03") is overparametrisation


def test_there_is_no_other_device():
    with pytest.raises(ValueError, match="must be 'cpu'"):
        overparametrisation.run(SMOKE, device="cuda")


# ---- claims --------------------

RUNS = 400


def patterns(K):
    """Numbers of positive entries of RUNS feedback vectors, in their expected proportions."""
    counts = [round(RUNS * comb(K, k) / 2**K) for k in range(K + 1)]
    counts[K // 2] += RUNS - sum(counts)
    return np.repeat(np.arange(K + 1.0), counts)


@pytest.fixture
def made(dataset):
    """A paper-scale dataset, made up, in which the corrected formula and everything that this book says is so."""
    made = with_record(dataset.isel(run=np.arange(RUNS) % 10), profile="paper").copy(deep=True)
    made = made.assign_coords(run=np.arange(RUNS))
    made["agreeing_share"][:] = 1 - 1e-3 * (np.arange(RUNS) % 2)
    for trial in np.flatnonzero(made.rule == "dfa"):
        positive = patterns(int(made.K[trial]))
        made["positive_entries"][trial] = positive
        plus, minus = int(made.teacher_positive[trial]), int(made.teacher_negative[trial])
        learns(made, trial, (positive >= plus) & (made.K.values[trial] - positive >= minus))
    learns(made, 7, np.arange(RUNS) < 283)
    learns(made, 8, np.full(RUNS, True))
    made["entries_simulation"][:] = made["entries_equations"][:] = 1e-5
    made["invariant_residual"][:] = 1e-16
    made["rate_there"][:] = made["rate_measured"][:] = [0.007, 0.005]
    made["rate_fixed_point"][:] = [0.007, 0.005]
    rate = made.rate_fixed_point.sel(angle=made.escape_angle).values
    time = (0.1 / made.escape_eta.values * start_size(made) / rate)[:, None] * [0.999, 1.001]
    made["escape_equations"][:] = time
    made["escape_simulation"][:] = time * np.where(made.escape_angle == 0, 1, 0.3)[:, None]
    return made


def learns(made, trial, which):
    made["learned_at"][trial] = np.where(which, 1000.0, np.inf)


def positive(made, trial):
    return made.positive_entries.values[trial]


def earlier_at_large_eta(made):
    made["escape_simulation"] = made.escape_simulation * (made.escape_eta / 0.1) ** -0.5


DISAGREE = {*(f"03-printed-{key}" for key in ("k2-2-0", "k3-2-0", "k6-2-0", "k8-2-0", "k3-3-0")), "03-bp"}
FORETOLD = {"03-foretold": "disagrees"}
CHANGES = {
    "all students with K = 2 learn": (
        lambda made: learns(made, 0, np.full(RUNS, True)),
        FORETOLD
        | {
            "03-printed-k2-2-0": "agrees",
            "03-corrected-k2-2-0": "disagrees",
            "03-dfa-fails": "reduced",
        },
    ),
    "one positive entry is enough": (
        lambda made: learns(made, 1, positive(made, 1) >= 1),
        FORETOLD
        | {
            "03-printed-k3-2-0": "agrees",
            "03-corrected-k3-2-0": "disagrees",
            "03-entries-1": "disagrees",
        },
    ),
    "two positive entries are not enough": (
        lambda made: learns(made, 1, positive(made, 1) == 3),
        FORETOLD | {"03-corrected-k3-2-0": "disagrees", "03-entries-2": "disagrees"},
    ),
    "no positive entry is needed": (
        lambda made: learns(made, 1, positive(made, 1) != 1),
        {"03-corrected-k3-2-0": "disagrees", "03-entries-0": "disagrees"},
    ),
    "wide students fail": (
        lambda made: learns(made, 4, np.arange(RUNS) < 58),
        FORETOLD
        | {
            "03-printed-k8-2-0": "agrees",
            "03-corrected-k8-2-0": "disagrees",
            "03-dfa-wide": "disagrees",
        },
    ),
    "mixed signs do not matter": (
        lambda made: learns(made, 5, np.full(RUNS, True)),
        FORETOLD | {"03-corrected-k2-1-1": "disagrees"},
    ),
    "mixed signs never matter": (
        lambda made: [learns(made, trial, np.full(RUNS, True)) for trial in (6, 10)],
        FORETOLD | {"03-corrected-k3-1-1": "disagrees", "03-corrected-k4-2-1": "disagrees"},
    ),
    "students at K = 2M and wider fail as printed": (
        lambda made: [learns(made, trial, np.arange(RUNS) < 0.34 * RUNS) for trial in (2, 3)],
        FORETOLD
        | {
            "03-corrected-k4-2-0": "disagrees",
            "03-printed-k6-2-0": "agrees",
            "03-corrected-k6-2-0": "disagrees",
        },
    ),
    "three units learn from three": (
        lambda made: learns(made, 9, np.full(RUNS, True)),
        FORETOLD | {"03-printed-k3-3-0": "agrees", "03-corrected-k3-3-0": "disagrees"},
    ),
    "many inputs change the fraction": (
        lambda made: learns(made, 11, np.full(RUNS, True)),
        FORETOLD | {"03-corrected-size": "disagrees"},
    ),
    "all students learn with BP": (
        lambda made: learns(made, 7, np.full(RUNS, True)),
        {"03-bp": "agrees", "03-bp-signs": "disagrees"},
    ),
    "positive students fail with BP": (
        lambda made: learns(made, 8, np.arange(RUNS) < 300),
        {"03-bp-positive": "disagrees"},
    ),
    "students learn against their feedback": (multiply("agreeing_share", 0.5), {"03-signs": "disagrees"}),
    "equations end elsewhere": (multiply("entries_equations", 1e5), {"03-equations": "disagrees"}),
    "invariants move": (put("invariant_residual", 1e-3), {"03-invariant": "disagrees"}),
    "the Jacobian is off": (multiply("rate_there", 1.1), {"03-rate": "disagrees"}),
    "tilted feedback is faster": (
        lambda made: [put(n, 0.008, angle=TILTED)(made) for n in ("rate_there", "rate_measured")],
        {"03-rate-angle": "disagrees"},
    ),
    "time goes as another power of eta": (earlier_at_large_eta, {"03-escape-eta": "disagrees"}),
    "the rate is another": (multiply("rate_fixed_point", 2.0), {"03-escape-start": "disagrees"}),
    "noise shortens every plateau": (
        multiply("escape_simulation", 0.5),
        {"03-escape-shared": "disagrees"},
    ),
    "noise lengthens every plateau": (
        multiply("escape_simulation", 5.0),
        {"03-escape-shared": "disagrees", "03-escape-noise": "disagrees"},
    ),
}


def test_in_the_made_up_world_the_printed_formula_and_the_promise_of_bp_fail(made):
    found = verdicts(overparametrisation, made)
    assert {key for key, verdict in found.items() if verdict == "disagrees"} == DISAGREE
    assert {verdict for key, verdict in found.items() if key not in DISAGREE} == {"agrees"}


def test_every_claim_is_turned_by_some_change(made):
    keys = [claim.key for claim in overparametrisation.claims(made)]
    assert len(set(keys)) == len(keys)
    assert set(keys) == {key for _, turned in CHANGES.values() for key in turned} | {"03-k2m"}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_turns_its_claims_and_no_others(made, name):
    before = verdicts(overparametrisation, made)
    change, turned = CHANGES[name]
    change(made)
    assert verdicts(overparametrisation, made) == before | turned


def test_a_formula_that_differs_at_twice_as_many_units_is_noticed(made, monkeypatch):
    monkeypatch.setattr(overparametrisation_claims, "printed_learning_probability", lambda K, M: 0.9)
    assert verdicts(overparametrisation, made)["03-k2m"] == "disagrees"


@pytest.mark.parametrize("profile", ["smoke", "quick"])
def test_small_runs_decide_mathematics_only(made, profile):
    found = verdicts(overparametrisation, with_record(made, profile=profile))
    decided = {key for key, verdict in found.items() if verdict != "reduced"}
    assert decided == {"03-k2m", "03-invariant", "03-rate", "03-rate-angle"}


def test_a_proportion_has_an_error_also_for_none_and_all():
    none = overparametrisation_claims.proportion(np.zeros(98, dtype=bool))
    assert (none.value, none.seeds) == (0, 98)
    assert none.standard_error == pytest.approx(np.sqrt(0.01 * 0.99 / 98))
    half = overparametrisation_claims.proportion(np.arange(400) % 2 == 0)
    assert half.standard_error == pytest.approx(0.025, rel=1e-3)
    with pytest.raises(ValueError, match="at least one run"):
        overparametrisation_claims.proportion(np.zeros(0, dtype=bool))


# ---- figures --------------------

PANELS = {"learning_curves": 1, "success": 2, "panels": 3, "plane": 2, "escape_angle": 2, "escape_scaling": 3}


@pytest.mark.parametrize("columns", [1, 2])
def test_figures_have_labelled_axes(dataset, columns):
    figures = overparametrisation.figures(*[dataset] * columns)
    assert list(figures) == list(PANELS)
    for name, rows in PANELS.items():
        axes = figures[name].axes[: rows * columns]
        assert all(ax.get_xlabel() for ax in axes), name
        assert [bool(ax.get_ylabel()) for ax in axes] == ([True] + [False] * (columns - 1)) * rows, name
        assert [ax.get_title() for ax in axes[:columns]] == ["smoke run: 10 seeds"] * columns
        assert columns == 1 or Picture(figures[name], dpi=40)._repr_png_().startswith(b"\x89PNG")


def test_the_figures_show_the_datasets_numbers(dataset):
    figures = overparametrisation.figures(dataset)
    curve = figures["learning_curves"].axes[0].lines[0]
    np.testing.assert_array_equal(curve.get_ydata(), dataset.entries_simulation.values[0, 0])
    crosses = figures["success"].axes[0].containers[0].lines[0]
    np.testing.assert_array_equal(crosses.get_xdata(), [2, 3, 4, 6, 8])
    np.testing.assert_allclose(
        np.array(crosses.get_ydata(), float), np.isfinite(dataset.learned_at.values[:5]).mean(axis=1)
    )
    panel = figures["panels"].axes[1].lines[2]
    np.testing.assert_array_equal(panel.get_ydata(), dataset.panel_simulation.values[1, 2])
    rates = figures["escape_angle"].axes[0].lines
    np.testing.assert_array_equal(rates[2].get_ydata(), dataset.rate_measured.values)
