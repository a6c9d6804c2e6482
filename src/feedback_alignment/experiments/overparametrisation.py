"""Chapter 03: signs that a ReLU student cannot change, over-parametrisation, and the time spent on the plateau.

Refinetti et al. 2021, Section 1.2: Fig. 4 with its inset, Eq. 8; the ReLU panels of Fig. 2.
"""

from typing import TYPE_CHECKING

import xarray as xr

from feedback_alignment.companion.claims import Claim
from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.experiments import (
    overparametrisation_claims,
    overparametrisation_figures,
    overparametrisation_parts,
    plateau_figures,
)
from feedback_alignment.experiments.overparametrisation_settings import SETTINGS, Settings
from feedback_alignment.experiments.processor_runs import on_the_processor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COST", "SCIENCE_VERSION", "SETTINGS", "Settings", "claims", "figures", "run"]

SCIENCE_VERSION = 1
COST = {"smoke": "3 s", "quick": "20 s", "paper": "40 min on one core"}


def run(settings: Settings, device: str = "cpu", progress: Monitor | Quiet | None = None) -> xr.Dataset:
    """Let ReLU students learn by DFA and BP, and erf students leave the plateau; return when they did.

    Raises ValueError for a device other than 'cpu'.
    """
    return on_the_processor(
        _dataset, settings, device, progress, chapter="03_overparametrisation", science_version=SCIENCE_VERSION
    )


def _dataset(settings: Settings, progress: Monitor | Quiet) -> xr.Dataset:
    parts = (
        overparametrisation_parts.success,
        overparametrisation_parts.curves,
        overparametrisation_parts.plane,
        overparametrisation_parts.plateau,
    )
    return xr.merge([part(settings, progress) for part in parts])


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Check what the paper says of ReLU students, and what this book adds; see the chapter for the words around it."""
    return overparametrisation_claims.claims(dataset)


def figures(*datasets: xr.Dataset) -> "dict[str, Figure]":
    """Return the chapter's figures; each dataset is one column of panels."""
    return {
        "learning_curves": overparametrisation_figures.learning_curves(datasets),
        "success": overparametrisation_figures.success(datasets),
        "panels": overparametrisation_figures.panels(datasets),
        "plane": overparametrisation_figures.plane(datasets),
        "escape_angle": plateau_figures.escape_angle(datasets),
        "escape_scaling": plateau_figures.escape_scaling(datasets),
    }
