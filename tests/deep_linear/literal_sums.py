"""The formulas of Refinetti et al. 2021, SM C, term by term for batch 1: as printed, and as corrected here.

`e` (steps, n_L), `x` (steps, n_0), `A1` and `A2` the matrices before each step, F_1 first in `F`.
"""

import numpy as np

from feedback_alignment.deep_linear import Training, draw_feedback, train
from feedback_alignment.streams import generator

RATES = {"dfa": 0.003, "fa": 0.002, "drtp": 3e-4, "drtp-target": 5e-4}
"""Learning rates at which 3000 steps are stable for the data below, at any depth up to 6."""


def linear_task(steps: int, batch: int = 1, seed: int = 0, inputs: int = 7, outputs: int = 4):
    """Gaussian inputs and the targets of a random linear map."""
    T = generator(seed, "teacher").standard_normal((outputs, inputs)) / np.sqrt(inputs)
    x = generator(seed, "samples").standard_normal((steps, inputs, batch))
    return x, T @ x


def trained(
    layers: int = 4, rule: str = "dfa", kind: str = "gaussian", batch: int = 1, steps: int = 60, **options
) -> Training:
    """A run on the linear task; `options` are eta, width, seed and times."""
    seed = options.get("seed", 0)
    x, y = linear_task(steps, batch, seed)
    F = draw_feedback((7, *[options.get("width", 12)] * (layers - 1), 4), rule, kind, seed)
    return train(F, x, y, options.get("eta", 0.02), rule, options.get("times"))


def samples(run: Training) -> tuple[np.ndarray, np.ndarray]:
    """e and x of each step, for batch 1."""
    return run.errors[:, :, 0], run.activities[0][:, :, 0]


def double_sum(e: np.ndarray, v: np.ndarray, eta: float) -> np.ndarray:
    """η² Σ_{t'} Σ_{t''<t'} (v_{t'} · v_{t''}) e_{t'} e_{t''}ᵀ."""
    total = np.zeros((e.shape[1], e.shape[1]))
    for t in range(len(e)):
        for s in range(t):
            total += eta**2 * (v[t] @ v[s]) * np.outer(e[t], e[s])
    return total


def printed_range_sum(e: np.ndarray, v: np.ndarray, eta: float) -> np.ndarray:
    """Eq. 46 with the range of its printed sum: both times over all steps."""
    total = np.zeros((e.shape[1], e.shape[1]))
    for t in range(len(e)):
        for s in range(len(e)):
            total += eta**2 * (v[t] @ v[s]) * np.outer(e[t], e[s])
    return total


def printed_matrices(run: Training) -> list[np.ndarray]:
    """Eqs 44–48 with the corrected range: A_1 … A_L at the end, as if all feedback were left-orthogonal."""
    e, x = samples(run)
    found = [-run.eta * e.T @ x]
    before = np.stack([-run.eta * e[:t].T @ x[:t] for t in range(len(e))])
    v = x
    for _ in range(2, run.layers + 1):
        found.append(double_sum(e, v, run.eta))
        at_each = np.stack([double_sum(e[:t], v[:t], run.eta) for t in range(len(e))])
        v, before = np.einsum("tij,tj->ti", before, v), at_each
    return found
