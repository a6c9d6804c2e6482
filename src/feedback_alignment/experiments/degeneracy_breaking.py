"""Chapter 06: deep networks that start apart meet if they learn by DFA with one F, and stay apart if they learn by BP.

Refinetti et al. 2021, Section 1.3, Fig. 5.
"""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from feedback_alignment.companion import provenance, store
from feedback_alignment.companion.claims import Claim
from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.companion.piece_files import read_piece
from feedback_alignment.experiments import (
    degeneracy_breaking_claims,
    degeneracy_breaking_figures,
    degeneracy_breaking_parts,
    degeneracy_breaking_variant_figures,
)
from feedback_alignment.experiments.deep_ensembles import EnsembleSettings, ensemble
from feedback_alignment.experiments.degeneracy_breaking_settings import SETTINGS, Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COST", "SCIENCE_VERSION", "SETTINGS", "Settings", "assemble", "claims", "figures", "run"]

SCIENCE_VERSION = 1
MEMBERS_IN_PAPER = 10
COST = {"smoke": "5 s", "quick": "25 s", "paper": "about 4 h on two cores"}

DRAWINGS = {
    "learning": ("similarity", degeneracy_breaking_figures.learning),
    "sequence": ("similarity", degeneracy_breaking_figures.sequence),
    "layers": ("similarity", degeneracy_breaking_figures.layers),
    "matched": ("similarity", degeneracy_breaking_figures.matched),
    "turned": ("turned_similarity", degeneracy_breaking_variant_figures.turned),
    "pretrained": ("pretrained_similarity", degeneracy_breaking_variant_figures.pretrained),
    "widths": ("width_similarity", degeneracy_breaking_variant_figures.widths),
}
"""Figure -> (a variable that it needs, how it is drawn)."""


def run(settings: Settings, device: str = "cpu", progress: Monitor | Quiet | None = None) -> xr.Dataset:
    """Train all ensembles that are not stored yet and return errors, similarities and alignments over training."""
    return _dataset(settings, {each: ensemble(each, device, progress) for each in settings.ensembles}, device)


def assemble(settings: Settings, results: Path) -> xr.Dataset:
    """Return the dataset of those ensembles whose pieces are finished.

    Raises ValueError where there is none.
    """
    pieces = {each: read_piece(results, each.name, each.identity) for each in settings.ensembles}
    found = {each: piece for each, piece in pieces.items() if piece is not None}
    if not found:
        raise ValueError(f"no ensemble of profile {settings.profile!r} is finished in {results}: run the chapter first")
    return _dataset(settings, found, "cpu")


def _dataset(settings: Settings, found: dict[EnsembleSettings, xr.Dataset], device: str) -> xr.Dataset:
    parts = (
        degeneracy_breaking_parts.fig5,
        degeneracy_breaking_parts.turned,
        degeneracy_breaking_parts.pretrained,
        degeneracy_breaking_parts.widths,
    )
    dataset = xr.merge([part(settings, found) for part in parts])
    dataset.attrs.clear()
    records = [store.provenance(piece) for piece in found.values()]
    return provenance.stamp(
        dataset,
        chapter="06_degeneracy_breaking",
        science_version=SCIENCE_VERSION,
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
        missing=_missing(settings, found),
    )


def _missing(settings: Settings, found: Collection[EnsembleSettings]) -> list[str]:
    """Say which ensembles are not there, one entry for each part of the chapter."""
    parts = {
        "of Fig. 5": settings.fig5,
        "with turned feedback": settings.turned,
        "after BP": settings.pretrained,
        "of different width": settings.widths,
    }
    words = []
    for what, ensembles in parts.items():
        absent = [each.name for each in ensembles if each not in found]
        names = "" if len(absent) == len(ensembles) else f" ({'; '.join(absent)})"
        if absent:
            words.append(f"{len(absent)} of {len(ensembles)} ensembles {what} not there yet{names}")
    return words


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Check what the paper says of deep networks that share F, and what this book adds."""
    return degeneracy_breaking_claims.claims(dataset)


def figures(*datasets: xr.Dataset) -> "dict[str, Figure]":
    """Return the chapter's figures; each dataset is one column of panels, or as many as it has sets of images.

    A dataset that lacks a figure's ensembles is left out of it, and a figure that no dataset has is not drawn.
    """
    drawn = {}
    for name, (variable, draw) in DRAWINGS.items():
        having = tuple(dataset for dataset in datasets if variable in dataset)
        if having:
            drawn[name] = draw(having)
    return drawn
