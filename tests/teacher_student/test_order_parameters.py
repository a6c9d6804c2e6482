"""OrderParameters: what it accepts, what it refuses and how it says so, constructors, and the generalisation error."""

from dataclasses import FrozenInstanceError, replace

import literal
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_alignment.streams import generator
from feedback_alignment.teacher_student import OrderParameters, generalisation_error, plateau
from feedback_alignment.teacher_student.activations import ACTIVATIONS

SEEDS = st.integers(0, 2**32 - 1)
COUNTS = st.integers(1, 4)


def random_state(seed: int, K: int = 2, M: int = 2, N: int = 7) -> OrderParameters:
    random = generator(seed, "test weights")
    W1, W1_teacher = random.standard_normal((K, N)), random.standard_normal((M, N))
    return OrderParameters.from_weights(
        W1, random.standard_normal(K), W1_teacher, random.standard_normal(M), random.standard_normal(K)
    )


GOOD = {
    "Q": np.eye(2),
    "R": np.full((2, 3), 0.3),
    "T": np.eye(3),
    "W2": np.ones(2),
    "W2_teacher": np.ones(3),
    "F": np.ones(2),
}


def test_fields_are_kept_in_float64_copied_and_read_only() -> None:
    Q = np.eye(2, dtype=np.float32)
    state = OrderParameters(Q, [[0, 0]] * 2, np.eye(2, dtype=int), [1, 2], (3, 4))  # type: ignore[arg-type, list-item]
    Q[0, 0] = 5
    assert state.Q[0, 0] == 1
    assert state.F is None
    for name in ("Q", "R", "T", "W2", "W2_teacher"):
        assert getattr(state, name).dtype == np.float64
        with pytest.raises(ValueError, match="read-only"):
            getattr(state, name)[0] = 0
    with pytest.raises(FrozenInstanceError):
        state.Q = np.eye(2)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("Q", np.eye(3), r"Q must have shape \(K, K\) = \(2, 2\), as W2 has 2 entries and W2_teacher 3; got \(3, 3\)"),
        ("Q", np.ones(2), r"Q must have shape \(K, K\); got \(2,\)"),
        ("R", np.zeros((3, 2)), r"R must have shape \(K, M\) = \(2, 3\)"),
        ("T", np.eye(2), r"T must have shape \(M, M\) = \(3, 3\)"),
        ("W2", np.ones((2, 1)), r"W2 must have shape \(K,\)"),
        ("W2", [], r"W2 must have shape \(K,\)"),
        ("W2_teacher", 1.0, r"W2_teacher must have shape \(M,\)"),
        ("F", np.ones(3), "F must have one entry a hidden unit, K = 2 as in W2; got 3"),
        ("Q", [[1, 0.5], [0.4, 1]], "Q must be symmetric"),
        ("T", [[1, 0, 0.1], [0, 1, 0], [0, 0, 1]], "T must be symmetric"),
        ("Q", [[1, 2], [2, 1]], "Q must be positive semi-definite"),
        ("T", np.diag([1, 1, -0.1]), "T must be positive semi-definite"),
        ("R", np.full((2, 3), 0.8), r"with this R the joint covariance .* must be positive semi-definite"),
        ("Q", [[1, np.nan], [np.nan, 1]], "Q must be finite; 2 of its entries are not"),
        ("W2", [1, np.inf], "W2 must be finite"),
        ("F", [np.nan, 1], "F must be finite"),
    ],
)
def test_bad_fields_are_named(field: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        OrderParameters(**{**GOOD, field: value})  # type: ignore[arg-type]


def test_fields_that_are_no_numbers_are_named() -> None:
    with pytest.raises(TypeError, match="R must be an array of numbers"):
        OrderParameters(**{**GOOD, "R": "overlaps"})  # type: ignore[arg-type]


def test_overlaps_of_units_without_variance_are_refused_however_small() -> None:
    with pytest.raises(ValueError, match="R must be zero where Q has no variance: hidden unit 1"):
        OrderParameters(np.diag([1.0, 0.0]), np.array([[0.1], [1e-7]]), np.eye(1), np.ones(2), np.ones(1))


def test_singular_covariances_are_accepted_within_rounding() -> None:
    for K in range(1, 6):
        plateau(K)
    state = random_state(0, K=4, M=3, N=2)
    assert np.linalg.matrix_rank(state.covariance) == 2
    replace(state, Q=state.Q - 1e-11 * np.eye(4))


@given(SEEDS, COUNTS, COUNTS)
def test_rotating_the_inputs_changes_nothing(seed: int, K: int, M: int) -> None:
    random = generator(seed, "test weights")
    N = 6
    W1, W1_teacher, W2, W2_teacher = (random.standard_normal(shape) for shape in ((K, N), (M, N), K, M))
    rotation = np.linalg.qr(random.standard_normal((N, N)))[0]
    plain = OrderParameters.from_weights(W1, W2, W1_teacher, W2_teacher)
    rotated = OrderParameters.from_weights(W1 @ rotation, W2, W1_teacher @ rotation, W2_teacher)
    np.testing.assert_allclose(rotated.covariance, plain.covariance, atol=1e-13)


def test_weights_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"W1_teacher must have shape \(M, N\) with N = 5 as W1 has; got \(5, 2\)"):
        OrderParameters.from_weights(np.ones((3, 5)), np.ones(3), np.ones((5, 2)), np.ones(2))


