"""The figures of chapter 11."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from feedback_alignment.companion import pictures, provenance, store
from feedback_alignment.experiments import bottleneck_reference as reference
from feedback_alignment.experiments.bottleneck_claims import NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Datasets = tuple[xr.Dataset, ...]
AXIS = "units of layer 2 that learn"


def curves(datasets: Datasets) -> "Figure":
    """Draw accuracies and the cosine against the size of the bottleneck; black: numbers beside the released code."""
    rows = {
        "test_accuracy": ("test accuracy", reference.TEST, 100),
        "running_accuracy": ("accuracy\nwhile training", reference.TRAIN, 100),
        "alignment_at_bottleneck": ("cosine at layer 2", reference.COSINE, 1),
    }
    figure, axes = pictures.panels(len(rows), len(datasets), height=2.3)
    for column, dataset in zip(axes.T, datasets, strict=True):
        for ax, (name, (_, printed, unit)) in zip(column, rows.items(), strict=True):
            for index, kind in enumerate(NAMES):
                for rate, line in zip(dataset.learning_rate.values, ("-", "--"), strict=False):
                    words = f"{NAMES[kind]}, rate {rate:g}"
                    _band(ax, dataset[name].sel(kind=kind, learning_rate=rate), words, index, line)
            if store.provenance(dataset)["settings"]["works"][0]["images"] == "cifar10":
                ax.plot(reference.UNITS, np.array(printed) / unit, "k.:", label="released with the paper")
        column[0].set_title(provenance.title(dataset))
    return _finished(figure, axes, [label for label, _, _ in rows.values()], datasets)


def who_aligns(datasets: Datasets) -> "Figure":
    """Draw the cosine of all units, of the learning ones, and of a narrow layer, and the root of the share learning."""
    figure, axes = pictures.panels(1, len(datasets), height=3.2)
    for ax, dataset in zip(axes[0], datasets, strict=True):
        one = dataset.isel(learning_rate=-1)
        _band(ax, one.alignment_of_learning.sel(kind="units"), "units that learn, alone", 0, "-")
        _band(ax, one.alignment_at_bottleneck.sel(kind="units"), "all units, few learn", 1, "-")
        _band(ax, one.alignment_at_bottleneck.sel(kind="scattered"), "all units, scattered weights learn", 2, "-")
        _band(ax, one.alignment_at_bottleneck.sel(kind="narrow"), "all units of a narrow layer", 3, "-")
        whole = one.alignment_at_bottleneck.sel(kind="units").isel(units=-1).mean()
        share = one.units.values / one.units.values[-1]
        ax.plot(one.units, float(whole) * np.sqrt(share), "k:", label="full cosine times root of share")
        ax.set_title(provenance.title(dataset))
    return _finished(figure, axes, ["cosine at layer 2"], datasets)


def _band(ax: "Axes", curve: xr.DataArray, label: str, index: int, line: str) -> None:
    """Draw the sizes that are there: mean and standard error over members, or one member's numbers."""
    curve = curve.isel(units=curve.notnull().all("member").values).transpose("member", "units")
    if not curve.size:
        return
    if curve.sizes["member"] > 1:
        pictures.band(ax, curve.units.values, curve.values, label=label, index=index, linestyle=line)
    else:
        colour, marker = pictures.colour(index), pictures.MARKERS[index]
        ax.plot(curve.units.values, curve.values[0], color=colour, marker=marker, linestyle=line, label=label)


def _finished(figure: "Figure", axes: np.ndarray, labels: list[str], datasets: Datasets) -> "Figure":
    for row, label in zip(axes, labels, strict=True):
        row[0].set_ylabel(label)
        for ax in row:
            ax.set_xscale("log")
    for ax in axes[-1]:
        ax.set_xlabel(AXIS)
    axes[-1, 0].legend(fontsize=6)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure
