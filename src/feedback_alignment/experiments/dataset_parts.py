"""From the pieces of a part of an experiment to the variables of its dataset."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.experiments.pieces import Arrays, Piece, in_pieces


def stacked(
    stage: str, pieces: Sequence[Piece], compute: Callable[[Piece], Arrays], progress: Monitor | Quiet
) -> Arrays:
    """Return what `compute` makes of all `pieces`, each array with a leading axis for them; see `in_pieces`."""
    found = in_pieces(stage, pieces, compute, progress)
    return {name: np.stack([arrays[name] for arrays in found]) for name in found[0]}


def variable(dims: str, values: np.ndarray, description: str, units: str = "1") -> tuple[Any, ...]:
    """Return what xarray makes a variable of, with its description and unit; `dims` are separated by blanks."""
    return tuple(dims.split()), values, {"long_name": description, "units": units}
