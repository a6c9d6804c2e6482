"""The figures of chapter 13 about small networks."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from feedback_alignment.companion import pictures, provenance
from feedback_alignment.experiments.fixed_points_claims import STABLE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Datasets = tuple[xr.Dataset, ...]


def roots(datasets: Datasets) -> "Figure":
    """Draw the gradient of the loss at the fixed points of FA against their largest real part."""
    figure, axes = pictures.panels(1, len(datasets), height=3.0)
    for ax, dataset in zip(axes[0], datasets, strict=True):
        found = dataset.dropna("network", subset=["root_gradient"])
        stable = found.root_real_part < STABLE
        for index, (label, chosen) in enumerate((("stable", stable), ("neutral or unstable", ~stable))):
            some = found.isel(network=np.flatnonzero(chosen.values))
            ax.plot(
                some.root_real_part,
                some.root_gradient,
                pictures.MARKERS[index],
                color=pictures.colour(index),
                label=f"{label}: {some.sizes['network']} of {dataset.sizes['network']}",
            )
        ax.set_xscale("symlog", linthresh=-STABLE)
        ax.set_yscale("log")
        ax.set_title(f"{provenance.scale(dataset)} run")
        ax.set_xlabel("largest real part")
        ax.legend(fontsize=7)
    axes[0, 0].set_ylabel("norm of the gradient\nat a fixed point of FA")
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def rising(datasets: Datasets) -> "Figure":
    """Draw loss and alignment along the flow back to a solution; both are mathematics, and one dataset shows them."""
    dataset = datasets[0]
    figure, axes = pictures.panels(2, 1, height=2.0)
    rows = (
        (dataset.rising_loss / dataset.rising_loss[0], "loss over\nits first value"),
        (dataset.rising_alignment, "alignment of\nthe hidden layer"),
    )
    for index, (ax, (curve, label)) in enumerate(zip(axes[:, 0], rows, strict=True)):
        ax.plot(dataset.flow_time, curve, color=pictures.colour(index))
        ax.set_ylabel(label)
    axes[-1, 0].set_xlabel("time")
    return figure


def large(datasets: Datasets) -> "Figure":
    """Draw the size of FA's updates against the size of the weights, for samples classified right and wrong."""
    dataset = datasets[0]
    activations = [str(name) for name in dataset.activation.values]
    figure, axes = pictures.panels(2, len(activations), height=2.4)
    for row, label in zip(axes, dataset.classified.values, strict=True):
        for ax, activation in zip(row, activations, strict=True):
            for index, layer in enumerate(dataset.layer.values):
                sizes = dataset.large_size.sel(activation=activation, classified=label, layer=layer).median("net")
                shown = np.maximum(sizes.values, 1e-12)
                ax.plot(
                    sizes.large_scale,
                    shown,
                    color=pictures.colour(index),
                    marker=pictures.MARKERS[index],
                    label=f"layer {layer}",
                )
            ax.set_xscale("log")
            ax.set_yscale("log")
        row[0].set_ylabel(f"norm of FA's update,\nclassified {label}")
    for ax, activation in zip(axes[0], activations, strict=True):
        ax.set_title(activation)
    for ax in axes[1]:
        ax.set_xlabel("size of the weights")
    axes[0, 0].legend(fontsize=7)
    return figure
