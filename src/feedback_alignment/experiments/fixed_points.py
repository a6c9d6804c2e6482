"""Chapter 13: FA as a random walk with fixed points: what they are, which of them are stable, and what alignment says.

Chu and Bacho 2024, Sections 2.1.3 and 2.2, Figs 4 and 5, Eqs 1 to 11, Appendices A.1 and A.2.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from feedback_alignment.companion.claims import Claim
from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.experiments import (
    fixed_points_claims,
    fixed_points_figures,
    fixed_points_small_figures,
    kept_pieces,
)
from feedback_alignment.experiments.fixed_points_settings import SETTINGS, Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COST", "SCIENCE_VERSION", "SETTINGS", "Settings", "assemble", "claims", "figures", "run"]

SCIENCE_VERSION = 1
COST = {"smoke": "4 s", "quick": "15 s", "paper": "about 2 h on one core"}

DRAWINGS = {
    "starts": ("start_accuracy", fixed_points_figures.starts),
    "swaps": ("swap_cosine", fixed_points_figures.swaps),
    "loss_change": ("loss_fall", fixed_points_figures.loss_change),
    "roots": ("root_gradient", fixed_points_small_figures.roots),
    "rising": ("rising_loss", fixed_points_small_figures.rising),
    "large": ("large_size", fixed_points_small_figures.large),
}
"""Figure -> (a variable that it needs, how it is drawn)."""


def run(settings: Settings, device: str = "cpu", progress: Monitor | Quiet | None = None) -> xr.Dataset:
    """Compute all pieces that are not stored yet and return their numbers."""
    return _dataset(settings, kept_pieces.done(settings.works, device, progress or Quiet()), device)


def assemble(settings: Settings, results: Path) -> xr.Dataset:
    """Return the dataset of those pieces that are finished.

    Raises ValueError where there is none.
    """
    return _dataset(settings, kept_pieces.finished(settings.works, results), "cpu")


def _dataset(settings: Settings, found: Mapping[Any, xr.Dataset], device: str) -> xr.Dataset:
    alone = (settings.rising, settings.extreme, settings.roots, settings.loss)
    swaps = kept_pieces.end_to_end("pair", settings.swaps, found)
    parts = [
        *(found.get(work, xr.Dataset()) for work in alone),
        kept_pieces.along("start", {work.start: found.get(work) for work in settings.starts}),
        xr.Dataset() if swaps is None else swaps,
    ]
    return kept_pieces.stamped(
        xr.merge(parts, combine_attrs="override"),
        settings,
        found,
        {
            "of Fig. 4": settings.starts,
            "of Fig. 5": settings.swaps,
            "of Eqs 7 to 11": (settings.loss,),
            "in small networks": (settings.rising, settings.extreme, settings.roots),
        },
        chapter="13_fixed_points",
        science_version=SCIENCE_VERSION,
        device=device,
    )


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Check what the paper says of fixed points, stability and alignment, and what this book adds."""
    return fixed_points_claims.claims(dataset)


def figures(*datasets: xr.Dataset) -> "dict[str, Figure]":
    """Return the chapter's figures; each dataset is one column (or group of columns) of panels.

    A dataset that lacks a figure's pieces is left out of it, and a figure that no dataset has is not drawn.
    """
    drawn = {}
    for name, (variable, draw) in DRAWINGS.items():
        having = tuple(dataset for dataset in datasets if variable in dataset)
        if having:
            drawn[name] = draw(having)
    return drawn
