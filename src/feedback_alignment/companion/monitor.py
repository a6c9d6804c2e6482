"""Watching a long run: progress in the terminal, a time limit, Ctrl-C, and when to write checkpoints."""

import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

import numpy as np
from tqdm import tqdm

from feedback_alignment.companion import store
from feedback_alignment.companion.checkpoints import CheckpointFile
from feedback_alignment.companion.piece_files import PieceFile

CHECKPOINT_SECONDS = 30.0
LOOK_SECONDS = 0.25
"""About how long a loop that asks for `patience` works between two looks: Ctrl-C takes so long to be heard."""


class StoppedError(Exception):
    """The run was asked to stop and can be resumed."""


class TimeLimitReachedError(StoppedError):
    """The time limit was reached."""


class InterruptRequestedError(StoppedError):
    """Ctrl-C was pressed."""


class Quiet:
    """No display, no limit, no checkpoints: for notebooks, tests and a reader's own experiments."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def elapsed(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self._started

    def begin(self, label: str, total: int, done: int) -> None:
        """Nothing to show."""

    def patience(self) -> int:
        """As long as the loop likes."""
        return sys.maxsize

    def checkpoint_due(self) -> bool:
        """Never."""
        return False

    def advance(self, steps: int = 1) -> None:
        """Nothing to show."""

    def checkpoint(self, stage: str) -> None:
        """No checkpoint is kept."""
        return

    def piece(self, name: str, identity: Mapping[str, Any]) -> None:
        """No piece is kept."""
        return


class Monitor:
    """Shows progress with the time left, stops at `time_limit` seconds or at Ctrl-C, and says when to save.

    A context manager: inside it, the first Ctrl-C asks the run to save its state and stop, a second one stops it at
    once (the last checkpoint then stands).
    """

    def __init__(
        self,
        checkpoints: Path,
        identity: Mapping[str, Any],
        time_limit: float | None = None,
        results: Path | None = None,
    ):
        """`identity` tells this run from any other, so that it never resumes from another's state.

        `results` is the folder of stored results (see `store.results_directory`), for pieces that are kept there.

        Raises ValueError for a time limit that is not positive.
        """
        if time_limit is not None and not time_limit > 0:
            raise ValueError(f"the time limit must be a positive number of seconds; got {time_limit}")
        self._folder = checkpoints
        self._results = store.results_directory(results)
        self._identity = dict(identity)
        self._deadline = None if time_limit is None else time.monotonic() + time_limit
        self._started = time.monotonic()
        self._clock = CheckpointFile(checkpoints, identity, "elapsed time")
        spent = self._clock.read()
        self._spent_before = 0.0 if spent is None else float(spent["seconds"])
        self._interrupted = False
        self._stopping: StoppedError | None = None
        self._saved_at = time.monotonic()
        self._patience = 1
        self._asked_at: float | None = None
        self._bar: tqdm[Any] | None = None
        self._stages: list[CheckpointFile] = []
        self._previous: Any = None

    def __enter__(self) -> Self:
        self._previous = signal.signal(signal.SIGINT, self._on_interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGINT, self._previous)
        if self._bar is not None:
            self._bar.close()

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._interrupted:
            raise KeyboardInterrupt
        self._interrupted = True

    def begin(self, label: str, total: int, done: int) -> None:
        """Start the bar of one stage of `total` steps."""
        self._patience = 1
        if self._bar is not None:
            self._bar.close()
        self._bar = tqdm(
            total=total, initial=done, desc=label, file=sys.stderr, mininterval=0.5, dynamic_ncols=True, unit="step"
        )

    def patience(self) -> int:
        """How many steps may pass before the next look: doubled or halved, so that looks are `LOOK_SECONDS` apart."""
        self._asked_at = time.monotonic()
        return self._patience

    def checkpoint_due(self) -> bool:
        """Whether the state should be written: every half minute, and before a stop."""
        if self._asked_at is not None:
            worked = time.monotonic() - self._asked_at
            self._asked_at = None
            if worked < LOOK_SECONDS / 2:
                self._patience *= 2
            elif worked > LOOK_SECONDS:
                self._patience = max(1, self._patience // 2)
        self._stopping = self._reason_to_stop()
        if self._stopping is None and time.monotonic() - self._saved_at < CHECKPOINT_SECONDS:
            return False
        self._saved_at = time.monotonic()
        self._clock.write({"seconds": np.array(self.elapsed())})
        return True

    def elapsed(self) -> float:
        """Seconds spent on this run, those before an interruption included."""
        return self._spent_before + time.monotonic() - self._started

    def advance(self, steps: int = 1) -> None:
        """So many more steps are done.

        Raises TimeLimitReachedError or InterruptRequestedError when the run is to stop, but only after
        `checkpoint_due` said so: the state has then been written.
        """
        if self._bar is not None:
            self._bar.update(steps)
        if self._stopping is not None:
            raise self._stopping

    def checkpoint(self, stage: str) -> CheckpointFile:
        """Return the checkpoint of one stage of this run."""
        file = CheckpointFile(self._folder, self._identity, stage)
        self._stages.append(file)
        return file

    def piece(self, name: str, identity: Mapping[str, Any]) -> PieceFile:
        """Return where a piece of work keeps its result, and its state until then; chapters share pieces."""
        return PieceFile(self._results, self._folder.parent, name, identity)

    def delete_checkpoints(self) -> None:
        """Remove this run's checkpoints, once its result is stored."""
        for file in (*self._stages, self._clock):
            file.delete()

    def _reason_to_stop(self) -> StoppedError | None:
        if self._interrupted:
            return InterruptRequestedError("interrupted")
        if self._deadline is not None and time.monotonic() >= self._deadline:
            return TimeLimitReachedError("time limit reached")
        return None
