"""Chapter 12: does alignment drive learning? Initial weights, perturbed gradients, steps of one alignment and size.

Chu and Bacho 2024, Section 2.1.2, Figs 1 to 3.
"""

from typing import TYPE_CHECKING

import xarray as xr

from feedback_alignment.companion.claims import Claim
from feedback_alignment.experiments import (
    does_alignment_drive_learning_claims,
    does_alignment_drive_learning_figures,
    kept_pieces,
)
from feedback_alignment.experiments.available_figures import Drawings, available_figures
from feedback_alignment.experiments.chapter_of_pieces import ChapterOfKeptPieces, Found
from feedback_alignment.experiments.does_alignment_drive_learning_settings import SETTINGS, Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COST", "SCIENCE_VERSION", "SETTINGS", "Settings", "assemble", "claims", "figures", "run"]

SCIENCE_VERSION = 1
COST = {"smoke": "3 s", "quick": "20 s", "paper": "about 3 h on one core"}

DRAWINGS: Drawings = {
    "learning": (("test_accuracy",), does_alignment_drive_learning_figures.learning),
    "scales": (("test_accuracy",), does_alignment_drive_learning_figures.scales),
    "first_steps": (("gradient_norm",), does_alignment_drive_learning_figures.first_steps),
    "perturbed": (("perturbed_accuracy",), does_alignment_drive_learning_figures.perturbed),
    "few_updates": (("arm_accuracy",), does_alignment_drive_learning_figures.few_updates),
    "matched": (("arm_accuracy",), does_alignment_drive_learning_figures.matched),
}


def _together(settings: Settings, found: Found) -> xr.Dataset:
    groups = {scale: [work for work in settings.few if work.scale == scale] for scale in settings.few_scales}
    few = {scale: kept_pieces.end_to_end("repeat", works, found) for scale, works in groups.items()}
    parts = [
        kept_pieces.along("scale", {work.scale: found.get(work) for work in settings.trainings}),
        found.get(settings.first, xr.Dataset()),
        kept_pieces.along("rule", {work.rule: found.get(work) for work in settings.perturbed}),
        kept_pieces.along("few_scale", few),
    ]
    return xr.merge(parts, combine_attrs="override")


CHAPTER = ChapterOfKeptPieces("12_does_alignment_drive_learning", SCIENCE_VERSION, _together)
run, assemble = CHAPTER.run, CHAPTER.assemble


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Check what the paper says of alignment and learning, and what this book adds."""
    return does_alignment_drive_learning_claims.claims(dataset)


def figures(*datasets: xr.Dataset) -> "dict[str, Figure]":
    """Return the chapter's figures; each dataset is one column (or group of columns) of panels.

    A dataset that lacks a figure's pieces is left out of it, and a figure that no dataset has is not drawn.
    """
    return available_figures(DRAWINGS, datasets)
