"""The parts of chapter 06's dataset, put together from ensembles."""

from collections.abc import Sequence
from typing import Any

import xarray as xr

from feedback_alignment.experiments.deep_ensembles import EnsembleSettings
from feedback_alignment.experiments.deep_ensembles_assembly import Found, on_grid
from feedback_alignment.experiments.degeneracy_breaking_settings import Settings, teaching

SMALL = ("similarity", "similarity_of_changes", "gradient_alignment", "train_error")
"""What is kept of the ensembles beside those of Fig. 5."""
KINDS = ("initial", "current")


def fig5(settings: Settings, found: Found) -> xr.Dataset:
    """Return the ensembles of Fig. 5 on the grid of images, activation and rule; NaN where one is missing."""
    places = {
        each: {"images": each.images, "activation": each.activation, "rule": teaching(each)} for each in settings.fig5
    }
    return on_grid(places, found)


def turned(settings: Settings, found: Found) -> xr.Dataset:
    """Return what became of ensembles with turned feedback, against its target and the share of the angle."""
    if not _all_there((settings.base, *settings.turned), found):
        return xr.Dataset()
    rows = []
    for towards in KINDS:
        turned = [each for each in settings.turned if each.towards == towards]
        shares = [0.0, *(float(each.share) for each in turned)]
        rows.append(_ends("turned", "share", shares, (settings.base, *turned), found))
    about = {"long_name": "share of the angle between F and the transposed weights", "units": "1"}
    dataset = xr.concat(rows, xr.Variable("towards", list(KINDS)))
    return dataset.assign_coords(share=("share", dataset.share.values, about))


def pretrained(settings: Settings, found: Found) -> xr.Dataset:
    """Return what became of ensembles that BP had trained before, at every moment since."""
    ensembles = (settings.base, *settings.pretrained)
    if not _all_there(ensembles, found):
        return xr.Dataset()
    chosen = [_small("pretrained", found[each]).rename(epoch="dfa_epoch") for each in ensembles]
    about = {"long_name": "training by BP before", "units": "epochs"}
    counts = [0.0, *(float(each.pretraining_epochs) for each in settings.pretrained)]
    return xr.concat(chosen, xr.Variable("pretraining", counts, about))


def widths(settings: Settings, found: Found) -> xr.Dataset:
    """Return what became of ensembles of different width."""
    if not _all_there(settings.widths, found):
        return xr.Dataset()
    return _ends("width", "width", [each.hidden[0] for each in settings.widths], settings.widths, found)


def _all_there(ensembles: Sequence[EnsembleSettings], found: Found) -> bool:
    return all(each in found for each in ensembles)


def _ends(
    part: str, dim: str, values: Sequence[Any], ensembles: Sequence[EnsembleSettings], found: Found
) -> xr.Dataset:
    chosen = [_small(part, found[each]).isel(epoch=-1, drop=True) for each in ensembles]
    return xr.concat(chosen, xr.Variable(dim, list(values), {"units": "1"}))


def _small(part: str, dataset: xr.Dataset) -> xr.Dataset:
    chosen = dataset.sel(sampled="probe", drop=True)[list(SMALL)]
    return chosen.rename(
        {name: f"{part}_{name}" for name in SMALL} | {"member": "digits_member", "pair": "digits_pair"}
    )
