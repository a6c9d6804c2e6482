"""Alignment matrices: what training leaves free once the feedback is given, W_l = F_l A_l F_{l−1}ᵀ.

The identity holds from zero weights for any feedback, data and batch (Refinetti et al. 2021, Eqs 10–14). The matrices
A_l are computed in three ways, which a test compares; `deep_linear.training` gives the history they start from.
"""

import numpy as np
from jaxtyping import Float

from feedback_alignment.deep_linear.feedback import Matrices, check_left_orthogonal
from feedback_alignment.deep_linear.training import Training

METHODS = ("recursion", "double sum", "left-orthogonal")
"""Ways to compute alignment matrices; see `alignment_matrices`."""
AlignmentMatrices = tuple[Float[np.ndarray, "times n_L _columns"], ...]
"""A_1 … A_L at each of a run's times; A_1 is (n_L, n_0), all others are (n_L, n_L)."""


def alignment_matrices(training: Training, method: str = "recursion") -> AlignmentMatrices:
    """Return A_1 … A_L of a run at its times.

    | method | formula | cost in steps |
    |---|---|---|
    | recursion | A_l ← A_l − (η/b) E (C_{l−1} H_{l−2})ᵀ, C_l ← C_l − (η/b) E H_{l−1}ᵀ; C_l is A_l F_{l−1}ᵀ | linear |
    | double sum | η²/b² Σ_{t'} Σ_{t''<t'} E_{t'} H_{l−2}^{t'ᵀ} H_{l−2}^{t''} E_{t''}ᵀ | quadratic |
    | left-orthogonal | the same with A_{l−2} … A_1 x for h_{l−2}: Eqs 15 and 44–48, if F_lᵀF_l = 1 | quadratic |

    The first two hold for any feedback.

    Raises ValueError for an unknown method, a run that did not start from zero weights, and the left-orthogonal form
    where F_1 … F_{L−2} are not so.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}; got {method!r}")
    if not training.from_zero:
        raise ValueError(
            "W_l = F_l A_l F_{l−1}ᵀ holds for training from zero weights; this run started from others: "
            "call train without start"
        )
    if method == "recursion":
        return _recursion(training)
    if method == "double sum":
        increments = [
            _double_sum(training.signals_of(layer), training.signals, training.activities[layer - 2], training.eta)
            for layer in range(2, training.layers + 1)
        ]
        return _totals([_first_layer(training), *increments], training)
    return _left_orthogonal(training)


def _recursion(training: Training) -> AlignmentMatrices:
    n_L, rate = training.errors.shape[1], training.eta / training.batch
    # halves[l] is A_l F_{l−1}ᵀ: the weights before F_l multiplies them.
    halves = [np.zeros((n_L, h.shape[1])) for h in training.activities]
    A = [halves[0], *(np.zeros((n_L, n_L)) for _ in training.feedback)]
    found = []
    for t in range(training.times[-1] + 1):
        if t in training.times:
            found.append([part.copy() for part in A])
        if t == training.times[-1]:
            break
        for layer in range(2, training.layers + 1):
            below = halves[layer - 2] @ training.activities[layer - 2][t]
            A[layer - 1] -= rate * training.signals_of(layer)[t] @ below.T
        for half, h in zip(halves, training.activities, strict=True):
            half -= rate * training.signals[t] @ h[t].T
    return tuple(np.stack(parts) for parts in zip(*found, strict=True))


def _first_layer(training: Training) -> Float[np.ndarray, "steps n_L n_0"]:
    return -training.eta / training.batch * training.signals @ training.activities[0].swapaxes(1, 2)


def _double_sum(
    signals: Float[np.ndarray, "steps n_L batch"],
    signals_below: Float[np.ndarray, "steps n_L batch"],
    h: Float[np.ndarray, "steps units batch"],
    eta: float,
) -> Float[np.ndarray, "steps n_L n_L"]:
    """Return the terms t' of the double sum, each summed over t'' < t'."""
    increments = np.zeros((len(h), signals.shape[1], signals.shape[1]))
    for t in range(1, len(h)):
        overlaps = h[t].T @ h[:t]
        increments[t] = (signals[t] @ overlaps @ signals_below[:t].swapaxes(1, 2)).sum(axis=0)
    return (eta / h.shape[2]) ** 2 * increments


def _left_orthogonal(training: Training) -> AlignmentMatrices:
    check_left_orthogonal(training.feedback[:-1])
    v = training.activities[0]
    increments = [_first_layer(training)]
    for layer in range(2, training.layers + 1):
        increments.append(_double_sum(training.signals_of(layer), training.signals, v, training.eta))
        before = np.zeros_like(increments[-2])
        before[1:] = np.cumsum(increments[-2], axis=0)[:-1]
        v = before @ v
    return _totals(increments, training)


def _totals(increments: list[Float[np.ndarray, "steps n_L _columns"]], training: Training) -> AlignmentMatrices:
    return tuple(np.stack([part[:t].sum(axis=0) for t in training.times]) for part in increments)


def aligned_weights(
    matrices: AlignmentMatrices, feedback: Matrices
) -> tuple[Float[np.ndarray, "times _rows _columns"], ...]:
    """Return F_1 A_1, F_l A_l F_{l−1}ᵀ and A_L F_{L−1}ᵀ (Refinetti et al. 2021, Eqs 10 and 14).

    `feedback` holds F_1 … F_{L−1}, (n_l, n_L) each: what `direct_feedback` returns.

    Raises ValueError unless there is one matrix more than there are of feedback.
    """
    if len(matrices) != len(feedback) + 1:
        raise ValueError(f"{len(feedback)} feedback matrices go with {len(feedback) + 1} A_l; got {len(matrices)}")
    above = [*feedback, np.eye(feedback[-1].shape[1])]
    below = [np.eye(matrices[0].shape[-1]), *feedback]
    return tuple(F @ A @ G.T for F, A, G in zip(above, matrices, below, strict=True))


def identity_residuals(training: Training, matrices: AlignmentMatrices) -> Float[np.ndarray, "times layers"]:
    """Return ‖W_l − F_l A_l F_{l−1}ᵀ‖ / ‖W_l‖ at a run's times, Frobenius norms; NaN where W_l is zero."""
    predicted = aligned_weights(matrices, training.feedback)
    columns = []
    for W, WA in zip(training.weights, predicted, strict=True):
        sizes = np.linalg.norm(W, axis=(1, 2))
        columns.append(np.linalg.norm(W - WA, axis=(1, 2)) / np.where(sizes > 0, sizes, np.nan))
    return np.stack(columns, axis=1)


