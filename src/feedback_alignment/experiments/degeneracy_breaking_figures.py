"""The figures of chapter 06 about the networks of Fig. 5, one column of panels for each set of images."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from feedback_alignment.companion import pictures, provenance
from feedback_alignment.experiments.degeneracy_breaking_claims import NAMES
from feedback_alignment.experiments.degeneracy_breaking_settings import ACTIVATIONS, TEACHINGS
from feedback_alignment.experiments.dilution import diluted_similarity
from feedback_alignment.experiments.image_columns import image_columns
from feedback_alignment.experiments.pair_statistics import per_member

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CURVES = [(rule, activation) for rule in TEACHINGS for activation in ACTIVATIONS]
STYLES = {"relu": "-", "tanh": "--"}
KINDS = (
    ("similarity", "as they are"),
    ("matched_similarity", "units matched"),
    ("matched_similarity_by_chance", "matched to shuffled weights"),
)


def learning(datasets: tuple[xr.Dataset, ...]) -> "Figure":
    """Draw training error, similarity and the similarity of changes during training.

    Dotted: the similarity that the changes have, diluted by the starts.
    """
    columns = image_columns(datasets)
    figure, axes = pictures.panels(3, len(columns), height=2.6)
    for column, (heading, chosen) in zip(axes.T, columns, strict=True):
        for index, (rule, activation) in enumerate(CURVES):
            curve = chosen.sel(rule=rule, activation=activation)
            if not np.isfinite(curve.train_error).all():
                continue
            draw = _drawing(rule, activation, index)
            epochs = curve.epoch.values
            draw(column[0], epochs, curve.train_error.transpose("member", "epoch").values)
            draw(column[1], epochs, per_member(curve.similarity))
            foretold = diluted_similarity(curve).mean("pair").values
            column[1].plot(epochs, foretold, color="black", linestyle=":", linewidth=1)
            draw(column[2], epochs[1:], per_member(curve.similarity_of_changes.isel(epoch=slice(1, None))))
        for ax in column:
            pictures.epoch_axis(ax, chosen.epoch.values)
        column[0].set_title(heading)
    for ax, label in zip(
        axes[:, 0], ("training error", "similarity (cosine)", "similarity of the\nchanges (cosine)"), strict=True
    ):
        ax.set_ylabel(label)
    axes[0, 0].legend(fontsize=7)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def sequence(datasets: tuple[xr.Dataset, ...]) -> "Figure":
    """Draw the similarity of each layer's changes during training by DFA with one F, one row an activation."""
    columns = image_columns(datasets)
    figure, axes = pictures.panels(len(ACTIVATIONS), len(columns), height=2.4)
    for column, (heading, chosen) in zip(axes.T, columns, strict=True):
        for ax, activation in zip(column, ACTIVATIONS, strict=True):
            curves = chosen.sel(rule="DFA", activation=activation).isel(epoch=slice(1, None))
            if np.isfinite(curves.train_error).all():
                for index, layer in enumerate(curves.layer.values):
                    values = per_member(curves.layer_similarity_of_changes.sel(layer=layer))
                    pictures.band(ax, curves.epoch.values, values, label=f"layer {layer}", index=index)
            pictures.epoch_axis(ax, chosen.epoch.values)
        column[0].set_title(heading)
    for ax, activation in zip(axes[:, 0], ACTIVATIONS, strict=True):
        ax.set_ylabel(f"similarity of the\nchanges (cosine), {NAMES[activation]}")
    axes[0, 0].legend(fontsize=7)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def layers(datasets: tuple[xr.Dataset, ...]) -> "Figure":
    """Draw, at the end of training, the similarity of each layer and how much of its start it still has."""
    columns = image_columns(datasets)
    figure, axes = pictures.panels(2, len(columns), height=2.6)
    for (alike, start), (heading, chosen) in zip(axes.T, columns, strict=True):
        last = chosen.isel(epoch=-1)
        for index, (rule, activation) in enumerate(CURVES):
            curve = last.sel(rule=rule, activation=activation)
            if not np.isfinite(curve.train_error).all():
                continue
            draw = _drawing(rule, activation, index)
            draw(alike, curve.layer.values, per_member(curve.layer_similarity))
            draw(start, curve.layer.values, curve.start_overlap.transpose("member", "layer").values)
        for ax in (alike, start):
            ax.set_xticks(chosen.layer.values)
            ax.set_xlabel("layer of weights")
        alike.set_title(heading)
    axes[0, 0].set_ylabel("similarity (cosine)")
    axes[1, 0].set_ylabel("overlap with the\nown start (cosine)")
    axes[1, 0].legend(fontsize=7)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def matched(datasets: tuple[xr.Dataset, ...]) -> "Figure":
    """Draw the final similarity as it is, with hidden units matched, and matched to shuffled weights."""
    columns = image_columns(datasets)
    figure, axes = pictures.panels(1, len(columns), height=3.4)
    for ax, (heading, chosen) in zip(axes[0], columns, strict=True):
        _bars(ax, chosen.isel(epoch=-1))
        ax.set_title(heading)
    axes[0, 0].set_ylabel("final similarity (cosine)")
    axes[0, 0].legend(fontsize=7)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def _bars(ax: "Axes", last: xr.Dataset) -> None:
    places = np.arange(len(CURVES))
    for index, (name, label) in enumerate(KINDS):
        values = [per_member(last[name].sel(rule=rule, activation=activation)) for rule, activation in CURVES]
        means = [each.mean() for each in values]
        errors = [each.std(ddof=1) / np.sqrt(len(each)) for each in values]
        ax.bar(places + 0.27 * (index - 1), means, 0.25, yerr=errors, color=pictures.colour(index), label=label)
    ax.set_ylim(0, 1.05)
    ax.set_xticks(places, [f"{rule}\n{NAMES[activation]}" for rule, activation in CURVES], fontsize=7, rotation=60)


def _drawing(rule: str, activation: str, index: int) -> Callable[["Axes", np.ndarray, np.ndarray], None]:
    return partial(pictures.band, label=f"{rule}, {NAMES[activation]}", index=index, linestyle=STYLES[activation])
