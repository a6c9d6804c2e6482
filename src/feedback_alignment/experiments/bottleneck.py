"""Chapter 11: how many units must learn for a layer to align.

Launay, Poli and Krzakala 2019, Section 4.2 and Fig. 4.
"""

from typing import TYPE_CHECKING

import xarray as xr

from feedback_alignment.companion.claims import Claim
from feedback_alignment.experiments import bottleneck_claims, bottleneck_figures, bottleneck_parts
from feedback_alignment.experiments.bottleneck_settings import SETTINGS, Settings
from feedback_alignment.experiments.chapter_of_pieces import ChapterOfKeptPieces

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COST", "SCIENCE_VERSION", "SETTINGS", "Settings", "assemble", "claims", "figures", "run"]

SCIENCE_VERSION = 1
COST = {"smoke": "2 s", "quick": "15 s", "paper": "about 4 h on one core, in pieces of a quarter of an hour"}

CHAPTER = ChapterOfKeptPieces("11_bottleneck", SCIENCE_VERSION, bottleneck_parts.curves)
run, assemble = CHAPTER.run, CHAPTER.assemble


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Check what the paper says of bottlenecks, and what this book adds."""
    return bottleneck_claims.claims(dataset)


def figures(*datasets: xr.Dataset) -> "dict[str, Figure]":
    """Return the chapter's figures; each dataset is one column of panels."""
    return {"curves": bottleneck_figures.curves(datasets), "who-aligns": bottleneck_figures.who_aligns(datasets)}
