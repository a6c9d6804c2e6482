"""The parts of chapter 07's dataset, put together from ensembles."""

import xarray as xr

from feedback_alignment.experiments.align_then_memorise_settings import Settings
from feedback_alignment.experiments.deep_ensembles_assembly import Found, on_grid

KEPT = (
    "train_error",
    "test_error",
    "weight_alignment",
    "weight_alignment_unscaled",
    "layer_weight_alignment",
    "gradient_alignment",
    "gradient_alignment_without_last",
    "update_alignment",
    "layer_gradient_alignment",
    "layer_update_alignment",
    "similarity",
)
"""What is kept of an ensemble, on both kinds of samples."""


def noisy(settings: Settings, found: Found) -> xr.Dataset:
    """Return the ensembles of Figs 6 and 11 on the grid of images, activation and label noise.

    NaN where one is missing, and from its end to that of the longest one without noise.
    """
    end = max(each.schedule.epochs for each in settings.noisy if not each.label_noise)
    cut = {each: piece[list(KEPT)].sel(epoch=slice(None, end)) for each, piece in found.items()}
    places = {
        each: {"images": each.images, "activation": each.activation, "label_noise": each.label_noise}
        for each in settings.noisy
    }
    dataset = on_grid(places, cut)
    if dataset:
        about = {"long_name": "share of training labels drawn at random", "units": "1"}
        dataset = dataset.assign_coords(label_noise=("label_noise", dataset.label_noise.values, about))
    return dataset


def layerwise(settings: Settings, found: Found) -> xr.Dataset:
    """Return the ensemble of Fig. 7, all of its epochs."""
    if settings.layerwise not in found:
        return xr.Dataset()
    return _named("layerwise", found[settings.layerwise])


def own(settings: Settings, found: Found) -> xr.Dataset:
    """Return the ensembles whose members have a feedback each, on the grid of images and activation."""
    places = {each: {"images": each.images, "activation": each.activation} for each in settings.own}
    return _named("own", on_grid(places, {each: piece[list(KEPT)] for each, piece in found.items()}))


def _named(part: str, dataset: xr.Dataset) -> xr.Dataset:
    """Return what is kept of a dataset under names, and with an axis of time, that begin with the part's."""
    if not dataset:
        return dataset
    renamed = {name: f"{part}_{name}" for name in KEPT}
    return dataset[list(KEPT)].rename(renamed | {"epoch": f"{part}_epoch"})


def select(dataset: xr.Dataset, part: str) -> xr.Dataset:
    """Return the variables of a part, 'layerwise' or 'own', of the chapter's dataset under their own names."""
    names = {f"{part}_{name}": name for name in KEPT}
    return dataset[list(names)].rename(names | {f"{part}_epoch": "epoch"})
