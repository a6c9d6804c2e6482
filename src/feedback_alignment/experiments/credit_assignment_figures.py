"""The figures of chapter 01, drawn from datasets of `experiments.credit_assignment`, one column of panels a dataset."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from feedback_alignment.companion import pictures, provenance

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def accuracy(datasets: tuple[xr.Dataset, ...]) -> "Figure":
    """Draw the test error of every rule during training."""
    figure, axes = pictures.panels(1, len(datasets), height=3.2)
    for ax, dataset in zip(axes[0], datasets, strict=True):
        for index, rule in enumerate(dataset.rule.values):
            error = 100 * (1 - dataset.test_accuracy.sel(rule=rule).transpose("member", "epoch").values)
            pictures.band(ax, dataset.epoch.values, error, label=rule, index=index)
        pictures.epoch_axis(ax, dataset.epoch.values)
        ax.set_yscale("log")
        ax.set_title(provenance.title(dataset))
    axes[0, 0].set_ylabel("test error (%)")
    axes[0, 0].legend()
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def gradient_alignment(datasets: tuple[xr.Dataset, ...], rules: tuple[str, ...]) -> "Figure":
    """Draw the gradient alignment of the named rules during training, one row of panels a hidden layer."""
    layers = datasets[0].layer.values
    figure, axes = pictures.panels(len(layers), len(datasets), height=2.6)
    for column, dataset in enumerate(datasets):
        for row, layer in enumerate(layers):
            ax = axes[row, column]
            for index, rule in enumerate(dataset.rule.values):
                if rule in rules:
                    values = dataset.gradient_alignment.sel(rule=rule, layer=layer).transpose("member", "epoch").values
                    pictures.band(ax, dataset.epoch.values, values, label=rule, index=index)
            pictures.epoch_axis(ax, dataset.epoch.values)
            ax.axhline(0, color="black", linewidth=0.8)
            ax.set_ylabel(f"gradient alignment\nhidden layer {layer} (cosine)" if column == 0 else "")
        axes[0, column].set_title(provenance.title(dataset))
    axes[0, 0].legend()
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def update_angle(datasets: tuple[xr.Dataset, ...]) -> "Figure":
    """Draw the angle between the updates of DFA and BP during training."""
    figure, axes = pictures.panels(1, len(datasets), height=3.2)
    for ax, dataset in zip(axes[0], datasets, strict=True):
        angles = np.degrees(np.arccos(dataset.update_alignment.sel(rule="DFA").clip(-1, 1)))
        for index, layer in enumerate(dataset.layer.values):
            values = angles.sel(layer=layer).transpose("member", "epoch").values
            pictures.band(ax, dataset.epoch.values, values, label=f"hidden layer {layer}", index=index)
        ax.axhline(90, color="black", linewidth=0.8, linestyle=":")
        pictures.epoch_axis(ax, dataset.epoch.values)
        ax.set_title(provenance.title(dataset))
    axes[0, 0].set_ylabel("angle between the updates\nof DFA and BP (degrees)")
    axes[0, 0].legend()
    pictures.note(figure, provenance.figure_note(datasets))
    return figure
