"""`solve`: its accuracy, other integrators, long and stiff runs, when it stops, how it fails, and bad input."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from test_order_parameters import random_state

from feedback_alignment.teacher_student import (
    IntegrationError,
    OrderParameters,
    Trajectory,
    generalisation_error,
    plateau,
    solve,
    solver,
)
from feedback_alignment.teacher_student.activations import ACTIVATIONS
from feedback_alignment.teacher_student.equations_of_motion import Motion

T = np.array([[1.0, 0.1], [0.1, 1.2]])


def small_start(seed: int = 3, F: tuple[float, ...] = (0.8, 1.3)) -> OrderParameters:
    return OrderParameters.random_start(len(F), T, [1.0, 0.7], list(F), N=500, sigma0=1e-2, seed=seed)


def distance(one: Trajectory, other: Trajectory) -> float:
    return max(np.abs(getattr(one, name) - getattr(other, name)).max() for name in ("Q", "R", "W2"))


@pytest.mark.parametrize(("activation", "rule", "eta"), [("erf", "dfa", 0.1), ("erf", "bp", 0.5), ("relu", "dfa", 0.1)])
def test_the_error_follows_the_tolerance(activation: str, rule: str, eta: float) -> None:
    times = np.linspace(0, 1000, 101)
    best = solve(small_start(), times, eta, activation, rule, rtol=1e-13)
    runs = [solve(small_start(), times, eta, activation, rule, rtol=rtol) for rtol in (1e-6, 1e-8, 1e-10)]
    errors = [distance(run, best) for run in runs]
    assert errors[0] < 2e-4
    assert errors[1] < 2e-6
    assert errors[2] < 1e-8
    assert errors[0] > 10 * errors[1] > 100 * errors[2]


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("rule", ["bp", "dfa"])
def test_an_explicit_integrator_agrees(activation: str, rule: str) -> None:
    state, times = small_start(), np.linspace(0, 150, 16)
    motion = Motion(state, 0.4, activation, rule)
    y = motion.pack(state.Q, state.R, state.W2)
    other = solve_ivp(lambda _, y: motion.velocity(y), (0, 150), y, "DOP853", times, rtol=1e-12, atol=1e-15)
    Q, R, W2 = motion.unpack(other.y.T)
    ours = solve(state, times, 0.4, activation, rule)
    assert distance(ours, Trajectory(times, Q, R, W2, ours.generalisation_error)) < 1e-8


def test_the_trajectory_is_that_of_the_states_it_holds() -> None:
    times = np.array([0.0, 0.5, 20.0, 300.0])
    state = small_start()
    trajectory = solve(state, times, 0.3, "erf", "dfa")
    np.testing.assert_array_equal(trajectory.alpha, times)
    np.testing.assert_array_equal(trajectory.Q[0], state.Q)
    np.testing.assert_array_equal(trajectory.W2[0], state.W2)
    assert trajectory.Q.shape == (4, 2, 2)
    assert trajectory.R.shape == (4, 2, 2)
    assert trajectory.W2.shape == (4, 2)
    for i in range(4):
        late = replace(state, Q=trajectory.Q[i], R=trajectory.R[i], W2=trajectory.W2[i])
        assert trajectory.generalisation_error[i] == pytest.approx(generalisation_error(late, "erf"), abs=1e-16)
        np.testing.assert_array_equal(late.Q, late.Q.T)


@given(st.sets(st.integers(0, 60_000), min_size=1, max_size=8))
def test_asking_for_other_times_does_not_change_the_solution(thousandths: set[int]) -> None:
    ours = solve(small_start(), [*np.sort(list(thousandths)) / 1000, 61.0], 0.4, "erf", "dfa")
    alone = solve(small_start(), [61.0], 0.4, "erf", "dfa")
    np.testing.assert_allclose(ours.Q[-1], alone.Q[0], atol=1e-9)


@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_long_runs_learn_and_stay(activation: str) -> None:
    trajectory = solve(small_start(), [1e3, 1e4, 1e5], 0.1, activation, "dfa")
    assert trajectory.generalisation_error[0] > 1e-6
    assert trajectory.generalisation_error[2] < 1e-13
    np.testing.assert_allclose(
        np.sort(np.abs(trajectory.W2[-1]) * np.sqrt(np.diag(trajectory.Q[-1]))),
        np.sort(np.array([1.0, 0.7]) * np.sqrt(np.diag(T))),
        atol=1e-6,
    )


def test_stiff_runs_cost_no_more_than_their_slow_motion(monkeypatch: pytest.MonkeyPatch) -> None:
    # Feedback a thousand times stronger on one unit makes its first layer a thousand times faster.
    calls = []
    velocity = Motion.velocity
    monkeypatch.setattr(Motion, "velocity", lambda self, y: calls.append(1) or velocity(self, y))
    state = OrderParameters.zero_start(2, T, [1.0, 0.7], [300.0, 0.3])
    trajectory = solve(state, [1.0, 1e5], 0.1, "erf", "dfa", order=1)
    assert len(calls) < 20_000  # an explicit method needs α times the fastest rate: some 1e6
    late = replace(state, Q=trajectory.Q[1], R=trajectory.R[1], W2=trajectory.W2[1])
    assert max(np.abs(part).max() for part in solver_residual(late)) < 1e-9


def solver_residual(state: OrderParameters) -> list[np.ndarray]:
    motion = Motion(state, 0.1, "erf", "dfa", order=1)
    return [motion.velocity(motion.pack(state.Q, state.R, state.W2))]


def test_stopping_keeps_the_times_up_to_the_first_low_error() -> None:
    times = np.linspace(0, 2000, 201)
    whole = solve(small_start(), times, 0.2, "erf", "dfa")
    cut = solve(small_start(), times, 0.2, "erf", "dfa", stop_below=1e-4)
    n = int(np.argmax(whole.generalisation_error <= 1e-4)) + 1
    assert 1 < n < 201
    assert cut.alpha.shape == (n,)
    assert cut.Q.shape == (n, 2, 2)
    assert cut.generalisation_error.shape == (n,)
    # Two interfaces of one integrator.
    np.testing.assert_array_equal(cut.generalisation_error, whole.generalisation_error[:n])
    np.testing.assert_array_equal(cut.Q, whole.Q[:n])
    assert solve(small_start(), times, 0.2, "erf", "dfa", stop_below=0.0).alpha.size == 201
    assert solve(small_start(), times, 0.2, "erf", "dfa", stop_below=1.0).alpha.tolist() == [0.0]


def test_the_plateau_is_a_fixed_point_of_the_solver() -> None:
    state = plateau(3, F=[1.0, -0.5, 2.0])
    trajectory = solve(state, [50.0], 0.5, "erf", "dfa", order=1)
    np.testing.assert_allclose(trajectory.Q[0], state.Q, atol=1e-10)
    np.testing.assert_allclose(trajectory.W2[0], state.W2, atol=1e-10)


def test_a_solution_that_leaves_all_bounds_says_when(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Motion, "velocity", lambda self, y: y**2)  # infinite at α = 1/y = 4
    state = OrderParameters([[0.25]], [[0.1]], [[1.0]], [0.2], [1.0])  # type: ignore[arg-type]
    with pytest.raises(IntegrationError, match=r"not be integrated beyond alpha = .* of 10: .* lower eta") as caught:
        solve(state, [1.0, 10.0], 0.1, "erf", "bp")
    assert caught.value.alpha == pytest.approx(4, abs=0.1)


@pytest.mark.parametrize("stop_below", [None, 1e-4])
def test_a_motion_without_numbers_says_when(monkeypatch: pytest.MonkeyPatch, stop_below: float | None) -> None:
    monkeypatch.setattr(Motion, "velocity", lambda self, y: np.full_like(y, np.nan))
    with pytest.raises(IntegrationError, match="could not be integrated beyond alpha"):
        solve(small_start(), [1.0], 0.1, "erf", "bp", stop_below=stop_below)


@pytest.mark.parametrize("stop_below", [None, 1e-9])
def test_too_many_steps_are_a_failure(monkeypatch: pytest.MonkeyPatch, stop_below: float | None) -> None:
    monkeypatch.setattr(solver, "MOST_STEPS", 20)
    with pytest.raises(IntegrationError, match=r"The integrator says: .*[Ee]xcess work") as caught:
        solve(small_start(), [0.1, 500.0], 0.3, "erf", "dfa", stop_below=stop_below)
    assert 0 < caught.value.alpha < 500


SWAP = np.array([[0.0, 1.0], [1.0, 0.0]])


@pytest.mark.parametrize(
    ("F", "W2_teacher", "mirror"), [((1.0, 1.0), (1.0, 1.0), SWAP), ((1.0, -1.0), (1.2, -0.8), -SWAP)]
)
def test_mirror_images_stay_so_for_ever_where_rounding_parts_them(
    F: tuple[float, float], W2_teacher: tuple[float, float], mirror: np.ndarray
) -> None:
    start = OrderParameters.zero_start(2, np.eye(2), list(W2_teacher), list(F))
    times = [10.0, 1e3, 1e5]
    kept = solve(start, times, 0.1, "erf", "dfa", mirror=mirror)
    free = solve(start, times, 0.1, "erf", "dfa")
    np.testing.assert_allclose(kept.R, mirror @ kept.R, atol=1e-13)
    np.testing.assert_allclose(kept.generalisation_error[:1], free.generalisation_error[:1], atol=1e-9)
    assert kept.generalisation_error[-1] > 1e-3
    late = replace(start, Q=kept.Q[-1], R=kept.R[-1], W2=kept.W2[-1])
    motion = Motion(late, 0.1, "erf", "dfa")
    assert np.abs(motion.velocity(motion.pack(late.Q, late.R, late.W2))).max() < 1e-8


def test_rounding_leaves_the_saddle_without_a_mirror() -> None:
    start = OrderParameters.zero_start(2, np.eye(2), [1.0, 1.0], [1.0, 1.0])
    assert solve(start, [2e4], 0.1, "erf", "dfa").generalisation_error[0] < 1e-4


@pytest.mark.parametrize(
    ("mirror", "activation", "message"),
    [
        (np.eye(3), "erf", r"mirror must have shape \(K, K\) = \(2, 2\)"),
        (np.full((2, 2), 0.5), "erf", "mirror must be a symmetric matrix with one 1 or -1 in each row"),
        (-SWAP, "relu", "mirror must not hold -1 for 'relu'"),
        (SWAP, "erf", "Q must be its own mirror image; it differs by"),
    ],
)
def test_a_mirror_must_be_one(mirror: np.ndarray, activation: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        solve(small_start(), [1.0], 0.1, activation, "dfa", mirror=mirror)


def test_feedback_must_have_the_mirror_too() -> None:
    start = OrderParameters.zero_start(2, np.eye(2), [1.0, 1.0], [1.0, 2.0])
    solve(start, [1.0], 0.1, "erf", "bp", mirror=SWAP)
    with pytest.raises(ValueError, match="F must be its own mirror image"):
        solve(start, [1.0], 0.1, "erf", "dfa", mirror=SWAP)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"alphas": [0.0, -1.0]}, r"alphas must increase strictly; got 0.0 before -1.0: sort them"),
        ({"alphas": [-1.0, 0.0]}, "alphas must not be negative"),
        ({"alphas": [1.0, 1.0]}, "alphas must increase strictly"),
        ({"alphas": [0.0, float("nan")]}, "alphas must be finite"),
        ({"alphas": []}, r"alphas must be a sequence of times"),
        ({"alphas": [[1.0]]}, r"alphas must be a sequence of times.*got shape \(1, 1\)"),
        ({"rtol": 0.0}, "rtol must lie between 1e-13"),
        ({"rtol": float("nan")}, "rtol must lie"),
        ({"stop_below": -1.0}, "stop_below must be None or a generalisation error"),
        ({"eta": float("inf")}, "eta must be a learning rate"),
        ({"activation": "tanh"}, "activation must be one of"),
        ({"rule": "drtp"}, "rule must be one of"),
        ({"order": 0}, "order must be 1"),
    ],
)
def test_bad_input(changed: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        solve(random_state(1), **{"alphas": [1.0], "eta": 0.1, "activation": "erf", "rule": "dfa", **changed})  # type: ignore[arg-type]
