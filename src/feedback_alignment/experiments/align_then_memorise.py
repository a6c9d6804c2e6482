"""Chapter 07: the weights of deep networks first align with the feedback, then give some of it up to fit the data.

Refinetti et al. 2021, Sections 3.1, 3.2 and SM E.2, Figs 6, 7 and 11.
"""

from functools import partial
from typing import TYPE_CHECKING

import xarray as xr

from feedback_alignment.companion.claims import Claim
from feedback_alignment.experiments import (
    align_then_memorise_claims,
    align_then_memorise_figures,
    align_then_memorise_parts,
)
from feedback_alignment.experiments.align_then_memorise_settings import SETTINGS, Settings
from feedback_alignment.experiments.available_figures import Drawings, available_figures
from feedback_alignment.experiments.deep_ensembles_assembly import ChapterOfEnsembles, Found

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "COST",
    "MEMBERS_IN_PAPER",
    "SCIENCE_VERSION",
    "SETTINGS",
    "Settings",
    "assemble",
    "claims",
    "figures",
    "run",
]

SCIENCE_VERSION = 1
MEMBERS_IN_PAPER = 10
COST = {"smoke": "5 s", "quick": "25 s", "paper": "about 6 h on one core, of which 2 h with chapter 06"}

DRAWINGS: Drawings = {
    "overall": (("weight_alignment",), align_then_memorise_figures.overall),
    "layers": (("layerwise_weight_alignment",), align_then_memorise_figures.layers),
    "noise-tanh": (("weight_alignment",), partial(align_then_memorise_figures.noise, activation="tanh")),
    "noise-relu": (("weight_alignment",), partial(align_then_memorise_figures.noise, activation="relu")),
    "conventions": (("layerwise_weight_alignment",), align_then_memorise_figures.conventions),
    "feedbacks": (("weight_alignment", "own_weight_alignment"), align_then_memorise_figures.feedbacks),
}


def _together(settings: Settings, found: Found) -> xr.Dataset:
    parts = (align_then_memorise_parts.noisy, align_then_memorise_parts.layerwise, align_then_memorise_parts.own)
    return xr.merge([part(settings, found) for part in parts])


CHAPTER = ChapterOfEnsembles("07_align_then_memorise", SCIENCE_VERSION, _together)
run, assemble = CHAPTER.run, CHAPTER.assemble


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Check what the paper says of alignment in deep networks, and what this book adds."""
    return align_then_memorise_claims.claims(dataset)


def figures(*datasets: xr.Dataset) -> "dict[str, Figure]":
    """Return the chapter's figures; each dataset is one column of panels, or as many as it has sets of images.

    A dataset that lacks a figure's ensembles is left out of it, and a figure that no dataset has is not drawn.
    """
    return available_figures(DRAWINGS, datasets)
