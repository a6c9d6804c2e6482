"""Chapter 07: the weights of deep networks first align with the feedback, then give some of it up to fit the data.

Refinetti et al. 2021, Sections 3.1, 3.2 and SM E.2, Figs 6, 7 and 11.
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from feedback_alignment.companion.claims import Claim
from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.experiments import (
    align_then_memorise_claims,
    align_then_memorise_figures,
    align_then_memorise_parts,
    deep_ensembles_assembly,
)
from feedback_alignment.experiments.align_then_memorise_settings import SETTINGS, Settings
from feedback_alignment.experiments.available_figures import Drawings, available_figures
from feedback_alignment.experiments.deep_ensembles_assembly import Found

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


def run(settings: Settings, device: str = "cpu", progress: Monitor | Quiet | None = None) -> xr.Dataset:
    """Train all ensembles that are not stored yet and return errors and alignments over training."""
    return _dataset(settings, deep_ensembles_assembly.trained(settings, device, progress), device)


def assemble(settings: Settings, results: Path) -> xr.Dataset:
    """Return the dataset of those ensembles whose pieces are finished.

    Raises ValueError where there is none.
    """
    return _dataset(settings, deep_ensembles_assembly.finished(settings, results), "cpu")


def _dataset(settings: Settings, found: Found, device: str) -> xr.Dataset:
    parts = (align_then_memorise_parts.noisy, align_then_memorise_parts.layerwise, align_then_memorise_parts.own)
    plain = tuple(each for each in settings.noisy if not each.label_noise)
    return deep_ensembles_assembly.stamped(
        xr.merge([part(settings, found) for part in parts]),
        settings,
        found,
        {
            "of Fig. 6": plain,
            "of Fig. 7": (settings.layerwise,),
            "of Fig. 11 with label noise": tuple(each for each in settings.noisy if each.label_noise),
            "with a feedback for each member": settings.own,
        },
        chapter="07_align_then_memorise",
        science_version=SCIENCE_VERSION,
        device=device,
    )


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Check what the paper says of alignment in deep networks, and what this book adds."""
    return align_then_memorise_claims.claims(dataset)


def figures(*datasets: xr.Dataset) -> "dict[str, Figure]":
    """Return the chapter's figures; each dataset is one column of panels, or as many as it has sets of images.

    A dataset that lacks a figure's ensembles is left out of it, and a figure that no dataset has is not drawn.
    """
    return available_figures(DRAWINGS, datasets)
