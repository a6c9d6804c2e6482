"""The plateau (Eq. 31 corrected, and as printed), perfect students, and their stability."""

from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest

from feedback_alignment.streams import generator
from feedback_alignment.teacher_student import (
    OrderParameters,
    derivative,
    generalisation_error,
    jacobian,
    perfect_student,
    plateau,
    solve,
    unstable_directions,
)
from feedback_alignment.teacher_student.equations_of_motion import Motion


def residual(state: OrderParameters, rule: str, eta: float = 1.0) -> float:
    return max(np.abs(part).max() for part in derivative(state, eta, "erf", rule, order=1))


def printed_residual(K: int) -> float:
    """The residual of Eq. 31 as printed. For K > 2 no units can have its overlaps, so it is no OrderParameters."""
    q = 1 / (2 * K - 1)
    r, w2 = np.sqrt(q / 2), np.sqrt((1 + 2 * q) / (q * (4 + 3 * q)))
    motion = Motion(plateau(K, F=np.ones(K)), 1.0, "erf", "dfa", order=1)
    return float(np.abs(motion.velocity(motion.pack(np.full((K, K), q), np.full((K, K), r), np.full(K, w2)))).max())


@pytest.mark.parametrize(("K", "M"), list(product(range(1, 6), repeat=2)))
@pytest.mark.parametrize("rule", ["bp", "dfa"])
def test_the_plateau_is_a_fixed_point_for_any_number_of_units(K: int, M: int, rule: str) -> None:
    F = generator(K, "feedback", M).standard_normal(K)
    state = plateau(K, M, F)
    assert residual(state, rule) < 5e-16
    assert (np.sign(state.W2) == np.sign(F)).all()
    assert np.sign(F) @ state.W2 == pytest.approx(M)
    plain = plateau(K, M)
    assert plain.F is None
    assert (plain.W2 > 0).all()
    assert generalisation_error(state, "erf") == pytest.approx(generalisation_error(plain, "erf"), abs=1e-16)


def test_the_printed_plateau_holds_for_two_units_only() -> None:
    assert printed_residual(2) < 1e-15
    assert printed_residual(3) == pytest.approx(0.210, abs=0.001)
    assert printed_residual(4) == pytest.approx(0.428, abs=0.001)


@pytest.mark.parametrize(("K", "M"), [(2, 2), (3, 3), (4, 2)])
def test_the_plateau_is_one_of_a_family(K: int, M: int) -> None:
    state = plateau(K, M, np.where(np.arange(K) % 2, -1.0, 1.0))
    for seed in range(5):
        moved = generator(seed, "test family").standard_normal(K)
        W2 = state.W2 + moved - (moved @ np.sign(state.W2)) / K * np.sign(state.W2)
        assert residual(replace(state, W2=W2), "dfa") < 2e-15
        assert residual(replace(state, W2=1.1 * W2), "dfa") > 1e-3


@pytest.mark.parametrize("K", [2, 3])
def test_the_overlaps_rest_at_every_size_along_the_slow_manifold(K: int) -> None:
    # R = √(q/M) keeps Q and R at rest for every q, with W2 that fits; W2 alone then moves.
    state = plateau(K)
    for q in (0.1, 0.3, 0.6):
        r = np.sqrt(q / K)
        moved = replace(state, Q=np.full((K, K), q), R=np.full((K, K), r))

        def gated(total: float, moved: OrderParameters = moved) -> float:
            _, dR, _ = derivative(replace(moved, W2=np.full(K, total / K)), 1.0, "erf", "bp", order=1)
            return float(dR[0, 0] / total)

        low, high = 0.1, 10.0 * K
        for _ in range(80):
            middle = (low + high) / 2
            low, high = (middle, high) if gated(middle) > 0 else (low, middle)
        still = derivative(replace(moved, W2=np.full(K, low / K)), 1.0, "erf", "bp", order=1)
        assert np.abs(still[0]).max() < 1e-14
        assert np.abs(still[1]).max() < 1e-14


def test_a_student_reaches_the_plateau_and_leaves_it_at_the_predicted_rate() -> None:
    eta, F = 0.1, [0.8, 1.1]
    state = OrderParameters.random_start(2, np.eye(2), [1.0, 1.0], F, N=10**6, sigma0=1e-3, seed=2)
    times = np.arange(0.0, 2500.0, 5.0)
    trajectory = solve(state, times, eta, "erf", "dfa", order=1)
    difference = np.abs(trajectory.R[:, 0, 0] - trajectory.R[:, 0, 1])
    leaving = (difference > 1e-3) & (difference < 1e-2) & (times > 100)
    assert leaving.sum() > 5
    middle = int(np.flatnonzero(leaving)[0])
    assert trajectory.generalisation_error[middle] == pytest.approx(generalisation_error(plateau(2), "erf"), rel=0.05)
    measured = np.polyfit(times[leaving], np.log(difference[leaving]), 1)[0]
    here = replace(plateau(2, F=F), W2=trajectory.W2[middle] / trajectory.W2[middle].sum() * 2)
    predicted = unstable_directions(here, eta, "erf", "dfa").rates.real.max()
    assert measured == pytest.approx(predicted, rel=0.05)


