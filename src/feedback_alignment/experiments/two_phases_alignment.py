"""When a student is most aligned, and when it meets the plateau (chapter 02): Refinetti et al. 2021, Fig. 3b.

Equations of motion of two erf units before an orthonormal teacher with second-layer weights 1, from random starts.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from feedback_alignment.experiments.two_phases_curves import cosine
from feedback_alignment.streams import generator
from feedback_alignment.teacher_student import OrderParameters, solve

LEARNED = 1e-7
TIMES = np.geomspace(0.1, 1e6, 351)
ON_PLATEAU = 1.1
"""A student has entered the plateau when its error is within 10 % of that where the plateau is flattest."""


def met_plateau(seed: int, N: int, eta: float, sigma0: float) -> Mapping[str, np.ndarray]:
    """Return how BP and DFA, the two along the first axis, meet the plateau from one start; see `meeting`."""
    F = generator(seed, "feedback").standard_normal(2)
    start = OrderParameters.random_start(2, np.eye(2), np.ones(2), F, N=N, sigma0=sigma0, seed=seed)
    found = []
    for rule in ("bp", "dfa"):
        solved = solve(start, TIMES, eta, "erf", rule, stop_below=LEARNED)
        met = meeting(solved.alpha, solved.generalisation_error, cosine(solved.W2, F))
        found.append({**met, "cosine_start": cosine(start.W2, F)})
    return {name: np.stack([entry[name] for entry in found]) for name in found[0]}


def meeting(
    alpha: Float[np.ndarray, " times"], errors: Float[np.ndarray, " times"], aligned: Float[np.ndarray, " times"]
) -> dict[str, np.ndarray]:
    """Return height and time of entry of the plateau, and the cosine with F there, at its peak and in the end.

    What concerns the plateau is NaN where there is none.
    The plateau lies where ln ε_g against ln α is flattest between its first decay and the last.
    """
    height, entry, entry_cosine = np.nan, np.nan, np.nan
    within = (errors < 0.6 * errors[0]) & (errors > 1e-2 * errors[0])
    slope = -np.gradient(np.log(np.maximum(errors, 1e-300)), np.log(alpha))
    inner = np.flatnonzero((slope[1:-1] < slope[:-2]) & (slope[1:-1] <= slope[2:]) & within[1:-1]) + 1
    if inner.size:
        height = errors[inner[slope[inner].argmin()]]
        at = int(np.argmax(errors < ON_PLATEAU * height))
        entry, entry_cosine = alpha[at], aligned[at]
    peak = int(aligned.argmax())
    return {
        "height": np.asarray(height),
        "alpha_entry": np.asarray(entry),
        "alpha_peak": np.asarray(alpha[peak]),
        "cosine_entry": np.asarray(entry_cosine),
        "cosine_peak": np.asarray(aligned[peak]),
        "cosine_end": np.asarray(aligned[-1]),
    }
