"""Chapter 08: noise in the labels delays the alignment of weights and gradients, and what the cause is.

Refinetti et al. 2021, Section 4.1 and Fig. 9; d'Ascoli's slides.
"""

from typing import TYPE_CHECKING

import xarray as xr

from feedback_alignment.companion.claims import Claim
from feedback_alignment.experiments import label_noise_claims, label_noise_figures, label_noise_parts
from feedback_alignment.experiments.deep_ensembles_assembly import ChapterOfEnsembles
from feedback_alignment.experiments.label_noise_settings import SETTINGS, Settings

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
COST = {"smoke": "4 s", "quick": "20 s", "paper": "about 30 min on one core"}

CHAPTER = ChapterOfEnsembles("08_label_noise", SCIENCE_VERSION, label_noise_parts.ensembles)
run, assemble = CHAPTER.run, CHAPTER.assemble


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Check what the paper says of label noise, and what this book adds about the cause."""
    return label_noise_claims.claims(dataset)


def figures(*datasets: xr.Dataset) -> "dict[str, Figure]":
    """Return the chapter's figures; each dataset is one column of panels."""
    return {name: draw(datasets) for name, draw in label_noise_figures.DRAWINGS.items()}
