"""How long an erf student with K = M = 2 stays on the plateau under DFA, and the rate at which it leaves.

On the plateau each unit overlaps equally with both teacher units. The difference grows as exp(rate · α) from its value
at the start, of order sigma0/√N, until it is of order one.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from feedback_alignment.experiments.first_passage import Learning, crossing, first_passage
from feedback_alignment.teacher_student import (
    OrderParameters,
    generalisation_error,
    plateau,
    solve,
    unstable_directions,
)

# The rate is read where the difference between the overlaps with the two teacher units is this large: small enough for
# linear growth, and reached long after the start is forgotten.
DIFFERENCE = 3e-3
# An angle at which the two units get unequal feedback.
TILTED = 20.0
TIMES, FINE_TIMES = 2000, 6000


@dataclass(frozen=True)
class Escape:
    """One setting: `angle` in degrees between feedback and the teacher's second layer (1, 1), below 45."""

    angle: float
    eta: float = 0.1
    sigma0: float = 1e-2
    N: int = 400
    simulated: bool = True


def feedback_at(angle: float) -> Float[np.ndarray, " 2"]:
    """Return the feedback vector of length √2, as long as (1, 1), at `angle` degrees from it.

    Raises ValueError for an angle outside 0 … 45, where a smaller one gives the same up to signs and order.
    """
    if not 0 <= angle < 45:
        raise ValueError(f"angle must lie in 0 ... 45 degrees, 45 excluded, where an entry of F is zero; got {angle}")
    turned = np.radians(45 + angle)
    return np.array([np.cos(turned), np.sin(turned)]) * 2**0.5


def threshold() -> float:
    """Return the generalisation error at which the plateau counts as left: half its height."""
    return generalisation_error(plateau(2), "erf") / 2


def _start(escape: Escape, seed: int) -> OrderParameters:
    return OrderParameters.random_start(
        2, np.eye(2), (1.0, 1.0), feedback_at(escape.angle), N=escape.N, sigma0=escape.sigma0, seed=seed
    )


def escape_times(escape: Escape, horizon: float, starts: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Return the times α at which students from the given starts leave the plateau, by equations and by simulation.

    `horizon` is in units of 1/eta; inf stands for no escape until then. The simulation starts from the same order
    parameters as the equations; NaN where it is not asked for.
    """
    end, level = horizon / escape.eta, threshold()
    times = end * np.arange(1, TIMES + 1) / TIMES
    states = [_start(escape, seed) for seed in starts]
    followed = [solve(state, times, escape.eta, "erf", "dfa", rtol=1e-9, stop_below=level / 2) for state in states]
    simulated = np.full(len(starts), np.nan)
    if escape.simulated:
        learning = Learning("erf", "dfa", escape.eta, level, end, 20 / escape.eta)
        simulated = first_passage(states, learning, escape.N, starts[0]).learned_at
    return {
        "escape_equations": np.array([crossing(t.alpha, t.generalisation_error, level) for t in followed]),
        "escape_simulation": simulated,
    }


def escape_rates(angle: float, eta: float, horizon: float, seed: int) -> dict[str, np.ndarray]:
    """Return the rate at which the plateau is left at `angle`: as measured, and two predictions; per unit of α.

    Measured: growth of the difference between the overlaps with the two teacher units, by the equations at first order
    in eta. Predicted: the largest eigenvalue of the Jacobian at the state where the run then is, its overlaps made
    equal; and that at the symmetric fixed point with equal second-layer weights.

    Raises ValueError where the student has not left the plateau by `horizon` (in units of 1/eta).
    """
    escape = Escape(angle, eta, sigma0=1e-4, N=10_000)
    start = _start(escape, seed)
    times = horizon / eta * np.arange(1, FINE_TIMES + 1) / FINE_TIMES
    seen = solve(start, times, eta, "erf", "dfa", rtol=1e-10, stop_below=threshold(), order=1)
    difference = np.linalg.norm(seen.R[:, :, 0] - seen.R[:, :, 1], axis=1)
    if seen.generalisation_error[-1] > threshold():
        raise ValueError(f"at {angle} degrees the plateau lasts longer than {horizon}/eta: raise the horizon")
    grown = (np.arange(len(difference)) > difference.argmin()) & (difference > DIFFERENCE)
    i = int(np.flatnonzero(grown)[0])
    measured = np.log(difference[i + 2] / difference[i - 2]) / (times[i + 2] - times[i - 2])
    equal = np.repeat(seen.R[i].mean(axis=1, keepdims=True), 2, axis=1)
    there = OrderParameters(seen.Q[i], equal, start.T, seen.W2[i], start.W2_teacher, start.F)
    return {
        "rate_measured": np.array(measured),
        "rate_there": _rate(there, eta),
        "rate_fixed_point": _rate(plateau(2, F=start.F), eta),
        "W2_there": seen.W2[i],
    }


def _rate(state: OrderParameters, eta: float) -> np.ndarray:
    return np.array(unstable_directions(state, eta, "erf", "dfa").rates[0].real)
