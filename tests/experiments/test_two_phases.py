import numpy as np
import pytest
from interrupted_runs import StoppedError, Watch
from made_up_data import check_that_wrong_inputs_turn_their_claims, multiply, put, with_record
from scipy.integrate import quad
from scipy.special import erf

from feedback_alignment.companion import provenance, store
from feedback_alignment.companion.pictures import Picture
from feedback_alignment.experiments import (
    load,
    two_phases,
    two_phases_alignment,
    two_phases_claims,
    two_phases_curves,
    two_phases_early,
    two_phases_minima,
    two_phases_minima_figures,
    two_phases_plateau,
    two_phases_symmetry,
    two_phases_zero_start,
)
from feedback_alignment.experiments.pieces import in_pieces
from feedback_alignment.teacher_student import OrderParameters, solve

SMOKE = two_phases.SETTINGS["smoke"]
STAGES = [
    "learning curves",
    "shown run",
    "deviations",
    "early times",
    "one step",
    "heights",
    "plateau",
    "unequal plateau",
    "alignment",
    "minima of 2 units",
    "stability of 2 units",
    "minima of 3 units",
    "stability of 3 units",
    "zero starts",
]


@pytest.fixture(scope="module")
def finished():
    """A finished smoke run and the checkpoints that it left."""
    states = {}
    return two_phases.run(SMOKE, progress=Watch(states)), states


@pytest.fixture(scope="module")
def dataset(finished):
    return finished[0]


# ---- the dataset --------------------


def test_the_dataset_has_named_axes_and_units(dataset):
    sizes = dict(dataset.sizes)
    assert {name: sizes[name] for name in ("panel", "run", "rule", "size", "deviation_run", "start_2", "start_3")} == {
        "panel": 3,
        "run": 2,
        "rule": 2,
        "size": 2,
        "deviation_run": 3,
        "start_2": 6,
        "start_3": 4,
    }
    assert (sizes["minimum_2"], sizes["minimum_3"]) == (8, 48)
    assert dataset.minima3_W2.dims == ("start_3", "rule", "unit_3")
    assert dataset.curve_alpha.units == "samples / N"
    for values in dataset.data_vars.values():
        assert values.units in ("1", "samples / N")
        assert values.long_name
        assert values.dtype == np.float64


def test_the_provenance_says_what_was_run(dataset):
    record = store.provenance(dataset)
    assert (record["chapter"], record["profile"], record["seeds"]) == ("02_two_phases", "smoke", [0, 1])
    assert record["science_version"] == two_phases.SCIENCE_VERSION
    assert record["settings"] == provenance.settings_as_data(SMOKE)
    assert record["reduced"] == []


def test_a_stored_result_comes_back_as_it_was(dataset, tmp_path):
    path = store.result_path(tmp_path, "02_two_phases", "smoke")
    store.write(dataset, path)
    assert store.read(path).equals(dataset)


def test_another_device_is_refused():
    with pytest.raises(ValueError, match="'cuda'"):
        two_phases.run(SMOKE, device="cuda")


def test_the_profiles_fit_their_purpose():
    for profile, settings in two_phases.SETTINGS.items():
        assert settings.profile == profile
        assert profile in two_phases.COST
        assert [(panel.rule, panel.K) for panel in settings.panels] == [("bp", 2), ("dfa", 2), ("dfa", 8)]
    paper = two_phases.SETTINGS["paper"]
    assert (paper.deviation_sizes[0], paper.deviation_sizes[-1], paper.reduced) == (125, 10**6, ())
    assert load("02") is two_phases


def test_pieces_stopped_in_the_middle_go_on_there():
    states, computed = {}, []

    def compute(piece):
        computed.append(piece)
        return {"square": np.array(piece**2)}

    with pytest.raises(StoppedError):
        in_pieces("squares", range(5), compute, Watch(states, stop=3))
    found = in_pieces("squares", range(5), compute, Watch(states))
    assert computed == [0, 1, 2, 3, 4]
    assert [int(piece["square"]) for piece in found] == [0, 1, 4, 9, 16]


@pytest.mark.usefixtures("shapes_unchecked")
def test_a_run_resumed_within_two_stages_ends_with_the_same_numbers(finished):
    whole, states = finished
    cut = dict(states)
    for stage in ("deviations", "minima of 2 units"):
        first = {name: values for name, values in states[stage].items() if name.startswith("0 ")}
        cut[stage] = first | {"pieces": np.array(1)}
    watch = Watch(cut)
    resumed = two_phases.run(SMOKE, progress=watch)
    assert [stage for stage, _ in watch.begun] == STAGES
    left = {stage: pieces for stage, pieces in watch.begun if pieces}
    assert left == {"deviations": 1, "minima of 2 units": 5}
    assert resumed.drop_attrs().identical(whole.drop_attrs())


