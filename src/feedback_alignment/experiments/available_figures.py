"""Figures of datasets that need not hold everything: what is missing is left out."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import xarray as xr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Drawings = Mapping[str, tuple[tuple[str, ...], "Callable[[tuple[xr.Dataset, ...]], Figure]"]]
"""Figure -> (the variables that it needs, how it is drawn from datasets, each one column of panels or more)."""


def available_figures(drawings: Drawings, datasets: Sequence[xr.Dataset]) -> "dict[str, Figure]":
    """Draw each figure from those datasets that have its variables; one that no dataset has is not drawn."""
    drawn = {}
    for name, (variables, draw) in drawings.items():
        having = tuple(dataset for dataset in datasets if set(variables) <= set(dataset))
        if having:
            drawn[name] = draw(having)
    return drawn
