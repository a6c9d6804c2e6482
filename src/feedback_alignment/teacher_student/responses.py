"""What hidden units answer to their pre-activations, compiled: g and g' together."""

import math
from typing import Final

import numpy as np
from jaxtyping import Float

from feedback_alignment.compilation import compiled
from feedback_alignment.teacher_student.activations import ERF, RELU

ROOT_HALF: Final = math.sqrt(0.5)
ROOT_TWO_OVER_PI: Final = math.sqrt(2 / math.pi)

# g and g' of erf units on a grid that ends where g is 1 to rounding.
PER_UNIT: Final = 128
SPACING: Final = 1 / PER_UNIT
LAST: Final = 8.5
GRID: Final = np.arange(int(LAST * PER_UNIT) + 1) / PER_UNIT
ERF_ON_GRID: Final = np.array([math.erf(ROOT_HALF * x) for x in GRID])
SLOPE_ON_GRID: Final = ROOT_TWO_OVER_PI * np.exp(-0.5 * GRID**2)


@compiled
def response(activation: int, x: float) -> tuple[float, float]:
    """Return (g(x), g'(x)) for erf(x/√2), max(0, x) with g'(0) = 0, or x."""
    if activation == ERF:
        return math.erf(ROOT_HALF * x), ROOT_TWO_OVER_PI * math.exp(-0.5 * x * x)
    if activation == RELU:
        return max(x, 0.0), 1.0 if x > 0 else 0.0
    return x, 1.0


@compiled
def responses(
    activation: int, u: Float[np.ndarray, " n"], g: Float[np.ndarray, " n"], slope: Float[np.ndarray, " n"]
) -> None:
    """Write g(u) and g'(u), within a few roundings of `response`.

    For erf units from the nearest point r = u − d of a grid: g'(u) = g'(r) exp(−r d − d²/2) and its integral over d, to
    orders beyond which the rest is below rounding. The loop does not branch: several units are computed at once.
    """
    if activation == ERF:
        for i in range(u.size):
            size = abs(u[i]) if abs(u[i]) < LAST else LAST  # not min, which hands on NaN
            place = np.int32(size * PER_UNIT + 0.5)
            r = place * SPACING
            d = size - r
            s = -d * (r + 0.5 * d)
            growth = 1 / 24 + s * (1 / 120 + s * (1 / 720 + 1 / 5040 * s))
            growth = 1 + s * (1 + s * (1 / 2 + s * (1 / 6 + s * growth)))
            rr = r * r
            third = 1 / 24 * (r * (rr - 3)) - 1 / 120 * (d * ((rr - 6) * rr + 3))
            integral = d * (1 - d * (0.5 * r - d * (1 / 6 * (rr - 1) - d * third)))
            g[i] = math.copysign(ERF_ON_GRID[place] + SLOPE_ON_GRID[place] * integral, u[i])
            slope[i] = SLOPE_ON_GRID[place] * growth
    for i in range(u.size):
        if activation != ERF or not abs(u[i]) < LAST:
            g[i], slope[i] = response(activation, u[i])
