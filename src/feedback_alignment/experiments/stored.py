"""Stored results of chapters: what they belong to, what state they are in, and reading them."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from feedback_alignment import experiments
from feedback_alignment.companion import provenance, store

if TYPE_CHECKING:
    import xarray as xr

NOT_STORED = "No paper-scale run is stored for this chapter yet: the claims come from the live run and read 'reduced'."


def identity(chapter: str, profile: str = "paper") -> store.Identity:
    """Return what a stored result of a chapter must belong to."""
    experiment = experiments.load(chapter)
    return store.Identity(
        experiments.chapter_name(chapter),
        profile,
        experiment.SCIENCE_VERSION,
        provenance.settings_as_data(experiment.SETTINGS[profile]),
    )


def stored_result(chapter: str, directory: Path | None = None) -> "xr.Dataset | None":
    """Return a chapter's paper-scale result, or None where none is stored.

    Raises StaleResultError or DamagedResultError for a file that is there but must not be used.
    """
    belongs = identity(chapter)
    path = store.result_path(store.results_directory(directory), belongs.chapter)
    try:
        return store.read_for(path, belongs)
    except store.MissingResultError:
        return None


def state(chapter: str, profile: str, directory: Path) -> str:
    """Return 'stored', 'reduced', 'missing', 'stale' or 'damaged'."""
    try:
        dataset = store.read_for(store.result_path(directory, chapter, profile), identity(chapter, profile))
    except store.MissingResultError:
        return "missing"
    except store.StaleResultError:
        return "stale"
    except store.ResultError:
        return "damaged"
    return "reduced" if store.provenance(dataset)["reduced"] else "stored"


def origin(dataset: "xr.Dataset | None") -> str:
    """Return what stands by every stored figure: where its numbers come from, or that there are none; 80 columns."""
    line = NOT_STORED if dataset is None else provenance.provenance_line(store.provenance(dataset))
    return textwrap.fill(line, width=80)
