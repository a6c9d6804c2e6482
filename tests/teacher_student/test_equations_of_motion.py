"""The derivative against Eq. 27 term by term, against steps of gradient descent, and its symmetries; Eqs 28-30."""

from dataclasses import replace

import literal
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_order_parameters import random_state

from feedback_alignment.streams import generator
from feedback_alignment.teacher_student import I2, I3, I4, OrderParameters, derivative, solve
from feedback_alignment.teacher_student.activations import ACTIVATIONS

SEEDS = st.integers(0, 2**32 - 1)
COUNTS = st.integers(1, 3)


def feedback(state: OrderParameters, rule: str) -> np.ndarray:
    if rule == "bp":
        return state.W2
    assert state.F is not None
    return state.F


@pytest.mark.parametrize("rule", ["bp", "dfa"])
@pytest.mark.parametrize(
    ("activation", "K", "M"), [("erf", 2, 1), ("erf", 1, 2), ("relu", 2, 2), ("relu", 3, 1), ("linear", 2, 1)]
)
def test_derivative_equals_the_printed_equations(activation: str, K: int, M: int, rule: str) -> None:
    state = random_state(2, K, M)
    for fast, slow in zip(
        derivative(state, 0.7, activation, rule),
        literal.derivative(state, 0.7, activation, feedback(state, rule)),
        strict=True,
    ):
        np.testing.assert_allclose(fast, slow, atol=1e-11)


def closed_average(C: np.ndarray, gates: list[int], plain: list[int], outputs: list[int], activation: str) -> float:
    """The averages of Eq. 27 by the public closed forms."""
    if len(gates) == 2:
        return I4(C, *gates, *outputs, activation)
    return I3(C, *gates, *plain, *outputs, activation) if gates else I2(C, *outputs, activation)


