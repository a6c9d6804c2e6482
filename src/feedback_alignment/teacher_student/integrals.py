"""Gaussian averages that close the equations of motion, for zero-mean variables of any covariance.

| name | average |
|---|---|
| `I2` | E[g(a) g(b)] |
| `I3` | E[g'(a) b g(c)] |
| `I4` | E[g'(a) g'(b) g(c) g(d)] |

g is erf(x/√2), max(0, x) with g'(0) = 0, or x. Closed forms, but for the probability that four variables are all
positive, which I4 needs for 'relu' where all four differ and c, d are correlated: that is an adaptive quadrature.
"""

from types import ModuleType

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from feedback_alignment.teacher_student.activations import ERF, RELU, activation_code


def _averages(activation: str) -> ModuleType:
    code = activation_code(activation)
    if code == ERF:
        from feedback_alignment.teacher_student import erf_averages

        return erf_averages
    if code == RELU:
        from feedback_alignment.teacher_student import relu_averages

        return relu_averages
    from feedback_alignment.teacher_student import linear_averages

    return linear_averages


def _checked(covariance: ArrayLike, indices: tuple[int, ...]) -> Float[np.ndarray, "n n"]:
    C = np.array(covariance, dtype=np.float64)
    if C.ndim != 2 or C.shape[0] != C.shape[1]:
        raise ValueError(f"covariance must have shape (n, n); got {C.shape}")
    if not np.isfinite(C).all():
        raise ValueError("covariance must be finite; some of its entries are not")
    if np.abs(C - C.T).max() > 1e-12 * np.abs(C).max():
        raise ValueError(f"covariance must be symmetric; it differs from its transpose by {np.abs(C - C.T).max():.3g}")
    eigenvalues = np.linalg.eigvalsh(C)
    if eigenvalues[0] < -1e-9 * np.abs(eigenvalues).max():
        raise ValueError(f"covariance must be positive semi-definite; its smallest eigenvalue is {eigenvalues[0]:.3g}")
    for index in indices:
        if not 0 <= index < len(C):
            raise ValueError(f"indices must count the {len(C)} variables of the covariance from 0; got {indices}")
    return C


def I2(covariance: ArrayLike, a: int, b: int, activation: str) -> float:
    """Return E[g(a) g(b)] for variables a and b of a zero-mean Gaussian of covariance (n, n); they may be the same.

    Exact to rounding (1e-15 of the variances). Raises ValueError for an unknown activation, a covariance that is not
    square, finite, symmetric and positive semi-definite within rounding, and indices outside it.
    """
    return float(_averages(activation).I2(_checked(covariance, (a, b)), a, b))


def I3(covariance: ArrayLike, a: int, b: int, c: int, activation: str) -> float:
    """Return E[g'(a) b g(c)]; arguments, accuracy and errors as for `I2`."""
    return float(_averages(activation).I3(_checked(covariance, (a, b, c)), a, b, c))


def I4(covariance: ArrayLike, a: int, b: int, c: int, d: int, activation: str) -> float:
    """Return E[g'(a) g'(b) g(c) g(d)]; arguments and errors as for `I2`.

    Exact to about 1e-13 of the standard deviations of c and d for the covariance as given, however collinear its
    variables.
    """
    return float(_averages(activation).I4(_checked(covariance, (a, b, c, d)), a, b, c, d))
