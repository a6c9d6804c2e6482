"""Chapter 11: how many units must learn for a layer to align.

Launay, Poli and Krzakala 2019, Section 4.2 and Fig. 4.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from feedback_alignment.companion.claims import Claim
from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.experiments import bottleneck_claims, bottleneck_figures, bottleneck_parts, kept_pieces
from feedback_alignment.experiments.bottleneck_settings import SETTINGS, Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COST", "SCIENCE_VERSION", "SETTINGS", "Settings", "assemble", "claims", "figures", "run"]

SCIENCE_VERSION = 1
COST = {"smoke": "2 s", "quick": "15 s", "paper": "about 4 h on one core, in pieces of a quarter of an hour"}


def run(settings: Settings, device: str = "cpu", progress: Monitor | Quiet | None = None) -> xr.Dataset:
    """Train all networks that are not stored yet and return what is measured at the end of their training."""
    return _dataset(settings, kept_pieces.done(settings.works, device, progress or Quiet()), device)


def assemble(settings: Settings, results: Path) -> xr.Dataset:
    """Return the dataset of those pieces that are finished.

    Raises ValueError where there is none.
    """
    return _dataset(settings, kept_pieces.finished(settings.works, results), "cpu")


def _dataset(settings: Settings, found: Mapping[Any, xr.Dataset], device: str) -> xr.Dataset:
    return kept_pieces.stamped(
        bottleneck_parts.curves(settings, found),
        settings,
        found,
        settings.groups,
        chapter="11_bottleneck",
        science_version=SCIENCE_VERSION,
        device=device,
    )


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Check what the paper says of bottlenecks, and what this book adds."""
    return bottleneck_claims.claims(dataset)


def figures(*datasets: xr.Dataset) -> "dict[str, Figure]":
    """Return the chapter's figures; each dataset is one column of panels."""
    return {"curves": bottleneck_figures.curves(datasets), "who-aligns": bottleneck_figures.who_aligns(datasets)}