@pytest.mark.parametrize(("K", "M"), [(2, 2), (4, 1), (3, 3)])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_derivative_equals_the_sum_of_its_averages(activation: str, K: int, M: int) -> None:
    state = random_state(7, K, M, N=5)
    slow = literal.derivative(state, 0.7, activation, feedback(state, "dfa"), closed_average)
    for fast, expected in zip(derivative(state, 0.7, activation, "dfa"), slow, strict=True):
        np.testing.assert_allclose(fast, expected, atol=1e-12 * max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize("rule", ["bp", "dfa"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_derivative_is_the_mean_of_steps_of_gradient_descent(activation: str, rule: str) -> None:
    K, M, N, eta, samples = 3, 2, 2000, 0.8, 20_000
    random = generator(5, "test steps")
    W1, W1_teacher = random.standard_normal((K, N)), random.standard_normal((M, N))
    W2, W2_teacher, F = random.standard_normal(K), random.standard_normal(M), random.standard_normal(K)
    state = OrderParameters.from_weights(W1, W2, W1_teacher, W2_teacher, F)
    g, slope = literal.ACTIVATION[activation], literal.SLOPE[activation]
    changes = []
    for _ in range(10):
        x = random.standard_normal((samples // 10, N))
        hidden, teacher = x @ W1.T / np.sqrt(N), x @ W1_teacher.T / np.sqrt(N)
        e = (g(hidden) @ W2 - g(teacher) @ W2_teacher)[:, None]
        step = -eta * feedback(state, rule) * slope(hidden) * e  # of W1, in units of x/√N
        cross = step[:, :, None] * hidden[:, None, :]
        own = step[:, :, None] * step[:, None, :] * (x**2).mean(1)[:, None, None]
        dQ = cross + cross.transpose(0, 2, 1) + own
        dR = step[:, :, None] * teacher[:, None, :]
        changes.append(np.concatenate([dQ.reshape(len(x), -1), dR.reshape(len(x), -1), -eta * g(hidden) * e], axis=1))
    sampled = np.concatenate(changes)
    exact = np.concatenate([part.ravel() for part in derivative(state, eta, activation, rule)])
    deviations = (sampled.mean(0) - exact) / (sampled.std(0) / np.sqrt(samples))
    assert np.abs(deviations).max() < 4.5


@given(SEEDS, COUNTS, COUNTS, st.sampled_from(ACTIVATIONS), st.sampled_from(["bp", "dfa"]))
def test_naming_hidden_units_differently_changes_nothing(seed: int, K: int, M: int, activation: str, rule: str) -> None:
    state = random_state(seed, K, M)
    random = generator(seed, "test order")
    k, m = random.permutation(K), random.permutation(M)
    assert state.F is not None
    renamed = OrderParameters(
        Q=state.Q[np.ix_(k, k)],
        R=state.R[np.ix_(k, m)],
        T=state.T[np.ix_(m, m)],
        W2=state.W2[k],
        W2_teacher=state.W2_teacher[m],
        F=state.F[k],
    )
    dQ, dR, dW2 = derivative(state, 0.6, activation, rule)
    np.testing.assert_array_equal(dQ, dQ.T)
    for fast, expected in zip(
        derivative(renamed, 0.6, activation, rule), (dQ[np.ix_(k, k)], dR[np.ix_(k, m)], dW2[k]), strict=True
    ):
        np.testing.assert_allclose(fast, expected, atol=1e-11)


@given(SEEDS, COUNTS, COUNTS, st.sampled_from(["erf", "linear"]), st.sampled_from(["bp", "dfa"]))
def test_odd_units_may_change_sign_with_their_weights(seed: int, K: int, M: int, activation: str, rule: str) -> None:
    state = random_state(seed, K, M)
    random = generator(seed, "test signs")
    s, t = random.choice([-1.0, 1.0], K), random.choice([-1.0, 1.0], M)
    assert state.F is not None
    flipped = OrderParameters(
        Q=state.Q * np.outer(s, s),
        R=state.R * np.outer(s, t),
        T=state.T * np.outer(t, t),
        W2=state.W2 * s,
        W2_teacher=state.W2_teacher * t,
        F=state.F * s,
    )
    dQ, dR, dW2 = derivative(state, 0.6, activation, rule)
    for fast, expected in zip(
        derivative(flipped, 0.6, activation, rule), (dQ * np.outer(s, s), dR * np.outer(s, t), dW2 * s), strict=True
    ):
        np.testing.assert_allclose(fast, expected, atol=1e-12)


@given(SEEDS, COUNTS, COUNTS, st.floats(0.1, 10))
def test_relu_units_may_trade_size_between_layers(seed: int, K: int, M: int, size: float) -> None:
    # The teacher's weights enter through W̃2 g(ν) only: a larger W̃1 with a smaller W̃2 is the same teacher.
    state = random_state(seed, K, M)
    traded = replace(state, R=state.R * size, T=state.T * size**2, W2_teacher=state.W2_teacher / size)
    dQ, dR, dW2 = derivative(state, 0.6, "relu", "dfa")
    for fast, expected in zip(derivative(traded, 0.6, "relu", "dfa"), (dQ, dR * size, dW2), strict=True):
        np.testing.assert_allclose(fast, expected, atol=1e-10 * max(1.0, size))


@given(SEEDS, COUNTS, COUNTS, st.sampled_from(ACTIVATIONS))
def test_order_1_is_the_part_linear_in_eta(seed: int, K: int, M: int, activation: str) -> None:
    state = random_state(seed, K, M)
    for whole, twice, linear in zip(
        derivative(state, 0.5, activation, "dfa"),
        derivative(state, 1.0, activation, "dfa"),
        derivative(state, 0.5, activation, "dfa", order=1),
        strict=True,
    ):
        np.testing.assert_allclose(linear, 2 * whole - twice / 2, atol=1e-11)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_backpropagation_is_feedback_through_the_weights(activation: str) -> None:
    state = random_state(3, 3, 2)
    for bp, dfa in zip(
        derivative(state, 0.5, activation, "bp"),
        derivative(replace(state, F=state.W2), 0.5, activation, "dfa"),
        strict=True,
    ):
        np.testing.assert_array_equal(bp, dfa)


def test_idle_relu_units_get_no_update_and_give_none() -> None:
    state = random_state(4, 2, 2)
    Q, R, W2 = state.Q.copy(), state.R.copy(), state.W2.copy()
    Q[1], Q[:, 1], R[1] = 0, 0, 0
    dQ, dR, dW2 = derivative(replace(state, Q=Q, R=R), 0.5, "relu", "dfa")
    assert not dQ[1].any()
    assert not dR[1].any()
    assert dW2[1] == 0
    alone = OrderParameters(Q[:1, :1], R[:1], state.T, W2[:1], state.W2_teacher, state.F[:1])  # type: ignore[index]
    dQ_alone, dR_alone, dW2_alone = derivative(alone, 0.5, "relu", "dfa")
    np.testing.assert_allclose(dQ[:1, :1], dQ_alone, atol=1e-14)
    np.testing.assert_allclose(dR[:1], dR_alone, atol=1e-14)
    np.testing.assert_allclose(dW2[:1], dW2_alone, atol=1e-14)


# Early times, Eqs 28–30: erf units from zero weights, teacher units orthogonal.

ETA = 0.3
EARLY = [
    ((0.7, -1.2), (1.5, 0.4)),
    ((0.7, -1.2, 2.0), (1.5, 0.4)),
    ((0.5,), (1.0, -0.3, 2.0)),
    ((1.0, 1.0), (1.0, 1.0)),
]


def early(F: tuple[float, ...], W2_teacher: tuple[float, ...]) -> tuple[OrderParameters, np.ndarray, np.ndarray, float]:
    state = OrderParameters.zero_start(len(F), np.eye(len(W2_teacher)), W2_teacher, F)
    return state, np.array(F), np.array(W2_teacher), float(np.sum(np.square(W2_teacher)))


@pytest.mark.parametrize(("F", "W2_teacher"), EARLY)
def test_first_derivatives_from_zero_weights(F: tuple[float, ...], W2_teacher: tuple[float, ...]) -> None:
    state, feedback_weights, teacher, norm = early(F, W2_teacher)
    dQ, dR, dW2 = derivative(state, ETA, "erf", "dfa")
    np.testing.assert_allclose(dR, np.sqrt(2) / np.pi * ETA * np.outer(feedback_weights, teacher), rtol=1e-14)
    corrected = 2 / (3 * np.pi) * ETA**2 * norm * np.outer(feedback_weights, feedback_weights)
    np.testing.assert_allclose(dQ, corrected, rtol=1e-14)
    assert not dW2.any()
    if len(F) == len(W2_teacher):  # as printed it has a meaning only there
        printed = 2 / np.pi * ETA**2 * np.add.outer(teacher**2, teacher**2)
        printed *= np.outer(feedback_weights, feedback_weights)
        assert np.abs(printed / dQ - 1).max() > 0.3


@pytest.mark.parametrize(("F", "W2_teacher"), EARLY[:2])
def test_first_derivative_of_Q_is_that_of_gradient_descent(F: tuple[float, ...], W2_teacher: tuple[float, ...]) -> None:
    state, feedback_weights, teacher, _ = early(F, W2_teacher)
    N, samples = 200, 40_000
    x = generator(6, "test first step").standard_normal((samples, N))
    e = -literal.ACTIVATION["erf"](x[:, : len(teacher)]) @ teacher  # W̃1 = √N times the first axes: T = 1
    first = -ETA / np.sqrt(N) * np.sqrt(2 / np.pi) * e[:, None] * x  # of W1, divided by F^k
    per_time = (first**2).sum(1)  # change of Q^{kl} / (F^k F^l) in a step, times N
    exact = derivative(state, ETA, "erf", "dfa")[0][0, 0] / feedback_weights[0] ** 2
    assert per_time.mean() == pytest.approx(exact, abs=4 * per_time.std() / np.sqrt(samples))
    assert per_time.std() / np.sqrt(samples) < 0.01 * exact


@pytest.mark.parametrize(("F", "W2_teacher"), EARLY)
def test_second_layer_first_grows_along_the_feedback(F: tuple[float, ...], W2_teacher: tuple[float, ...]) -> None:
    state, feedback_weights, teacher, norm = early(F, W2_teacher)
    errors = []
    for time in (2e-2, 1e-2, 5e-3):
        trajectory = solve(state, [time], ETA, "erf", "dfa", rtol=1e-12)
        late = replace(state, Q=trajectory.Q[0], R=trajectory.R[0], W2=trajectory.W2[0])
        growth = derivative(late, ETA, "erf", "dfa")[2]
        predicted = 2 / np.pi**2 * ETA**2 * norm * feedback_weights * time  # Eq. 30
        errors.append(np.abs(growth / predicted - 1).max())
        np.testing.assert_allclose(
            trajectory.R[0], np.sqrt(2) / np.pi * ETA * np.outer(feedback_weights, teacher) * time, rtol=3 * time
        )
    assert errors[-1] < 0.02
    assert errors[0] / errors[1] == pytest.approx(2, abs=0.15)  # what is left is of the next order in time
    assert errors[1] / errors[2] == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"activation": "sigmoid"}, "activation must be one of"),
        ({"rule": "fa"}, "rule must be one of 'bp', 'dfa'; got 'fa'"),
        ({"order": 3}, r"order must be 1 \(without the eta\*\*2 term\) or 2; got 3"),
        ({"eta": -0.1}, "eta must be a learning rate"),
        ({"eta": float("nan")}, "eta must be a learning rate"),
    ],
)
def test_bad_input(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        derivative(random_state(1), **{"eta": 0.1, "activation": "erf", "rule": "dfa", **arguments})  # type: ignore[arg-type]


def test_feedback_is_needed_for_direct_feedback_alignment() -> None:
    state = replace(random_state(1), F=None)
    derivative(state, 0.1, "erf", "bp")
    with pytest.raises(ValueError, match="rule 'dfa' needs feedback weights: give OrderParameters its field F"):
        derivative(state, 0.1, "erf", "dfa")
