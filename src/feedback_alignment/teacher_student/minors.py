"""Minors of small covariances to full relative accuracy, compiled.

Angles between nearly collinear units are ratios of minors that nearly vanish. In plain floating point these are lost to
cancellation: a determinant of 1e-12 would keep four digits. Here a number is carried as an unevaluated sum of two
floats (Dekker 1971), which gives the minors of the covariance *as stored* to about 1e-32 of its scale.
"""

from typing import Final

import numpy as np
from jaxtyping import Float

from feedback_alignment.compilation import compiled

Pair = tuple[float, float]
NOISE: Final = 1e-30  # relative error of the arithmetic, with room
INFINITESIMAL: Final = 1e-40
LEAST_NOISE: Final = 1e-20


@compiled
def exact_product(x: float, y: float) -> Pair:
    """Return the product rounded, and its rounding error."""
    product = x * y
    half = 134217729.0 * x  # 2**27 + 1 splits 53 bits into two halves whose products are exact
    x_high = half - (half - x)
    x_low = x - x_high
    half = 134217729.0 * y
    y_high = half - (half - y)
    y_low = y - y_high
    return product, ((x_high * y_high - product) + x_high * y_low + x_low * y_high) + x_low * y_low


@compiled
def _sum_with_error(x: float, y: float) -> Pair:
    total = x + y
    part = total - x
    return total, (x - (total - part)) + (y - part)


@compiled
def _sum(x: Pair, y: Pair) -> Pair:
    high, high_error = _sum_with_error(x[0], y[0])
    low, low_error = _sum_with_error(x[1], y[1])
    high, low = _sum_with_error(high, high_error + low)
    return _sum_with_error(high, low + low_error)


@compiled
def _product(x: Pair, y: Pair) -> Pair:
    high, low = exact_product(x[0], y[0])
    return _sum_with_error(high, low + (x[0] * y[1] + x[1] * y[0]))


@compiled
def _cross(p: Pair, q: Pair, r: Pair, s: Pair) -> Pair:
    """Return p q − r s, or exactly zero where only the arithmetic's own error would be left."""
    first, second = _product(p, q), _product(r, s)
    difference = _sum(first, (-second[0], -second[1]))
    if abs(difference[0]) < NOISE * (abs(first[0]) + abs(second[0])):
        return 0.0, 0.0
    return difference


@compiled
def _plain_cross(p: float, q: float, r: float, s: float) -> Pair:
    """Return p q − r s of single floats."""
    first, second = exact_product(p, q), exact_product(r, s)
    return _sum(first, (-second[0], -second[1]))


@compiled
def determinant_of_pair(C: Float[np.ndarray, "n n"], i: int, j: int) -> float:
    """Return C_ii C_jj − C_ij²: at least zero, as rounding of the covariance may leave it just below."""
    return max(0.0, _plain_cross(C[i, i], C[j, j], C[i, j], C[i, j])[0])


@compiled
def _exact_minors(
    C: Float[np.ndarray, "4 4"],
    pairs: Float[np.ndarray, "4 4"],
    given_one: Float[np.ndarray, "4 4 4"],
    triples: Float[np.ndarray, "4"],
    given_two: Float[np.ndarray, "4 4"],
) -> float:
    """Return the determinant of C and write its smaller minors (see `minors_of_four`).

    Each is a cross product of the next smaller ones (Sylvester's identity), so that the error is relative to *those*:
    minors of minors that nearly vanish keep their digits too.
    """
    one = np.empty((4, 4, 4, 2))
    for i in range(4):
        for j in range(4):
            for k in range(j + 1):
                if i not in (j, k):
                    one[i, j, k] = _plain_cross(C[i, i], C[j, k], C[i, j], C[i, k])
                    one[i, k, j] = one[i, j, k]
                    given_one[i, j, k], given_one[i, k, j] = one[i, j, k, 0], one[i, j, k, 0]
        for j in range(4):
            if i != j:
                pairs[i, j] = one[i, j, j, 0]
    for k in range(4):
        for l in range(k):
            i, j = _others(k, l)
            given_two[k, l] = _two(one, i, j, k, l)[0] / C[i, i]
            given_two[l, k] = given_two[k, l]
    for l in range(4):
        i, j, k = (l + 1) % 4, (l + 2) % 4, (l + 3) % 4
        triples[l] = _two(one, i, j, k, k)[0] / C[i, i]
    i, j = _largest(pairs)
    k, l = _others(i, j)
    between = _two(one, i, j, k, l)
    whole = _cross(_two(one, i, j, k, k), _two(one, i, j, l, l), between, between)
    return whole[0] / (C[i, i] ** 2 * pairs[i, j]) if pairs[i, j] > 0 else 0.0


