"""Chapter 12: does alignment drive learning? Initial weights, perturbed gradients, steps of one alignment and size.

Chu and Bacho 2024, Section 2.1.2, Figs 1 to 3.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from feedback_alignment.companion.claims import Claim
from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.experiments import (
    does_alignment_drive_learning_claims,
    does_alignment_drive_learning_figures,
    kept_pieces,
)
from feedback_alignment.experiments.does_alignment_drive_learning_settings import SETTINGS, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.figure import Figure

__all__ = ["COST", "SCIENCE_VERSION", "SETTINGS", "Settings", "assemble", "claims", "figures", "run"]

SCIENCE_VERSION = 1
COST = {"smoke": "3 s", "quick": "20 s", "paper": "about 3 h on one core"}

DRAWINGS = {
    "learning": ("test_accuracy", does_alignment_drive_learning_figures.learning),
    "scales": ("test_accuracy", does_alignment_drive_learning_figures.scales),
    "first_steps": ("gradient_norm", does_alignment_drive_learning_figures.first_steps),
    "perturbed": ("perturbed_accuracy", does_alignment_drive_learning_figures.perturbed),
    "few_updates": ("arm_accuracy", does_alignment_drive_learning_figures.few_updates),
    "matched": ("arm_accuracy", does_alignment_drive_learning_figures.matched),
}
"""Figure -> (a variable that it needs, how it is drawn)."""


def run(settings: Settings, device: str = "cpu", progress: Monitor | Quiet | None = None) -> xr.Dataset:
    """Compute all pieces that are not stored yet and return accuracies, alignments and sizes of steps."""
    return _dataset(settings, kept_pieces.done(settings.works, device, progress or Quiet()), device)


def assemble(settings: Settings, results: Path) -> xr.Dataset:
    """Return the dataset of those pieces that are finished.

    Raises ValueError where there is none.
    """
    return _dataset(settings, kept_pieces.finished(settings.works, results), "cpu")


def _dataset(settings: Settings, found: "Mapping[Any, xr.Dataset]", device: str) -> xr.Dataset:
    groups = {scale: [work for work in settings.few if work.scale == scale] for scale in settings.few_scales}
    few = {scale: kept_pieces.end_to_end("repeat", works, found) for scale, works in groups.items()}
    parts = [
        kept_pieces.along("scale", {work.scale: found.get(work) for work in settings.trainings}),
        found.get(settings.first, xr.Dataset()),
        kept_pieces.along("rule", {work.rule: found.get(work) for work in settings.perturbed}),
        kept_pieces.along("few_scale", few),
    ]
    return kept_pieces.stamped(
        xr.merge(parts, combine_attrs="override"),
        settings,
        found,
        {
            "of Fig. 1": settings.trainings,
            "of Fig. 2": (settings.first,),
            "of Fig. 3a": settings.perturbed,
            "of Fig. 3b, c": settings.few,
        },
        chapter="12_does_alignment_drive_learning",
        science_version=SCIENCE_VERSION,
        device=device,
    )


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Check what the paper says of alignment and learning, and what this book adds."""
    return does_alignment_drive_learning_claims.claims(dataset)


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
