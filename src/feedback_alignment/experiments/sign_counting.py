"""Which signs a ReLU student can reach, and how often random feedback has those that its teacher needs.

| name here | equation of the derivation page | Refinetti et al. 2021 |
|---|---|---|
| `sign_invariants` | eq-sign-invariant-dfa, eq-sign-invariant-bp | – |
| `enough_signs` | eq-sign-condition | text before Eq. 8, both signs |
| `printed_learning_probability` | eq-learning-printed | Eq. 8 |
| `learning_probability` | eq-learning-general | Eq. 8, corrected, any teacher |
| `backpropagation_learning_probability` | eq-learning-bp | – |
"""

from collections.abc import Sequence
from math import comb, erf, sqrt

import numpy as np
from jaxtyping import Bool, Float


def sign_invariants(
    Q: Float[np.ndarray, "*n K K"], W2: Float[np.ndarray, "*n K"], F: Float[np.ndarray, " K"] | None = None
) -> Float[np.ndarray, "*n K"]:
    """Return what ReLU units keep at first order in eta: Q^{kk} − 2 F^k W2^k with DFA, Q^{kk} − (W2^k)² with BP.

    `F` is None for BP. With DFA a step at finite eta can only raise it.
    """
    lengths = np.diagonal(Q, axis1=-2, axis2=-1)
    return np.asarray(lengths - (W2**2 if F is None else 2 * F * W2))


def enough_signs(F: Float[np.ndarray, "*n K"], W2_teacher: Sequence[float]) -> Bool[np.ndarray, "*n"]:
    """Return whether each feedback vector has as many positive and negative entries as the teacher's second layer.

    Raises ValueError for teacher weights that are not a vector of numbers other than zero.
    """
    teacher = np.asarray(W2_teacher, dtype=float)
    if teacher.ndim != 1 or not teacher.size or not (np.isfinite(teacher) & (teacher != 0)).all():
        raise ValueError(f"W2_teacher must have shape (M,) and no zero or NaN, as its signs count; got {W2_teacher!r}")
    positive, negative = (F > 0).sum(-1), (F < 0).sum(-1)
    return np.asarray((positive >= (teacher > 0).sum()) & (negative >= (teacher < 0).sum()))


def learning_probability(K: int, positive: int, negative: int = 0) -> float:
    """Return the probability that K random signs hold `positive` positive and `negative` negative ones.

    That is P(learn) of a ReLU student with K units, whose teacher has so many second-layer weights of either sign:
    2^−K Σ_{k=positive}^{K−negative} C(K, k). Zero where K is too small. With `negative` = 0 it corrects Eq. 8.

    Raises ValueError for counts that are not integers, negative, or a K below 1.
    """
    _check_counts(K=K, positive=positive, negative=negative)
    return float(sum(comb(K, k) for k in range(positive, K - negative + 1)) / 2**K)


def printed_learning_probability(K: int, M: int) -> float:
    """Return Eq. 8 as it is printed, 2^−K Σ_{k=0}^{M} C(K, k), for a teacher with M second-layer weights of 1.

    Raises ValueError for counts that are not integers, negative, or a K below 1.
    """
    _check_counts(K=K, M=M)
    return float(sum(comb(K, k) for k in range(M + 1)) / 2**K)


def backpropagation_learning_probability(K: int, M: int) -> float:
    """Return the probability that at least M of K ReLU units can end positive under BP from a random small start.

    All weights start as N(0, sigma0²), N is large, the pre-activations are W1 x/√N. A unit stays negative if it starts
    with W2^k < −√Q^{kk}, and √Q^{kk} → sigma0: its probability is that of a normal number below −1.

    Raises ValueError for counts that are not integers, negative, or a K below 1.
    """
    _check_counts(K=K, M=M)
    stays_negative = (1 - erf(1 / sqrt(2))) / 2
    return float(sum(comb(K, k) * (1 - stays_negative) ** k * stays_negative ** (K - k) for k in range(M, K + 1)))


def _check_counts(**counts: int) -> None:
    for name, value in counts.items():
        least = int(name == "K")
        if type(value) is not int or value < least:
            raise ValueError(f"{name} must be an integer of at least {least}, a number of units; got {value!r}")
