"""The figures of chapter 07."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from feedback_alignment.companion import pictures, provenance, store
from feedback_alignment.experiments.align_then_memorise_parts import select
from feedback_alignment.experiments.degeneracy_breaking_claims import NAMES
from feedback_alignment.experiments.degeneracy_breaking_settings import ACTIVATIONS
from feedback_alignment.experiments.image_columns import image_columns
from feedback_alignment.experiments.maxima import peak_epoch
from feedback_alignment.experiments.pair_statistics import per_member

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Datasets = tuple[xr.Dataset, ...]
WEIGHTS, GRADIENTS = "weight alignment\n(cosine)", "gradient alignment\n(cosine)"
UNSCALED = "weight alignment\n(cosine, F unscaled)"


def overall(datasets: Datasets) -> "Figure":
    """Draw training error and both alignments of all layers together, without label noise."""
    rows = {
        "train_error": "training error",
        "weight_alignment": WEIGHTS,
        "weight_alignment_unscaled": UNSCALED,
        "gradient_alignment": GRADIENTS,
    }
    columns = [(heading, chosen.sel(label_noise=0)) for heading, chosen in image_columns(datasets)]
    figure, axes = pictures.panels(len(rows), len(columns), height=2.2)
    for column, (heading, chosen) in zip(axes.T, columns, strict=True):
        for index, activation in enumerate(ACTIVATIONS):
            _curves(column, chosen.sel(activation=activation), rows, NAMES[activation], index)
        column[0].set_title(heading)
    return _finished(figure, axes, list(rows.values()), datasets)


def layers(datasets: Datasets) -> "Figure":
    """Draw the alignments of each layer of Fig. 7's networks; dotted: the mean time of a layer's maximum."""
    columns = _of_layerwise(datasets)
    figure, axes = pictures.panels(2, len(columns), height=2.8)
    for (weights, gradients), (heading, chosen) in zip(axes.T, columns, strict=True):
        for layer in chosen.upper_layer.values:
            one = chosen.layer_weight_alignment.sel(upper_layer=layer)
            index = int(layer) - 1
            _band(weights, one, f"layer {layer}", index)
            peak = float(np.exp(np.log(peak_epoch(one)).mean()))
            weights.plot([peak, peak], [0, 1], color=pictures.colour(index), linestyle=":", linewidth=1)
        for layer in chosen.hidden_layer.values:
            _band(gradients, chosen.layer_gradient_alignment.sel(hidden_layer=layer), f"layer {layer}", int(layer) - 1)
        weights.set_title(heading)
    return _finished(figure, axes, [WEIGHTS, GRADIENTS], datasets, legends=2)


def noise(datasets: Datasets, activation: str) -> "Figure":
    """Draw training error, both alignments and similarity for each share of noisy labels."""
    rows = {
        "train_error": "training error",
        "weight_alignment": WEIGHTS,
        "weight_alignment_unscaled": UNSCALED,
        "gradient_alignment": GRADIENTS,
        "similarity": "similarity\n(cosine)",
    }
    columns = [(heading, chosen.sel(activation=activation)) for heading, chosen in image_columns(datasets)]
    columns = [column for column in columns if _has_noise(column[1])] or columns
    shares = sorted({float(share) for dataset in datasets for share in dataset.label_noise.values})
    figure, axes = pictures.panels(len(rows), len(columns), height=2.1)
    for column, (heading, chosen) in zip(axes.T, columns, strict=True):
        for share in chosen.label_noise.values:
            index = shares.index(share)
            _curves(column, chosen.sel(label_noise=share), rows, f"{share:.0%} noise", index)
        column[0].set_title(heading)
    return _finished(figure, axes, list(rows.values()), datasets)


def conventions(datasets: Datasets) -> "Figure":
    """Draw the alignments of Fig. 7's networks in each convention in use."""
    columns = _of_layerwise(datasets)
    figure, axes = pictures.panels(2, len(columns), height=2.8)
    for (weights, gradients), (heading, chosen) in zip(axes.T, columns, strict=True):
        probe, latest = (chosen.sel(sampled=samples) for samples in ("probe", "current batch"))
        _band(weights, chosen.weight_alignment, "F as used", 0)
        _band(weights, chosen.weight_alignment_unscaled, "F unscaled", 1)
        _band(gradients, probe.gradient_alignment, "all hidden layers", 0)
        _band(gradients, probe.gradient_alignment_without_last, "without the last one", 1)
        _band(gradients, latest.gradient_alignment_without_last, "the same, current batch", 3, "--")
        _band(gradients, probe.update_alignment, "update by many samples", 2)
        weights.set_title(heading)
    return _finished(figure, axes, [WEIGHTS, GRADIENTS], datasets, legends=2)


