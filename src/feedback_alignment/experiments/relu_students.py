"""ReLU students of chapter 03: which of them learn, their learning curves, their success over the plane of feedback."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from feedback_alignment import streams
from feedback_alignment.experiments.first_passage import Learning, first_passage
from feedback_alignment.teacher_student import OrderParameters, derivative, solve
from feedback_alignment.teacher_student.simulation import simulate_each

START_SIGNS = ("random", "positive")


@dataclass(frozen=True)
class Trial:
    """One point of the measured fraction: `runs` students, each with a teacher, a start and a feedback of its own."""

    K: int
    teacher: tuple[float, ...]
    """Second-layer weights of the teacher; its first layer is drawn anew for each run."""
    N: int
    runs: int
    rule: str = "dfa"
    start: str = "random"
    """Signs of the student's second layer at the start: 'random', or all 'positive'."""


def student(
    K: int,
    teacher: Sequence[float],
    N: int,
    sigma0: float,
    seed: int,
    F: Float[np.ndarray, " K"] | None = None,
    start: str = "random",
) -> OrderParameters:
    """Return a small random student before a Gaussian teacher with N inputs; F is N(0, 1)^K if not given.

    Teacher and feedback come from the streams (seed, 'teacher') and (seed, 'feedback', K).

    Raises ValueError for an unknown `start`, and as `OrderParameters.random_start` does.
    """
    if start not in START_SIGNS:
        raise ValueError(f"start must be one of {START_SIGNS}; got {start!r}")
    weights = streams.generator(seed, "teacher").standard_normal((len(teacher), N))
    feedback = streams.generator(seed, "feedback", K).standard_normal(K) if F is None else F
    state = OrderParameters.random_start(K, weights @ weights.T / N, teacher, feedback, N=N, sigma0=sigma0, seed=seed)
    return state if start == "random" else replace(state, W2=np.abs(state.W2))


def attempt(trial: Trial, sigma0: float, learning: Learning, seeds: Sequence[int]) -> dict[str, np.ndarray]:
    """Return when the students of `seeds` learned, their last error, and the signs of their feedback, each (runs,)."""
    states = [student(trial.K, trial.teacher, trial.N, sigma0, seed, start=trial.start) for seed in seeds]
    passage = first_passage(states, replace(learning, rule=trial.rule), trial.N, seeds[0])
    feedback = np.stack([state.F for state in states if state.F is not None])
    return {
        "learned_at": passage.learned_at,
        "final_error": passage.error,
        "positive_entries": (feedback > 0).sum(1).astype(float),
        "held_negative": np.array([float(_held_negative(state)) for state in states]),
        "agreeing_share": np.array([agreeing_share(state) for state in passage.states]),
    }


def agreeing_share(state: OrderParameters) -> float:
    """Return the share of units whose second-layer weight has the sign of their feedback, each counted by its strength.

    The strength of a ReLU unit is |W2^k| √Q^{kk}, which rescaling its two weights against each other does not change.

    Raises ValueError for a state without F.
    """
    if state.F is None:
        raise ValueError("the share of units that agree with the feedback needs a state with F")
    strength = np.abs(state.W2) * np.sqrt(np.diag(state.Q))
    return float(strength[np.sign(state.W2) == np.sign(state.F)].sum() / strength.sum())


def _held_negative(state: OrderParameters) -> int:
    """Return how many units BP cannot make positive at first order in eta: W2^k < 0 and (W2^k)² > Q^{kk}."""
    return int(((state.W2 < 0) & (np.diag(state.Q) < state.W2**2)).sum())


def feedback_with_signs(K: int, positive: int, seed: int) -> Float[np.ndarray, " K"]:
    """Return a Gaussian feedback vector whose first `positive` entries are positive and the others negative."""
    moduli = np.abs(streams.generator(seed, "feedback", K).standard_normal(K))
    return moduli * np.where(np.arange(K) < positive, 1.0, -1.0)


def learning_curve(
    state: OrderParameters, times: np.ndarray, eta: float, rule: str, N: int, seed: int, *, equations: bool
) -> dict[str, np.ndarray]:
    """Return the generalisation error of one simulated run at `times`, and with `equations` also that of the ODE."""
    simulated = simulate_each([state], times, eta, "relu", rule, N, seed)
    found = {"simulation": simulated.generalisation_error[0]}
    if equations:
        found["equations"] = solve(state, times, eta, "relu", rule, rtol=1e-8).generalisation_error
    return found


def plane_axis(side: int, extent: float) -> Float[np.ndarray, " side"]:
    """Return `side` values (an even number) evenly spread over (−extent, extent), zero not among them.

    Raises ValueError for an odd `side`.
    """
    if side % 2:
        raise ValueError(f"side must be even, so that no feedback entry is zero; got {side}")
    return extent * (2 * np.arange(side) + 1 - side) / side


def row_of_plane(
    F1: float,
    axis: np.ndarray,
    teacher: Sequence[float],
    N: int,
    sigma0: float,
    learning: Learning,
    seeds: Sequence[int],
) -> np.ndarray:
    """Return when K = M = 2 students with feedback (F1, F2) learned, for all F2 of `axis`: shape (F2, runs).

    The teacher's first layer is orthonormal and the starts are those of `seeds`, so that only the feedback varies.
    """
    states = [
        OrderParameters.random_start(2, np.eye(2), teacher, (F1, F2), N=N, sigma0=sigma0, seed=seed)
        for F2 in axis
        for seed in seeds
    ]
    row = int(streams.generator(seeds[0], "row of the plane", round(1000 * (F1 + 10))).integers(2**32))
    return first_passage(states, learning, N, row).learned_at.reshape(len(axis), len(seeds))


def invariant_residual(K: int, M: int, seed: int) -> float:
    """Return the largest |dQ^{kk}/dα − 2 F^k dW2^k/dα| of a random ReLU state at order 1, over the largest |dQ|."""
    random = streams.generator(seed, "random states", K)
    W1, teacher = random.standard_normal((K, 3 * (K + M))), random.standard_normal((M, 3 * (K + M)))
    W2, W2_teacher, F = random.standard_normal(K), random.standard_normal(M), random.standard_normal(K)
    state = OrderParameters.from_weights(W1, W2, teacher, W2_teacher, F)
    dQ, _, dW2 = derivative(state, 0.1, "relu", "dfa", order=1)
    return float(np.abs(np.diag(dQ) - 2 * F * dW2).max() / np.abs(np.diag(dQ)).max())
