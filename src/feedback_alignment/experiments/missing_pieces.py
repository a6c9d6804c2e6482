"""Saying which pieces of a chapter are not finished."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

NAMED = 4
"""Of so many missing pieces of a group all names are said; of more, those of all but one of this number."""


@runtime_checkable
class Named(Protocol):
    """A piece of work."""

    @property
    def name(self) -> str:
        """The piece in words."""


def missing(groups: Mapping[str, Sequence[Named]], found: Collection[Any], what: str) -> list[str]:
    """Say which pieces are not among `found`, one entry for each group; by name, unless they are all or many.

    `groups` has the pieces by what they are for, in words that follow `what`, such as 'ensembles'.
    """
    words = []
    for purpose, pieces in groups.items():
        absent = Counter(piece.name for piece in pieces if piece not in found)
        named = [name if count == 1 else f"{count} × {name}" for name, count in absent.items()]
        if len(named) > NAMED:
            named[NAMED - 1 :] = [f"and {len(named) - NAMED + 1} more"]
        names = "" if absent.total() == len(pieces) else f" ({'; '.join(named)})"
        if absent:
            words.append(f"{absent.total()} of {len(pieces)} {what} {purpose} not there yet{names}")
    return words