@compiled
def _largest(pairs: Float[np.ndarray, "4 4"]) -> tuple[int, int]:
    """Return the place of the largest entry below the diagonal."""
    best_i, best_j = 1, 0
    for i in range(2, 4):
        for j in range(i):
            if pairs[i, j] > pairs[best_i, best_j]:
                best_i, best_j = i, j
    return best_i, best_j


@compiled
def _others(k: int, l: int) -> tuple[int, int]:
    """Return the two of the four units that are neither k nor l."""
    i = 0
    while i in (k, l):
        i += 1
    return i, 6 - i - k - l


@compiled
def _two(one: Float[np.ndarray, "4 4 4 2"], i: int, j: int, k: int, l: int) -> Pair:
    """Return the minor of rows i, j, k and columns i, j, l, times C_ii."""
    pair, rest, row, column = one[i, j, j], one[i, k, l], one[i, j, k], one[i, j, l]
    return _cross((pair[0], pair[1]), (rest[0], rest[1]), (row[0], row[1]), (column[0], column[1]))


@compiled
def _with_noise(
    noise: float,
    C: Float[np.ndarray, "4 4"],
    whole: float,
    pairs: Float[np.ndarray, "4 4"],
    triples: Float[np.ndarray, "4"],
) -> float:
    """Return the determinant of C with variances larger by the fraction `noise`, or −1 if that is not definite yet."""
    product = C[0, 0] * C[1, 1] * C[2, 2] * C[3, 3]
    determinant = whole + (4 * noise**3 + noise**4) * product
    for i in range(4):
        j, k, l = (i + 1) % 4, (i + 2) % 4, (i + 3) % 4
        edges = C[j, j] * pairs[k, l] + C[k, k] * pairs[j, l] + C[l, l] * pairs[j, k]
        if triples[i] + noise * edges + (3 * noise**2 + noise**3) * C[j, j] * C[k, k] * C[l, l] <= 0:
            return -1.0
        determinant += noise * C[i, i] * triples[i]
        for m in range(i):
            if pairs[i, m] + (2 * noise + noise**2) * C[i, i] * C[m, m] <= 0:
                return -1.0
            first, second = _others(i, m)
            determinant += noise**2 * C[i, i] * C[m, m] * pairs[first, second]
    return determinant if determinant > 0 else -1.0


@compiled
def minors_of_four(
    C: Float[np.ndarray, "4 4"],
    pairs: Float[np.ndarray, "4 4"],
    given_one: Float[np.ndarray, "4 4 4"],
    triples: Float[np.ndarray, "4"],
    given_two: Float[np.ndarray, "4 4"],
) -> float:
    """Return the determinant of C, and write its smaller minors. Variances must lie between ½ and 2.

    pairs[i, j] is the determinant of units i and j; triples[i] that of the three units other than i. given_one[j, k, l]
    is C_jj times the covariance of k and l given j; given_two[k, l] is pairs[i, j] times that given i and j, the other
    two.

    A singular C, such as that of units in a plane, leaves signs of minors undetermined, and rounding can leave C
    indefinite, with signs that no variables have. Each unit therefore gets independent noise of its own:
    infinitesimal where C is semi-definite, else about the least that makes C definite. All minors are those of one
    definite covariance.
    """
    whole = _exact_minors(C, pairs, given_one, triples, given_two)
    noise = INFINITESIMAL
    determinant = _with_noise(noise, C, whole, pairs, triples)
    if determinant < 0:
        noise = LEAST_NOISE
        determinant = _with_noise(noise, C, whole, pairs, triples)
        while determinant < 0 and noise < 1:
            noise *= 2
            determinant = _with_noise(noise, C, whole, pairs, triples)
        noise *= 2  # twice what is needed, lest the determinant be a difference of nearly equal numbers
        determinant = _with_noise(noise, C, whole, pairs, triples)
    for k in range(4):
        for l in range(k):
            i, j = _others(k, l)
            given_two[k, l] += noise * (C[i, i] * given_one[j, k, l] + C[j, j] * given_one[i, k, l])
            given_two[k, l] += noise**2 * C[i, i] * C[j, j] * C[k, l]
            given_two[l, k] = given_two[k, l]
    for i in range(4):
        j, k, l = (i + 1) % 4, (i + 2) % 4, (i + 3) % 4
        edges = C[j, j] * pairs[k, l] + C[k, k] * pairs[j, l] + C[l, l] * pairs[j, k]
        triples[i] += noise * edges + (3 * noise**2 + noise**3) * C[j, j] * C[k, k] * C[l, l]
        for k in range(4):
            for l in range(4):
                if i not in (k, l) and k != l:
                    given_one[i, k, l] += noise * C[i, i] * C[k, l]
    for i in range(4):
        for j in range(4):
            if i != j:
                pairs[i, j] += (2 * noise + noise**2) * C[i, i] * C[j, j]
    return determinant
