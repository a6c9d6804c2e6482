"""Chapter 13: FA as a random walk with fixed points: what they are, which of them are stable, and what alignment says.

Chu and Bacho 2024, Sections 2.1.3 and 2.2, Figs 4 and 5, Eqs 1 to 11, Appendices A.1 and A.2.
"""

from typing import TYPE_CHECKING

import xarray as xr

from feedback_alignment.companion.claims import Claim
from feedback_alignment.experiments import (
    fixed_points_claims,
    fixed_points_figures,
    fixed_points_small_figures,
    kept_pieces,
)
from feedback_alignment.experiments.available_figures import Drawings, available_figures
from feedback_alignment.experiments.chapter_of_pieces import ChapterOfKeptPieces, Found
from feedback_alignment.experiments.fixed_points_settings import SETTINGS, Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COST", "SCIENCE_VERSION", "SETTINGS", "Settings", "assemble", "claims", "figures", "run"]

SCIENCE_VERSION = 1
COST = {"smoke": "4 s", "quick": "15 s", "paper": "about 2 h on one core"}

DRAWINGS: Drawings = {
    "starts": (("start_accuracy",), fixed_points_figures.starts),
    "swaps": (("swap_cosine",), fixed_points_figures.swaps),
    "loss_change": (("loss_fall",), fixed_points_figures.loss_change),
    "roots": (("root_gradient",), fixed_points_small_figures.roots),
    "rising": (("rising_loss",), fixed_points_small_figures.rising),
    "large": (("large_size",), fixed_points_small_figures.large),
}


def _together(settings: Settings, found: Found) -> xr.Dataset:
    alone = (settings.rising, settings.extreme, settings.roots, settings.loss)
    swaps = kept_pieces.end_to_end("pair", settings.swaps, found)
    parts = [
        *(found.get(work, xr.Dataset()) for work in alone),
        kept_pieces.along("start", {work.start: found.get(work) for work in settings.starts}),
        xr.Dataset() if swaps is None else swaps,
    ]
    return xr.merge(parts, combine_attrs="override")


CHAPTER = ChapterOfKeptPieces("13_fixed_points", SCIENCE_VERSION, _together)
run, assemble = CHAPTER.run, CHAPTER.assemble


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Check what the paper says of fixed points, stability and alignment, and what this book adds."""
    return fixed_points_claims.claims(dataset)


def figures(*datasets: xr.Dataset) -> "dict[str, Figure]":
    """Return the chapter's figures; each dataset is one column (or group of columns) of panels.

    A dataset that lacks a figure's pieces is left out of it, and a figure that no dataset has is not drawn.
    """
    return available_figures(DRAWINGS, datasets)