# ---- early times --------------------


def test_the_rates_at_zero_weights_are_the_averages_they_come_from():
    eta, teacher, F = 0.3, np.array([1.2, 0.6]), np.array([0.8, -1.1])
    slope = np.sqrt(2 / np.pi)

    def gaussian(f):
        return quad(lambda u: f(u) * np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi), -12, 12)[0]

    with_input, squared = gaussian(lambda u: u * erf(u / 2**0.5)), gaussian(lambda u: erf(u / 2**0.5) ** 2)
    rates = eta * slope * np.outer(F, teacher) * with_input
    np.testing.assert_allclose(two_phases_early.r_rate(eta, teacher, F), rates, rtol=1e-9)
    rates = eta**2 * slope**2 * np.outer(F, F) * (teacher @ teacher) * squared
    np.testing.assert_allclose(two_phases_early.q_rate(eta, teacher, F), rates, rtol=1e-9)
    assert abs(two_phases_early.q_rate_printed(eta, teacher, F) / rates - 1).min() > 0.1


@pytest.mark.parametrize("K", [2, 3, 4])
def test_only_the_printed_rate_of_q_is_wrong(K):
    errors = two_phases_early.coefficient_errors(K, 0.1)
    assert max(errors["R"], errors["Q"], errors["W2"]) < 1e-10
    assert errors["Q_printed"] > 0.5


def test_the_solution_tends_to_the_corrected_expansion():
    found = two_phases_early.shown(0.1)
    for name in ("R", "Q", "W2"):
        assert found[name][0] == pytest.approx(1, abs=2e-3)
    assert found["Q_printed"][0] < 0.3


# ---- plateau --------------------


@pytest.mark.parametrize(("K", "printed", "is_covariance"), [(2, 0, True), (3, 0.21, False), (4, 0.43, False)])
def test_the_plateau_as_printed_holds_for_two_units_only(K, printed, is_covariance):
    found = two_phases_plateau.printed_and_derived(K)
    assert found["derived"] < 1e-14
    assert found["printed"] == pytest.approx(printed, abs=0.005)
    assert (found["smallest_eigenvalue"] > -1e-12) is np.bool_(is_covariance)


def test_the_slow_manifold_is_reached_away_from_equal_weights(dataset):
    end = dataset.isel(time_slow=-1)
    np.testing.assert_allclose(end.slow_W2, [0.72, 1.31], atol=0.02)
    assert dataset.slow_speed[-1] < 1e-4 * dataset.slow_speed[0]


def test_the_height_of_the_plateau_is_that_of_the_fixed_point():
    height = two_phases_plateau.heights((3, 1), 0.1)
    expected = 3 / np.pi * (np.pi / 6 - 3 * np.arcsin(1 / 6))
    assert height["bp"] == pytest.approx(expected, rel=1e-4)
    assert height["dfa"] == pytest.approx(expected, rel=1e-3)


# ---- symmetric integration --------------------


def start(F, T=None, teacher=(1.0, 1.0)):
    return OrderParameters.zero_start(
        2, np.eye(2) if T is None else np.array(T), np.array(teacher), None if F is None else np.array(F)
    )


@pytest.mark.usefixtures("shapes_unchecked")
def test_before_alike_teachers_it_agrees_with_the_general_solver_until_rounding_tells():
    state, alphas = start((0.7, -1.3)), np.array([0.0, 10.0, 200.0])
    ours = two_phases_symmetry.solve_before_alike_teachers(state, alphas, 0.1, "dfa")
    theirs = solve(state, alphas, 0.1, "erf", "dfa")
    for name in ("Q", "R", "W2", "generalisation_error"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), atol=1e-8)


@pytest.mark.usefixtures("shapes_unchecked")
def test_without_a_preference_it_never_specialises():
    state = start((0.7, -1.3))
    long = two_phases_symmetry.solve_before_alike_teachers(state, np.array([2e4]), 0.1, "dfa")
    np.testing.assert_array_equal(long.R[0, :, 0], long.R[0, :, 1])
    assert long.generalisation_error[0] > 1e-2
    assert solve(state, np.array([2e4]), 0.1, "erf", "dfa").generalisation_error[0] < 1e-3  # led away by rounding


def test_a_mirrored_start_stays_mirrored():
    state = start((1, -1), teacher=(1.2, -0.8))
    kept = two_phases_zero_start.exactly(state, 0.1)
    np.testing.assert_array_equal(kept.W2[:, 0], -kept.W2[:, 1])
    assert kept.generalisation_error[-1] > 1e-2


