"""The first moments of learning (chapter 02): Refinetti et al. 2021, Eqs 28–30, as printed and as derived.

From zero weights and with an orthonormal teacher (T = 1), erf units.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from feedback_alignment.streams import generator
from feedback_alignment.teacher_student import OrderParameters, derivative, solve

SHOWN_TEACHER = (1.2, 0.6)
SHOWN_FEEDBACK = (0.8, -1.1)
SHOWN_TIMES = np.geomspace(1e-3, 30, 61)
ONE_STEP_N = 200


def r_rate(eta: float, teacher: Float[np.ndarray, " M"], F: Float[np.ndarray, " K"]) -> Float[np.ndarray, "K M"]:
    """Return dR/dα at zero weights (Eq. 29)."""
    return np.asarray(np.sqrt(2) / np.pi * eta * np.outer(F, teacher))


def q_rate(eta: float, teacher: Float[np.ndarray, " M"], F: Float[np.ndarray, " K"]) -> Float[np.ndarray, "K K"]:
    """Return dQ/dα at zero weights as derived in the book: (2 / 3π) η² ‖W̃2‖² F^k F^l."""
    return np.asarray(2 / (3 * np.pi) * eta**2 * (teacher @ teacher) * np.outer(F, F))


def q_rate_printed(
    eta: float, teacher: Float[np.ndarray, " K"], F: Float[np.ndarray, " K"]
) -> Float[np.ndarray, "K K"]:
    """Return dQ/dα at zero weights as printed in Eq. 29, which needs K = M: (2 / π) η² ((W̃2^k)² + (W̃2^l)²) F^l F^k."""
    return np.asarray(2 / np.pi * eta**2 * np.add.outer(teacher**2, teacher**2) * np.outer(F, F))


def w2_acceleration(
    eta: float, teacher: Float[np.ndarray, " M"], F: Float[np.ndarray, " K"]
) -> Float[np.ndarray, " K"]:
    """Return the coefficient of α in dW2/dα (Eq. 30)."""
    return np.asarray(2 / np.pi**2 * eta**2 * (teacher @ teacher) * F)


def coefficient_errors(K: int, eta: float) -> Mapping[str, np.ndarray]:
    """Return the largest relative error of each formula against the equations of motion, for a random teacher of K = M.

    The slope of dW2/dα is taken from two states on the straight line of Eq. 28, extrapolated to α = 0.
    """
    random = generator(K, "early times")
    teacher, F = random.uniform(0.5, 1.5, K), random.standard_normal(K)
    start = OrderParameters.zero_start(K, np.eye(K), teacher, F)
    dQ, dR, _ = derivative(start, eta, "erf", "dfa")

    def slope(alpha: float) -> Float[np.ndarray, " K"]:
        near = OrderParameters(dQ * alpha, dR * alpha, start.T, np.zeros(K), teacher, F)
        return derivative(near, eta, "erf", "dfa")[2] / alpha

    accelerations = 2 * slope(5e-6) - slope(1e-5)
    found = {
        "R": r_rate(eta, teacher, F) / dR,
        "Q_printed": q_rate_printed(eta, teacher, F) / dQ,
        "Q": q_rate(eta, teacher, F) / dQ,
        "W2": w2_acceleration(eta, teacher, F) / accelerations,
    }
    return {name: np.asarray(np.abs(ratio - 1).max()) for name, ratio in found.items()}


def one_step(batch: int, samples: int, eta: float) -> Mapping[str, np.ndarray]:
    """Return N times the changes of R^{11} and Q^{11} in one step of SGD from zero weights, relative to the formulas.

    The step is taken literally, with N-dimensional weights, on each of `samples` inputs; the changes are averaged.
    """
    from scipy.special import erf

    N, teacher, F = ONE_STEP_N, np.array(SHOWN_TEACHER), np.array(SHOWN_FEEDBACK)
    x = generator(batch, "samples").standard_normal((samples, N))
    W1_teacher = np.sqrt(N) * np.eye(2, N)
    y = erf(x @ W1_teacher.T / np.sqrt(2 * N)) @ teacher
    change = eta / np.sqrt(N) * F[0] * np.sqrt(2 / np.pi) * y[:, None] * x  # e = −y and g'(0) = √(2/π)
    dR, dQ = (change @ W1_teacher[0]).mean(), (change**2).sum(1).mean()
    return {
        "R": np.asarray(dR / r_rate(eta, teacher, F)[0, 0]),
        "Q": np.asarray(dQ / q_rate(eta, teacher, F)[0, 0]),
        "Q_printed": np.asarray(dQ / q_rate_printed(eta, teacher, F)[0, 0]),
    }


def shown(eta: float) -> Mapping[str, np.ndarray]:
    """Return R, Q and W2 solved from zero weights, each divided by its expansion, at `SHOWN_TIMES`.

    One entry of each is kept: R^{11}, Q^{11} and W2^1.
    """
    teacher, F = np.array(SHOWN_TEACHER), np.array(SHOWN_FEEDBACK)
    solved = solve(OrderParameters.zero_start(2, np.eye(2), teacher, F), SHOWN_TIMES, eta, "erf", "dfa")
    alpha = solved.alpha
    return {
        "R": solved.R[:, 0, 0] / (alpha * r_rate(eta, teacher, F)[0, 0]),
        "Q": solved.Q[:, 0, 0] / (alpha * q_rate(eta, teacher, F)[0, 0]),
        "Q_printed": solved.Q[:, 0, 0] / (alpha * q_rate_printed(eta, teacher, F)[0, 0]),
        "W2": solved.W2[:, 0] / (alpha**2 / 2 * w2_acceleration(eta, teacher, F)[0]),
    }
