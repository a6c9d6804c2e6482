"""Chapter 09: which habits of deep learning serve networks that learn by direct feedback alignment.

Launay, Poli and Krzakala 2019, Section 3, Tables 1 and 2, Fig. 2.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from feedback_alignment.companion.claims import Claim
from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.experiments import (
    best_practices_claims,
    best_practices_figures,
    best_practices_parts,
    kept_pieces,
)
from feedback_alignment.experiments.best_practices_claims import TWO_MODES, complete
from feedback_alignment.experiments.best_practices_settings import SETTINGS, Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COST", "SCIENCE_VERSION", "SETTINGS", "Settings", "assemble", "claims", "figures", "run"]

SCIENCE_VERSION = 1
COST = {"smoke": "3 s", "quick": "20 s", "paper": "about 6 h on one core, in pieces of a quarter of an hour"}

DRAWINGS: dict[str, tuple[str, Callable[[tuple[xr.Dataset, ...]], "Figure"]]] = {
    "memory": ("counted_bytes", best_practices_figures.memory),
    "accuracies": ("test_accuracy", best_practices_figures.accuracies),
    "angles": ("alignment", best_practices_figures.angles),
    "ratios": ("ratio_alignment", best_practices_figures.ratios),
    "rulers": ("alignment", best_practices_figures.rulers),
}
"""Figure -> (the variable that it needs, how it is drawn)."""


def run(settings: Settings, device: str = "cpu", progress: Monitor | Quiet | None = None) -> xr.Dataset:
    """Count memory, and train all networks that are not stored yet."""
    return _dataset(settings, kept_pieces.done(settings.works, device, progress or Quiet()), device)


def assemble(settings: Settings, results: Path) -> xr.Dataset:
    """Return the dataset of those pieces that are finished.

    Raises ValueError where there is none.
    """
    return _dataset(settings, kept_pieces.finished(settings.works, results), "cpu")


def _dataset(settings: Settings, found: Mapping[Any, xr.Dataset], device: str) -> xr.Dataset:
    parts = (best_practices_parts.memory, best_practices_parts.table, best_practices_parts.ratios)
    return kept_pieces.stamped(
        xr.merge([part(settings, found) for part in parts], compat="override", combine_attrs="override", join="outer"),
        settings,
        found,
        settings.groups,
        chapter="09_best_practices",
        science_version=SCIENCE_VERSION,
        device=device,
    )


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Check the paper's tables and advice, and what this book adds."""
    return best_practices_claims.claims(dataset)


def figures(*datasets: xr.Dataset) -> "dict[str, Figure]":
    """Return the chapter's figures; each dataset is one column of panels.

    A dataset that lacks a figure's numbers is left out of it, and a figure that no dataset has is not drawn.
    """
    drawn = {}
    for name, (variable, draw) in DRAWINGS.items():
        having = tuple(dataset for dataset in datasets if variable in dataset)
        if name == "rulers":
            having = tuple(dataset for dataset in having if set(TWO_MODES) & set(complete(dataset)))
        if having:
            drawn[name] = draw(having)
    return drawn