@pytest.mark.parametrize("state", [start((1, 2), teacher=(1.2, 0.8)), start((1, 2), T=[[1, 0.1], [0.1, 1]])])
def test_teachers_that_differ_are_refused(state):
    with pytest.raises(ValueError, match="must be alike"):
        two_phases_symmetry.solve_before_alike_teachers(state, np.array([1.0]), 0.1, "dfa")


def test_a_student_with_a_preference_is_refused():
    state = OrderParameters(
        np.eye(2), np.array([[0.1, 0.2], [0, 0]]), np.eye(2), np.zeros(2), np.ones(2), np.array([1.0, 2.0])
    )
    with pytest.raises(ValueError, match="constant"):
        two_phases_symmetry.solve_before_alike_teachers(state, np.array([1.0]), 0.1, "dfa")


def test_a_hopeless_integration_says_where():
    with pytest.raises(FloatingPointError, match="alpha"), pytest.warns(UserWarning, match="lsoda"):
        two_phases_symmetry.solve_before_alike_teachers(start((1, -2)), np.array([1e6]), 1e200, "dfa")


def test_a_zero_start_needs_feedback():
    with pytest.raises(ValueError, match="feedback"):
        two_phases_zero_start.exactly(start(None), 0.1)


def test_the_cases_separate_two_causes():
    kinds = {case.name: (case.orthogonal, case.equal) for case in two_phases_zero_start.CASES}
    assert kinds == {
        "A": (False, False),
        "B": (True, True),
        "C": (False, True),
        "D": (True, False),
        "E": (False, True),
        "F": (False, False),
    }


def test_moduli_decide_and_orthogonality_does_not(dataset):
    end = dataset.zero_exact.isel(time_zero=-1)
    assert (end.sel(case=["A", "D"]) < 1e-6).all()
    assert (end.sel(case=["B", "C", "E", "F"]) > 1e-2).all()
    assert (dataset.zero_unguarded.isel(time_zero=-1).sel(case=["B", "C", "E", "F"]) < 1e-3).all()


# ---- minima and alignment --------------------


def test_permutations_are_ranked_by_overlap():
    F, teacher = np.array([0.5, -2.0, 1.0]), np.array([1.5, 1.0, 0.5])
    assert two_phases_minima.rank(F, teacher, np.array([2, 0, 1])) == 0
    assert two_phases_minima.rank(F, teacher, np.array([0, 2, 1])) == 5
    assert two_phases_minima.rank(F, teacher, np.array([0, 0, 1])) == -1


def test_a_minimum_is_stable_just_where_signs_agree(dataset):
    for K in (2, 3):
        agree = dataset[f"stability{K}_agree"] > 0
        assert (agree.sum(f"minimum_{K}") == (2, 6)[K - 2]).all()
        assert ((dataset[f"stability{K}_rate"] < 0) == agree).all()


def test_students_end_at_a_minimum(dataset):
    learned = dataset.minima2_learned > 0
    weights = np.sort(abs(dataset.minima2_W2), axis=-1)
    np.testing.assert_allclose(weights[learned.values], [[0.7, 1.3]] * int(learned.sum()), atol=1e-2)
    assert learned.mean() > 0.8


def test_the_best_minimum_is_that_of_largest_overlap():
    F = np.random.default_rng(0).standard_normal((20, 2))
    minima = np.array([(s * a, t * b) for a, b in ((1.3, 0.7), (0.7, 1.3)) for s in (1, -1) for t in (1, -1)])
    expected = minima[(F @ minima.T).argmax(axis=1)]
    np.testing.assert_array_equal(two_phases_minima_figures.best_minimum(F), expected)


def test_the_plateau_is_found_where_it_is():
    alpha = np.geomspace(0.1, 1e5, 400)
    errors = 0.3 * np.exp(-alpha / 5) + 0.01 * np.exp(-((alpha / 1e3) ** 2))
    aligned = np.exp(-((np.log(alpha / 20)) ** 2))
    met = two_phases_alignment.meeting(alpha, errors, aligned)
    assert met["height"] == pytest.approx(0.01, rel=0.02)
    assert met["alpha_entry"] == pytest.approx(5 * np.log(300), rel=0.2)
    assert met["alpha_peak"] == pytest.approx(20, rel=0.05)
    nowhere = two_phases_alignment.meeting(alpha, 0.3 * np.exp(-alpha / 5), aligned)
    assert np.isnan(nowhere["height"])


