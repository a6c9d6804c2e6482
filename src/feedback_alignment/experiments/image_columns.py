"""Columns of panels for sets of images: one for each set of each dataset, where there is something to show."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from feedback_alignment.companion import provenance
from feedback_alignment.experiments.degeneracy_breaking_claims import NAMES


def image_columns(datasets: Sequence[xr.Dataset]) -> list[tuple[str, xr.Dataset]]:
    """Return the part of each dataset for each set of images, with a heading.

    Sets of which no network is finished are left out.
    """
    return [
        (f"{provenance.title(dataset)}\n{NAMES[images]}", dataset.sel(images=images))
        for dataset in datasets
        for images in dataset.images.values
        if np.isfinite(dataset.train_error.sel(images=images)).any()
    ]
