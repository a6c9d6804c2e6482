"""Chapter 08: noise in the labels delays the alignment of weights and gradients, and what the cause is.

Refinetti et al. 2021, Section 4.1 and Fig. 9; d'Ascoli's slides.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from feedback_alignment.companion.claims import Claim
from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.experiments import (
    deep_ensembles_assembly,
    label_noise_claims,
    label_noise_figures,
    label_noise_parts,
)
from feedback_alignment.experiments.deep_ensembles_assembly import Found
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


def run(settings: Settings, device: str = "cpu", progress: Monitor | Quiet | None = None) -> xr.Dataset:
    """Train all ensembles that are not stored yet and return errors, alignments and predictions over training."""
    return _dataset(settings, deep_ensembles_assembly.trained(settings, device, progress), device)


def assemble(settings: Settings, results: Path) -> xr.Dataset:
    """Return the dataset of those ensembles whose pieces are finished.

    Raises ValueError where there is none.
    """
    return _dataset(settings, deep_ensembles_assembly.finished(settings, results), "cpu")


def _dataset(settings: Settings, found: Found, device: str) -> xr.Dataset:
    return deep_ensembles_assembly.stamped(
        label_noise_parts.ensembles(settings, found),
        settings,
        found,
        {"of Fig. 9 and of noise alone": settings.noisy, "beside them": settings.controls},
        chapter="08_label_noise",
        science_version=SCIENCE_VERSION,
        device=device,
    )


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Check what the paper says of label noise, and what this book adds about the cause."""
    return label_noise_claims.claims(dataset)


def figures(*datasets: xr.Dataset) -> "dict[str, Figure]":
    """Return the chapter's figures; each dataset is one column of panels."""
    return {name: draw(datasets) for name, draw in label_noise_figures.DRAWINGS.items()}
