"""Results that are put together from ensembles, each of them one piece of work that is trained now or stored."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

import xarray as xr

from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.companion.piece_files import read_piece
from feedback_alignment.experiments.chapter_of_pieces import ChapterOfPieces, InGroups
from feedback_alignment.experiments.deep_ensembles import EnsembleSettings, ensemble

Found = Mapping[EnsembleSettings, xr.Dataset]


@runtime_checkable
class OfEnsembles(InGroups, Protocol):
    """Settings of a chapter that is made of ensembles."""

    @property
    def profile(self) -> str:
        """Name of the profile."""

    @property
    def ensembles(self) -> tuple[EnsembleSettings, ...]:
        """All of them, each once, in the order in which they are trained."""


Ensembles = TypeVar("Ensembles", bound=OfEnsembles)


def trained(settings: OfEnsembles, device: str, progress: Monitor | Quiet | None) -> Found:
    """Return all ensembles of a chapter; those that are not stored yet are trained."""
    return {each: ensemble(each, device, progress) for each in settings.ensembles}


def finished(settings: OfEnsembles, results: Path) -> Found:
    """Return those ensembles of a chapter whose pieces are finished.

    Raises ValueError where there is none.
    """
    pieces = {each: read_piece(results, each.name, each.identity) for each in settings.ensembles}
    found = {each: piece for each, piece in pieces.items() if piece is not None}
    if not found:
        raise ValueError(f"no ensemble of profile {settings.profile!r} is finished in {results}: run the chapter first")
    return found


def on_grid(places: Mapping[EnsembleSettings, Mapping[str, Any]], found: Found) -> xr.Dataset:
    """Return the ensembles at their places, each a value for each new dimension; NaN where one is missing.

    Empty if all of them are.
    """
    placed = [
        found[each].expand_dims({name: [value] for name, value in place.items()})
        for each, place in places.items()
        if each in found
    ]
    if not placed:
        return xr.Dataset()
    names = next(iter(places.values()))
    grid = {name: list(dict.fromkeys(place[name] for place in places.values())) for name in names}
    combined = xr.combine_by_coords(placed, join="outer", combine_attrs="override")
    return cast(xr.Dataset, combined).reindex(grid)


class ChapterOfEnsembles(ChapterOfPieces[Ensembles]):
    """A chapter made of ensembles, each of which has data of its own: they are told apart by their images."""

    called = "ensembles"

    def _done(self, settings: Ensembles, device: str, progress: Monitor | Quiet) -> Found:
        return trained(settings, device, progress)

    def _finished(self, settings: Ensembles, results: Path) -> Found:
        return finished(settings, results)

    def _data(self, record: Mapping[str, Any]) -> dict[str, str]:
        images = record["piece"]["settings"]["images"]
        return {f"{images}: {name}": value for name, value in record["data"].items()}
