"""Stored results of chapters: what they belong to, what state they are in, and reading them."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from feedback_alignment import experiments
from feedback_alignment.companion import provenance, store
from feedback_alignment.experiments.members import are_independent, settings_for

if TYPE_CHECKING:
    import xarray as xr

NOT_STORED = "No paper-scale run is stored for this chapter yet: the claims come from the live run and read 'reduced'."


def identity(chapter: str, profile: str = "paper", seeds: Sequence[int] | None = None) -> store.Identity:
    """Return what a chapter's stored result must belong to; `seeds` are its members, by default all of the profile."""
    experiment = experiments.load(chapter)
    settings = experiment.SETTINGS[profile] if seeds is None else settings_for(chapter, profile, seeds)
    return store.Identity(
        experiments.chapter_name(chapter), profile, experiment.SCIENCE_VERSION, provenance.settings_as_data(settings)
    )


def read(chapter: str, profile: str, directory: Path) -> "xr.Dataset":
    """Read a chapter's stored result; where members are independent, with whichever of them it holds.

    Raises MissingResultError, DamagedResultError or StaleResultError.
    """
    path = store.result_path(directory, experiments.chapter_name(chapter), profile)
    dataset = store.read(path)
    seeds = store.provenance(dataset).get("seeds")
    if not isinstance(seeds, list) or not all(isinstance(seed, int) for seed in seeds):
        raise store.DamagedResultError(f"{path} names no seeds in its provenance; got {seeds!r:.80}: {store.MEND}")
    store.require(dataset, str(path), identity(chapter, profile, seeds if are_independent(chapter) else None))
    return dataset


def stored_result(chapter: str, directory: Path | None = None) -> "xr.Dataset | None":
    """Return a chapter's paper-scale result, or None where none is stored.

    Raises StaleResultError or DamagedResultError for a file that is there but must not be used.
    """
    try:
        return read(chapter, "paper", store.results_directory(directory))
    except store.MissingResultError:
        return None


def state(chapter: str, profile: str, directory: Path) -> str:
    """Return 'stored', 'reduced', 'missing', 'stale' or 'damaged'."""
    return state_and_members(chapter, profile, directory)[0]


def state_and_members(chapter: str, profile: str, directory: Path) -> tuple[str, int]:
    """Return the state as `state` does, and how many members a result holds that can be used."""
    try:
        record = store.provenance(read(chapter, profile, directory))
    except store.MissingResultError:
        return "missing", 0
    except store.StaleResultError:
        return "stale", 0
    except store.ResultError:
        return "damaged", 0
    return ("reduced" if record["reduced"] else "stored"), len(record["seeds"])


def origin(dataset: "xr.Dataset | None") -> str:
    """Return what stands by every stored figure: where its numbers come from, or that there are none; 80 columns."""
    line = NOT_STORED if dataset is None else provenance.provenance_line(store.provenance(dataset))
    return textwrap.fill(line, width=80)