def test_the_exponent_is_recovered_from_made_up_deviations():
    scatter = np.array([0.5, 1.0, 2.0])
    made = 3 * np.array([100.0, 1000.0])[:, None] ** -0.7 * scatter
    np.testing.assert_allclose(two_phases_curves.slopes(np.array([100, 1000]), made), [-0.7] * 3)


def test_simulation_follows_the_equations_of_motion(dataset):
    for panel in range(3):
        curves = dataset.isel(panel=panel)
        distance = abs(curves.curve_simulated - curves.curve_solved).max() / curves.curve_solved[0, 0]
        assert distance < 0.1


# ---- claims --------------------


def scattered(values):
    """Values with a scatter of a thousandth along the first axis."""
    signs = (-1.0) ** np.arange(values.shape[0])
    return values * (1 + 1e-3 * signs.reshape(-1, *[1] * (values.ndim - 1)))


@pytest.fixture
def agreeing(dataset):
    """A paper-scale dataset, made up, in which every claim holds, clearly but not without scatter."""
    made = with_record(dataset.copy(deep=True), profile="paper")
    for name in ("R", "Q_printed", "Q", "W2"):
        made[f"early_error_{name}"][:] = 0
    for name in ("R", "Q_printed", "Q"):
        made[f"one_step_{name}"][:] = scattered(np.ones(made.sizes["batch"]))
    for name in ("plateau_printed", "plateau_derived", "plateau_unequal_derived"):
        made[name][:] = 0
    made["slow_W2"][:], made["slow_Q"][:], made["slow_R"][:], made["plateau_height"][:] = 1, 0.5, 0.5, 0.01
    for K in (2, 3):
        made[f"stability{K}_rate"][:] = np.where(made[f"stability{K}_agree"] > 0, -1, 1)
        made[f"minima{K}_learned"][:] = 1
        made[f"minima{K}_signs"][:] = 1
        made[f"minima{K}_rank"][:] = 0
    for case, error in zip("ABCDEF", (1e-9, 1e-1, 1e-1, 1e-1, 1e-1, 1e-1), strict=True):
        made["zero_exact"].loc[{"case": case}] = error
    fallen = np.geomspace(0.3, 1e-6, made.sizes["point"])
    made["curve_simulated"][:], made["curve_solved"][:] = fallen, fallen
    rms = scattered(np.ones((made.sizes["deviation_run"], 1))).T * made["size"].values[:, None] ** -0.5
    made["deviation_rms"][:] = rms
    meeting = {"start": 0.3, "peak": 0.99, "end": 0.8, "entry": 1.0}
    for name, value in meeting.items():
        made[f"met_cosine_{name}"][:] = scattered(np.full(made[f"met_cosine_{name}"].shape, value))
    made["met_alpha_entry"][:], made["met_height"][:] = 10.0, 0.01
    made["met_alpha_peak"][:] = 10**-0.2 * scattered(np.full(made["met_alpha_peak"].shape, 10.0))
    return made


def not_learned(panel):
    def change(made):
        for name in ("curve_simulated", "curve_solved"):
            made[name][panel, :, -1] = 0.01

    return change


def apart(panel):
    def change(made):
        made["curve_solved"][panel, :, 40] += 0.1

    return change


def mostly_rising(made):
    made["met_cosine_end"][:-2] = 3


def weights_apart(made):
    made["slow_W2"][:, 0], made["slow_W2"][:, 1] = 0.5, 1.5


