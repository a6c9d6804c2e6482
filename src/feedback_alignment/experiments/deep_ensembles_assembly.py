"""Results that are put together from ensembles, each of them one piece of work that is trained now or stored."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

import xarray as xr

from feedback_alignment.companion import provenance, store
from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.companion.piece_files import read_piece
from feedback_alignment.experiments.deep_ensembles import EnsembleSettings, ensemble
from feedback_alignment.experiments.missing_pieces import missing

Found = Mapping[EnsembleSettings, xr.Dataset]
Groups = Mapping[str, Sequence[EnsembleSettings]]
"""Ensembles of a chapter by what they are for, in words that follow 'ensembles'."""


@runtime_checkable
class OfEnsembles(Protocol):
    """Settings of a chapter that is made of ensembles."""

    @property
    def profile(self) -> str:
        """Name of the profile."""

    @property
    def ensembles(self) -> tuple[EnsembleSettings, ...]:
        """All of them, each once, in the order in which they are trained."""


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


def stamped(
    dataset: xr.Dataset,
    settings: OfEnsembles,
    found: Found,
    groups: Groups,
    *,
    chapter: str,
    science_version: int,
    device: str,
) -> xr.Dataset:
    """Return a chapter's dataset with the provenance of every ensemble, and with what is missing of each group."""
    bare = dataset.copy()
    bare.attrs.clear()
    records = [store.provenance(piece) for piece in found.values()]
    return provenance.stamp(
        bare,
        chapter=chapter,
        science_version=science_version,
        settings=settings,
        commit=", ".join(dict.fromkeys(record["commit"] for record in records)),
        device=device,
        wall_seconds=sum(record["wall_seconds"] for record in records),
        data={
            f"{record['piece']['settings']['images']}: {name}": value
            for record in records
            for name, value in record["data"].items()
        },
        parts=[{name: record[name] for name in ("commit", "date", "device", "wall_seconds")} for record in records],
        missing=missing(groups, found, "ensembles"),
    )
