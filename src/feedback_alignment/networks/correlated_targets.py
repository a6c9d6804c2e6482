"""Regression targets in pairs of outputs that are imbalanced or correlated (Refinetti et al. 2021, Eq. 20).

Σ(α, β) = [[1, α(1 − β)], [α(1 − β), α²]]: the second output has standard deviation α, and 1 − β is the correlation.
"""

import math

import numpy as np
from jaxtyping import Float


def target_covariance(alpha: float, beta: float) -> Float[np.ndarray, "2 2"]:
    """Return Σ(α, β).

    Raises ValueError where it is not a covariance: for β outside 0 … 2, and for α that is not positive and finite.
    """
    _check(alpha, beta)
    mixed = alpha * (1 - beta)
    return np.array([[1, mixed], [mixed, alpha**2]])


def correlate(
    independent: Float[np.ndarray, "*samples outputs"], alpha: float, beta: float
) -> Float[np.ndarray, "*samples outputs"]:
    """Return targets whose outputs 2i and 2i + 1 are mixed by the Cholesky factor of Σ(α, β).

    Rows of independent numbers of mean 0 and variance 1 become rows of covariance Σ(α, β) in each pair of outputs.

    Raises ValueError for an odd number of outputs, and as `target_covariance`.
    """
    _check(alpha, beta)
    if independent.shape[-1] % 2:
        raise ValueError(f"outputs are mixed in pairs: their number must be even; got {independent.shape[-1]}")
    targets = independent.copy()
    first, second = independent[..., ::2], independent[..., 1::2]
    targets[..., 1::2] = alpha * ((1 - beta) * first + math.sqrt(beta * (2 - beta)) * second)
    return targets


def _check(alpha: float, beta: float) -> None:
    if not 0 < alpha < math.inf:
        raise ValueError(f"alpha, the second output's standard deviation, must be positive and finite; got {alpha!r}")
    if not 0 <= beta <= 2:
        raise ValueError(f"beta must lie in 0 … 2, where |1 - beta| is a correlation; got {beta!r}")
