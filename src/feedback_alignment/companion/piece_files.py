"""Finished pieces of work: results that belong to their own settings alone, so that every chapter may use them.

A piece is the unit of work of a long run. Its file lies in the folder `pieces` beside the chapters' results and is
named after its settings; while it is unfinished, its state lies in a checkpoint of the same name.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from feedback_alignment.companion import store
from feedback_alignment.companion.checkpoints import CheckpointFile

if TYPE_CHECKING:
    import xarray as xr

FOLDER = "pieces"


class TimedCheckpoint(CheckpointFile):
    """A checkpoint that keeps count of the seconds spent on its stage, those before an interruption included."""

    def __init__(self, folder: Path, identity: Mapping[str, Any], stage: str):
        """Start the clock; see `CheckpointFile`."""
        super().__init__(folder, identity, stage)
        self._started = time.monotonic()
        self._spent_before = 0.0

    def elapsed(self) -> float:
        """Seconds spent so far."""
        return self._spent_before + time.monotonic() - self._started

    def read(self) -> dict[str, np.ndarray] | None:
        """Return the last state and take over its clock."""
        state = super().read()
        if state is not None:
            self._spent_before = float(state.pop("seconds spent"))
        return state

    def write(self, state: Mapping[str, np.ndarray]) -> None:
        """Replace the state, with the clock."""
        super().write({**state, "seconds spent": np.array(self.elapsed())})


def piece_path(results: Path, name: str, identity: Mapping[str, Any]) -> Path:
    """Return the file of a piece; `identity` is JSON data with all that its numbers depend on, `name` for readers."""
    digest = hashlib.sha256(json.dumps(dict(identity), sort_keys=True).encode()).hexdigest()[:16]
    return results / FOLDER / f"{'-'.join(name.split())}.{digest}.nc"


def read_piece(results: Path, name: str, identity: Mapping[str, Any]) -> "xr.Dataset | None":
    """Return a finished piece, or None where there is none.

    Raises DamagedResultError for a file that is not whole or belongs to another piece.
    """
    path = piece_path(results, name, identity)
    try:
        dataset = store.read(path)
    except store.MissingResultError:
        return None
    if store.provenance(dataset).get("piece") != dict(identity):
        raise store.DamagedResultError(
            f"{path} belongs to a piece with other settings: restore it with 'git checkout', or delete it"
        )
    return dataset


class PieceFile:
    """Where one piece keeps its result, and its state until then."""

    def __init__(self, results: Path, checkpoints: Path, name: str, identity: Mapping[str, Any]):
        """`results` and `checkpoints` are the folders of all chapters; see `piece_path` for `name` and `identity`."""
        self._arguments = results, name, dict(identity)
        self.checkpoint = TimedCheckpoint(checkpoints / FOLDER, identity, name)

    def read(self) -> "xr.Dataset | None":
        """Return the finished piece, or None; see `read_piece`."""
        return read_piece(*self._arguments)

    def write(self, dataset: "xr.Dataset") -> None:
        """Store the finished piece, whose provenance names it, and remove its checkpoint."""
        path = piece_path(*self._arguments)
        path.parent.mkdir(parents=True, exist_ok=True)
        store.write(dataset, path)
        self.checkpoint.delete()
