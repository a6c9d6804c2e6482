"""Chapter 10: convolutions, which cannot align, and feedback that has their structure.

Launay, Poli and Krzakala 2019, Section 4.1, Tables 3 and 4 and Fig. 3; Refinetti et al. 2021, Section 4.2, and the
question that its slides leave open.
"""

from typing import TYPE_CHECKING

import xarray as xr

from feedback_alignment.companion.claims import Claim
from feedback_alignment.experiments import (
    convolutions_claims,
    convolutions_figures,
    convolutions_parts,
    filter_images_figures,
    vgg_figures,
)
from feedback_alignment.experiments.available_figures import Drawings, available_figures
from feedback_alignment.experiments.chapter_of_pieces import ChapterOfKeptPieces, Found
from feedback_alignment.experiments.convolutions_settings import SETTINGS, Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COST", "SCIENCE_VERSION", "SETTINGS", "Settings", "assemble", "claims", "figures", "run"]

SCIENCE_VERSION = 1
COST = {"smoke": "3 s", "quick": "25 s", "paper": "about 65 h on one core, in pieces of one to two hours"}

DRAWINGS: Drawings = {
    "limits": (("expected_share",), convolutions_figures.limits),
    "accuracies": (("test_accuracy",), convolutions_figures.accuracies),
    "angles": (("alignment",), convolutions_figures.angles),
    "teachers": (("alignment",), convolutions_figures.teachers),
    "weights": (("weight_alignment",), convolutions_figures.weights),
    "vgg-accuracies": (("vgg_test_accuracy",), vgg_figures.accuracies),
    "vgg-angles": (("vgg_alignment",), vgg_figures.angles),
    "filters": (("filter_image", "untrained_image"), filter_images_figures.images),
    "filter-entropies": (("filter_entropy", "untrained_entropy"), filter_images_figures.entropies),
}


def _together(settings: Settings, found: Found) -> xr.Dataset:
    parts = (
        convolutions_parts.limits,
        convolutions_parts.networks,
        convolutions_parts.filters,
        convolutions_parts.vgg,
    )
    return xr.merge(
        [part(settings, found) for part in parts], compat="override", combine_attrs="override", join="outer"
    )


CHAPTER = ChapterOfKeptPieces("10_convolutions", SCIENCE_VERSION, _together)
run, assemble = CHAPTER.run, CHAPTER.assemble


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Check the paper's table and text, and what structured feedback does."""
    return convolutions_claims.claims(dataset)


def figures(*datasets: xr.Dataset) -> "dict[str, Figure]":
    """Return the chapter's figures; each dataset is one column of panels, left out where it lacks the numbers."""
    return available_figures(DRAWINGS, datasets)
