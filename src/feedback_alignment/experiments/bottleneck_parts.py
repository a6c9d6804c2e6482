"""Chapter 11's dataset, put together from finished pieces of work."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from feedback_alignment.experiments.bottleneck_settings import KINDS, Settings

LAYER_OF_RULER = "eval"
"""The networks have one mode; any ruler shows the same."""


def curves(settings: Settings, found: Mapping[Any, xr.Dataset]) -> xr.Dataset:
    """Return what is measured at the end of training, by kind, units and learning rate; NaN where it is missing."""
    units = sorted({each.units for each in settings.works})
    rates = sorted({_rate(each) for each in settings.works}, reverse=True)
    ends = {work: _end(piece) for work, piece in found.items()}
    first = next(iter(ends.values()))
    shape = (len(KINDS), len(units), len(rates))
    variables = {}
    for name, values in first.data_vars.items():
        filled = np.full((*shape, *values.shape), np.nan, values.dtype)
        for work, end in ends.items():
            filled[KINDS.index(work.bottleneck), units.index(work.units), rates.index(_rate(work))] = end[name]
        variables[name] = ("kind", "units", "learning_rate", *values.dims), filled, values.attrs
    about = {"long_name": "units of the second hidden layer that learn", "units": "1"}
    coords = {"kind": list(KINDS), "units": ("units", units, about), "learning_rate": rates}
    return xr.Dataset(variables, {**coords, "member": first.member, "hidden_layer": first.hidden_layer})


def _end(piece: xr.Dataset) -> xr.Dataset:
    ended = piece.isel(epoch=-1, drop=True).sel(ruler=LAYER_OF_RULER, drop=True)
    return ended.drop_vars("alignment_spread")


def _rate(work: Any) -> float:
    return float(work.schedule.learning_rate)