@pytest.mark.parametrize(("K", "M"), [(2, 2), (3, 3), (3, 2), (2, 3)])
def test_unstable_directions_of_the_plateau_break_its_symmetry(K: int, M: int) -> None:
    state = plateau(K, M)
    directions = unstable_directions(state, 0.3, "erf", "bp")
    matrix = jacobian(state, 0.3, "erf", "bp")
    motion = Motion(state, 0.3, "erf", "bp", order=1)
    assert directions.rates.size == (K - 1) * (M - 1)
    flat = directions.R.reshape(directions.rates.size, -1)
    assert np.linalg.matrix_rank(flat, tol=1e-3) == directions.rates.size
    for rate, Q, R, W2 in zip(directions.rates, directions.Q, directions.R, directions.W2, strict=True):
        vector = motion.pack(Q, R, W2)
        np.testing.assert_allclose(matrix @ vector, rate * vector, atol=1e-9)
        assert np.abs(R.sum(axis=1)).max() < 1e-6  # units part along teacher units, their total stays
    np.testing.assert_allclose(jacobian(state, 0.6, "erf", "bp"), 2 * matrix, atol=1e-10)


def test_the_jacobian_is_the_slope_of_the_motion() -> None:
    random = generator(3, "test slope")
    state = OrderParameters.from_weights(
        W1=random.standard_normal((2, 5)),
        W2=random.standard_normal(2),
        W1_teacher=random.standard_normal((2, 5)),
        W2_teacher=np.ones(2),
        F=np.ones(2),
    )
    for activation in ("erf", "linear"):
        for order in (1, 2):
            motion = Motion(state, 0.7, activation, "dfa", order)
            y = motion.pack(state.Q, state.R, state.W2)
            direction = random.standard_normal(y.size)
            step = 1e-4
            slope = (motion.velocity(y + step * direction) - motion.velocity(y - step * direction)) / (2 * step)
            np.testing.assert_allclose(jacobian(state, 0.7, activation, "dfa", order) @ direction, slope, atol=3e-7)


TEACHERS = [
    (np.eye(2), np.array([1.0, 1.0])),
    (np.array([[1.0, 0.3], [0.3, 1.4]]), np.array([1.2, -0.7])),
    (np.eye(3), np.array([1.5, 1.0, 0.5])),
]


@pytest.mark.parametrize("teacher", range(len(TEACHERS)))
def test_perfect_students_are_stable_where_feedback_and_weights_agree_in_sign_and_only_there(teacher: int) -> None:
    T, W2_teacher = TEACHERS[teacher]
    M = len(W2_teacher)
    F = np.array([0.9, -0.6, 1.3])[:M]
    stable = 0
    for permutation, signs in product(permutations(range(M)), product((1, -1), repeat=M)):
        state = perfect_student(T, W2_teacher, permutation, list(signs), F)
        assert generalisation_error(state, "erf") < 1e-15
        assert residual(state, "dfa") < 1e-14
        unstable = unstable_directions(state, 0.1, "erf", "dfa").rates
        agree = bool((F * state.W2 > 0).all())
        assert (unstable.size == 0) == agree, (permutation, signs)
        stable += agree
    assert stable == len(list(permutations(range(M))))


def test_a_student_leaves_a_perfect_but_unstable_solution_for_one_that_agrees_with_its_feedback() -> None:
    T, W2_teacher = TEACHERS[1]
    F = [0.9, -0.6]
    state = perfect_student(T, W2_teacher, None, [1, -1], F)
    assert (np.array(F) * state.W2).min() < 0
    nudged = replace(state, W2=state.W2 + 1e-6)
    end = solve(nudged, [1e5], 0.1, "erf", "dfa")
    assert (np.sign(end.W2[0]) == np.sign(F)).all()
    assert end.generalisation_error[0] < 1e-12


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plateau(0), "K must be a positive integer; got 0"),
        (lambda: plateau(2, -1), "M must be a positive integer"),
        (lambda: plateau(2, F=[1.0, 0.0]), r"F must have shape \(K,\) = \(2,\) and no entry without a sign"),
        (lambda: plateau(2, F=[1.0]), "F must have shape"),
        (lambda: perfect_student(np.eye(2), [1.0, 1.0], [0, 0]), "permutation must hold each of 0 … 1 once"),
        (lambda: perfect_student(np.eye(2), [1.0, 1.0], [0, 1], [1.0, 2.0]), "signs must be 2 numbers"),
        (lambda: perfect_student(np.eye(3), [1.0, 1.0]), "must have shape"),
        (lambda: jacobian(plateau(2), 0.1, "relu", "bp"), "activation must be 'erf' or 'linear'"),
        (lambda: jacobian(plateau(2), 0.1, "erf", "dfa"), "rule 'dfa' needs feedback weights"),
    ],
)
def test_bad_input(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]
