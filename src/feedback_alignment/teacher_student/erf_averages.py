"""Compiled Gaussian averages for g(x) = erf(x/√2): the closed forms of Saad & Solla (1995).

Indices run over the K + M pre-activations u with covariance `C`, students first; `v` holds W2 and minus the teacher's
second layer, so that the error is e = Σ_a v_a g(u_a).
"""

from math import asin, pi, sqrt

import numpy as np
from jaxtyping import Float

from feedback_alignment.compilation import compiled


@compiled
def _arcsine(sine: float) -> float:
    return asin(min(1.0, max(-1.0, sine)))


@compiled
def I2(C: Float[np.ndarray, "n n"], a: int, b: int) -> float:
    """E[g(a) g(b)]."""
    return 2 / pi * _arcsine(C[a, b] / sqrt((1 + C[a, a]) * (1 + C[b, b])))


@compiled
def I3(C: Float[np.ndarray, "n n"], a: int, b: int, c: int) -> float:
    """E[g'(a) b g(c)]."""
    determinant = (1 + C[a, a]) * (1 + C[c, c]) - C[a, c] ** 2
    return 2 / pi * (C[b, c] * (1 + C[a, a]) - C[a, b] * C[a, c]) / ((1 + C[a, a]) * sqrt(determinant))


@compiled
def I4(C: Float[np.ndarray, "n n"], a: int, b: int, c: int, d: int) -> float:
    """E[g'(a) g'(b) g(c) g(d)]."""
    determinant = 1 + C[a, a] + C[b, b] + (C[a, a] * C[b, b] - C[a, b] ** 2)
    sizes = (1 + _gated(C, determinant, a, b, c, c)) * (1 + _gated(C, determinant, a, b, d, d))
    return 4 / pi**2 / sqrt(determinant) * _arcsine(_gated(C, determinant, a, b, c, d) / sqrt(sizes))


@compiled
def _gated(C: Float[np.ndarray, "n n"], determinant: float, a: int, b: int, c: int, d: int) -> float:
    """Covariance of c and d under the Gaussian weight g'(a) g'(b), which adds 1 to the precision of a and of b."""
    along = C[a, c] * C[a, d] * (1 + C[b, b]) + C[b, c] * C[b, d] * (1 + C[a, a])
    return C[c, d] - (along - C[a, b] * (C[a, c] * C[b, d] + C[b, c] * C[a, d])) / determinant


@compiled
def mean_square(C: Float[np.ndarray, "n n"], v: Float[np.ndarray, " n"]) -> float:
    """E[e²]."""
    total = 0.0
    for a in range(len(v)):
        total += v[a] ** 2 * I2(C, a, a)
        for b in range(a):
            total += 2 * v[a] * v[b] * I2(C, a, b)
    return total


@compiled
def correlate(
    C: Float[np.ndarray, "n n"],
    v: Float[np.ndarray, " n"],
    gated: Float[np.ndarray, "K n"],
    output: Float[np.ndarray, " K"],
) -> None:
    """Write gated[k, j] = E[g'(u_k) u_j e] and output[k] = E[g(u_k) e]."""
    n = len(v)
    for k in range(len(output)):
        own = 1 + C[k, k]
        with_error, of_error = 0.0, 0.0
        for j in range(n):
            gated[k, j] = 0.0
        for a in range(n):
            product = own * (1 + C[a, a])
            of_error += v[a] * _arcsine(C[k, a] / sqrt(product))
            weight = 2 / pi * v[a] / sqrt(product - C[k, a] ** 2)
            with_error += weight * C[k, a]
            for j in range(n):
                gated[k, j] += weight * C[j, a]
        for j in range(n):
            gated[k, j] -= C[k, j] * with_error / own
        output[k] = 2 / pi * of_error


@compiled
def correlate_squared(
    C: Float[np.ndarray, "n n"], v: Float[np.ndarray, " n"], squared: Float[np.ndarray, "K K"]
) -> None:
    """Write squared[k, l] = E[g'(u_k) g'(u_l) e²]."""
    n, K = len(v), len(squared)
    alpha, beta, spread = np.empty(n), np.empty(n), np.empty(n)
    for k in range(K):
        for l in range(k + 1):
            kk, ll, kl = 1 + C[k, k], 1 + C[l, l], C[k, l]
            determinant = C[k, k] + C[l, l] + 1 + (C[k, k] * C[l, l] - kl**2)
            total = 0.0
            for a in range(n):
                alpha[a] = (C[k, a] * ll - C[l, a] * kl) / determinant
                beta[a] = (C[l, a] * kk - C[k, a] * kl) / determinant
                variance = C[a, a] - alpha[a] * C[k, a] - beta[a] * C[l, a]
                spread[a] = 1 / sqrt(1 + variance)
                total += v[a] ** 2 * _arcsine(variance * spread[a] ** 2)
                for b in range(a):
                    covariance = C[a, b] - alpha[a] * C[k, b] - beta[a] * C[l, b]
                    total += 2 * v[a] * v[b] * _arcsine(covariance * spread[a] * spread[b])
            squared[k, l] = 4 / pi**2 / sqrt(determinant) * total
            squared[l, k] = squared[k, l]
