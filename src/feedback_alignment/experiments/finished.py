"""Store what is there of a chapter's paper-scale result while some of its pieces of work are still to come.

python -m feedback_alignment.experiments.finished CHAPTER
"""

import sys
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import xarray as xr

from feedback_alignment import experiments
from feedback_alignment.companion import store


@runtime_checkable
class InPieces(Protocol):
    """What an experiment module offers whose result is put together from finished pieces."""

    @staticmethod
    def assemble(settings: Any, results: Path) -> xr.Dataset:
        """Return the dataset of the pieces that are finished; its provenance says which are missing."""


def store_finished(chapter: str, results: Path | None = None) -> Path:
    """Write the result of the finished pieces of a chapter and return its path.

    Raises ValueError for a chapter that is not made of pieces, or none of whose pieces is finished.
    """
    experiment = experiments.load(chapter)
    if not isinstance(experiment, InPieces):
        raise ValueError(f"chapter {chapter} is not put together from pieces: run it as a whole")
    directory = store.results_directory(results)
    path = store.result_path(directory, experiments.chapter_name(chapter))
    store.write(experiment.assemble(experiment.SETTINGS["paper"], directory), path)
    return path


if __name__ == "__main__":
    print(f"stored {store_finished(sys.argv[1])}")
