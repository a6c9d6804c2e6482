"""Compiled Gaussian averages for g(x) = max(0, x), with g'(0) = 0; indices and `v` as in `erf_averages`.

Units without variance are always at 0, so they add nothing: g(0) = g'(0) = 0.
"""

import numpy as np
from jaxtyping import Float

from feedback_alignment.compilation import compiled
from feedback_alignment.teacher_student.relu_closed_forms import (
    coinciding,
    four,
    prepare_four,
    probabilities_of_pairs,
    rescale,
    roots_of_pairs,
    three,
    two,
)


@compiled
def I2(C: Float[np.ndarray, "n n"], a: int, b: int) -> float:
    """E[g(a) g(b)]."""
    roots = roots_of_pairs(C)
    return two(C, roots, probabilities_of_pairs(C, roots), a, b)


@compiled
def I3(C: Float[np.ndarray, "n n"], a: int, b: int, c: int) -> float:
    """E[g'(a) b g(c)]."""
    roots = roots_of_pairs(C)
    return three(C, roots, probabilities_of_pairs(C, roots), a, b, c)


@compiled
def I4(C: Float[np.ndarray, "n n"], a: int, b: int, c: int, d: int) -> float:
    """E[g'(a) g'(b) g(c) g(d)]."""
    if C[a, a] <= 0 or C[b, b] <= 0 or C[c, c] <= 0 or C[d, d] <= 0:
        return 0.0
    scales = np.empty(len(C))
    scaled = rescale(C, scales)
    homogeneous = scales[c] * scales[d]
    if a == b or c == d or a in (c, d) or b in (c, d):
        roots = roots_of_pairs(scaled)
        return coinciding(scaled, roots, probabilities_of_pairs(scaled, roots), a, b, c, d) / homogeneous
    own, roots_of_four, given = _only(scaled, a, b, c, d), np.empty((4, 4)), np.empty((4, 4))
    all_four = prepare_four(own, roots_of_four, given)
    return four(own, roots_of_four, given, all_four, 0, 1, 2, 3) / homogeneous


@compiled
def _only(C: Float[np.ndarray, "n n"], a: int, b: int, c: int, d: int) -> Float[np.ndarray, "4 4"]:
    units, own = (a, b, c, d), np.empty((4, 4))
    for i in range(4):
        for j in range(4):
            own[i, j] = C[units[i], units[j]]
    return own


@compiled
def mean_square(C: Float[np.ndarray, "n n"], v: Float[np.ndarray, " n"]) -> float:
    """E[e²]."""
    roots = roots_of_pairs(C)
    both = probabilities_of_pairs(C, roots)
    total = 0.0
    for a in range(len(v)):
        total += v[a] ** 2 * C[a, a] / 2
        for b in range(a):
            total += 2 * v[a] * v[b] * two(C, roots, both, a, b)
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
    roots = roots_of_pairs(C)
    both = probabilities_of_pairs(C, roots)
    for k in range(len(output)):
        of_error = 0.0
        for a in range(n):
            of_error += v[a] * two(C, roots, both, k, a)
        output[k] = of_error
        for j in range(n):
            with_error = 0.0
            for a in range(n):
                with_error += v[a] * three(C, roots, both, k, j, a)
            gated[k, j] = with_error


@compiled
def correlate_squared(
    C: Float[np.ndarray, "n n"], v: Float[np.ndarray, " n"], squared: Float[np.ndarray, "K K"]
) -> None:
    """Write squared[k, l] = E[g'(u_k) g'(u_l) e²]."""
    n, K = len(v), len(squared)
    scales = np.empty(n)
    scaled = rescale(C, scales)
    weights = v / scales
    _add_coinciding(scaled, weights, squared)
    roots, given = np.empty((4, 4)), np.empty((4, 4))
    for i in range(K):
        for j in range(i + 1, K):
            for k in range(j + 1, n):
                for l in range(k + 1, n):
                    if C[i, i] > 0 and C[j, j] > 0 and C[k, k] > 0 and C[l, l] > 0:
                        _add_four(scaled, weights, squared, roots, given, (i, j, k, l))
    for k in range(K):
        for l in range(k):
            squared[l, k] = squared[k, l]


@compiled
def _add_coinciding(C: Float[np.ndarray, "n n"], v: Float[np.ndarray, " n"], squared: Float[np.ndarray, "K K"]) -> None:
    """Write to the lower triangle of `squared` the terms in which at least two of the four units are the same."""
    roots = roots_of_pairs(C)
    both = probabilities_of_pairs(C, roots)
    for k in range(len(squared)):
        for l in range(k + 1):
            total = 0.0
            if C[k, k] > 0 and C[l, l] > 0:
                for c in range(len(v)):
                    if C[c, c] > 0:
                        total += v[c] ** 2 * coinciding(C, roots, both, k, l, c, c)
                        for d in range(c):
                            if C[d, d] > 0 and (k == l or c in (k, l) or d in (k, l)):
                                total += 2 * v[c] * v[d] * coinciding(C, roots, both, k, l, c, d)
            squared[k, l] = total


@compiled
def _add_four(
    C: Float[np.ndarray, "n n"],
    v: Float[np.ndarray, " n"],
    squared: Float[np.ndarray, "K K"],
    roots: Float[np.ndarray, "4 4"],
    given: Float[np.ndarray, "4 4"],
    units: tuple[int, int, int, int],
) -> None:
    """Add to the lower triangle of `squared` the terms of four different units, in ascending order, in every role."""
    own = _only(C, units[0], units[1], units[2], units[3])
    all_four = prepare_four(own, roots, given)
    for a in range(1, 4):
        for b in range(a):
            if units[a] < len(squared):
                c = 0
                while c in (a, b):
                    c += 1
                d = 6 - a - b - c
                weight = 2 * v[units[c]] * v[units[d]]
                squared[units[a], units[b]] += weight * four(own, roots, given, all_four, a, b, c, d)
