"""The symmetric plateau (chapter 02): Refinetti et al. 2021, Eq. 31, as printed and as derived, and its neighbourhood.

Erf units, an orthonormal teacher with second-layer weights 1, equations of motion at first order in η unless said.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from feedback_alignment.experiments.two_phases_symmetry import solve_before_alike_teachers
from feedback_alignment.teacher_student import OrderParameters, Trajectory, plateau
from feedback_alignment.teacher_student.equations_of_motion import Motion

UNEQUAL = ((3, 2), (4, 2), (2, 3))
"""Pairs (K, M) of different size on which the generalised formula is tried."""
SLOW_FEEDBACK = (0.2, 0.85)
SLOW_TIMES = np.geomspace(1.0, 1e4, 81)
HEIGHT_TIME = 1e4
SMALL = 1e-2


def printed(K: int) -> tuple[Float[np.ndarray, "K K"], Float[np.ndarray, "K K"], Float[np.ndarray, " K"]]:
    """Return Q, R and W2 of the plateau as printed in Eq. 31, for positive feedback."""
    q = 1 / (2 * K - 1)
    return np.full((K, K), q), np.full((K, K), np.sqrt(q / 2)), np.full(K, np.sqrt((1 + 2 * q) / (q * (4 + 3 * q))))


def printed_and_derived(K: int) -> Mapping[str, np.ndarray]:
    """Return the largest velocity divided by η at the printed and at the derived plateau of K = M units, F = 1.

    With them the smallest eigenvalue of the printed covariance [[Q, R], [Rᵀ, 1]], which no weights can make negative.
    """
    Q, R, W2 = printed(K)
    derived = plateau(K, F=np.ones(K))
    motion = Motion(derived, 1.0, "erf", "dfa", order=1)
    covariance = np.block([[Q, R], [R.T, np.eye(K)]])
    return {
        "printed": np.asarray(np.abs(motion.velocity(motion.pack(Q, R, W2))).max()),
        "derived": residual(derived),
        "smallest_eigenvalue": np.asarray(np.linalg.eigvalsh(covariance)[0]),
    }


def residual(state: OrderParameters) -> Float[np.ndarray, ""]:
    """Return the largest entry of the velocity under DFA, divided by η."""
    motion = Motion(state, 1.0, "erf", "dfa", order=1)
    return np.asarray(np.abs(motion.velocity(motion.pack(state.Q, state.R, state.W2))).max())


def unequal_residual(pair: tuple[int, int]) -> Mapping[str, np.ndarray]:
    """Return the largest velocity divided by η at the derived plateau for K ≠ M, with feedback of mixed signs."""
    K, M = pair
    return {"derived": residual(plateau(K, M, F=(-1.0) ** np.arange(K)))}


def slow_manifold(eta: float) -> Mapping[str, np.ndarray]:
    """Return W2, Q and R from zero weights with feedback of unequal size, to the slow manifold and along it.

    `speed` is the largest velocity divided by η.
    """
    start = OrderParameters.zero_start(2, np.eye(2), np.ones(2), np.array(SLOW_FEEDBACK))
    solved = solve_before_alike_teachers(start, SLOW_TIMES, eta, "dfa", order=1)
    return {"W2": solved.W2, "Q": solved.Q, "R": solved.R, "speed": speeds(start, solved)}


def speeds(start: OrderParameters, solved: Trajectory) -> Float[np.ndarray, " times"]:
    """Return the largest entry of the velocity, divided by η, along a trajectory at first order."""
    motion = Motion(start, 1.0, "erf", "dfa", order=1)
    states = zip(solved.Q, solved.R, solved.W2, strict=True)
    return np.array([np.abs(motion.velocity(motion.pack(*state))).max() for state in states])


def heights(case: tuple[int, int], eta: float) -> Mapping[str, np.ndarray]:
    """Return ε_g on the plateau of K = M units by BP and DFA at first or second order in η, for `case` = (K, order).

    Both start from the same small weights, which favour no teacher unit: the student's units are multiples of the
    teacher's mean, unlike one another. F has the signs of W2.
    """
    K, order = case
    size = SMALL * (1 + np.arange(K) / K)
    start = OrderParameters(
        Q=np.outer(size, size),
        R=np.outer(size, np.ones(K)) / np.sqrt(K),
        T=np.eye(K),
        W2=np.full(K, SMALL),
        W2_teacher=np.ones(K),
        F=np.linspace(0.6, 1.2, K),
    )

    def height(rule: str) -> Float[np.ndarray, ""]:
        solved = solve_before_alike_teachers(start, np.array([HEIGHT_TIME]), eta, rule, order=order, rtol=1e-8)
        return np.asarray(solved.generalisation_error[-1])

    return {"bp": height("bp"), "dfa": height("dfa")}
