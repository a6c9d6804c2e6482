"""Where curves over training time have their maximum, and how far they fall from it."""

import numpy as np
import xarray as xr
from jaxtyping import Float


def peak_epoch(curve: xr.DataArray) -> xr.DataArray:
    """Return the epoch of the maximum along `epoch`, without that dimension; NaN for a curve that holds a NaN.

    Between observations by the parabola, in the logarithm of time, through the largest value and its two neighbours. A
    maximum at the first or last observation stays there, and so does one beside an observation at time 0.
    """
    epochs = curve.epoch.values.astype(float)
    found: xr.DataArray = xr.apply_ufunc(
        lambda values: np.apply_along_axis(_peak_of_one, -1, values, epochs), curve, input_core_dims=[["epoch"]]
    )
    return found


def fall(curve: xr.DataArray) -> xr.DataArray:
    """Return the maximum along `epoch` less the last value: 0 for a curve that ends at its maximum."""
    found: xr.DataArray = curve.max("epoch", skipna=False) - curve.isel(epoch=-1, drop=True)
    return found


def at_peak(values: xr.DataArray, curve: xr.DataArray) -> xr.DataArray:
    """Return `values` at the observation at which `curve` is largest, member by member; no NaN may be in `curve`."""
    found: xr.DataArray = values.isel(epoch=curve.argmax("epoch")).drop_vars("epoch")
    return found


def _peak_of_one(values: Float[np.ndarray, " epochs"], epochs: Float[np.ndarray, " epochs"]) -> float:
    if np.isnan(values).any():
        return np.nan
    top = int(values.argmax())
    if top in (0, len(values) - 1) or epochs[top - 1] <= 0:
        return float(epochs[top])
    u = np.log(epochs[top - 1 : top + 2])
    second, first, _ = np.polyfit(u - u[1], values[top - 1 : top + 2], 2)
    return float(np.exp(u[1] - first / (2 * second))) if second < 0 else float(epochs[top])
