"""The figures of chapter 13 about networks that learn images."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from feedback_alignment.companion import pictures, provenance, store

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Datasets = tuple[xr.Dataset, ...]


def starts(datasets: Datasets) -> "Figure":
    """Draw gradient and weight alignment of the second hidden layer, and accuracy, for the three starts."""
    figure, axes = pictures.panels(3, len(datasets), height=2.3)
    for column, dataset in zip(axes.T, datasets, strict=True):
        curves = (
            dataset.start_gradient_alignment.sel(hidden_layer=2),
            dataset.start_weight_alignment.sel(upper_layer=2),
            dataset.start_accuracy,
        )
        for ax, curve in zip(column, curves, strict=True):
            for index, start in enumerate(curve.start.values):
                values = curve.sel(start=start).transpose("member", "start_epoch").values
                if np.isfinite(values).all():
                    pictures.band(ax, curve.start_epoch.values, values, label=str(start), index=index)
            pictures.epoch_axis(ax, curve.start_epoch.values)
        column[0].set_title(_title(dataset))
        column[0].legend(fontsize=7)
    labels = ("gradient alignment,\nhidden layer 2", "weight alignment,\nhidden layer 2", "test accuracy")
    for ax, label in zip(axes[:, 0], labels, strict=True):
        ax.set_ylabel(label)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def swaps(datasets: Datasets) -> "Figure":
    """Draw the cosines between the weights of FA and BP, and their accuracies, for both swaps."""
    columns = [(dataset, str(swap)) for dataset in datasets for swap in dataset.swap.values]
    figure, axes = pictures.panels(2, len(columns), height=2.6)
    for (upper, lower), (dataset, swap) in zip(axes.T, columns, strict=True):
        one = dataset.sel(swap=swap)
        for index, layer in enumerate(one.layer.values[1:]):
            cosines = one.swap_cosine.sel(layer=layer).transpose("pair", "step").values
            _band(upper, one.step.values, cosines, f"layer {layer}", index)
        for index, rule in enumerate(one.trained.values):
            reached = one.swap_accuracy.sel(trained=rule).transpose("pair", "step").values
            _band(lower, one.step.values, reached, str(rule), index + 2)
        for ax in (upper, lower):
            ax.axvline(int(one.step[-1]) // 2, color="#444444", linestyle=":", linewidth=1)
            ax.legend(fontsize=7)
        upper.set_title(f"{_title(dataset)},\n{swap}")
        lower.set_xlabel("steps")
    for ax, label in zip(axes[:, 0], ("cosine of FA's\nand BP's weights", "test accuracy"), strict=True):
        ax.set_ylabel(label)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def loss_change(datasets: Datasets) -> "Figure":
    """Draw the fall of the loss in a hidden layer's own step against its first-order prediction, for each step size."""
    columns = [(dataset, float(rate)) for dataset in datasets for rate in dataset.rate.values]
    figure, axes = pictures.panels(1, len(columns), height=3.0)
    for ax, (dataset, rate) in zip(axes[0], columns, strict=True):
        for index, layer in enumerate(dataset.layer.values[:-1]):
            predicted = dataset.predicted_fall.sel(layer=layer).values.ravel()
            fallen = dataset.loss_fall.sel(layer=layer, rate=rate).values.ravel()
            ax.plot(predicted, fallen, pictures.MARKERS[index], color=pictures.colour(index), label=f"layer {layer}")
        ends = dataset.predicted_fall.values
        ax.plot([ends.min(), ends.max()], [ends.min(), ends.max()], ":", color="#444444", linewidth=1)
        ax.set_xscale("symlog", linthresh=1e-2)
        ax.set_yscale("symlog", linthresh=1e-2)
        ax.set_title(f"{_title(dataset)},\n$\\eta$ = {rate:g}")
        ax.set_xlabel("predicted")
        ax.legend(fontsize=7)
    axes[0, 0].set_ylabel("fall of the loss over $\\eta$")
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def _band(ax: "Axes", x: np.ndarray, values: np.ndarray, label: str, index: int) -> None:
    if len(values) > 1:
        pictures.band(ax, x, values, label=label, index=index)
    else:
        ax.plot(x, values[0], color=pictures.colour(index), marker=pictures.MARKERS[index], label=label)


def _title(dataset: xr.Dataset) -> str:
    images = store.provenance(dataset)["settings"]["loss"]["recipe"]["images"]
    return f"{provenance.scale(dataset)} run:\n{images}"
