"""What units answer, many at once, against their definitions."""

import numpy as np
import pytest
from scipy import special

from feedback_alignment.teacher_student.activations import ACTIVATIONS, activation_code
from feedback_alignment.teacher_student.responses import GRID, LAST, PER_UNIT, response, responses

EXTREME = np.array([0.0, -0.0, 1e-300, -1e-20, LAST, -LAST, 8.6, -20.0, 40.0, 1e300, np.inf, -np.inf, np.nan])


def of_all(activation: str, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    g, slope = np.full_like(u, 7.0), np.full_like(u, 7.0)
    responses(activation_code(activation), u, g, slope)
    return g, slope


def points() -> np.ndarray:
    random = np.random.default_rng(0)
    halfway = (GRID[:-1] + GRID[1:]) / 2
    everywhere = random.uniform(-LAST, LAST, 50_000)
    small = random.standard_normal(10_000) * 10.0 ** random.uniform(-12, 0, 10_000)
    return np.concatenate([everywhere, small, GRID, halfway, -halfway, np.nextafter(halfway, 0)])


def test_erf_units_answer_to_rounding():
    """To four units in the last place, also relative to g where it is small; scipy's own are within about one."""
    u = points()
    g, slope = of_all("erf", u)
    np.testing.assert_allclose(g, special.erf(u * np.sqrt(0.5)), rtol=4 * 2.0**-52, atol=0)
    # exp(−u²/2) at |u| < 8.5 has an error of up to 36 · 2**−53 from rounding u².
    square, error = u * u, np.array([_square_error(float(x)) for x in u])
    expected = np.sqrt(2 / np.pi) * np.exp(-0.5 * square) * (1 - 0.5 * error)
    np.testing.assert_allclose(slope, expected, rtol=5 * 2.0**-52, atol=0)


def _square_error(x: float) -> float:
    """u² less its rounded value, exactly, by splitting u into halves."""
    half = 134217729.0 * x
    high = half - (half - x)
    low = x - high
    return ((high * high - x * x) + 2 * high * low) + low * low


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("n", [0, 1, 3, 4, 5, 13])
def test_any_number_of_units_answers_like_one(activation, n):
    random = np.random.default_rng(n)
    for u in (random.standard_normal(n), 10 * random.standard_normal(n), random.choice(EXTREME, n)):
        g, slope = of_all(activation, u)
        for i in range(n):
            one = response(activation_code(activation), u[i])
            np.testing.assert_allclose([g[i], slope[i]], one, rtol=1e-14, atol=0)


def test_beyond_the_grid_and_without_a_number_erf_units_answer_one_by_one():
    g, slope = of_all("erf", EXTREME)
    for i, u in enumerate(EXTREME):
        np.testing.assert_array_equal([g[i], slope[i]], response(activation_code("erf"), u))
    assert np.signbit(g[1])
    assert np.isnan(g[-1])
    assert np.isnan(slope[-1])
    assert len(GRID) == LAST * PER_UNIT + 1
