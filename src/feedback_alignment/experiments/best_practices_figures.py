"""The figures of chapter 09."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from feedback_alignment.companion import pictures, provenance, store
from feedback_alignment.experiments.best_practices_cells import TWO_MODES, released_table
from feedback_alignment.experiments.best_practices_printed import ALIGNMENT, TEST, TRAIN

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Datasets = tuple[xr.Dataset, ...]
Kind = tuple[str, str, dict[str, str | int], dict[str, float]]
"""Words, the variable, its place, and the paper's number for each practice."""
COSINE = "cosine with back-propagation"
RULER_NAMES = {"eval": "both in evaluation", "train": "both in training", "bent": "bent: DFA eval., BP training"}


def memory(datasets: Datasets) -> "Figure":
    """Draw the counted memory of feedback as bars and what was measured as marks; the last dataset's."""
    dataset = datasets[-1]
    figure, axes = pictures.panels(1, 1, height=3.4)
    ax = axes[0, 0]
    part = dataset.sel(place="before pooling")
    rows = np.arange(len(part.network))
    for index, (scheme, words) in enumerate((("naive", "a matrix a layer"), ("shared", "one matrix for all"))):
        own, at = part.sel(scheme=scheme), rows + 0.4 * index - 0.2
        ax.barh(at, own.counted_bytes / 1e6, 0.36, color=pictures.colour(index), alpha=0.6, label=f"counted, {words}")
        for name, marker, label in (("held_bytes", "|", "occupied"), ("peak_bytes", "x", "growth of a process")):
            if np.isfinite(own[name]).any():
                known = {"label": label} if index == 1 else {}
                ax.plot(own[name] / 1e6, at, marker, color="black", markersize=8, **known)
    ax.set_yticks(rows, [str(network) for network in part.network.values])
    ax.invert_yaxis()
    ax.set_xscale("log")
    ax.set_xlabel("memory of the feedback (megabytes)")
    ax.legend(fontsize=7)
    pictures.note(figure, provenance.figure_note((dataset,)))
    return figure


ACCURACIES: tuple[Kind, ...] = (
    ("test", "test_accuracy", {}, {name: mean / 100 for name, (mean, _) in TEST.items()}),
    ("training", "running_accuracy", {}, {name: mean / 100 for name, (mean, _) in TRAIN.items()}),
)
ANGLES: tuple[Kind, ...] = tuple(
    (
        f"hidden layer {layer}",
        "alignment",
        {"ruler": "eval", "hidden_layer": layer},
        {name: values[layer - 1][0] for name, values in ALIGNMENT.items()},
    )
    for layer in (1, 2, 3)
)


def accuracies(datasets: Datasets) -> "Figure":
    """Draw the accuracies of each practice; diamonds: the paper's, where a run is of its images."""
    return _by_practice(tuple(each.isel(epoch=-1) for each in datasets), {"accuracy": ACCURACIES})


def angles(datasets: Datasets) -> "Figure":
    """Draw the cosines of each practice and layer, both signals in evaluation; diamonds: the paper's."""
    return _by_practice(tuple(each.isel(epoch=-1) for each in datasets), {COSINE: ANGLES})


def released(datasets: Datasets) -> "Figure":
    """Draw accuracies and cosines of the practices that were trained from the released start; diamonds: the paper's."""
    return _by_practice(tuple(map(released_table, datasets)), {"accuracy": ACCURACIES, COSINE: ANGLES})


def _by_practice(tables: Datasets, quantities: dict[str, tuple[Kind, ...]]) -> "Figure":
    """Draw a row of panels for each quantity, and a column for each table; all have the rows that any of them has."""
    longest_first = sorted(tables, key=lambda table: -len(table.practice))
    practices = list(dict.fromkeys(str(each) for table in longest_first for each in table.practice.values))
    rows = np.arange(len(practices))
    figure, axes = pictures.panels(len(quantities), len(tables), height=2.4 + 0.13 * len(rows))
    for row, (quantity, kinds) in zip(axes, quantities.items(), strict=True):
        for ax, table in zip(row, tables, strict=True):
            printed = store.provenance(table)["settings"]["table"][0]["images"] == "cifar10"
            for index, (label, name, where, paper) in enumerate(kinds):
                values = table[name].sel(where).reindex(practice=practices).transpose("member", "practice")
                at = rows + 0.22 * (index - (len(kinds) - 1) / 2)
                _dots(ax, values.values, at, label, index)
                if printed:
                    ax.plot(
                        [paper[practice] for practice in practices],
                        at,
                        "D",
                        color=pictures.colour(index),
                        markerfacecolor="none",
                        markersize=6,
                    )
            ax.set_yticks(rows, practices)
            ax.set_ylim(len(rows) - 0.5, -0.5)
            ax.set_title(provenance.title(table))
            ax.set_xlabel(quantity)
        row[0].legend(fontsize=7)
    pictures.note(figure, provenance.figure_note(tables))
    return figure


