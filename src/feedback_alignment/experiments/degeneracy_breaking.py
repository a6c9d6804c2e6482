"""Chapter 06: deep networks that start apart meet if they learn by DFA with one F, and stay apart if they learn by BP.

Refinetti et al. 2021, Section 1.3, Fig. 5.
"""

from typing import TYPE_CHECKING

import xarray as xr

from feedback_alignment.companion.claims import Claim
from feedback_alignment.experiments import (
    degeneracy_breaking_claims,
    degeneracy_breaking_figures,
    degeneracy_breaking_parts,
    degeneracy_breaking_variant_figures,
)
from feedback_alignment.experiments.available_figures import Drawings, available_figures
from feedback_alignment.experiments.deep_ensembles_assembly import ChapterOfEnsembles, Found
from feedback_alignment.experiments.degeneracy_breaking_settings import SETTINGS, Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COST", "SCIENCE_VERSION", "SETTINGS", "Settings", "assemble", "claims", "figures", "run"]

SCIENCE_VERSION = 1
MEMBERS_IN_PAPER = 10
COST = {"smoke": "5 s", "quick": "25 s", "paper": "about 4 h on one core"}

DRAWINGS: Drawings = {
    "learning": (("similarity",), degeneracy_breaking_figures.learning),
    "sequence": (("similarity",), degeneracy_breaking_figures.sequence),
    "layers": (("similarity",), degeneracy_breaking_figures.layers),
    "matched": (("similarity",), degeneracy_breaking_figures.matched),
    "turned": (("turned_similarity",), degeneracy_breaking_variant_figures.turned),
    "pretrained": (("pretrained_similarity",), degeneracy_breaking_variant_figures.pretrained),
    "widths": (("width_similarity",), degeneracy_breaking_variant_figures.widths),
}


def _together(settings: Settings, found: Found) -> xr.Dataset:
    parts = (
        degeneracy_breaking_parts.fig5,
        degeneracy_breaking_parts.turned,
        degeneracy_breaking_parts.pretrained,
        degeneracy_breaking_parts.widths,
    )
    return xr.merge([part(settings, found) for part in parts])


CHAPTER = ChapterOfEnsembles("06_degeneracy_breaking", SCIENCE_VERSION, _together)
run, assemble = CHAPTER.run, CHAPTER.assemble


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Check what the paper says of deep networks that share F, and what this book adds."""
    return degeneracy_breaking_claims.claims(dataset)


def figures(*datasets: xr.Dataset) -> "dict[str, Figure]":
    """Return the chapter's figures; each dataset is one column of panels, or as many as it has sets of images.

    A dataset that lacks a figure's ensembles is left out of it, and a figure that no dataset has is not drawn.
    """
    return available_figures(DRAWINGS, datasets)
