"""How the memory of their starts dilutes the similarity of networks that change alike."""

import numpy as np
import xarray as xr

from feedback_alignment.networks.similarity import pairs


def diluted_similarity(dataset: xr.Dataset) -> xr.DataArray:
    """Return what the similarity would be if starts had nothing in common with each other and with others' changes.

    That is the cosine of the changes, times ‖ΔW‖/‖W‖ of both members. `dataset` is one of `deep_ensembles`, its first
    epoch the start, perhaps with further dimensions; the result has the dimensions of its `similarity`.
    """
    now = np.square(dataset.weight_norm)
    start = now.isel(epoch=0, drop=True)
    common = dataset.start_overlap * np.sqrt(now * start)
    share = np.sqrt((now + start - 2 * common).clip(0).sum("layer", skipna=False) / now.sum("layer", skipna=False))
    first, second = np.array(pairs(dataset.sizes["member"])).T
    ends = [share.isel(member=("pair", end)).drop_vars("member") for end in (first, second)]
    diluted: xr.DataArray = dataset.similarity_of_changes * ends[0] * ends[1]
    return diluted.transpose(*dataset.similarity.dims)
