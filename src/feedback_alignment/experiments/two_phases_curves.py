"""Learning curves of chapter 02: simulation beside the equations of motion, and how the two part at finite N.

Refinetti et al. 2021, Figs 2 (erf panels) and 3a, b. Everything here has M = 2, erf units and one fresh sample a step.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from feedback_alignment.streams import generator
from feedback_alignment.teacher_student import OrderParameters, Trajectory, simulate, solve

POINTS = 97
SHOWN_POINTS = 241
SHOWN_TEACHER = (1.1, 0.9)
SHOWN_FEEDBACK = (0.4, -1.5)
SHOWN_SEED = 2
DEVIATION_TEACHER = (1.3, 0.7)
DEVIATION_FEEDBACK = (0.8, -1.2)
DEVIATION_TIMES = np.arange(1.0, 21.0)


@dataclass(frozen=True)
class Panel:
    """One panel of Fig. 2: a rule and a number of hidden units, until time `horizon` (samples / N)."""

    name: str
    rule: str
    K: int
    horizon: float


def teacher_overlaps(seed: int, M: int, N: int) -> Float[np.ndarray, "M M"]:
    """Return T of a teacher whose first-layer weights are independent N(0, 1), from the stream 'teacher'."""
    W1 = generator(seed, "teacher").standard_normal((M, N))
    return W1 @ W1.T / N


def cosine(W2: Float[np.ndarray, "*n K"], F: Float[np.ndarray, "*m K"]) -> Float[np.ndarray, " *n"]:
    """Return the cosine of the angle between second-layer weights and feedback weights (Fig. 3b)."""
    product = (W2 * F).sum(-1) / (np.linalg.norm(W2, axis=-1) * np.linalg.norm(F, axis=-1))
    return np.asarray(product)


def panel_run(panel: Panel, seed: int, N: int, eta: float, sigma0: float) -> Mapping[str, np.ndarray]:
    """Return times and generalisation errors of one run of Fig. 2: simulated, and solved from the same start.

    Teacher, student and feedback are redrawn for each seed; the teacher's second-layer weights are 1.
    """
    F = generator(seed, "feedback").standard_normal(panel.K)
    start = OrderParameters.random_start(
        panel.K, teacher_overlaps(seed, 2, N), np.ones(2), F, N=N, sigma0=sigma0, seed=seed
    )
    alphas = np.concatenate([[0.0], np.geomspace(1.0, panel.horizon, POINTS - 1)])
    run = simulate(start, alphas, eta, "erf", panel.rule, N, seed, threads=1)
    solved = solve(start, run.alpha, eta, "erf", panel.rule)
    return {
        "alpha": run.alpha,
        "simulated": run.generalisation_error,
        "solved": solved.generalisation_error,
    }


def shown_run(rule: str, N: int, eta: float, sigma0: float, end: float) -> Mapping[str, np.ndarray]:
    """Return the run of Fig. 3 by one rule until `end`: errors, second layers and cosines, simulated and solved."""
    F = np.array(SHOWN_FEEDBACK)
    start = OrderParameters.random_start(
        2, teacher_overlaps(SHOWN_SEED, 2, N), np.array(SHOWN_TEACHER), F, N=N, sigma0=sigma0, seed=SHOWN_SEED
    )
    alphas = np.concatenate([[0.0], np.geomspace(0.5, end, SHOWN_POINTS - 1)])
    run = simulate(start, alphas, eta, "erf", rule, N, SHOWN_SEED, threads=1)
    solved = solve(start, run.alpha, eta, "erf", rule)
    return {
        "alpha": run.alpha,
        "simulated": run.generalisation_error,
        "solved": solved.generalisation_error,
        "W2": run.W2,
        "cosine_simulated": cosine(run.W2, F),
        "cosine_solved": cosine(solved.W2, F),
    }


def deviations(N: int, runs: int, eta: float, sigma0: float) -> Float[np.ndarray, " runs"]:
    """Return, for each of many DFA runs at one N, the rms deviation of its Q, R and W2 from the equations of motion.

    The mean is over the entries and over the times 1 … 20, before the plateau. All runs, at every N, begin at the
    overlaps that small random weights have in the limit of large N.
    """
    start = OrderParameters(
        Q=sigma0**2 * np.eye(2),
        R=np.zeros((2, 2)),
        T=np.eye(2),
        W2=np.array([sigma0, sigma0]),
        W2_teacher=np.array(DEVIATION_TEACHER),
        F=np.array(DEVIATION_FEEDBACK),
    )
    simulated = simulate(start, DEVIATION_TIMES, eta, "erf", "dfa", N, seed=N, runs=runs, threads=1)
    solved = solve(start, simulated.alpha, eta, "erf", "dfa")
    difference = _entries(simulated) - _entries(solved)
    return np.asarray(np.sqrt((difference**2).mean(axis=(-2, -1))))


def _entries(trajectory: Trajectory) -> Float[np.ndarray, "*runs times entries"]:
    """Return the distinct order parameters side by side."""
    Q, R, W2 = trajectory.Q, trajectory.R, trajectory.W2
    upper = np.triu_indices(Q.shape[-1])
    return np.concatenate([Q[..., upper[0], upper[1]], R.reshape(*R.shape[:-2], -1), W2], axis=-1)


def slopes(sizes: Int[np.ndarray, " sizes"], deviation: Float[np.ndarray, "sizes runs"]) -> Float[np.ndarray, " runs"]:
    """Return the exponent of the deviation against N, fitted on logarithmic axes to the i-th run of every size."""
    fitted = np.polyfit(np.log(sizes), np.log(deviation), 1)
    return np.asarray(fitted[0])
