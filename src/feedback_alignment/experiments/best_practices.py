"""Chapter 09: which habits of deep learning serve networks that learn by direct feedback alignment.

Launay, Poli and Krzakala 2019, Section 3, Tables 1 and 2, Fig. 2.
"""

from typing import TYPE_CHECKING

import xarray as xr

from feedback_alignment.companion.claims import Claim
from feedback_alignment.experiments import best_practices_claims, best_practices_figures, best_practices_parts
from feedback_alignment.experiments.available_figures import Drawings, available_figures
from feedback_alignment.experiments.best_practices_cells import TWO_MODES, complete
from feedback_alignment.experiments.best_practices_settings import SETTINGS, Settings
from feedback_alignment.experiments.chapter_of_pieces import ChapterOfKeptPieces, Found

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COST", "SCIENCE_VERSION", "SETTINGS", "Settings", "assemble", "claims", "figures", "run"]

SCIENCE_VERSION = 1
COST = {"smoke": "3 s", "quick": "20 s", "paper": "about 10 h on one core, in pieces of a quarter of an hour"}

DRAWINGS: Drawings = {
    "memory": (("counted_bytes",), best_practices_figures.memory),
    "accuracies": (("test_accuracy",), best_practices_figures.accuracies),
    "angles": (("alignment",), best_practices_figures.angles),
    "ratios": (("ratio_alignment",), best_practices_figures.ratios),
    "starts": (("alignment", "released_alignment"), best_practices_figures.starts),
    "released": (("released_alignment",), best_practices_figures.released),
}
IN_TWO_MODES: Drawings = {"rulers": (("alignment",), best_practices_figures.rulers)}
"""The figure of networks that were measured in two modes, which not all need be."""


def _together(settings: Settings, found: Found) -> xr.Dataset:
    parts = (
        best_practices_parts.memory,
        best_practices_parts.table,
        best_practices_parts.ratios,
        best_practices_parts.released_start,
    )
    return xr.merge(
        [part(settings, found) for part in parts], compat="override", combine_attrs="override", join="outer"
    )


CHAPTER = ChapterOfKeptPieces("09_best_practices", SCIENCE_VERSION, _together)
run, assemble = CHAPTER.run, CHAPTER.assemble


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Check the paper's tables and advice, and what this book adds."""
    return best_practices_claims.claims(dataset)


def figures(*datasets: xr.Dataset) -> "dict[str, Figure]":
    """Return the chapter's figures; each dataset is one column of panels.

    A dataset that lacks a figure's numbers is left out of it, and a figure that no dataset has is not drawn.
    """
    measured = [each for each in datasets if "alignment" in each and set(TWO_MODES) & set(complete(each))]
    return available_figures(DRAWINGS, datasets) | available_figures(IN_TWO_MODES, measured)
