"""Pieces of work of any kind: each belongs to its own settings, is computed once, and is kept (see `piece_files`)."""

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import xarray as xr

from feedback_alignment.companion import provenance
from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.companion.piece_files import TimedCheckpoint, read_piece


@runtime_checkable
class Work(Hashable, Protocol):
    """One piece of work: everything that its numbers depend on, and how they are computed."""

    @property
    def name(self) -> str:
        """The piece in words."""

    @property
    def kind(self) -> str:
        """What sort of work it is, with a number that is raised when the meaning of its results changes."""

    def compute(
        self, device: str, progress: Monitor | Quiet, checkpoint: TimedCheckpoint | None
    ) -> tuple[xr.Dataset, dict[str, str]]:
        """Return the numbers, and where the data behind them come from (empty if there are none)."""


AnyWork = TypeVar("AnyWork", bound=Work)


def identity(work: Work) -> dict[str, Any]:
    """Return what the stored piece belongs to, as plain JSON data."""
    return {"kind": work.kind, "settings": provenance.settings_as_data(work)}


def done(works: Sequence[AnyWork], device: str, progress: Monitor | Quiet) -> dict[AnyWork, xr.Dataset]:
    """Return the results of all pieces: those that are stored, and those of computing the rest now."""
    return {work: _done(work, device, progress) for work in works}


def _done(work: Work, device: str, progress: Monitor | Quiet) -> xr.Dataset:
    piece = progress.piece(work.name, identity(work))
    found = None if piece is None else piece.read()
    if found is not None:
        return found
    commit, started = provenance.commit(), progress.elapsed()
    checkpoint = None if piece is None else piece.checkpoint
    dataset, data = work.compute(device, progress, checkpoint)
    stamped_piece = provenance.stamp_piece(
        dataset,
        identity=identity(work),
        commit=commit,
        device=device,
        wall_seconds=progress.elapsed() - started if checkpoint is None else checkpoint.elapsed(),
        data=data,
    )
    if piece is not None:
        piece.write(stamped_piece)
    return stamped_piece


def finished(works: Sequence[AnyWork], results: Path) -> dict[AnyWork, xr.Dataset]:
    """Return the results of those pieces that are finished.

    Raises ValueError where there is none.
    """
    pieces = {work: read_piece(results, work.name, identity(work)) for work in works}
    found = {work: piece for work, piece in pieces.items() if piece is not None}
    if not found:
        raise ValueError(f"none of {len(works)} pieces is finished in {results}: run the chapter first")
    return found


def along(dimension: str, places: Mapping[Any, xr.Dataset | None]) -> xr.Dataset:
    """Return datasets side by side along a new dimension, each at its place; NaN for a missing one, empty if all."""
    placed = [dataset.expand_dims({dimension: [place]}) for place, dataset in places.items() if dataset is not None]
    if not placed:
        return xr.Dataset()
    joined: xr.Dataset = xr.concat(placed, dimension, join="outer", combine_attrs="override")
    return joined.reindex({dimension: list(places)})


def end_to_end(dimension: str, works: Sequence[Work], found: Mapping[Any, xr.Dataset]) -> xr.Dataset | None:
    """Return the pieces that are there one after another along a dimension that they have; None if none is."""
    there = [found[work] for work in works if work in found]
    if not there:
        return None
    joined: xr.Dataset = xr.concat(there, dimension, combine_attrs="override")
    return joined
