"""Single steps of both simulations against their definitions, given the same random numbers; frames."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_alignment.streams import generator
from feedback_alignment.teacher_student.frames import coordinates
from feedback_alignment.teacher_student.order_parameters import OrderParameters
from feedback_alignment.teacher_student.projected_simulation import GROWTH, make_triangular
from feedback_alignment.teacher_student.simulation import simulate

G = {"erf": lambda x: math.erf(x / math.sqrt(2)), "relu": lambda x: max(0.0, x), "linear": lambda x: x}
SLOPE = {
    "erf": lambda x: math.sqrt(2 / math.pi) * math.exp(-(x**2) / 2),
    "relu": lambda x: float(x > 0),
    "linear": lambda x: 1.0,
}


def start(K: int, M: int, N: int, size: float = 1.0, F: bool = True, seed: int = 0) -> OrderParameters:
    random = np.random.default_rng(seed)
    W1, W1_teacher = size * random.standard_normal((K, N)), random.standard_normal((M, N))
    W2, W2_teacher = size * random.standard_normal(K), random.standard_normal(M)
    return OrderParameters.from_weights(W1, W2, W1_teacher, W2_teacher, random.standard_normal(K) if F else None)


def learning_signal(state, student, teacher, W2, activation, rule):
    """e = ŷ − y, and F^k g'(λ^k) e for every hidden unit, from the pre-activations λ and ν."""
    error = sum(w * G[activation](u) for w, u in zip(W2, student, strict=True))
    error -= sum(w * G[activation](u) for w, u in zip(state.W2_teacher, teacher, strict=True))
    feedback = state.F if rule == "dfa" else W2
    return error, np.array([f * SLOPE[activation](u) * error for f, u in zip(feedback, student, strict=True)])


def literal_direct(state, eta, activation, rule, N, random, steps):
    frame = coordinates(state)
    M, K = len(state.T), len(state.Q)
    weights = np.zeros((M + K, N))
    weights[:, : M + K] = math.sqrt(N) * frame
    W1_teacher, W1, W2 = weights[:M], weights[M:], state.W2.copy()
    for _ in range(steps):
        x = random.standard_normal(N)
        student, teacher = W1 @ x / math.sqrt(N), W1_teacher @ x / math.sqrt(N)
        error, signal = learning_signal(state, student, teacher, W2, activation, rule)
        W1 = W1 - eta / math.sqrt(N) * np.outer(signal, x)
        W2 = W2 - eta / N * error * np.array([G[activation](u) for u in student])
    return W1 @ W1.T / N, W1 @ W1_teacher.T / N, W2


def literal_projected(state, eta, activation, rule, N, random, steps):
    """Steps of Q, R and W2 as formulas in the overlaps; a new frame, by Cholesky, whenever the old one is full."""
    M = len(state.T)
    Q, R, W2 = state.Q.copy(), state.R.copy(), state.W2.copy()
    for i in range(steps):
        if i % GROWTH == 0:
            frame = np.linalg.cholesky(np.block([[state.T, R.T], [R, Q]]))
        z = random.standard_normal(frame.shape[1])
        rest = math.sqrt(random.chisquare(N - len(z)))
        pre = frame @ z
        error, signal = learning_signal(state, pre[M:], pre[:M], W2, activation, rule)
        W2 = W2 - eta / N * error * np.array([G[activation](u) for u in pre[M:]])
        R = R - eta / N * np.outer(signal, pre[:M])
        cross = np.outer(signal, pre[M:])
        Q = Q - eta / N * (cross + cross.T) + (eta / N) ** 2 * (z @ z + rest**2) * np.outer(signal, signal)
        change = np.concatenate([np.zeros(M), -eta / N * signal])
        frame = np.column_stack([frame + np.outer(change, z), change * rest])
    return Q, R, W2


@pytest.mark.parametrize(("method", "literal"), [("direct", literal_direct), ("projected", literal_projected)])
@pytest.mark.parametrize("activation", ["erf", "relu", "linear"])
@pytest.mark.parametrize("rule", ["bp", "dfa"])
@pytest.mark.parametrize(("K", "M"), [(2, 2), (1, 3), (4, 2)])
def test_steps_are_the_definition(method, literal, activation, rule, K, M):
    state, eta, N = start(K, M, 30), 0.8, 30
    for steps in (1, 2, 3, 4, 11):
        expected = literal(state, eta, activation, rule, N, generator(7, "samples", 0), steps)
        found = simulate(state, [steps / N], eta, activation, rule, N, 7, method)
        for name, value in zip(("Q", "R", "W2"), expected, strict=True):
            message = f"{name} after {steps} steps"
            np.testing.assert_allclose(getattr(found, name)[0], value, rtol=1e-10, atol=1e-12, err_msg=message)


@given(
    K=st.integers(1, 5),
    M=st.integers(1, 4),
    rank=st.integers(1, 9),
    size=st.sampled_from([1.0, 1e-3, 1e-9]),
    seed=st.integers(0, 99),
)
def test_coordinates_reproduce_the_overlaps_unit_by_unit(K, M, rank, size, seed):
    random = np.random.default_rng(seed)
    weights = random.standard_normal((M + K, rank)) * np.array([1.0] * M + [size] * K)[:, None]
    weights[M] *= seed % 2  # a student without weights, half of the time
    state = OrderParameters.from_weights(weights[M:], np.ones(K), weights[:M], np.ones(M))
    found = coordinates(state)
    assert np.array_equal(found, np.tril(found))
    assert (np.diag(found) >= 0).all()
    scale = np.outer(*2 * (np.sqrt(np.diag(weights @ weights.T / rank)),))
    np.testing.assert_array_less(np.abs(found @ found.T - weights @ weights.T / rank), 1e-13 * scale + 1e-300)


@given(K=st.integers(1, 6), M=st.integers(0, 3), new=st.integers(0, 4), rank=st.integers(0, 9), seed=st.integers(0, 99))
def test_making_triangular_is_a_rotation_that_spares_the_teacher(K, M, new, rank, seed):
    random = np.random.default_rng(seed)
    before = random.standard_normal((K, rank)) @ random.standard_normal((rank, M + K + new))
    before[random.integers(K)] *= 1e-12
    after = before.copy()
    make_triangular(after, M)
    np.testing.assert_array_equal(after[:, :M], before[:, :M])
    rest = after[:, M:]
    np.testing.assert_array_equal(rest, np.tril(rest))
    sizes = np.linalg.norm(before[:, M:], axis=1)
    assert (np.diag(rest) >= -1e-300).all()
    np.testing.assert_array_less(
        np.abs(rest @ rest.T - before[:, M:] @ before[:, M:].T), 1e-13 * np.outer(sizes, sizes) + 1e-300
    )


def test_orthogonality_lost_to_rounding_stays_negligible():
    """Without learning, a million steps of rotations leave the overlaps as they are."""
    state = start(3, 2, 40)
    found = simulate(state, [0, 1e4], 0.0, "erf", "dfa", 100, 0)
    np.testing.assert_allclose(found.Q[1], state.Q, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.R[1], state.R, rtol=0, atol=1e-12)
