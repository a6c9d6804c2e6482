"""Chapter 08's dataset, put together from ensembles."""

from typing import Any

import xarray as xr

from feedback_alignment.experiments.deep_ensembles import EnsembleSettings
from feedback_alignment.experiments.deep_ensembles_assembly import Found, on_grid
from feedback_alignment.experiments.label_noise_settings import Settings, variant


def ensembles(settings: Settings, found: Found) -> xr.Dataset:
    """Return all ensembles on the grid of variant and label noise; NaN where there is none."""
    places: dict[EnsembleSettings, dict[str, Any]] = {
        each: {"variant": variant(each), "label_noise": each.label_noise} for each in settings.ensembles
    }
    dataset = on_grid(places, found)
    about = {"long_name": "share of training labels hit by noise", "units": "1"}
    return dataset.assign_coords(label_noise=("label_noise", dataset.label_noise.values, about))
