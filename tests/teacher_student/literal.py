"""The two-layer theory as it is printed: definitions, loops and quadrature, with nothing shared with the package.

The averages are integrals of their definitions. erf and linear units have smooth integrands: a trapezoidal sum over all
directions of the Gaussian converges faster than any power. ReLU units leave an integral over the quadrant where both
outputs are positive of the probability that both gates are open. `high_precision_*` repeat the formulas for collinear
units in many digits, where that quadrature fails.
"""

from collections.abc import Callable
from itertools import product
from typing import Any

import mpmath
import numpy as np
from scipy.special import erf, ndtr

Average = Callable[[np.ndarray, list[int], list[int], list[int], str], float]
ACTIVATION = {"erf": lambda u: erf(u / np.sqrt(2)), "relu": lambda u: np.maximum(u, 0), "linear": lambda u: u}
SLOPE = {
    "erf": lambda u: np.sqrt(2 / np.pi) * np.exp(-(u**2) / 2),
    "relu": lambda u: (u > 0).astype(float),
    "linear": np.ones_like,
}


STEPS = {1: 0.05, 2: 0.1, 3: 0.2, 4: 0.4}  # finer where fewer directions allow it, for sharp gates


def smooth_points(covariance: np.ndarray, reach: float = 8.4) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, variables) and weights of a trapezoidal sum over a zero-mean Gaussian, also a degenerate one."""
    values, axes = np.linalg.eigh(covariance)
    kept = values > 1e-14 * values[-1]
    root = axes[:, kept] * np.sqrt(values[kept])
    dimensions = int(kept.sum())
    step = STEPS[dimensions]
    line = np.arange(-reach, reach + step / 2, step)
    density = step * np.exp(-(line**2) / 2) / np.sqrt(2 * np.pi)
    grid = np.stack(np.meshgrid(*[line] * dimensions, indexing="ij"), -1).reshape(-1, dimensions)
    weights = np.stack(np.meshgrid(*[density] * dimensions, indexing="ij"), -1).reshape(-1, dimensions).prod(1)
    kept_points = weights > 1e-22
    return grid[kept_points] @ root.T, weights[kept_points]


def smooth_average(
    covariance: np.ndarray, gates: list[int], plain: list[int], outputs: list[int], activation: str
) -> float:
    """E[Π g'(gates) Π plain Π g(outputs)]."""
    used = sorted({*gates, *plain, *outputs})
    points, weights = smooth_points(covariance[np.ix_(used, used)])
    u = {index: points[:, place] for place, index in enumerate(used)}
    g, slope = ACTIVATION[activation], SLOPE[activation]
    for index in gates:
        weights = weights * slope(u[index])
    for index in plain:
        weights = weights * u[index]
    for index in outputs:
        weights = weights * g(u[index])
    return float(weights.sum())


def both_below(h: np.ndarray, k: np.ndarray, correlation: float, nodes: int = 80) -> np.ndarray:
    """P(x < h, y < k) of two standard Gaussians."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    limit = np.arcsin(correlation)
    angle = limit * (x + 1) / 2
    h, k = h[..., None], k[..., None]
    integrand = np.exp(-(h**2 + k**2 - 2 * h * k * np.sin(angle)) / (2 * np.cos(angle) ** 2))
    return ndtr(h[..., 0]) * ndtr(k[..., 0]) + integrand @ w * limit / (4 * np.pi)


def quadrant(covariance: np.ndarray, nodes: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 2) and weights for the integral over the positive quadrant of two Gaussians."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    x, w = 4.6 * (x + 1), 4.6 * w
    points = np.stack(np.meshgrid(x, x, indexing="ij"), -1).reshape(-1, 2) * np.sqrt(np.diag(covariance))
    weights = np.outer(w, w).ravel() * np.sqrt(np.prod(np.diag(covariance)))
    exponent = -0.5 * np.einsum("ni,ij,nj->n", points, np.linalg.inv(covariance), points)
    return points, weights * np.exp(exponent) / (2 * np.pi * np.sqrt(np.linalg.det(covariance)))


def relu_four(covariance: np.ndarray) -> float:
    """E[θ(a) θ(b) max(0, c) max(0, d)] of four variables of regular covariance."""
    points, weights = quadrant(covariance[2:, 2:])
    means = points @ np.linalg.solve(covariance[2:, 2:], covariance[2:, :2])
    rest = covariance[:2, :2] - covariance[:2, 2:] @ np.linalg.solve(covariance[2:, 2:], covariance[2:, :2])
    sd = np.sqrt(np.diag(rest))
    open_gates = both_below(means[:, 0] / sd[0], means[:, 1] / sd[1], rest[0, 1] / (sd[0] * sd[1]))
    return float(weights @ (points.prod(1) * open_gates))


def relu_average(covariance: np.ndarray, gates: list[int], plain: list[int], outputs: list[int]) -> float:
    """E[Π g'(gates) Π plain Π g(outputs)]: as many quadratures as the different variables need."""
    gates = [index for index in dict.fromkeys(gates) if index not in outputs]  # a positive output opens its own gate
    positive = list(dict.fromkeys([*outputs, *gates]))
    used = positive + [index for index in dict.fromkeys(plain) if index not in positive]
    C = covariance[np.ix_(used, used)]
    if len(positive) == 4:
        return relu_four(covariance[np.ix_([*gates, *outputs], [*gates, *outputs])])
    if len(positive) == 1:
        x, w = np.polynomial.legendre.leggauss(100)
        sd = np.sqrt(C[0, 0])
        x, w = 4.6 * (x + 1), 4.6 * w
        points, weights = (sd * x)[:, None], w * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
        known = 1
    else:
        points, weights = quadrant(C[:2, :2])
        known = 2
    values = {index: points[:, place] for place, index in enumerate(used[:known])}
    conditional = np.linalg.solve(C[:known, :known], C[:known, known:])
    for place, index in enumerate(used[known:]):
        mean = points @ conditional[:, place]
        if index in positive:  # the third of three variables: it must be a gate
            assert index in gates
            sd = np.sqrt(C[known + place, known + place] - C[:known, known + place] @ conditional[:, place])
            weights = weights * ndtr(mean / sd)
        else:
            values[index] = mean
    for index in [*plain, *outputs]:
        weights = weights * values[index]
    return float(weights.sum())


def average(covariance: np.ndarray, gates: list[int], plain: list[int], outputs: list[int], activation: str) -> float:
    """E[Π g'(gates) Π plain Π g(outputs)] by quadrature."""
    if activation == "relu":
        return relu_average(covariance, gates, plain, outputs)
    return smooth_average(covariance, gates, plain, outputs, activation)


def generalisation_error(state: Any, activation: str) -> float:
    """Eq. 22, term by term."""
    C, v = state.covariance, np.concatenate([state.W2, -state.W2_teacher])
    terms = (v[a] * v[b] * average(C, [], [], [a, b], activation) for a, b in product(range(v.size), repeat=2))
    return 0.5 * sum(terms)


def derivative(
    state: Any, eta: float, activation: str, F: np.ndarray, average: Average = average
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Eq. 27a-c with feedback F, term by term, each average by quadrature unless another way is given."""
    (K, M), C = state.R.shape, state.covariance
    v = np.concatenate([state.W2, -state.W2_teacher])
    units = range(K + M)

    def with_error(k: int, j: int) -> float:
        return sum(v[a] * average(C, [k], [j], [a], activation) for a in units)

    dR, dQ, dW2 = np.empty((K, M)), np.empty((K, K)), np.empty(K)
    for k in range(K):
        for m in range(M):
            dR[k, m] = -eta * F[k] * with_error(k, K + m)
        for l in range(K):
            squared = sum(v[a] * v[b] * average(C, [k, l], [], [a, b], activation) for a in units for b in units)
            dQ[k, l] = -eta * F[k] * with_error(k, l) - eta * F[l] * with_error(l, k) + eta**2 * F[k] * F[l] * squared
        dW2[k] = -eta * sum(v[a] * average(C, [], [], [k, a], activation) for a in units)
    return dQ, dR, dW2


def high_precision_relu_four(covariance: np.ndarray, digits: int = 25) -> float:
    """E[θ(a) θ(b) max(0, c) max(0, d)] of the covariance exactly as given, by formulas that cancel, in many digits."""
    with mpmath.workdps(digits):
        C = mpmath.matrix(covariance.tolist())

        def root(i: int, j: int) -> Any:
            return mpmath.sqrt(C[i, i] * C[j, j] - C[i, j] ** 2)

        def positive_given(k: int, l: int, i: int, j: int) -> Any:
            return _positive_given(C, k, l, i, j)

        a, b, c, d = range(4)
        both = C[c, a] * C[d, b] + C[c, b] * C[d, a]
        both -= C[a, b] * (C[c, a] * C[d, a] / C[a, a] + C[c, b] * C[d, b] / C[b, b])
        edges = root(c, d) * positive_given(a, b, c, d) + both / root(a, b) * positive_given(c, d, a, b)
        for gate, other in ((a, b), (b, a)):
            edges += C[d, gate] / C[gate, gate] * root(gate, c) * positive_given(other, d, gate, c)
            edges += C[c, gate] / C[gate, gate] * root(gate, d) * positive_given(other, c, gate, d)
        return float(C[c, d] * _positive_four(C) + edges / (2 * mpmath.pi))


def _minor(C: Any, rows: tuple[int, ...], columns: tuple[int, ...]) -> Any:
    return mpmath.det(mpmath.matrix([[C[i, j] for j in columns] for i in rows]))


def _positive(correlation: Any) -> Any:
    return mpmath.mpf(1) / 4 + mpmath.asin(correlation) / (2 * mpmath.pi)


def _positive_given(C: Any, k: int, l: int, i: int, j: int) -> Any:
    sizes = _minor(C, (i, j, k), (i, j, k)) * _minor(C, (i, j, l), (i, j, l))
    return _positive(_minor(C, (i, j, k), (i, j, l)) / mpmath.sqrt(sizes))


def _positive_four(C: Any) -> Any:
    """Plackett's path that scales the correlations between the pairs (0, 2) and (1, 3), not those of one variable."""
    pairs = ((0, 2), (1, 3))

    def rate(t: Any) -> Any:
        D = C.copy()
        for i in pairs[0]:
            for j in pairs[1]:
                D[i, j] = D[j, i] = C[i, j] * t
        total = mpmath.mpf(0)
        for i in pairs[0]:
            for j in pairs[1]:
                density = 1 / (2 * mpmath.pi * mpmath.sqrt(D[i, i] * D[j, j] - D[i, j] ** 2))
                total += C[i, j] * density * _positive_given(D, 2 - i, 4 - j, i, j)
        return total

    apart = [_positive(C[i, j] / mpmath.sqrt(C[i, i] * C[j, j])) for i, j in pairs]
    breaks = [0, 0.5, *(1 - mpmath.mpf(10) ** -k for k in (2, 5, 9, 13)), 1]
    return apart[0] * apart[1] + mpmath.quad(rate, breaks, maxdegree=4)
