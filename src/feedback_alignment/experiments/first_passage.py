"""When simulated students first reach an error: online learning in legs, so that those which did can stop.

At finite N the order parameters are a Markov chain, so a run may be cut anywhere and go on from its order parameters
with fresh samples.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from feedback_alignment import streams
from feedback_alignment.teacher_student import OrderParameters
from feedback_alignment.teacher_student.simulation import simulate_each


@dataclass(frozen=True)
class Learning:
    """How to learn, and what counts as learned: an error below `below` at one of the times looked at.

    `horizon` and `leg` are times in α; within each leg the error is looked at `looks` times.
    """

    activation: str
    rule: str
    eta: float
    below: float
    horizon: float
    leg: float
    looks: int = 10


@dataclass(frozen=True, eq=False)
class Passage:
    """`learned_at` is the first time α at which a run's error is below the threshold, inf if that did not happen.

    `error` is the generalisation error and `states` hold the order parameters at the end of the run's last leg.
    """

    learned_at: Float[np.ndarray, " runs"]
    error: Float[np.ndarray, " runs"]
    states: list[OrderParameters]


def first_passage(states: Sequence[OrderParameters], learning: Learning, N: int, seed: int) -> Passage:
    """Simulate one run from each of `states` (of equal K and M) until it has learned or the horizon is reached.

    Times between two looks are interpolated in the logarithm of the error. The samples of leg l are drawn from a seed
    of the stream (seed, 'samples of a leg', l).

    Raises ValueError for a horizon, leg or number of looks that is not positive, and as `simulate_each` does.
    """
    if not (learning.horizon > 0 and learning.leg > 0 and learning.looks > 0):
        raise ValueError(f"horizon, leg and looks must be positive; got {learning}")
    current = list(states)
    learned_at, error = np.full(len(current), np.inf), np.full(len(current), np.nan)
    going = np.arange(len(current))
    for index in range(int(np.ceil(learning.horizon / learning.leg - 1e-9))):
        start = index * learning.leg
        length = min(learning.leg, learning.horizon - start)
        times = np.concatenate([[0.0], length * np.arange(1, learning.looks + 1) / learning.looks])
        leg_seed = int(streams.generator(seed, "samples of a leg", index).integers(2**32))
        seen = simulate_each(
            [current[run] for run in going], times, learning.eta, learning.activation, learning.rule, N, leg_seed
        )
        for position, run in enumerate(going):
            last = {"Q": seen.Q[position, -1], "R": seen.R[position, -1], "W2": seen.W2[position, -1]}
            current[run] = replace(current[run], **last)
            error[run] = seen.generalisation_error[position, -1]
            learned_at[run] = start + crossing(seen.alpha, seen.generalisation_error[position], learning.below)
        going = going[np.isinf(learned_at[going])]
        if not going.size:
            break
    return Passage(learned_at, error, current)


def crossing(times: ArrayLike, errors: ArrayLike, below: float) -> float:
    """Return the first time at which `errors` (n,), seen at `times` (n,), fall below a level; inf if they do not.

    Interpolated linearly in the logarithm of the error.
    """
    t, e = np.asarray(times, dtype=float), np.asarray(errors, dtype=float)
    under = np.flatnonzero(e < below)
    if not under.size:
        return float("inf")
    i = int(under[0])
    if i == 0:
        return float(t[0])
    tiny = np.finfo(float).tiny
    before, after = np.log(max(e[i - 1], tiny)), np.log(max(e[i], tiny))
    return float(t[i - 1] + (t[i] - t[i - 1]) * (before - np.log(below)) / (before - after))
