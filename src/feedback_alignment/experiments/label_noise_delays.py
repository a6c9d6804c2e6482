"""By how much noise delays alignment, and by how much it should if alignment waits for a signal."""

import numpy as np
import xarray as xr
from jaxtyping import Float

from feedback_alignment.experiments.onsets import onset_epoch


def onset_decades(curve: xr.DataArray, level: float) -> xr.DataArray:
    """Return the logarithm, to base 10, of the epochs until a curve reaches a level; NaN if it does not."""
    epochs = onset_epoch(curve, level)
    found: xr.DataArray = xr.apply_ufunc(np.log10, epochs.where(np.isfinite(epochs)))
    return found


def delay(curves: xr.DataArray, level: float) -> xr.DataArray:
    """Return by how many decades each curve's onset is later than the same member's with the labels as they are."""
    decades = onset_decades(curves, level)
    return decades - decades.sel(variant="drawn", label_noise=0)


def foretold_delay(signal: xr.DataArray) -> xr.DataArray:
    """Return by how many decades each onset should be later, from the signal before training alone.

    W_l moves at a rate proportional to the signal, and so reaches the same place 1/signal times as late.
    """
    first = signal.isel(epoch=0, drop=True)
    found: xr.DataArray = xr.apply_ufunc(np.log10, first.sel(variant="drawn", label_noise=0) / first)
    return found


def clock(signal: xr.DataArray) -> xr.DataArray:
    """Return the integral of the signal over training time, in epochs times its unit, by the trapezoidal rule."""
    epochs = signal.epoch
    widths = epochs.diff("epoch", label="upper")
    means = signal.rolling(epoch=2).mean().isel(epoch=slice(1, None))
    passed = (means * widths).cumsum("epoch").assign_coords(epoch=epochs[1:])
    found: xr.DataArray = xr.concat([xr.zeros_like(signal.isel(epoch=[0])), passed], "epoch")
    return found


def clock_delay(curves: xr.DataArray, signal: xr.DataArray, level: float) -> xr.DataArray:
    """Return `delay` in readings of the clock instead of epochs: 0 if alignment knows of no other time."""
    readings = clock(signal)
    found: xr.DataArray = xr.apply_ufunc(
        np.vectorize(_reading, signature="(n),(),(n)->()"),
        readings,
        onset_epoch(curves, level),
        readings.epoch,
        input_core_dims=[["epoch"], [], ["epoch"]],
    )
    return found - found.sel(variant="drawn", label_noise=0)


def _reading(readings: Float[np.ndarray, " epochs"], onset: float, epochs: Float[np.ndarray, " epochs"]) -> float:
    """Return the logarithm of the clock's reading at an onset; NaN if there is none."""
    return float(np.log10(np.interp(onset, epochs, readings))) if np.isfinite(onset) else np.nan
