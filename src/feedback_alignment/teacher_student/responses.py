"""What one hidden unit answers to its pre-activation, compiled: g and g' together."""

import math

from feedback_alignment.compilation import compiled
from feedback_alignment.teacher_student.activations import ERF, RELU

ROOT_HALF = math.sqrt(0.5)
ROOT_TWO_OVER_PI = math.sqrt(2 / math.pi)


@compiled
def response(activation: int, x: float) -> tuple[float, float]:
    """Return (g(x), g'(x)) for erf(x/√2), max(0, x) with g'(0) = 0, or x."""
    if activation == ERF:
        return math.erf(ROOT_HALF * x), ROOT_TWO_OVER_PI * math.exp(-0.5 * x * x)
    if activation == RELU:
        return max(x, 0.0), 1.0 if x > 0 else 0.0
    return x, 1.0
