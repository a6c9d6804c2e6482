"""Numbers drawn in compiled loops against those that NumPy's generator draws from the same state; chi-square."""

import numba
import numpy as np
import pytest
from scipy import stats

from feedback_alignment.streams import generator
from feedback_alignment.teacher_student.random_numbers import (
    HEIGHTS,
    INSIDE,
    TAIL,
    WIDTHS,
    chi_square,
    next_bits,
    normal,
    stream_of,
    uniform,
)


@numba.njit
def fill(draw, stream, numbers):
    for i in range(numbers.size):
        numbers[i] = draw(stream)


def test_bits_and_uniform_numbers_are_those_of_numpy():
    random = generator(4, "samples", 0)
    stream, drawn = stream_of(random), np.empty(100_000)
    bits = [next_bits(stream) for _ in range(1000)]
    np.testing.assert_array_equal(np.array(bits, dtype=np.uint64), random.bit_generator.random_raw(1000))
    fill(uniform, stream, drawn)
    np.testing.assert_array_equal(drawn, random.random(drawn.size))


def test_gaussian_numbers_are_those_of_numpy():
    """To 1e-12: ends of the layers follow from each other, which lets rounding grow to 2e-13 in the narrowest."""
    random = generator(5, "samples", 0)
    stream, drawn = stream_of(random), np.empty(3_000_000)
    fill(normal, stream, drawn)
    np.testing.assert_allclose(drawn, random.standard_normal(drawn.size), rtol=1e-12, atol=0)
    assert (np.abs(drawn) > TAIL).sum() > 500  # the tail is seen: about 260 in a million
    np.testing.assert_array_equal(stream, stream_of(random))


def test_layers_of_the_ziggurat_have_equal_areas_and_end_on_the_bell():
    ends = WIDTHS[:256] * 2**52
    np.testing.assert_allclose(HEIGHTS[1:], stats.norm.pdf(ends[1:]) / stats.norm.pdf(0), rtol=1e-14)
    tail = stats.norm.sf(TAIL) / stats.norm.pdf(0)
    areas = ends[1:] * (np.append(1.0, HEIGHTS[1:-1]) - HEIGHTS[1:])
    # Rounding that has grown from layer to layer is all in the narrowest.
    np.testing.assert_allclose(areas, TAIL * HEIGHTS[-1] + tail, rtol=1e-11)
    np.testing.assert_allclose(INSIDE[2:] / 2**52, ends[1:-1] / ends[2:], rtol=1e-14)
    np.testing.assert_array_equal(WIDTHS[256:], -WIDTHS[:256])


def test_drawing_leaves_the_generator_where_it_is():
    random = generator(6, "samples", 0)
    stream = stream_of(random)
    first = normal(stream)
    assert normal(stream_of(random)) == first


def test_another_kind_of_generator_is_refused():
    with pytest.raises(TypeError, match="must be a PCG64DXSM generator"):
        stream_of(np.random.default_rng(0))


@pytest.mark.parametrize("degrees", [1, 2, 3, 50, 10**6])
def test_chi_square_draws_have_their_law(degrees):
    stream = stream_of(generator(3, "samples", degrees))
    draws = [chi_square(stream, degrees) for _ in range(20_000)]
    assert stats.kstest(draws, stats.chi2(degrees).cdf).pvalue > 1e-3
    assert stats.kstest(draws, stats.chi2(degrees + max(1, degrees // 25)).cdf).pvalue < 1e-6
