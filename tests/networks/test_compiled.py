"""Compiled products and functions against NumPy, mpmath and SciPy."""

import mpmath
import numpy as np
import pytest
import scipy.special
import torch

from feedback_alignment import streams
from feedback_alignment.networks.activations import activation
from feedback_alignment.networks.compiled import elementwise
from feedback_alignment.networks.compiled.products import CACHE_LINE, ROWS, product
from feedback_alignment.networks.slopes import kink, slope

PRECISIONS = pytest.mark.parametrize("real", [np.float32, np.float64], ids=lambda real: real.__name__)


def rounded_up(number, unit):
    return -(-number // unit) * unit


@PRECISIONS
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("rows", "depth", "columns"), [(1, 1, 1), (4, 3, 16), (5, 7, 17), (10, 32, 40), (100, 2, 8)])
def test_products_are_products_and_touch_nothing_else(rows, depth, columns, transposed, real):
    draw = streams.generator(0, "products")
    tile = CACHE_LINE // np.dtype(real).itemsize
    high, wide = rounded_up(rows, ROWS), rounded_up(columns, tile)
    A = np.zeros((high, depth), real)
    A[:rows] = draw.normal(size=(rows, depth))
    B = np.zeros((depth, wide + 3), real)
    B[:, :columns] = draw.normal(size=(depth, columns))
    C = np.full((high + 1, wide + 2), 7, real)
    flat_A, A_row, A_step = (A.T.ravel(), 1, high) if transposed else (A.ravel(), depth, 1)
    exact = A[:rows].astype(float) @ B[:, :columns].astype(float)
    for add, expected in ((False, exact), (True, 2 * exact)):
        product(flat_A, A_row, A_step, B.ravel(), wide + 3, C.reshape(-1), wide + 2, rows, columns, depth, add)
        # A sum of 32 products of numbers of order 1.
        np.testing.assert_allclose(C[:rows, :columns], expected, rtol=0, atol=100 * np.finfo(real).eps)
        assert (C[high:] == 7).all()
        assert (C[:, wide:] == 7).all()
        assert (C[rows:high, :wide] == 0).all()
        assert (C[:rows, columns:wide] == 0).all()


@PRECISIONS
def test_tanh_is_exact_to_three_units_in_the_last_place(real):
    a = np.concatenate([np.geomspace(1e-30, 100, 3000), -np.geomspace(1e-10, 30, 500)]).astype(real)
    h, slopes = a.copy(), np.empty_like(a)
    elementwise.tanh(h, slopes)
    with mpmath.workdps(40):
        errors = [float(mpmath.mpf(float(ours)) - mpmath.tanh(float(value))) for ours, value in zip(h, a, strict=True)]
    assert (np.abs(errors) / np.spacing(np.abs(h))).max() < 3
    np.testing.assert_allclose(slopes, 1 - h * h, rtol=0, atol=np.finfo(real).eps)


@PRECISIONS
def test_tanh_of_what_is_not_finite(real):
    h = np.array([0, -0.0, np.inf, -np.inf, np.nan, np.finfo(real).max], real)
    elementwise.tanh(h, np.empty_like(h))
    np.testing.assert_array_equal(h, np.array([0, 0, 1, -1, np.nan, 1], real))


@PRECISIONS
def test_softmax_is_scipys_by_column_also_for_huge_numbers(real):
    draw = streams.generator(0, "logits")
    rows, columns, width = 10, 7, 16
    logits = draw.normal(0, 20, (rows, columns)).astype(real)
    logits[:, 0] *= 1000
    logits[3, 1] = np.nan
    buffer = np.full((rows, width), 5, real)
    buffer[:, :columns] = logits
    elementwise.softmax(buffer.reshape(-1), rows, width, columns)
    assert np.isnan(buffer[:, 1]).all()
    expected = scipy.special.softmax(logits.astype(float), axis=0)
    # Logits of 60 are themselves rounded by 60 eps; numbers below e^-87 stay there.
    np.testing.assert_allclose(
        np.delete(buffer[:, :columns], 1, 1), np.delete(expected, 1, 1), rtol=200 * np.finfo(real).eps, atol=1.7e-38
    )
    assert (buffer[:, columns:] == 5).all()


@PRECISIONS
@pytest.mark.parametrize("name", ["tanh", "erf", "relu", "linear", "abs", "leaky_relu(0.01)", "leaky_relu(-0.5)"])
def test_activations_and_slopes_are_autograds(name, real):
    a = np.concatenate([[0.0], streams.generator(0, "arguments").normal(size=64)]).astype(real)
    x = torch.tensor(a, requires_grad=True)
    g = activation(name)(x)
    (g_prime,) = torch.autograd.grad(g.sum(), x)
    h, slopes = a.copy(), np.empty_like(a)
    if name in ("tanh", "erf"):
        {"tanh": elementwise.tanh, "erf": elementwise.erf}[name](h, slopes)
    else:
        elementwise.piecewise_linear(h, slopes, *(real(part) for part in kink(name)))
    closed = slope(name, g.detach(), x.detach)
    for ours, theirs in ((h, g.detach()), (slopes, g_prime), (closed, g_prime)):
        # Numbers up to 1, each rounded a few times.
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=5 * np.finfo(real).eps)


def test_smooth_activations_have_no_kink():
    with pytest.raises(ValueError, match="tanh is not piecewise linear: it has no slopes below and at 0"):
        kink("tanh")
