"""The figures of chapter 10 on networks like VGG."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from feedback_alignment.companion import pictures, provenance
from feedback_alignment.experiments.vgg_networks import VGG_TEACHERS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Datasets = tuple[xr.Dataset, ...]


def accuracies(datasets: Datasets) -> "Figure":
    """Draw accuracies on test and training images under each teacher, one mark a member; a dataset is a panel."""
    figure, axes = pictures.panels(1, len(datasets), height=2.2)
    rows = np.arange(len(VGG_TEACHERS))
    for ax, dataset in zip(axes[0], datasets, strict=True):
        for index, name in enumerate(("test", "train")):
            values = dataset[f"vgg_{name}_accuracy"].transpose("vgg_member", "vgg_teacher").values
            at = np.broadcast_to(rows + 0.2 * (index - 0.5), values.shape).ravel()
            marker = pictures.MARKERS[index]
            ax.plot(values.ravel(), at, marker, color=pictures.colour(index), label=f"{name} images")
        ax.set_yticks(rows, list(VGG_TEACHERS.values()))
        ax.set_ylim(len(rows) - 0.5, -0.5)
        ax.set_xlabel("accuracy")
        ax.set_title(title(dataset))
    axes[0, 0].legend(fontsize=7)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def angles(datasets: Datasets) -> "Figure":
    """Draw the cosine of DFA's signals with BP's, layer by layer, one line a member; a dataset is a panel."""
    figure, axes = pictures.panels(1, len(datasets), height=2.4)
    for ax, dataset in zip(axes[0], datasets, strict=True):
        for index, member in enumerate(dataset.vgg_member.values):
            cosines = dataset.vgg_alignment.sel(vgg_teacher="DFA", vgg_member=member)
            marker = pictures.MARKERS[index % len(pictures.MARKERS)]
            ax.plot(
                dataset.vgg_layer.values, cosines, f"{marker}-", color=pictures.colour(index), label=f"seed {member}"
            )
        ax.set_xticks(dataset.vgg_layer.values)
        ax.set_xlabel("hidden layer")
        ax.set_title(title(dataset))
    axes[0, 0].set_ylabel("cosine with BP")
    axes[0, 0].legend(fontsize=7)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def title(dataset: xr.Dataset) -> str:
    """Return the heading of a panel: scale and number of members, which the chapter's other networks need not share."""
    members = dataset.sizes["vgg_member"]
    return f"{provenance.scale(dataset)} run: {members} seed{'s' if members > 1 else ''}"
