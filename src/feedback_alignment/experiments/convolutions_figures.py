"""The figures of chapter 10."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from feedback_alignment.companion import pictures, provenance, store
from feedback_alignment.experiments.convolutional_networks import TEACHERS, Teacher
from feedback_alignment.experiments.convolutions_printed import ALIGNMENT, TEST

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Datasets = tuple[xr.Dataset, ...]
VARIANTS: tuple[Teacher, ...] = ("DFA", "released")


def limits(datasets: Datasets) -> "Figure":
    """Draw, for each convolution, the best cosines with random feedback and with any matrix of its rank."""
    figure, axes = pictures.panels(1, len(datasets), height=3.4)
    names = list(dict.fromkeys(str(name) for dataset in datasets for name in dataset.convolution.values))
    for ax, dataset in zip(axes[0], datasets, strict=True):
        rows = [names.index(str(name)) for name in dataset.convolution.values]
        drawn = np.sqrt(dataset.drawn_part.sum("draw") / dataset.drawn_whole.sum("draw"))
        ax.plot(np.sqrt(dataset.expected_share), rows, "k|", markersize=12, label="random feedback, expected")
        ax.plot(drawn, rows, "o", color=pictures.colour(0), label="random feedback, drawn")
        ax.plot(dataset.random_low_rank, rows, "s", color=pictures.colour(1), label="any of the rank, random filters")
        ax.plot(dataset.found_low_rank, rows, "^", color=pictures.colour(2), label="any of the rank, filters searched")
        ax.set_yticks(range(len(names)), names, fontsize=7)
        ax.set_xscale("log")
        ax.set_xlabel("largest cosine of a convolution")
        ax.set_title(provenance.title(dataset))
    axes[0, 0].invert_yaxis()
    axes[0, 0].legend(fontsize=6)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def accuracies(datasets: Datasets) -> "Figure":
    """Draw test accuracies of each practice, as stated and as released; diamonds: the paper's, beside its images."""
    figure, axes = pictures.panels(1, len(datasets), height=3.0)
    for ax, dataset in zip(axes[0], datasets, strict=True):
        rows = np.arange(dataset.sizes["practice"])
        for index, teacher in enumerate(VARIANTS):
            values = dataset.test_accuracy.sel(teacher=teacher).transpose("member", "practice").values
            _dots(ax, values, rows + 0.2 * (index - 0.5), TEACHERS[teacher], index)
        if _of_cifar10(dataset):
            printed = [TEST[str(practice)][0] / 100 for practice in dataset.practice.values]
            ax.plot(printed, rows, "kD", markerfacecolor="none", label="paper")
        ax.set_yticks(rows, [str(practice) for practice in dataset.practice.values])
        ax.set_xlabel("test accuracy")
        ax.set_title(provenance.title(dataset))
    axes[0, 0].invert_yaxis()
    axes[0, 0].legend(fontsize=7)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def angles(datasets: Datasets) -> "Figure":
    """Draw the cosines of each practice layer by layer, both signals in evaluation; crosses: the paper's."""
    figure, axes = pictures.panels(len(VARIANTS), len(datasets), height=2.6)
    for column, dataset in zip(axes.T, datasets, strict=True):
        for ax, teacher in zip(column, VARIANTS, strict=True):
            for index, practice in enumerate(dataset.practice.values):
                own = dataset.alignment.sel(teacher=teacher, practice=practice, ruler="eval")
                _band(ax, own, str(practice), index)
                if _of_cifar10(dataset):
                    printed = [mean for mean, _ in ALIGNMENT[str(practice)]]
                    ax.plot(own.hidden_layer.values, printed, "x", color=pictures.colour(index))
            ax.set_xticks(dataset.hidden_layer.values)
        column[0].set_title(provenance.title(dataset))
        column[-1].set_xlabel("hidden layer")
    for ax, teacher in zip(axes[:, 0], VARIANTS, strict=True):
        ax.set_ylabel(f"cosine with BP\n{TEACHERS[teacher]}")
    axes[0, 0].legend(fontsize=6)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def teachers(datasets: Datasets) -> "Figure":
    """Draw test accuracy and the cosines below convolutions under each teacher."""
    figure, axes = pictures.panels(1, 2 * len(datasets), height=3.0)
    for (left, right), dataset in zip(axes[0].reshape(-1, 2), datasets, strict=True):
        norm, rows = dataset.sel(practice="norm"), np.arange(len(TEACHERS))
        _dots(left, norm.test_accuracy.transpose("member", "teacher").values, rows, "", 0)
        for index, layer in enumerate((1, 2, 3)):
            own = norm.alignment.sel(ruler="eval", hidden_layer=layer).transpose("member", "teacher").values
            _dots(right, own, rows + 0.2 * (index - 1), f"hidden layer {layer}", index)
        for ax, label in ((left, "test accuracy"), (right, "cosine with BP")):
            ax.set_ylim(len(TEACHERS) - 0.5, -0.5)
            ax.set_xlabel(label)
        left.set_yticks(rows, list(TEACHERS.values()), fontsize=7)
        left.set_title(provenance.title(dataset))
    axes[0, 1].legend(fontsize=7)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def weights(datasets: Datasets) -> "Figure":
    """Draw the weight alignment of convolutions under random and chained feedback, what they could reach, and FA's."""
    figure, axes = pictures.panels(1, len(datasets), height=3.0)
    curves = (
        ("weight_alignment", "DFA", "random feedback"),
        ("best_weight_alignment", "DFA", "random feedback, the best there is"),
        ("weight_alignment", "chained", "chained feedback"),
        ("best_weight_alignment", "chained", "chained feedback, the best there is"),
        ("filter_alignment", "chained", "chained feedback, with its fixed filters"),
        ("filter_alignment", "FA", "convolutional FA, with its fixed filters"),
    )
    for ax, dataset in zip(axes[0], datasets, strict=True):
        above = dataset.sel(practice="norm", hidden_layer=[2, 3])
        for index, (name, teacher, words) in enumerate(curves):
            _band(ax, above[name].sel(teacher=teacher), words, index)
        ax.set_xticks([2, 3])
        ax.set_xlabel("convolution")
        ax.set_ylabel("cosine")
        ax.set_title(provenance.title(dataset))
    axes[0, 0].legend(fontsize=6)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def _band(ax: "Axes", own: xr.DataArray, label: str, index: int) -> None:
    """Draw mean and standard error over members against the layer, if all members are there."""
    values = own.transpose("member", "hidden_layer").values
    if np.isfinite(values).all():
        pictures.band(ax, own.hidden_layer.values, values, label=label, index=index)


def _dots(ax: "Axes", values: np.ndarray, at: np.ndarray, label: str, index: int) -> None:
    """Draw mean and standard error over members of each row, shape (members, rows)."""
    there = np.isfinite(values).all(0)
    x = values[:, there]
    error = x.std(0, ddof=1) / np.sqrt(len(x))
    marker = pictures.MARKERS[index]
    ax.errorbar(x.mean(0), at[there], xerr=error, fmt=marker, color=pictures.colour(index), label=label or None)


def _of_cifar10(dataset: xr.Dataset) -> bool:
    return bool(store.provenance(dataset)["settings"]["table"][0]["images"] == "cifar10")