WRONG = {
    "02-eq29-r": put("early_error_R", 0.1, K=3),
    "02-eq29-q-printed": put("early_error_Q_printed", 0.1, K=3),
    "02-eq29-q": put("early_error_Q", 0.1, K=3),
    "02-eq30": put("early_error_W2", 0.1, K=4),
    "02-sgd-r": multiply("one_step_R", 1.1),
    "02-sgd-q-printed": multiply("one_step_Q_printed", 1.1),
    "02-sgd-q": multiply("one_step_Q", 1.1),
    **{f"02-eq31-printed-{K}": put("plateau_printed", 0.1, K=K) for K in (2, 3, 4)},
    **{f"02-eq31-corrected-{K}": put("plateau_derived", 0.1, K=K) for K in (2, 3, 4)},
    "02-eq31-unequal": put("plateau_unequal_derived", 0.1, pair="K = 4, M = 2"),
    "02-equal-weights": weights_apart,
    "02-sum-of-weights": put("slow_W2", 2),
    "02-collinear": put("slow_R", 0.4),
    "02-equal-height": multiply("plateau_height", 1.1, order=1, rule="dfa"),
    "02-stability": lambda made: put("stability3_rate", -1)(made),
    "02-fig10-random": put("zero_exact", 0.1, case="A"),
    "02-fig10-cause": put("zero_exact", 1e-9, case="D"),
    "02-fig10-moduli": put("zero_exact", 1e-9, case="C"),
    "02-fig10-both": put("zero_exact", 1e-9, case="B"),
    **{f"02-fig2-{key}": not_learned(panel) for panel, key in enumerate(("bp-2", "dfa-2", "dfa-8"))},
    **{f"02-distance-{key}": apart(panel) for panel, key in enumerate(("bp-2", "dfa-2", "dfa-8"))},
    "02-slope": lambda made: put("deviation_rms", made["deviation_rms"].values ** 2)(made),
    **{f"02-signs-{K}": put(f"minima{K}_signs", 0, rule="dfa") for K in (2, 3)},
    **{f"02-permutation-{K}": put(f"minima{K}_rank", 1, rule="dfa") for K in (2, 3)},
    "02-alignment-rises": multiply("met_cosine_start", 5),
    "02-alignment-falls": mostly_rising,
    "02-maximum-at-plateau": multiply("met_alpha_peak", 0.1),
    "02-maximum-before-plateau": multiply("met_alpha_peak", 10**0.4),
    "02-perfect-alignment": multiply("met_cosine_entry", 0.9),
    "02-height-at-eta": multiply("met_height", 1.3, rule="dfa"),
}


def test_each_claim_holds_where_everything_printed_is_right_and_turns_by_its_wrong_input(agreeing):
    check_that_wrong_inputs_turn_their_claims(two_phases, agreeing, WRONG)


def test_a_small_run_decides_statements_of_mathematics_only(dataset):
    found = two_phases.claims(dataset)
    decided = {claim.key: claim.verdict for claim in found if claim.any_scale}
    assert {claim.verdict for claim in found if not claim.any_scale} == {"reduced"}
    wrong = {key for key, verdict in decided.items() if verdict == "disagrees"}
    assert wrong == {
        "02-eq29-q-printed",
        "02-sgd-q-printed",
        "02-eq31-printed-3",
        "02-eq31-printed-4",
        "02-equal-weights",
        "02-fig10-cause",
    }
    assert set(decided.values()) == {"agrees", "disagrees"}


def test_starts_that_meet_no_plateau_are_left_out(agreeing):
    agreeing["met_alpha_entry"][0, 0] = np.nan
    found = {claim.key: claim.measured.seeds for claim in two_phases_claims.claims(agreeing)}
    assert found["02-perfect-alignment"] == agreeing.sizes["start"] - 1


# ---- figures --------------------

PANELS = {
    "learning_curves": (3, True),
    "two_phases": (2, False),
    "second_layer": (3, False),
    "deviations": (1, True),
    "early_times": (1, False),
    "slow_manifold": (2, False),
    "minima": (2, True),
    "permutations": (1, True),
    "zero_start": (6, False),
}


@pytest.mark.parametrize("columns", [1, 2])
def test_figures_have_labelled_axes(dataset, columns):
    figures = two_phases.figures(*[dataset] * columns)
    assert list(figures) == list(PANELS)
    for name, (count, per_dataset) in PANELS.items():
        axes = figures[name].axes
        assert len(axes) == count * (columns if per_dataset else 1), name
        assert any(ax.get_xlabel() for ax in axes), name
        assert any(ax.get_ylabel() for ax in axes), name
        assert all(ax.lines for ax in axes), name
        assert any(ax.get_legend() for ax in axes), name
        assert columns == 1 or Picture(figures[name], dpi=40)._repr_png_().startswith(b"\x89PNG")


def test_the_figures_show_the_datasets_numbers(dataset):
    figures = two_phases.figures(dataset)
    line = figures["learning_curves"].axes[1].lines[0]
    curve = dataset.isel(panel=1, run=0, point=slice(1, None))
    np.testing.assert_allclose(line.get_xdata(), curve.curve_alpha)
    np.testing.assert_allclose(line.get_ydata(), curve.curve_simulated)
    line = figures["two_phases"].axes[1].lines[0]
    np.testing.assert_allclose(line.get_ydata(), dataset.shown_cosine_simulated.sel(rule="dfa")[1:])
    bars = figures["permutations"].axes[0].patches[:6]
    ranks = dataset.minima3_rank.sel(rule="dfa").values[dataset.minima3_learned.sel(rule="dfa").values > 0]
    assert bars[0].get_height() == pytest.approx(np.mean(ranks == 0))
    line = figures["zero_start"].axes[3].lines[0]
    np.testing.assert_allclose(line.get_ydata(), dataset.zero_exact.sel(case="D"))
