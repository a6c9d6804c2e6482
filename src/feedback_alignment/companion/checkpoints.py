"""Checkpoints: the state of an unfinished run, for the machine that it runs on."""

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from feedback_alignment import atomic

MARK = b"feedback-alignment checkpoint 1 "


class DamagedCheckpointError(Exception):
    """A checkpoint that is truncated, altered, foreign, or of another run."""


class CheckpointFile:
    """One state: named arrays in a file that knows which run it belongs to and whether it is whole."""

    def __init__(self, folder: Path, identity: Mapping[str, Any], stage: str):
        """`identity` is JSON data that tells this run from any other; `stage` names the part of the run."""
        self._identity = json.dumps({**identity, "stage": stage}, sort_keys=True)
        digest = hashlib.sha256(self._identity.encode()).hexdigest()[:16]
        self.path = folder / f"{'-'.join(stage.split())}.{digest}.checkpoint"

    def read(self) -> dict[str, np.ndarray] | None:
        """Return the last state, or None if there is none.

        Raises DamagedCheckpointError for a file that is not whole or belongs to another run.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        header, _, body = content.partition(b"\n")
        if header != MARK + hashlib.sha256(body).hexdigest().encode():
            raise DamagedCheckpointError(
                f"checkpoint {self.path} is truncated, altered or foreign: delete it and "
                "run again; the stage then starts from its beginning"
            )
        try:
            with np.load(io.BytesIO(body), allow_pickle=False) as arrays:
                state = {name: arrays[name] for name in arrays.files}
        except Exception as error:  # the reader of archives raises errors of many kinds
            raise DamagedCheckpointError(f"checkpoint {self.path} holds no arrays ({error}): delete it") from error
        if bytes(state.pop("identity", b"")) != self._identity.encode():
            raise DamagedCheckpointError(
                f"checkpoint {self.path} belongs to a run with other settings: delete it, "
                "or name another folder with --checkpoints"
            )
        return state

    def write(self, state: Mapping[str, np.ndarray]) -> None:
        """Replace the state, whole or not at all.

        Raises TypeError for an array of Python objects, which only pickle could store.
        """
        for name, values in state.items():
            if values.dtype.hasobject:
                raise TypeError(f"a checkpoint holds arrays of numbers or text; {name!r} holds Python objects")
        arrays: dict[str, Any] = dict(state)
        buffer = io.BytesIO()
        identity = np.frombuffer(self._identity.encode(), dtype=np.uint8)
        np.savez(buffer, identity=identity, **arrays)
        body = buffer.getvalue()
        atomic.write_bytes(self.path, MARK + hashlib.sha256(body).hexdigest().encode() + b"\n" + body)

    def delete(self) -> None:
        """Remove the file, if it is there."""
        self.path.unlink(missing_ok=True)