def _dots(ax: "Axes", values: np.ndarray, at: np.ndarray, label: str, index: int) -> None:
    """Draw mean and standard error over members of each row, shape (members, rows)."""
    there = np.isfinite(values).all(0)
    x = values[:, there]
    error = x.std(0, ddof=1) / np.sqrt(len(x))
    marker = pictures.MARKERS[index]
    ax.errorbar(x.mean(0), at[there], xerr=error, fmt=marker, color=pictures.colour(index), label=label)


def ratios(datasets: Datasets) -> "Figure":
    """Draw accuracies and cosines against the ratio of the two learning rates; dotted: that of the released code."""
    figure, axes = pictures.panels(2, len(datasets), height=2.6)
    for (above, below), dataset in zip(axes.T, datasets, strict=True):
        there = np.isfinite(dataset.ratio_test_accuracy).all("member").values
        part = dataset.isel(ratio=there).transpose("member", "ratio", ...)
        for index, (name, label) in enumerate((("test_accuracy", "test"), ("running_accuracy", "training"))):
            pictures.band(above, part.ratio, part[f"ratio_{name}"].values, label=label, index=index)
        for layer in part.hidden_layer.values:
            values = part.ratio_alignment.sel(hidden_layer=layer, ruler="eval").values
            pictures.band(below, part.ratio, values, label=f"hidden layer {layer}", index=int(layer) - 1)
        usual = store.provenance(dataset)["settings"]["table"][0]["hidden_error_scale"]
        for ax in (above, below):
            ax.axvline(usual, color="#444444", linestyle=":")
            ax.set_xscale("log")
        above.set_title(provenance.title(dataset))
        below.set_xlabel("hidden over output learning rate")
    for ax, label in zip(axes[:, 0], ("accuracy", "cosine with\nback-propagation"), strict=True):
        ax.set_ylabel(label)
        ax.legend(fontsize=7)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def starts(datasets: Datasets) -> "Figure":
    """Draw the cosines of the first practice from both starts, layer by layer; crosses: the paper's."""
    figure, axes = pictures.panels(1, len(datasets), height=2.8)
    for ax, dataset in zip(axes[0], datasets, strict=True):
        layers, place = dataset.hidden_layer.values, {"ruler": "eval", "practice": dataset.practice[0]}
        both = {"He, as stated": dataset.alignment.isel(epoch=-1), "default, as released": dataset.released_alignment}
        for index, (words, everything) in enumerate(both.items()):
            values = everything.sel(place).transpose("member", "hidden_layer").values
            if np.isfinite(values).all():
                pictures.band(ax, layers, values, label=words, index=index)
        if store.provenance(dataset)["settings"]["table"][0]["images"] == "cifar10":
            ax.plot(layers, [mean for mean, _ in ALIGNMENT["norm"]], "kx", label="paper")
        ax.set_xticks(layers)
        ax.set_xlabel("hidden layer")
        ax.set_title(provenance.title(dataset))
        ax.set_ylim(0, 1)
        ax.legend(fontsize=7)
    axes[0, 0].set_ylabel("cosine with\nback-propagation")
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def rulers(datasets: Datasets) -> "Figure":
    """Draw the cosines of the practices with two modes by three rulers; crosses: the paper's, where they apply."""
    figure, axes = pictures.panels(len(datasets), len(TWO_MODES), height=2.6)
    for row, dataset in zip(axes, datasets, strict=True):
        last = dataset.isel(epoch=-1).sel(practice=list(TWO_MODES))
        printed = store.provenance(dataset)["settings"]["table"][0]["images"] == "cifar10"
        for ax, practice in zip(row, TWO_MODES, strict=True):
            own = last.alignment.sel(practice=practice).transpose("member", "ruler", "hidden_layer")
            for index, (ruler, words) in enumerate(RULER_NAMES.items()):
                values = own.sel(ruler=ruler).values
                if np.isfinite(values).all():
                    pictures.band(ax, own.hidden_layer.values, values, label=words, index=index)
            if printed:
                numbers = [mean for mean, _ in ALIGNMENT[practice]]
                ax.plot(own.hidden_layer.values, numbers, "kx", label="paper")
            ax.set_xticks(own.hidden_layer.values)
            ax.set_xlabel("hidden layer")
            ax.set_title(f"{provenance.scale(dataset)} run\n{practice}")
        row[0].set_ylabel("cosine with\nback-propagation")
    next(ax for ax in axes.flat if ax.lines).legend(fontsize=7)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure
