"""A part of an experiment in pieces, one after another, that goes on after an interruption with the piece it was at."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from feedback_alignment.companion.monitor import Monitor, Quiet

Piece = TypeVar("Piece")
Arrays = dict[str, np.ndarray]


def in_pieces(
    stage: str, pieces: Sequence[Piece], compute: Callable[[Piece], Arrays], progress: Monitor | Quiet
) -> list[Arrays]:
    """Return what `compute` makes of each of `pieces`, with a checkpoint of the finished ones under the name `stage`.

    Raises whatever `compute` raises, and what `progress.advance` raises to stop.
    """
    checkpoint = progress.checkpoint(stage)
    state = None if checkpoint is None else checkpoint.read()
    found: list[Arrays] = []
    for index in range(0 if state is None else int(state["pieces"])):
        prefix = f"{index} "
        found.append({k.removeprefix(prefix): v for k, v in (state or {}).items() if k.startswith(prefix)})
    progress.begin(stage, len(pieces), len(found))
    for piece in pieces[len(found) :]:
        found.append({name: np.asarray(values) for name, values in compute(piece).items()})
        if progress.checkpoint_due() and checkpoint is not None:
            checkpoint.write(_state(found))
        progress.advance()
    if checkpoint is not None:
        checkpoint.write(_state(found))
    return found


def _state(found: list[Arrays]) -> Arrays:
    state = {f"{index} {name}": values for index, arrays in enumerate(found) for name, values in arrays.items()}
    return state | {"pieces": np.array(len(found))}