def symmetric_part(
    training: Training, matrices: AlignmentMatrices, layer: int
) -> tuple[Float[np.ndarray, "n_L n_L"], Float[np.ndarray, "n_L n_L"]]:
    """Return two positive semi-definite matrices whose difference is A_l + A_lᵀ at the end of a run, for l ≥ 2.

    A_l + A_lᵀ = A_{l−1} F_{l−2}ᵀF_{l−2} A_{l−1}ᵀ − (η²/b²) Σ_t E_t H_{l−2}ᵀH_{l−2} E_tᵀ, with the identity in the
    place of F_0. The second is the noise of finite steps: it vanishes as η in gradient flow, where the symmetric part
    is positive semi-definite.

    Raises ValueError for a layer below 2 or above L, a layer whose signal is not that of the layer below (the output
    layer of 'drtp'), and a run whose last time is not its end.
    """
    if not 2 <= layer <= training.layers:
        raise ValueError(f"layer must lie in 2 … {training.layers}; got {layer}")
    if layer == training.layers and training.rule == "drtp":
        raise ValueError("the output layer of 'drtp' learns from another signal than the layer below: no such identity")
    if training.times[-1] != len(training.errors):
        raise ValueError(f"the run's last time must be its end, {len(training.errors)}; got {training.times[-1]}")
    below = matrices[layer - 2][-1]
    grown = below if layer == 2 else below @ training.feedback[layer - 3].T
    kicks = training.signals @ training.activities[layer - 2].swapaxes(1, 2)
    return grown @ grown.T, (training.eta / training.batch) ** 2 * (kicks @ kicks.swapaxes(1, 2)).sum(axis=0)
