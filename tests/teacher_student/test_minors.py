"""Minors by pairs of floats against rational arithmetic."""

from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_alignment.streams import generator
from feedback_alignment.teacher_student.minors import exact_product, minors_of_four

Matrix = list[list[Fraction]]


def determinant(matrix: Matrix) -> Fraction:
    if not matrix:
        return Fraction(1)
    rest = [row[1:] for row in matrix]
    signed = ((-1) ** i * matrix[i][0] * determinant(rest[:i] + rest[i + 1 :]) for i in range(len(matrix)))
    return sum(signed, Fraction(0))


def minor(C: np.ndarray, rows: tuple[int, ...], columns: tuple[int, ...]) -> Fraction:
    return determinant([[Fraction(float(C[i, j])) for j in columns] for i in rows])


@given(st.floats(-1e100, 1e100), st.floats(-1e100, 1e100))
def test_a_product_and_its_rounding_error_are_exact(x: float, y: float) -> None:
    product, error = exact_product(x, y)
    if abs(product) > 1e-200 or product == 0:
        assert Fraction(product) + Fraction(error) == Fraction(x) * Fraction(y) or abs(x * y) < 1e-200


@pytest.mark.parametrize("distance", [1.0, 2.0**-10, 2.0**-20])
@pytest.mark.parametrize("meeting", [{2: 0, 3: 1}, {1: 0, 2: 0}, {1: 0, 2: 0, 3: 0}])
def test_minors_keep_their_digits_where_units_nearly_meet(distance: float, meeting: dict[int, int]) -> None:
    random = generator(1, "test minors")
    weights = np.round(random.standard_normal((4, 6)) * 2**8) / 2**8
    for unit, partner in meeting.items():
        weights[unit] = weights[partner] + distance * np.round(random.standard_normal(6) * 4) / 4
    C = weights @ weights.T  # exact, as the weights are short binary fractions
    C /= 2.0 ** np.round(np.log2(C.max()))
    pairs, given_one, triples, given_two = np.empty((4, 4)), np.empty((4, 4, 4)), np.empty(4), np.empty((4, 4))
    whole = minors_of_four(C, pairs, given_one, triples, given_two)

    def expect(value: float, exact: Fraction, scale: float) -> None:
        assert value == pytest.approx(float(exact), rel=1e-12, abs=1e-13 * scale)

    expect(whole, minor(C, (0, 1, 2, 3), (0, 1, 2, 3)), 0)
    for i, j, k, l in permutations(range(4)):
        expect(pairs[i, j], minor(C, (i, j), (i, j)), 0)
        expect(triples[i], minor(C, (j, k, l), (j, k, l)), 0)
        expect(given_one[j, k, l], minor(C, (j, k), (j, l)), np.sqrt(pairs[j, k] * pairs[j, l]))
        expect(given_two[k, l], minor(C, (i, j, k), (i, j, l)), np.sqrt(triples[l] * triples[k]))
