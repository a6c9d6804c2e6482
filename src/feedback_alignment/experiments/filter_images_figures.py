"""The figures of chapter 10 on what filters respond to."""

import math
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from feedback_alignment.companion import pictures, provenance
from feedback_alignment.experiments.filter_images import UNTRAINED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Datasets = tuple[xr.Dataset, ...]
WHITE_AT = 3.0
"""Pixels of this many times the root mean square are drawn white, or in a full colour."""


def images(datasets: Datasets) -> "Figure":
    """Draw what filters respond to, one panel for untrained networks and one for each teacher; a dataset is a row."""
    pupils = list(dict.fromkeys(str(who) for dataset in datasets for who in dataset.pupil.values))
    figure, axes = pictures.panels(len(datasets), 1 + len(pupils), height=2.6)
    for row, dataset in zip(axes, datasets, strict=True):
        shown = {UNTRAINED: dataset.untrained_image}
        shown |= {str(who): dataset.filter_image.sel(pupil=who) for who in dataset.pupil.values}
        for ax, who in zip(row, (UNTRAINED, *pupils), strict=True):
            ax.set_axis_off()
            if who in shown and np.isfinite(shown[who]).all():
                ax.imshow(mosaic(shown[who].transpose("filter", "row", "column", "colour").values), cmap="gray")
                ax.set_title(who)
        row[0].set_title(f"{provenance.title(dataset)}\n{UNTRAINED}")
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def entropies(datasets: Datasets) -> "Figure":
    """Draw the spectral entropy of each network, the mean over its filters; a dataset is a panel."""
    figure, axes = pictures.panels(1, len(datasets), height=2.2)
    for ax, dataset in zip(axes[0], datasets, strict=True):
        rows = {UNTRAINED: dataset.untrained_entropy.mean("filter").values}
        for who in dataset.pupil.values:
            rows[str(who)] = dataset.filter_entropy.sel(pupil=who).mean("filter").values
        for index, (who, values) in enumerate(rows.items()):
            marker = pictures.MARKERS[index]
            ax.plot(values, np.full(len(values), index), marker, color=pictures.colour(index), alpha=0.7, label=who)
        ax.set_yticks(range(len(rows)), list(rows))
        ax.set_ylim(len(rows) - 0.5, -0.5)
        ax.set_xlabel("spectral entropy, mean over filters")
        ax.set_title(provenance.title(dataset))
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def mosaic(shown: np.ndarray) -> np.ndarray:
    """Return images (filters, rows, columns, colours) side by side in a square with white lines between, in 0 … 1."""
    count, rows, columns, colours = shown.shape
    across = math.ceil(math.sqrt(count))
    down = math.ceil(count / across)
    whole = np.ones((down * (rows + 1) - 1, across * (columns + 1) - 1, colours))
    for number, image in enumerate(np.clip(0.5 + shown / (2 * WHITE_AT), 0, 1)):
        top, left = (number // across) * (rows + 1), (number % across) * (columns + 1)
        whole[top : top + rows, left : left + columns] = image
    return whole
