"""When curves over training time first reach a level."""

import numpy as np
import xarray as xr
from jaxtyping import Float


def onset_epoch(curve: xr.DataArray, level: float) -> xr.DataArray:
    """Return the first epoch at which a curve reaches `level`, without its dimension `epoch`; inf if it never does.

    Between observations by a straight line in the logarithm of time, and in time itself beside an observation at 0. A
    curve that holds a NaN has the onset NaN.
    """
    epochs = curve.epoch.values.astype(float)
    found: xr.DataArray = xr.apply_ufunc(
        lambda values: np.apply_along_axis(_onset_of_one, -1, values, epochs, level),
        curve,
        input_core_dims=[["epoch"]],
    )
    return found


def _onset_of_one(values: Float[np.ndarray, " epochs"], epochs: Float[np.ndarray, " epochs"], level: float) -> float:
    if np.isnan(values).any():
        return np.nan
    reached = np.flatnonzero(values >= level)
    if not reached.size:
        return np.inf
    after = int(reached[0])
    if after == 0:
        return float(epochs[0])
    before = after - 1
    share = float((level - values[before]) / (values[after] - values[before]))
    if epochs[before] <= 0:
        return float(epochs[before] + share * (epochs[after] - epochs[before]))
    return float(epochs[before] * (epochs[after] / epochs[before]) ** share)
