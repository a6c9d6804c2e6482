"""Chapter 05: what the statistics of targets and inputs do to the alignment matrices, and to alignment.

Refinetti et al. 2021, Section 4.1 and SM D and E.3: Figs 8 and 12, Eqs 20 and 49–57.
"""

from typing import TYPE_CHECKING

import xarray as xr

from feedback_alignment.companion.claims import Claim
from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.experiments import (
    conditioning_claims,
    conditioning_figures,
    conditioning_parts,
    conditioning_theory_figures,
)
from feedback_alignment.experiments.conditioning_settings import SETTINGS, Settings
from feedback_alignment.experiments.conditioning_target_projection import target_projection
from feedback_alignment.experiments.processor_runs import on_the_processor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COST", "SCIENCE_VERSION", "SETTINGS", "Settings", "claims", "figures", "run"]

SCIENCE_VERSION = 1
COST = {"smoke": "3 s", "quick": "25 s", "paper": "85 min on one core"}


def run(settings: Settings, device: str = "cpu", progress: Monitor | Quiet | None = None) -> xr.Dataset:
    """Train linear, ReLU and tanh networks by DFA on targets and inputs of chosen statistics; return their alignment.

    Raises ValueError for a device other than 'cpu'.
    """
    return on_the_processor(
        _dataset, settings, device, progress, chapter="05_conditioning", science_version=SCIENCE_VERSION
    )


def _dataset(settings: Settings, progress: Monitor | Quiet) -> xr.Dataset:
    parts = [part(settings, progress) for part in (conditioning_parts.correlated, conditioning_parts.uneven)]
    parts += [conditioning_parts.digits(settings, progress), target_projection(settings)]
    return xr.merge(parts)


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Check what the paper says of the data's part in alignment, and what this book adds."""
    return conditioning_claims.claims(dataset)


def figures(*datasets: xr.Dataset) -> "dict[str, Figure]":
    """Return the chapter's figures; each dataset is one column (or group of columns) of panels."""
    return {
        "final": conditioning_figures.final(datasets),
        "over_time": conditioning_figures.over_time(datasets),
        "exponents": conditioning_theory_figures.exponents_over_time(datasets),
        "lines": conditioning_theory_figures.lines(datasets),
        "uneven": conditioning_theory_figures.uneven(datasets),
        "foretold": conditioning_theory_figures.foretold(datasets),
    }
