"""Chapter 04: deep linear networks, weak and strong weight alignment, and what convolutions cannot do.

Refinetti et al. 2021, Section 2 and 4.2, Eqs 9–17, 32–48; SM C.
"""

from typing import TYPE_CHECKING

import xarray as xr

from feedback_alignment.companion.claims import Claim
from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.experiments import (
    weight_alignment_claims,
    weight_alignment_convolutions,
    weight_alignment_figures,
    weight_alignment_gradients,
    weight_alignment_identity,
)
from feedback_alignment.experiments.processor_runs import on_the_processor
from feedback_alignment.experiments.weight_alignment_settings import SETTINGS, Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COST", "SCIENCE_VERSION", "SETTINGS", "Settings", "claims", "figures", "run"]

SCIENCE_VERSION = 1
COST = {"smoke": "1 s", "quick": "20 s", "paper": "16 min on one core"}


def run(settings: Settings, device: str = "cpu", progress: Monitor | Quiet | None = None) -> xr.Dataset:
    """Train deep linear networks by every rule and return how their weights and gradients align with the feedback.

    Raises ValueError for a device other than 'cpu'.
    """
    return on_the_processor(
        _dataset, settings, device, progress, chapter="04_weight_alignment", science_version=SCIENCE_VERSION
    )


def _dataset(settings: Settings, progress: Monitor | Quiet) -> xr.Dataset:
    parts = (
        weight_alignment_identity.identity,
        weight_alignment_identity.example,
        weight_alignment_identity.printed,
        weight_alignment_gradients.trained,
        weight_alignment_gradients.strong,
        weight_alignment_gradients.memory,
        weight_alignment_identity.flow,
        weight_alignment_identity.one_output,
        weight_alignment_convolutions.convolutions,
    )
    return xr.merge([part(settings, progress) for part in parts])


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Check what the paper says of weight alignment, and what this book adds; see the chapter for the words."""
    return weight_alignment_claims.claims(dataset)


def figures(*datasets: xr.Dataset) -> "dict[str, Figure]":
    """Return the chapter's figures; each dataset is one column of panels."""
    return {
        "residuals": weight_alignment_figures.residuals(datasets),
        "example": weight_alignment_figures.example(datasets[0]),
        "conditioning": weight_alignment_figures.conditioning(datasets),
        "widths": weight_alignment_figures.widths(datasets),
        "strong": weight_alignment_figures.strong(datasets),
        "flow": weight_alignment_figures.flow(datasets),
        "convolutions": weight_alignment_figures.convolutions(datasets),
    }
