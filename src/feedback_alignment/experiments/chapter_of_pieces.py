"""Chapters whose dataset is put together from pieces of work: those computed now, or those that are finished."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar, runtime_checkable

import xarray as xr

from feedback_alignment.companion import provenance, store
from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.experiments import kept_pieces
from feedback_alignment.experiments.kept_pieces import Work
from feedback_alignment.experiments.missing_pieces import Named, missing

Found = Mapping[Any, xr.Dataset]


@runtime_checkable
class InGroups(Protocol):
    """Settings of a chapter that is made of pieces."""

    @property
    def groups(self) -> Mapping[str, Sequence[Named]]:
        """The pieces by what they are for, in words that follow what the chapter calls them."""


@runtime_checkable
class OfWorks(InGroups, Protocol):
    """Settings of a chapter that is made of kept pieces."""

    @property
    def works(self) -> Sequence[Work]:
        """All of them, each once, in the order in which they are done."""


Grouped = TypeVar("Grouped", bound=InGroups)
Works = TypeVar("Works", bound=OfWorks)


@dataclass(frozen=True)
class ChapterOfPieces(ABC, Generic[Grouped]):
    """How a chapter computes or finds its pieces, and puts them together; `called` is its word for them."""

    name: str
    science_version: int
    together: Callable[[Grouped, Found], xr.Dataset]
    """Puts the dataset together, without its provenance, from the pieces that are there."""
    called: ClassVar[str]

    def run(self, settings: Grouped, device: str = "cpu", progress: Monitor | Quiet | None = None) -> xr.Dataset:
        """Compute all pieces that are not stored yet, and return the dataset of all.

        Raises ValueError for a device that is not there.
        """
        return self._stamped(settings, self._done(settings, device, progress or Quiet()), device)

    def assemble(self, settings: Grouped, results: Path) -> xr.Dataset:
        """Return the dataset of those pieces that are finished.

        Raises ValueError where there is none.
        """
        return self._stamped(settings, self._finished(settings, results), "cpu")

    @abstractmethod
    def _done(self, settings: Grouped, device: str, progress: Monitor | Quiet) -> Found:
        """Return all pieces."""

    @abstractmethod
    def _finished(self, settings: Grouped, results: Path) -> Found:
        """Return those pieces that are finished; raises ValueError where there is none."""

    @abstractmethod
    def _data(self, record: Mapping[str, Any]) -> dict[str, str]:
        """Return where the data of a piece with this provenance come from."""

    def _stamped(self, settings: Grouped, found: Found, device: str) -> xr.Dataset:
        """Return the dataset with the provenance of every piece, and with what is missing of each group."""
        bare = self.together(settings, found).copy()
        bare.attrs.clear()
        records = [store.provenance(piece) for piece in found.values()]
        return provenance.stamp(
            bare,
            chapter=self.name,
            science_version=self.science_version,
            settings=settings,
            commit=", ".join(dict.fromkeys(record["commit"] for record in records)),
            device=device,
            wall_seconds=sum(record["wall_seconds"] for record in records),
            data={name: value for record in records for name, value in self._data(record).items()},
            parts=[{name: record[name] for name in ("commit", "date", "device", "wall_seconds")} for record in records],
            missing=missing(settings.groups, found, self.called),
        )


class ChapterOfKeptPieces(ChapterOfPieces[Works]):
    """A chapter made of pieces of work of any kind (`kept_pieces`)."""

    called = "pieces"

    def _done(self, settings: Works, device: str, progress: Monitor | Quiet) -> Found:
        return kept_pieces.done(settings.works, device, progress)

    def _finished(self, settings: Works, results: Path) -> Found:
        return kept_pieces.finished(settings.works, results)

    def _data(self, record: Mapping[str, Any]) -> dict[str, str]:
        return dict(record["data"])
