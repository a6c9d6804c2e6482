"""The parts of chapter 09's dataset, put together from finished pieces of work."""

from collections.abc import Sequence
from typing import Any

import xarray as xr

from feedback_alignment.experiments.best_practices_settings import Settings
from feedback_alignment.experiments.chapter_of_pieces import Found
from feedback_alignment.experiments.kept_pieces import along, end_to_end
from feedback_alignment.experiments.launay_networks import LaunayNetworks

RATIOS = ("test_accuracy", "running_accuracy", "alignment")
"""What is kept of networks with other ratios of rates, at the end of training."""


def table(settings: Settings, found: Found) -> xr.Dataset:
    """Return the networks of Table 2, each practice a place along `practice`."""
    return _side_by_side("practice", [(each.practice.name, each) for each in settings.table], settings, found)


def ratios(settings: Settings, found: Found) -> xr.Dataset:
    """Return the first row of Table 2 for all ratios of rates, along `ratio`, at the end of training."""
    first = settings.table[0].practice
    networks = [*(each for each in settings.table if each.practice == first), *settings.ratios]
    places = sorted(((each.hidden_error_scale, each) for each in networks), key=lambda place: place[0])
    joined = _side_by_side("ratio", places, settings, found)
    if not joined:
        return joined
    ends = joined[list(RATIOS)].isel(epoch=-1, drop=True)
    about = {"long_name": "learning rate of hidden layers over that of the output layer", "units": "1"}
    renamed = ends.rename({name: f"ratio_{name}" for name in RATIOS})
    return renamed.assign_coords(ratio=("ratio", renamed.ratio.values, about))


def _side_by_side(
    dimension: str, places: Sequence[tuple[Any, LaunayNetworks]], settings: Settings, found: Found
) -> xr.Dataset:
    """Return the ensembles along a new dimension, those at one place with their members one after another."""
    joined = {
        place: end_to_end("member", [each for other, each in places if other == place], found) for place, _ in places
    }
    dataset = along(dimension, joined)
    return dataset.reindex(member=list(settings.seeds)) if dataset else dataset


def memory(settings: Settings, found: Found) -> xr.Dataset:
    """Return the memory of feedback."""
    return found.get(settings.memory, xr.Dataset())
