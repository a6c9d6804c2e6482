"""The numbers that a NumPy generator would draw next, drawn inside compiled loops.

Called from compiled code, NumPy's generator costs a call through a pointer for every number; here the same algorithms
are compiled into the loop that uses them. Bits come from PCG64-DXSM (O'Neill 2014, with the output function that NumPy
gives it): a 128-bit congruential generator whose multiplier fits into 64 bits. Gaussian numbers come from Marsaglia and
Tsang's ziggurat (J. Stat. Softw. 5(8), 2000): the half of the bell is covered by 256 layers of equal area, and a point
drawn in a layer is nearly always inside.
"""

import math
from typing import Final

import numpy as np
from jaxtyping import Float, UInt64

from feedback_alignment.compilation import compiled

MULTIPLIER: Final = np.uint64(0xDA942042E4DD58B5)
ONE: Final = np.uint64(1)
LOWER_HALF: Final = np.uint64(2**32 - 1)
HALF, OUTPUT_SHIFT, UNIFORM_SHIFT = np.uint64(32), np.uint64(48), np.uint64(11)

# Where the lowest layer ends and the tail begins, for 256 layers.
TAIL: Final = 3.6541528853610088
# The lowest 8 bits choose a layer, the next one the sign, the next 52 a place in the layer.
LAYERS: Final = 256
LAYER_BITS: Final = np.uint64(LAYERS - 1)
SIGN_AND_LAYER_BITS: Final = np.uint64(2 * LAYERS - 1)
PLACE_SHIFT: Final = np.uint64(9)
PLACE_BITS: Final = np.uint64(2**52 - 1)
TAIL_SIGN_SHIFT: Final = np.uint64(8)


def _ziggurat() -> tuple[Float[np.ndarray, "2*256"], UInt64[np.ndarray, " 256"], Float[np.ndarray, " 256"]]:
    """Return the width of a place with either sign, the number of places surely inside, and the height of each layer.

    Layer 0 is the lowest, with the tail; its width is that of a rectangle of its area. Layer 1 is the top.
    """
    height = math.exp(-(TAIL**2) / 2)
    area = TAIL * height + math.sqrt(math.pi / 2) * math.erfc(TAIL / math.sqrt(2))
    ends = np.zeros(LAYERS)
    ends[0], ends[-1] = area / height, TAIL
    for i in range(LAYERS - 1, 1, -1):
        ends[i - 1] = math.sqrt(-2 * math.log1p(area / ends[i] + math.expm1(-(ends[i] ** 2) / 2)))
    inside = np.concatenate([[TAIL / ends[0]], [0.0], ends[1:-1] / ends[2:]])
    heights = np.exp(-(ends**2) / 2)
    heights[0] = 1.0
    widths = ends / 2**52
    return np.concatenate([widths, -widths]), (inside * 2**52).astype(np.uint64), heights


WIDTHS, INSIDE, HEIGHTS = _ziggurat()


def stream_of(random: np.random.Generator) -> UInt64[np.ndarray, " 4"]:
    """Return the state of a PCG64DXSM generator: state and increment, each with its higher word first.

    Drawing from it changes this array and leaves `random` where it is. Raises TypeError for any other generator.
    """
    if not isinstance(random.bit_generator, np.random.PCG64DXSM):
        raise TypeError(f"random must be a PCG64DXSM generator, as streams.generator makes it; got {random}")
    found = random.bit_generator.state["state"]
    words = [found["state"] >> 64, found["state"], found["inc"] >> 64, found["inc"]]
    return np.array([word & (2**64 - 1) for word in words], dtype=np.uint64)


@compiled
def _upper_half(x: np.uint64, y: np.uint64) -> np.uint64:
    """Return the higher 64 of the 128 bits of a product."""
    low = (x & LOWER_HALF) * (y & LOWER_HALF)
    first = (x >> HALF) * (y & LOWER_HALF) + (low >> HALF)
    second = (x & LOWER_HALF) * (y >> HALF) + (first & LOWER_HALF)
    return (x >> HALF) * (y >> HALF) + (first >> HALF) + (second >> HALF)


@compiled
def next_bits(stream: UInt64[np.ndarray, " 4"]) -> np.uint64:
    """Return 64 random bits."""
    high, low = stream[0], stream[1]
    stream[1] = low * MULTIPLIER + stream[3]
    carry = ONE if stream[1] < stream[3] else ONE - ONE
    stream[0] = high * MULTIPLIER + _upper_half(low, MULTIPLIER) + stream[2] + carry
    bits = (high ^ (high >> HALF)) * MULTIPLIER
    return (bits ^ (bits >> OUTPUT_SHIFT)) * (low | ONE)


@compiled
def uniform(stream: UInt64[np.ndarray, " 4"]) -> float:
    """Return a number from [0, 1), a multiple of 2**−53."""
    return (next_bits(stream) >> UNIFORM_SHIFT) * 2.0**-53


@compiled
def normal(stream: UInt64[np.ndarray, " 4"]) -> float:
    """Return a Gaussian number of mean 0 and variance 1."""
    while True:
        bits = next_bits(stream)
        layer = bits & LAYER_BITS
        place = (bits >> PLACE_SHIFT) & PLACE_BITS
        x = place * WIDTHS[bits & SIGN_AND_LAYER_BITS]
        if place < INSIDE[layer]:
            return x
        if layer == 0:
            while True:
                beyond = -math.log1p(-uniform(stream)) / TAIL
                if -2 * math.log1p(-uniform(stream)) > beyond * beyond:
                    return -TAIL - beyond if (place >> TAIL_SIGN_SHIFT) & ONE else TAIL + beyond
        lower, upper = HEIGHTS[layer], HEIGHTS[layer - ONE]
        if lower + (upper - lower) * uniform(stream) < math.exp(-0.5 * x * x):
            return x


@compiled
def chi_square(stream: UInt64[np.ndarray, " 4"], degrees: int) -> float:
    """Draw from the chi-square law with `degrees` degrees of freedom, at least 1, exactly.

    Marsaglia and Tsang's rejection from a cubed Gaussian (ACM Trans. Math. Softw. 26, 363, 2000), which needs at least
    two degrees: v = (1 + y)³ is accepted if ln u < h(y) = 3d (ln(1 + y) − y + y²/2 − y³/3). For y > −½ the logarithm's
    series gives h ≥ −(3/2) d y⁴, which spares nearly all logarithms.
    """
    if degrees == 1:
        return normal(stream) ** 2
    d = degrees / 2 - 1 / 3
    width = 1 / math.sqrt(9 * d)
    while True:
        y = width * normal(stream)
        if y <= -1:
            continue
        accepting = uniform(stream)
        v = (1 + y) ** 3
        if y > -0.5 and accepting < 1 - 1.5 * d * (y * y) ** 2:
            return 2 * d * v
        if math.log(accepting) < 3 * d * (math.log1p(y) - y + y * y / 2 - y * y * y / 3):
            return 2 * d * v
