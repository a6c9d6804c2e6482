"""Element-wise loops that a compiler turns into vector instructions, in the precision of their arguments.

The exponential function is eᵗ = 2ᵏ (1 + p) with k the integer nearest t / ln 2 and p = eʳ − 1 by Taylor's series, where
r = t − k ln 2 lies within ±ln 2 / 2: fourteen terms leave less than 1e-17 there. Functions of a mathematical library
are more exact by a bit or two, but have to be called element by element.
"""

import math
from typing import Final, no_type_check

import numba
import numpy as np

TANH: Final = 0
ERF: Final = 1
PIECEWISE_LINEAR: Final = 2

_INVERSE_FACTORIALS = tuple(1 / math.factorial(n) for n in range(14))
_INVERSE_LN2 = 1 / math.log(2)
# ln 2 in two parts, of which k times the first is exact.
_LN2_HIGH = 355 / 512
_LN2_LOW = math.log(2) - _LN2_HIGH
# Beyond ±42, tanh(t / 2) is ±1 to rounding; below −87, eᵗ is nearly too small for float32.
_SATURATED = 42.0
_VANISHED = -87.0

# FMA instructions: they only make roundings fewer.
_vectorised = numba.njit(error_model="numpy", nogil=True, fastmath={"contract"})


@_vectorised
@no_type_check
def _exponential(t):
    """Return (2ᵏ, p), which give eᵗ = 2ᵏ (1 + p); |t| must be below 100."""
    real = type(t)
    k = np.floor(t * real(_INVERSE_LN2) + real(0.5))
    r = (t - k * real(_LN2_HIGH)) - k * real(_LN2_LOW)
    p = real(_INVERSE_FACTORIALS[13])
    for n in range(12, 1, -1):
        p = p * r + real(_INVERSE_FACTORIALS[n])
    p = p * r * r + r
    exponent_bits = np.int64((np.int64(np.int32(k)) + 1023) << 52)
    return real(exponent_bits.view(np.float64)), p


@_vectorised
@no_type_check
def tanh(a, slope):
    """Replace `a` by its hyperbolic tangent h, and `slope` by 1 − h²."""
    real = a.dtype.type
    for i in range(a.size):
        t = real(2.0) * a[i]
        # Written so that NaN passes.
        t = real(_SATURATED) if t > real(_SATURATED) else t
        t = real(-_SATURATED) if t < real(-_SATURATED) else t
        two_to_k, p = _exponential(t)
        u = two_to_k * p + (two_to_k - real(1.0))
        h = u / (u + real(2.0))
        a[i] = h
        slope[i] = real(1.0) - h * h


@_vectorised
@no_type_check
def erf(a, slope):
    """Replace `a` by the error function of a/√2, and `slope` by its derivative √(2/π) exp(−a²/2)."""
    real = a.dtype.type
    for i in range(a.size):
        slope[i] = math.sqrt(2 / math.pi) * math.exp(real(-0.5) * a[i] * a[i])
        a[i] = math.erf(a[i] * real(math.sqrt(0.5)))


@_vectorised
@no_type_check
def piecewise_linear(a, slope, negative, at_zero):
    """Multiply `a` by its slope: 1 where it is positive, else `negative` or `at_zero`."""
    one = a.dtype.type(1.0)
    for i in range(a.size):
        s = at_zero
        s = one if a[i] > 0 else s
        s = negative if a[i] < 0 else s
        slope[i] = s
        a[i] = s * a[i]


@_vectorised
@no_type_check
def softmax(a, rows, width, columns):
    """Put the softmax of each column in the place of `a`: `rows` rows, `width` apart, of `columns` numbers."""
    real = a.dtype.type
    largest, total = np.empty(columns, a.dtype), np.zeros(columns, a.dtype)
    for j in range(columns):
        largest[j] = a[j]
    for i in range(1, rows):
        for j in range(columns):
            largest[j] = a[i * width + j] if a[i * width + j] > largest[j] else largest[j]
    for i in range(rows):
        for j in range(columns):
            t = a[i * width + j] - largest[j]
            t = real(_VANISHED) if t < real(_VANISHED) else t
            two_to_k, p = _exponential(t)
            a[i * width + j] = two_to_k * p + two_to_k
            total[j] += a[i * width + j]
    for i in range(rows):
        for j in range(columns):
            a[i * width + j] /= total[j]


@_vectorised
@no_type_check
def add(a, b):
    """Add `b` to `a`."""
    for i in range(a.size):
        a[i] += b[i]


@_vectorised
@no_type_check
def multiply(a, b):
    """Multiply `a` by `b`."""
    for i in range(a.size):
        a[i] *= b[i]


@_vectorised
@no_type_check
def scale(a, factor):
    """Multiply `a` by one number."""
    for i in range(a.size):
        a[i] *= factor
