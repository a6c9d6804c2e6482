"""The parts of chapter 09's dataset, put together from finished pieces of work."""

from collections.abc import Sequence
from typing import Any

import xarray as xr

from feedback_alignment.experiments.best_practices_settings import Settings
from feedback_alignment.experiments.chapter_of_pieces import Found
from feedback_alignment.experiments.kept_pieces import along, end_to_end
from feedback_alignment.experiments.launay_networks import LaunayNetworks

KEPT = ("test_accuracy", "running_accuracy", "alignment", "alignment_spread")
"""What is kept of networks with other ratios of rates or another start, at the end of training."""


def table(settings: Settings, found: Found) -> xr.Dataset:
    """Return the networks of Table 2, each practice a place along `practice`."""
    return _side_by_side("practice", [(each.practice.name, each) for each in settings.table], settings, found)


def ratios(settings: Settings, found: Found) -> xr.Dataset:
    """Return the first row of Table 2 for all ratios of rates, along `ratio`, at the end of training."""
    first = settings.table[0].practice
    networks = [*(each for each in settings.table if each.practice == first), *settings.ratios]
    places = sorted(((each.hidden_error_scale, each) for each in networks), key=lambda place: place[0])
    ends = _ends("ratio", _side_by_side("ratio", places, settings, found))
    if not ends:
        return ends
    about = {"long_name": "learning rate of hidden layers over that of the output layer", "units": "1"}
    return ends.assign_coords(ratio=("ratio", ends.ratio.values, about))


def released_start(settings: Settings, found: Found) -> xr.Dataset:
    """Return the rows of Table 2 from the start of the released code, along `practice`, at the end of training."""
    places = [(each.practice.name, each) for each in settings.starts]
    ends = _ends("released", _side_by_side("practice", places, settings, found))
    return ends.reindex(practice=list(dict.fromkeys(each.practice.name for each in settings.table))) if ends else ends


def _ends(prefix: str, networks: xr.Dataset) -> xr.Dataset:
    """Return what is kept of networks at the end of training, under names of their own."""
    if not networks:
        return networks
    ends = networks[list(KEPT)].isel(epoch=-1, drop=True)
    return ends.rename({name: f"{prefix}_{name}" for name in KEPT})


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
