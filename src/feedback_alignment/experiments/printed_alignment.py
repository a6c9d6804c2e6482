"""Formulas for weight alignment as the paper prints them, where they need correction, and how far they miss.

Refinetti et al. 2021, Eq. 12, and 15 with 43 and 46 of its supplement; batches of one sample.
"""

import numpy as np
from jaxtyping import Float

from feedback_alignment.deep_linear import Training, alignment_matrices

FORMULAS = ("Eq. 12", "Eq. 46, range", "Eqs 15 and 43, l = 3", "Eqs 15 and 46, l = 4", "Eqs 15 and 46, l = 5")


def _relative(found: Float[np.ndarray, "rows columns"], true: Float[np.ndarray, "rows columns"]) -> float:
    return float(np.linalg.norm(found - true) / np.linalg.norm(true))


def printed_errors(training: Training) -> tuple[Float[np.ndarray, " formulas"], Float[np.ndarray, " formulas"]]:
    """Return relative errors of FORMULAS at the end of a run of five or more layers: as printed, and corrected.

    Raises ValueError for fewer layers, larger batches, a run that has other times than its end, and a rule other than
    'dfa' or 'fa', for which the paper writes these.
    """
    if training.layers < 5 or training.batch != 1 or len(training.times) != 1 or training.rule.startswith("drtp"):
        raise ValueError(
            "the formulas need a run by 'dfa' or 'fa' with at least 5 layers, batches of 1 and its end as only time; "
            f"got {training.rule!r}, {training.layers} layers, batches of {training.batch}, times {training.times}"
        )
    eta, e = training.eta, training.errors[:, :, 0]
    h = [part[:, :, 0] for part in training.activities]
    true = [part[-1] for part in alignment_matrices(training)]
    W2 = training.weights[1][-1]
    F1, F2 = training.feedback[:2]
    v = _linear_memory(e, h[0], eta)
    below = v.sum(axis=0)
    sums_of_h = [eta**2 * _pairs(e, part) for part in h[:4]]
    everything = eta**2 * np.einsum("ti,ts,sj->ij", e, h[0] @ h[0].T, e)
    as_if_orthogonal = _as_if_left_orthogonal(e, h[0], eta)
    printed = [
        _relative(-eta * np.outer(F2 @ e[-1], F1 @ below), W2),
        _relative(everything, true[1]),
        *(_relative(*pair) for pair in zip(as_if_orthogonal[1:], true[2:5], strict=True)),
    ]
    corrected = [
        _relative(-eta * F2 @ (e.T @ v) @ F1.T, W2),
        _relative(sums_of_h[0], true[1]),
        *(_relative(*pair) for pair in zip(sums_of_h[1:], true[2:5], strict=True)),
    ]
    return np.array(printed), np.array(corrected)


def _pairs(e: Float[np.ndarray, "steps n_L"], v: Float[np.ndarray, "steps units"]) -> Float[np.ndarray, "n_L n_L"]:
    """Σ_{t'} Σ_{t''<t'} (v_{t'} · v_{t''}) e_{t'} e_{t''}ᵀ."""
    overlaps = np.tril(v @ v.T, k=-1)
    summed: np.ndarray = e.T @ overlaps @ e
    return summed


def _linear_memory(
    e: Float[np.ndarray, "steps n_L"], x: Float[np.ndarray, "steps n_0"], eta: float
) -> Float[np.ndarray, "steps n_L"]:
    """A_1^t x_t, with A_1^t = −η Σ_{t'<t} e_{t'} x_{t'}ᵀ."""
    remembered: np.ndarray = -eta * np.tril(x @ x.T, k=-1) @ e
    return remembered


def _as_if_left_orthogonal(
    e: Float[np.ndarray, "steps n_L"], x: Float[np.ndarray, "steps n_0"], eta: float
) -> list[Float[np.ndarray, "n_L n_L"]]:
    """A_2 … A_5 by Eqs 44–48, with A_{l−2} … A_1 x in the place of the activities."""
    v = [x, _linear_memory(e, x, eta)]
    for layer in (2, 3):
        before = np.stack([eta**2 * _pairs(e[:t], v[layer - 2][:t]) for t in range(len(e))])
        v.append(np.einsum("tij,tj->ti", before, v[-1]))
    return [eta**2 * _pairs(e, part) for part in v]
