"""The parts of chapter 10's dataset, put together from finished pieces of work."""

import numpy as np
import xarray as xr

from feedback_alignment.experiments.chapter_of_pieces import Found
from feedback_alignment.experiments.convolutional_networks import TEACHERS
from feedback_alignment.experiments.convolutions_settings import PRACTICES, Settings
from feedback_alignment.experiments.filter_images import UNTRAINED
from feedback_alignment.experiments.kept_pieces import along


def networks(settings: Settings, found: Found) -> xr.Dataset:
    """Return what is measured at the end of training by teacher, practice and member; NaN where it is missing."""
    there = {work: found[work].isel(epoch=-1, drop=True) for work in settings.networks if work in found}
    if not there:
        return xr.Dataset()
    first = next(iter(there.values()))
    rows = [practice.name for practice in PRACTICES]
    variables = {}
    for name, values in first.drop_vars("diverged_at_step", errors="ignore").data_vars.items():
        rest = values.isel(member=0)
        filled = np.full((len(TEACHERS), len(rows), len(settings.seeds), *rest.shape), np.nan, values.dtype)
        for work, end in there.items():
            members = [settings.seeds.index(seed) for seed in work.seeds]
            place = list(TEACHERS).index(work.teacher), rows.index(work.practice.name)
            filled[place][members] = end[name].transpose("member", ...).values
        variables[str(name)] = ("teacher", "practice", "member", *rest.dims), filled, values.attrs
    coords = {"teacher": list(TEACHERS), "practice": rows, "member": list(settings.seeds)}
    return xr.Dataset(variables, {**coords, "ruler": first.ruler, "hidden_layer": first.hidden_layer})


def limits(settings: Settings, found: Found) -> xr.Dataset:
    """Return what convolutions can reach."""
    return found.get(settings.limits, xr.Dataset())


def filters(settings: Settings, found: Found) -> xr.Dataset:
    """Return what filters respond to, by who taught them, beside those of untrained networks."""
    pieces = {work.pupil: found.get(work) for work in settings.filters}
    untrained = pieces.pop(UNTRAINED)
    parts = [along("pupil", pieces)]
    if untrained is not None:
        names = {"member": UNTRAINED, "filter_entropy": "untrained_entropy", "filter_image": "untrained_image"}
        parts.append(untrained.drop_vars(["filter_test_accuracy", "member"]).rename(names))
    return xr.merge(parts, combine_attrs="override")


def vgg(settings: Settings, found: Found) -> xr.Dataset:
    """Return what is measured of networks like VGG by who taught them, NaN where it is missing."""
    return along("vgg_teacher", {work.teacher: found.get(work) for work in settings.vgg})
