"""Minors of small covariances to full relative accuracy, compiled.

Angles between nearly collinear units are ratios of minors that nearly vanish. In plain floating point these are lost to
cancellation: a determinant of 1e-12 would keep four digits. Here a number is carried as an unevaluated sum of two
floats (Dekker 1971), which gives the minors of the covariance *as stored* to about 1e-32 of its scale.
"""

import numpy as np
from jaxtyping import Float

from feedback_alignment.teacher_student.compilation import compiled

Pair = tuple[float, float]


@compiled
def exact_product(x: float, y: float) -> Pair:
    """Return the product rounded, and its rounding error."""
    product = x * y
    half = 134217729.0 * x   # 2**27 + 1 splits 53 bits into two halves whose products are exact
    x_high = half - (half - x)
    x_low = x - x_high
    half = 134217729.0 * y
    y_high = half - (half - y)
    y_low = y - y_high
    return product, ((x_high * y_high - product) + x_high * y_low + x_low * y_high) + x_low * y_low


@compiled
def _sum(x: Pair, y: Pair) -> Pair:
    high = x[0] + y[0]
    part = high - x[0]
    low = (x[0] - (high - part)) + (y[0] - part) + x[1] + y[1]
    total = high + low
    return total, low - (total - high)


@compiled
def _scaled(x: Pair, factor: float) -> Pair:
    high, low = exact_product(x[0], factor)
    low += x[1] * factor
    total = high + low
    return total, low - (total - high)


@compiled
def _cross(p: float, q: float, r: float, s: float) -> Pair:
    """Return p q − r s."""
    first, second = exact_product(p, q), exact_product(r, s)
    return _sum(first, (-second[0], -second[1]))


@compiled
def determinant_of_pair(C: Float[np.ndarray, "n n"], i: int, j: int) -> float:
    """Return C_ii C_jj − C_ij²: at least zero, as rounding of the covariance may leave it just below."""
    return max(0.0, _cross(C[i, i], C[j, j], C[i, j], C[i, j])[0])


@compiled
def minors_of_four(
    C: Float[np.ndarray, "4 4"],
    pairs: Float[np.ndarray, "4 4"],
    given_one: Float[np.ndarray, "4 4 4"],
    triples: Float[np.ndarray, "4"],
    given_two: Float[np.ndarray, "4 4"],
) -> float:
    """Return the determinant of C, and write its smaller minors.

    pairs[i, j] is the determinant of units i and j; triples[i] that of the three units other than i. given_one[j, k, l]
    is C_jj times the covariance of k and l given j; given_two[k, l] is pairs[i, j] times that given i and j, the other
    two. Determinants are at least zero.
    """
    low_pairs, low_one, low_two = np.empty((4, 4)), np.empty((4, 4, 4)), np.empty((4, 4))
    for i in range(4):
        for j in range(i):
            pairs[i, j], low_pairs[i, j] = _cross(C[i, i], C[j, j], C[i, j], C[i, j])
            pairs[j, i], low_pairs[j, i] = pairs[i, j], low_pairs[i, j]
        for j in range(4):
            for k in range(j):
                if i not in (j, k):
                    given_one[i, j, k], low_one[i, j, k] = _cross(C[i, i], C[j, k], C[i, j], C[i, k])
                    given_one[i, k, j], low_one[i, k, j] = given_one[i, j, k], low_one[i, j, k]
    for i in range(4):
        j, k, l = (i + 1) % 4, (i + 2) % 4, (i + 3) % 4
        triple = _scaled((pairs[k, l], low_pairs[k, l]), C[j, j])
        triple = _sum(triple, _scaled((given_one[l, j, k], low_one[l, j, k]), -C[j, k]))
        triple = _sum(triple, _scaled((given_one[k, j, l], low_one[k, j, l]), -C[j, l]))
        triples[i] = triple[0]
        if i == 0:
            whole = _scaled(triple, C[0, 0])
    for k in range(4):
        for l in range(k):
            i = 0
            while i in (k, l):
                i += 1
            j = 6 - i - k - l
            two = _scaled((pairs[i, j], low_pairs[i, j]), C[k, l])
            two = _sum(two, _scaled((given_one[j, i, l], low_one[j, i, l]), -C[i, k]))
            two = _sum(two, _scaled((given_one[i, j, l], low_one[i, j, l]), -C[j, k]))
            given_two[k, l], low_two[k, l] = two
            given_two[l, k] = two[0]
    for j in range(1, 4):
        whole = _sum(whole, _scaled((given_two[j, 0], low_two[j, 0]), -C[j, 0]))
    for i in range(4):
        triples[i] = max(0.0, triples[i])
        for j in range(i):
            pairs[i, j] = max(0.0, pairs[i, j])
            pairs[j, i] = pairs[i, j]
    return max(0.0, whole[0])
