"""The parts of chapter 09's dataset, put together from finished pieces of work."""

from collections.abc import Sequence
from typing import Any

import xarray as xr

from feedback_alignment.experiments.best_practices_settings import Settings
from feedback_alignment.experiments.chapter_of_pieces import Found
from feedback_alignment.experiments.kept_pieces import along, end_to_end
from feedback_alignment.experiments.launay_networks import LaunayNetworks

KEPT = ("test_accuracy", "running_accuracy", "alignment")
"""What is kept of networks with other ratios of rates or another start, at the end of training."""
STATED, RELEASED = "He", "PyTorch's default"
"""How weights and biases are drawn: as the paper states it, and as its released code does."""


def table(settings: Settings, found: Found) -> xr.Dataset:
    """Return the networks of Table 2, each practice a place along `practice`."""
    return _side_by_side("practice", [(each.practice.name, each) for each in settings.table], settings, found)


def ratios(settings: Settings, found: Found) -> xr.Dataset:
    """Return the first row of Table 2 for all ratios of rates, along `ratio`, at the end of training."""
    networks = [*_first_row(settings), *settings.ratios]
    places = sorted(((each.hidden_error_scale, each) for each in networks), key=lambda place: place[0])
    about = "learning rate of hidden layers over that of the output layer"
    return _ends("ratio", places, about, settings, found)


def starts(settings: Settings, found: Found) -> xr.Dataset:
    """Return the first row of Table 2 from both starts, along `start`, at the end of training."""
    networks = [*_first_row(settings), *settings.starts]
    places = [(RELEASED if each in settings.starts else STATED, each) for each in networks]
    return _ends("start", places, "how weights and biases are drawn", settings, found)


def _first_row(settings: Settings) -> list[LaunayNetworks]:
    return [each for each in settings.table if each.practice == settings.table[0].practice]


def _ends(
    dimension: str, places: Sequence[tuple[Any, LaunayNetworks]], about: str, settings: Settings, found: Found
) -> xr.Dataset:
    """Return what is kept of the ensembles at the end of training, under names of their own."""
    joined = _side_by_side(dimension, places, settings, found)
    if not joined:
        return joined
    ends = joined[list(KEPT)].isel(epoch=-1, drop=True).rename({name: f"{dimension}_{name}" for name in KEPT})
    attributes = {"long_name": about, "units": "1"}
    return ends.assign_coords({dimension: (dimension, ends[dimension].values, attributes)})


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
