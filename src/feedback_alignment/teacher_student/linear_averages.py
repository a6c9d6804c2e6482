"""Compiled Gaussian averages for g(x) = x; indices and `v` as in `erf_averages`."""

import numpy as np
from jaxtyping import Float

from feedback_alignment.compilation import compiled


@compiled
def I2(C: Float[np.ndarray, "n n"], a: int, b: int) -> float:
    """E[a b]."""
    return C[a, b]


@compiled
def I3(C: Float[np.ndarray, "n n"], a: int, b: int, c: int) -> float:
    """E[b c]."""
    return C[b, c]


@compiled
def I4(C: Float[np.ndarray, "n n"], a: int, b: int, c: int, d: int) -> float:
    """E[c d]."""
    return C[c, d]


@compiled
def mean_square(C: Float[np.ndarray, "n n"], v: Float[np.ndarray, " n"]) -> float:
    """E[e²]."""
    total = 0.0
    for a in range(len(v)):
        for b in range(len(v)):
            total += v[a] * v[b] * C[a, b]
    return total


@compiled
def correlate(
    C: Float[np.ndarray, "n n"],
    v: Float[np.ndarray, " n"],
    gated: Float[np.ndarray, "K n"],
    output: Float[np.ndarray, " K"],
) -> None:
    """Write gated[k, j] = E[u_j e], the same for every k, and output[k] = E[u_k e]."""
    for j in range(len(v)):
        with_error = 0.0
        for a in range(len(v)):
            with_error += v[a] * C[j, a]
        for k in range(len(output)):
            gated[k, j] = with_error
        if j < len(output):
            output[j] = with_error


@compiled
def correlate_squared(
    C: Float[np.ndarray, "n n"], v: Float[np.ndarray, " n"], squared: Float[np.ndarray, "K K"]
) -> None:
    """Write squared[k, l] = E[e²], the same for every k and l."""
    squared[:, :] = mean_square(C, v)