def test_zero_start() -> None:
    state = OrderParameters.zero_start(3, np.eye(2), [1, -1], F=[1, 2, 3])
    assert not state.Q.any()
    assert not state.R.any()
    assert not state.W2.any()
    assert state.R.shape == (3, 2)
    with pytest.raises(ValueError, match="K must be a positive integer; got 0"):
        OrderParameters.zero_start(0, np.eye(2), [1, -1])


@pytest.mark.parametrize("N", [6, 50])
def test_random_start_has_the_law_of_random_weights(N: int) -> None:
    K, M, runs, sigma0 = 3, 3, 2000, 0.3
    teacher = generator(1, "test teacher").standard_normal((M, N))
    T = teacher @ teacher.T / N

    def moments(states: list[OrderParameters]) -> tuple[np.ndarray, np.ndarray]:
        drawn = np.stack([np.concatenate([s.Q[np.triu_indices(K)], s.R.ravel(), s.W2]) for s in states])
        values = np.concatenate([drawn, drawn**2, drawn * np.roll(drawn, 1, axis=1)], axis=1)
        return values.mean(0), values.std(0) / np.sqrt(runs)

    fast = moments([OrderParameters.random_start(K, T, np.ones(M), N=N, sigma0=sigma0, seed=i) for i in range(runs)])
    literally = []
    for i in range(runs):
        random = generator(i, "test start")
        W1, W2 = sigma0 * random.standard_normal((K, N)), sigma0 * random.standard_normal(K)
        literally.append(OrderParameters.from_weights(W1, W2, teacher, np.ones(M)))
    slow = moments(literally)
    deviations = (fast[0] - slow[0]) / np.hypot(fast[1], slow[1])
    assert np.abs(deviations).max() < 4.5
    assert np.sqrt((deviations**2).mean()) < 1.3


def test_random_start_is_repeatable_and_refuses_what_it_cannot_draw() -> None:
    arguments = {"K": 2, "T": np.eye(2), "W2_teacher": np.ones(2)}
    first, again, other = (OrderParameters.random_start(**arguments, N=10**6, sigma0=0.01, seed=i) for i in (3, 3, 4))  # type: ignore[arg-type]
    np.testing.assert_array_equal(first.covariance, again.covariance)
    assert not np.array_equal(first.Q, other.Q)
    for bad, message in (
        ({"N": 3}, r"N must be at least K \+ M = 4"),
        ({"sigma0": -1.0}, "sigma0 must be"),
        ({"K": True}, "K must be a positive integer"),
    ):
        with pytest.raises(ValueError, match=message):
            OrderParameters.random_start(**{**arguments, "N": 10, "sigma0": 0.01, "seed": 0, **bad})  # type: ignore[arg-type]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_generalisation_error_equals_its_definition(activation: str) -> None:
    state = random_state(1)
    expected = literal.generalisation_error(state, activation)
    assert generalisation_error(state, activation) == pytest.approx(expected, abs=1e-12)


@given(SEEDS, COUNTS, st.sampled_from(ACTIVATIONS))
def test_a_copy_of_the_teacher_has_no_error(seed: int, K: int, activation: str) -> None:
    state = random_state(seed, K, K)
    copy = OrderParameters(state.T, state.T, state.T, state.W2_teacher, state.W2_teacher)
    assert 0 <= generalisation_error(copy, activation) < 1e-13
    assert generalisation_error(state, activation) >= 0


def test_unknown_activation() -> None:
    with pytest.raises(ValueError, match="activation must be one of 'erf', 'relu', 'linear'; got 'tanh'"):
        generalisation_error(random_state(1), "tanh")
