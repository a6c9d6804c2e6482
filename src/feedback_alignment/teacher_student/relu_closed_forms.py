"""Closed forms of Gaussian averages for g(x) = max(0, x), compiled; g'(0) = 0.

I2 and I3 are angles and roots of 2 × 2 determinants. I4 = E[θ(a) θ(b) max(0, c) max(0, d)] follows from Gaussian
integration by parts, E[c f] = Σ_u Cov(c, u) E[∂f/∂u]: each derivative puts one variable on its threshold, and doing it
twice leaves the probability that the other two are positive given two on their thresholds (`four`). Only the term
Cov(c, d) P(all four positive) is left without a closed form.
"""

from math import frexp, ldexp, pi, sqrt

import numpy as np
from jaxtyping import Float

from feedback_alignment.compilation import compiled
from feedback_alignment.teacher_student.minors import determinant_of_pair, minors_of_four
from feedback_alignment.teacher_student.orthants import positive_four, positive_pair


@compiled
def rescale(C: Float[np.ndarray, "n n"], scales: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n n"]:
    """Return C in units in which variances lie between ½ and 2, and write the powers of two that do it, exactly.

    Products of four variances then neither overflow nor vanish.
    """
    n = len(C)
    for i in range(n):
        scales[i] = ldexp(1.0, -(frexp(C[i, i])[1] // 2)) if C[i, i] > 0 else 1.0
    scaled = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            scaled[i, j] = C[i, j] * scales[i] * scales[j]
    return scaled


@compiled
def roots_of_pairs(C: Float[np.ndarray, "n n"]) -> Float[np.ndarray, "n n"]:
    """Return √(C_ii C_jj − C_ij²)."""
    n = len(C)
    roots = np.zeros((n, n))
    for i in range(n):
        for j in range(i):
            roots[i, j] = sqrt(determinant_of_pair(C, i, j))
            roots[j, i] = roots[i, j]
    return roots


@compiled
def probabilities_of_pairs(C: Float[np.ndarray, "n n"], roots: Float[np.ndarray, "n n"]) -> Float[np.ndarray, "n n"]:
    """Return the probability that i and j are both positive; on the diagonal ½."""
    n = len(C)
    both = np.full((n, n), 0.5)
    for i in range(n):
        for j in range(i):
            both[i, j] = positive_pair(roots[i, j], C[i, j])
            both[j, i] = both[i, j]
    return both


@compiled
def two(
    C: Float[np.ndarray, "n n"], roots: Float[np.ndarray, "n n"], both: Float[np.ndarray, "n n"], a: int, b: int
) -> float:
    """E[g(a) g(b)]."""
    return roots[a, b] / (2 * pi) + C[a, b] * both[a, b]


@compiled
def three(
    C: Float[np.ndarray, "n n"], roots: Float[np.ndarray, "n n"], both: Float[np.ndarray, "n n"], a: int, b: int, c: int
) -> float:
    """E[θ(a) b g(c)]."""
    if C[a, a] == 0:
        return 0.0
    return C[a, b] / C[a, a] * roots[a, c] / (2 * pi) + C[b, c] * both[a, c]


@compiled
def _all_three(both: Float[np.ndarray, "n n"], i: int, j: int, k: int) -> float:
    return 0.5 * (both[i, j] + both[i, k] + both[j, k]) - 0.25


@compiled
def one_gate(
    C: Float[np.ndarray, "n n"], roots: Float[np.ndarray, "n n"], both: Float[np.ndarray, "n n"], a: int, c: int, d: int
) -> float:
    """E[θ(a) g(c) g(d)] of three different units with positive variances."""
    edges = roots[c, d] + (C[a, d] * roots[a, c] + C[a, c] * roots[a, d]) / C[a, a]
    return C[c, d] * _all_three(both, a, c, d) + edges / (4 * pi)


@compiled
def between_gates(
    C: Float[np.ndarray, "n n"], roots: Float[np.ndarray, "n n"], a: int, b: int, c: int, d: int
) -> float:
    """Return (Cov(c,a) Cov(d,b|a) + Cov(c,b) Cov(d,a|b)) / √(C_aa C_bb − C_ab²); it vanishes for collinear a and b.

    Written so that numerator and denominator vanish together without cancellation.
    """
    unit_a, unit_b = 1 / sqrt(C[a, a]), 1 / sqrt(C[b, b])
    sine = roots[a, b] * unit_a * unit_b
    if sine == 0:
        return 0.0
    side = 1.0 if C[a, b] > 0 else -1.0
    ca, da, cb, db = C[c, a] * unit_a, C[d, a] * unit_a, C[c, b] * unit_b, C[d, b] * unit_b
    from_one = sine**2 / (1 + abs(C[a, b]) * unit_a * unit_b)
    distance = sqrt(2 * from_one)
    # An indefinite covariance can have differences beyond the distance of a and b: the quotient would blow up.
    c_apart = max(-distance, min(distance, (ca - side * cb) / sqrt(C[c, c]))) * sqrt(C[c, c])
    d_apart = max(-distance, min(distance, (da - side * db) / sqrt(C[d, d]))) * sqrt(C[d, d])
    return side * (from_one * (ca * da + cb * db) - c_apart * d_apart) / sine


@compiled
def two_gates(
    C: Float[np.ndarray, "n n"], roots: Float[np.ndarray, "n n"], both: Float[np.ndarray, "n n"], a: int, b: int, c: int
) -> float:
    """E[θ(a) θ(b) g(c)²] of three different units with positive variances."""
    edges = C[c, a] * roots[a, c] / C[a, a] + C[c, b] * roots[b, c] / C[b, b] + between_gates(C, roots, a, b, c, c)
    return C[c, c] * _all_three(both, a, b, c) + edges / (4 * pi)


@compiled
def coinciding(
    C: Float[np.ndarray, "n n"],
    roots: Float[np.ndarray, "n n"],
    both: Float[np.ndarray, "n n"],
    a: int,
    b: int,
    c: int,
    d: int,
) -> float:
    """E[θ(a) θ(b) g(c) g(d)] where at least two of the four units are the same; variances positive."""
    if c in (a, b) and d in (a, b):
        if a == b:
            return C[a, a] / 2
        if c != d:
            return two(C, roots, both, a, b)
        gate = b if c == a else a
        return three(C, roots, both, gate, c, c)
    if a == b:
        if c == d:
            return three(C, roots, both, a, c, c)
        if a in (c, d):
            return two(C, roots, both, c, d)
        return one_gate(C, roots, both, a, c, d)
    if c == d:
        return two_gates(C, roots, both, a, b, c)
    gate = b if a in (c, d) else a
    return one_gate(C, roots, both, gate, c, d)


@compiled
def four(
    C: Float[np.ndarray, "4 4"],
    roots: Float[np.ndarray, "4 4"],
    given: Float[np.ndarray, "4 4"],
    all_four: float,
    a: int,
    b: int,
    c: int,
    d: int,
) -> float:
    """E[θ(a) θ(b) g(c) g(d)] of four different units with positive variances.

    given[i, j] is the probability that i and j are positive given that the other two are zero, all_four that all are.
    """
    edges = (
        roots[c, d] * given[a, b]
        + (C[d, a] * roots[a, c] * given[b, d] + C[c, a] * roots[a, d] * given[b, c]) / C[a, a]
        + (C[d, b] * roots[b, c] * given[a, d] + C[c, b] * roots[b, d] * given[a, c]) / C[b, b]
        + between_gates(C, roots, a, b, c, d) * given[c, d]
    )
    return C[c, d] * all_four + edges / (2 * pi)


@compiled
def prepare_four(
    C: Float[np.ndarray, "4 4"], roots: Float[np.ndarray, "4 4"], given: Float[np.ndarray, "4 4"]
) -> float:
    """Write what `four` needs, and return the probability that all four units are positive."""
    given_one, triples, covariances = np.empty((4, 4, 4)), np.empty(4), np.empty((4, 4))
    whole = minors_of_four(C, roots, given_one, triples, covariances)
    all_four = positive_four(C, roots, given_one, triples, covariances, whole)
    for i in range(4):
        for j in range(i):
            k = 0
            while k in (i, j):
                k += 1
            l = 6 - i - j - k
            given[i, j] = positive_pair(sqrt(roots[k, l] * whole), covariances[i, j])
            given[j, i] = given[i, j]
    for i in range(4):
        for j in range(i):
            roots[i, j] = sqrt(roots[i, j])
            roots[j, i] = roots[i, j]
    return all_four