def feedbacks(datasets: Datasets) -> "Figure":
    """Draw both alignments without noise, with one F for all members and, dashed, with one for each."""
    rows = {"weight_alignment": WEIGHTS, "gradient_alignment": GRADIENTS}
    columns = [
        (heading, chosen.sel(label_noise=0), select(dataset, "own").sel(images=chosen.images))
        for dataset in datasets
        for heading, chosen in image_columns((dataset,))
    ]
    figure, axes = pictures.panels(len(rows), len(columns), height=2.6)
    for column, (heading, shared, own) in zip(axes.T, columns, strict=True):
        for index, activation in enumerate(ACTIVATIONS):
            label = NAMES[activation]
            _curves(column, shared.sel(activation=activation), rows, f"{label}, one F", 2 * index)
            _curves(column, own.sel(activation=activation), rows, f"{label}, an F each", 2 * index + 1, "--")
        column[0].set_title(heading)
    return _finished(figure, axes, list(rows.values()), datasets)


def _curves(
    column: np.ndarray, chosen: xr.Dataset, rows: dict[str, str], label: str, index: int, linestyle: str = "-"
) -> None:
    for ax, name in zip(column, rows, strict=True):
        _band(ax, chosen[name], label, index, linestyle)


def _band(ax: "Axes", curve: xr.DataArray, label: str, index: int, linestyle: str = "-") -> None:
    """Draw one curve over training time, of numbers of members or of pairs; nothing where it is not there."""
    curve = curve.sel(sampled="probe") if "sampled" in curve.dims else curve
    curve = curve.dropna("epoch", how="all")
    if curve.size and np.isfinite(curve).all():
        values = per_member(curve) if "pair" in curve.dims else curve.transpose("member", "epoch").values
        pictures.band(ax, curve.epoch.values, values, label=label, index=index, linestyle=linestyle)


def _has_noise(chosen: xr.Dataset) -> bool:
    noisy = chosen.train_error.where(chosen.label_noise > 0)
    return bool(np.isfinite(noisy).any())


def _of_layerwise(datasets: Datasets) -> list[tuple[str, xr.Dataset]]:
    """Return the networks of Fig. 7 of each dataset, with the heading of their panels."""
    found = []
    for dataset in datasets:
        settings = store.provenance(dataset)["settings"]["layerwise"]
        words = f"{NAMES[settings['images']]}, {NAMES[settings['activation']]}, {settings['label_noise']:.0%} noise"
        found.append((f"{provenance.title(dataset)}\n{words}", select(dataset, "layerwise")))
    return found


def _finished(figure: "Figure", axes: np.ndarray, labels: list[str], datasets: Datasets, legends: int = 1) -> "Figure":
    """Return the figure with the labels of its rows, legends in the first ones, axes of time, and its small print."""
    for ax, label in zip(axes[:, 0], labels, strict=True):
        ax.set_ylabel(label)
    for row, ax in ((row, ax) for row, panels in enumerate(axes) for ax in panels if ax.lines):
        pictures.epoch_axis(ax, np.unique(np.concatenate([np.asarray(line.get_xdata()) for line in ax.lines])))
        if row < legends:
            ax.legend(fontsize=7)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure
