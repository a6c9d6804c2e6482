"""Where a rising curve settles: the number of units at which it has made most of its way."""

import numpy as np
from jaxtyping import Float

SHARE = 0.9
"""Of the way from the smallest bottleneck to the largest."""


def threshold(units: Float[np.ndarray, " sizes"], values: Float[np.ndarray, " sizes"]) -> tuple[float, float, float]:
    """Return the number of units at which the curve first has `SHARE` of its rise, and an interval for it.

    Between two sizes the curve is taken as straight in the logarithm of the size. The interval is that of the two
    sizes: nothing between them was measured. NaN for a curve that does not rise, or has a gap.

    Raises ValueError for sizes that do not ascend.
    """
    if (np.diff(units) <= 0).any():
        raise ValueError(f"sizes must ascend; got {units}")
    nothing = (np.nan, np.nan, np.nan)
    rise = values[-1] - values[0]
    if not rise > 0:
        return nothing
    goal = values[0] + SHARE * rise
    index = int(np.argmax(values >= goal))
    low, high = np.log(units[index - 1]), np.log(units[index])
    share = (goal - values[index - 1]) / (values[index] - values[index - 1])
    between = float(np.exp(low + share * (high - low)))
    return (between, float(units[index - 1]), float(units[index])) if np.isfinite(values).all() else nothing
