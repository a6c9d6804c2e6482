"""Weight and gradient alignment of deep linear networks, the conditioning of matrices, and what theory says of them."""

from collections.abc import Sequence
from math import sqrt

import numpy as np
from jaxtyping import Float

from feedback_alignment.deep_linear.feedback import Matrices


def _cosine(a: Float[np.ndarray, "... units"], b: Float[np.ndarray, "... units"]) -> Float[np.ndarray, "..."]:
    lengths = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    cosines: np.ndarray = (a * b).sum(axis=-1) / np.where(lengths > 0, lengths, np.nan)
    return cosines


def weight_alignment(weights: Matrices, feedback: Matrices) -> Float[np.ndarray, " upper_layers"]:
    """Return the cosines of W_l with F_l F_{l−1}ᵀ for l = 2 … L − 1 and of W_L with F_{L−1}ᵀ; NaN where W_l is zero.

    `weights` holds W_1 … W_L, `feedback` F_1 … F_{L−1} with a column for each output (Refinetti et al. 2021, Eq. 19).

    Raises ValueError for shapes that do not chain.
    """
    _check_chain(weights, feedback)
    aligned = [F @ G.T for F, G in zip(feedback[1:], feedback[:-1], strict=True)] + [feedback[-1].T]
    return np.array([_cosine(W.ravel(), M.ravel()) for W, M in zip(weights[1:], aligned, strict=True)])


def gradient_alignment(
    weights: Matrices,
    feedback: Matrices,
    errors: Float[np.ndarray, "n_L batch"],
    signals: Float[np.ndarray, "n_L batch"] | None = None,
) -> Float[np.ndarray, "hidden_layers batch"]:
    """Return each sample's cosine between what hidden layer l = 1 … L − 1 is taught and its gradient.

    That is F_l s against W_{l+1}ᵀ … W_Lᵀ e (Refinetti et al. 2021, Eq. 19, which belongs to 1 ≤ l ≤ L − 1). The signals
    s are the errors e unless given (DRTP: −y). NaN where one of the two is zero.

    Raises ValueError for shapes that do not chain.
    """
    _check_chain(weights, feedback)
    taught = errors if signals is None else signals
    outputs = feedback[-1].shape[1]
    for name, values in (("errors", errors), ("signals", taught)):
        if values.ndim != 2 or values.shape[0] != outputs:
            raise ValueError(f"{name} must have shape (n_L, batch) with n_L = {outputs}; got {values.shape}")
    gradient, found = errors, []
    for W, F in zip(reversed(weights[1:]), reversed(feedback), strict=True):
        gradient = W.T @ gradient
        found.append(_cosine((F @ taught).T, gradient.T))
    return np.stack(found[::-1])


def _check_chain(weights: Matrices, feedback: Matrices) -> None:
    if len(weights) != len(feedback) + 1:
        raise ValueError(
            f"{len(feedback)} feedback matrices go with {len(feedback) + 1} of weights; got {len(weights)}"
        )
    outputs = weights[-1].shape[0]
    for layer, (W, F, above) in enumerate(zip(weights[:-1], feedback, weights[1:], strict=True), start=1):
        if F.shape != (W.shape[0], outputs) or above.shape[1] != W.shape[0]:
            raise ValueError(
                f"layer {layer} has W_{layer} of shape {W.shape}, so F_{layer} must have shape "
                f"{(W.shape[0], outputs)} and W_{layer + 1} {W.shape[0]} columns; got {F.shape} and {above.shape[1]}"
            )


def condition_numbers(
    matrices: Sequence[Float[np.ndarray, "*times _rows _columns"]],
) -> Float[np.ndarray, "*times layers"]:
    """Return the largest singular value over the smallest for each matrix; inf for a singular one."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.stack([np.linalg.cond(A) for A in matrices], axis=-1)


def least_cosine(condition: float) -> float:
    """Return the smallest cosine between e and A e over all e, for symmetric positive definite A of that condition.

    2 √κ / (1 + κ) (Kantorovich 1948); reached where e weighs the extreme directions as √κ : 1.

    Raises ValueError for a condition number below 1.
    """
    if not condition >= 1:
        raise ValueError(f"a condition number is at least 1; got {condition!r}")
    return 2 * sqrt(condition) / (1 + condition)


def expected_misalignment(n_L: int, widths: Sequence[int], kurtosis: float = 3.0) -> float:
    """Return E[1 − cos] between F_l e and F_l F_{l+1}ᵀF_{l+1} … F_{L−1}ᵀF_{L−1} e, to first order in 1/width.

    Strong weight alignment gives this gradient alignment to layer l when feedback is not left-orthogonal (Eq. 17). The
    entries of F are independent and of the given kurtosis (3 Gaussian, 9/5 uniform), `widths` are n_{l+1} … n_{L−1},
    and all directions of e are equally likely. The value is c Σ 1/(2n) with v = kurtosis − 1 and
    c = n_L − 1 + v − (3v + 2(n_L − 1))/(n_L + 2), which is n_L − 1 for Gaussian entries.

    Raises ValueError for n_L or a width below 1 and for a kurtosis below 1.
    """
    if n_L < 1 or any(n < 1 for n in widths):
        raise ValueError(f"n_L and the widths must be at least 1; got {n_L} and {tuple(widths)}")
    if not kurtosis >= 1:
        raise ValueError(f"a kurtosis is at least 1 (3 for Gaussian, 9/5 for uniform entries); got {kurtosis!r}")
    v = kurtosis - 1
    c = n_L - 1 + v - (3 * v + 2 * (n_L - 1)) / (n_L + 2)
    return c * sum(1 / (2 * n) for n in widths)
