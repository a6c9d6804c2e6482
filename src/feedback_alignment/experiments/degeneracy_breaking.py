"""Chapter 06: deep networks that start apart meet if they learn by DFA with one F, and stay apart if they learn by BP.

Refinetti et al. 2021, Section 1.3, Fig. 5.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import xarray as xr

from feedback_alignment.companion import provenance, store
from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.companion.piece_files import read_piece
from feedback_alignment.experiments.deep_ensembles import ensemble
from feedback_alignment.experiments.degeneracy_breaking_settings import SETTINGS, Settings

__all__ = ["COST", "SCIENCE_VERSION", "SETTINGS", "Settings", "assemble", "run"]

SCIENCE_VERSION = 1
COST = {"smoke": "2 s", "quick": "25 s", "paper": "hours"}
GRID = ("images", "activation", "rule")


def run(settings: Settings, device: str = "cpu", progress: Monitor | Quiet | None = None) -> xr.Dataset:
    """Train all ensembles that are not stored yet and return errors, similarities and alignments over training."""
    found = [ensemble(wanted, device, progress) for wanted in settings.ensembles]
    return _dataset(settings, found, device)


def assemble(settings: Settings, results: Path) -> xr.Dataset:
    """Return the dataset of those ensembles whose pieces are finished, the others NaN.

    Raises ValueError where there is none.
    """
    found = [read_piece(results, wanted.name, wanted.identity) for wanted in settings.ensembles]
    if not any(piece is not None for piece in found):
        raise ValueError(f"no ensemble of profile {settings.profile!r} is finished in {results}: run the chapter first")
    return _dataset(settings, found, "cpu")


def _dataset(settings: Settings, found: Sequence[xr.Dataset | None], device: str) -> xr.Dataset:
    wanted = [{name: getattr(each, name) for name in GRID} for each in settings.ensembles]
    pieces = [piece for piece in found if piece is not None]
    placed = [
        piece.expand_dims({name: [value] for name, value in place.items()})
        for piece, place in zip(found, wanted, strict=True)
        if piece is not None
    ]
    grid = {name: list(dict.fromkeys(place[name] for place in wanted)) for name in GRID}
    dataset = cast(xr.Dataset, xr.combine_by_coords(placed, combine_attrs="override")).reindex(grid)
    records = [store.provenance(piece) for piece in pieces]
    return provenance.stamp(
        dataset,
        chapter="06_degeneracy_breaking",
        science_version=SCIENCE_VERSION,
        settings=settings,
        commit=records[-1]["commit"],
        device=device,
        wall_seconds=sum(record["wall_seconds"] for record in records),
        data={
            f"{record['piece']['settings']['images']}: {name}": value
            for record in records
            for name, value in record["data"].items()
        },
        pieces=[{name: record[name] for name in ("commit", "date", "device", "wall_seconds")} for record in records],
        missing=[
            f"{each.name} not there yet" for each, piece in zip(settings.ensembles, found, strict=True) if piece is None
        ],
    )
