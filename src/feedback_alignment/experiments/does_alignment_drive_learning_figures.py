"""The figures of chapter 12."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from feedback_alignment.companion import pictures, provenance, store
from feedback_alignment.experiments.few_updates import ARMS
from feedback_alignment.experiments.initial_scale import SAMPLED
from feedback_alignment.experiments.perturbed_gradients import BASELINES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Datasets = tuple[xr.Dataset, ...]
LAYERS = {1: "hidden layer 1", 2: "hidden layer 2", 3: "output layer"}
SCALE = "size s of the initial weights"


def learning(datasets: Datasets) -> "Figure":
    """Draw test accuracy over training for every initial scale."""
    figure, axes = pictures.panels(1, len(datasets), height=3.4)
    for ax, dataset in zip(axes[0], datasets, strict=True):
        there = [s for s in dataset.scale.values if np.isfinite(dataset.test_accuracy.sel(scale=s)).all()]
        for index, s in enumerate(there):
            values = dataset.test_accuracy.sel(scale=s).transpose("member", "epoch").values
            dashed = "-" if index < len(pictures.PALETTE) else "--"
            pictures.band(ax, dataset.epoch.values, values, label=f"s = {s:g}", index=index, linestyle=dashed)
        pictures.epoch_axis(ax, dataset.epoch.values)
        ax.set_title(_title(dataset))
        ax.legend(fontsize=7)
    axes[0, 0].set_ylabel("test accuracy")
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def scales(datasets: Datasets) -> "Figure":
    """Draw early and late accuracy and both alignments after ten epochs against the initial scale."""
    figure, axes = pictures.panels(3, len(datasets), height=2.4)
    for column, dataset in zip(axes.T, datasets, strict=True):
        there = dataset.dropna("scale", subset=["test_accuracy"])
        last = float(there.epoch[-1])
        ten = min(10.0, last)
        for index, epoch in enumerate((1.0, ten, last) if ten < last else (1.0, last)):
            _against_scale(column[0], there.test_accuracy.sel(epoch=epoch), f"after {epoch:g} epochs", index)
        for row, name, layers in ((1, "weight_alignment", "upper_layer"), (2, "gradient_alignment", "hidden_layer")):
            for layer in there[layers].values:
                one = there[name].sel({layers: layer, "epoch": ten})
                _against_scale(column[row], one, LAYERS[int(layer)], int(layer) - 1)
        column[0].set_title(_title(dataset))
        for ax in column:
            ax.set_xscale("log")
            ax.legend(fontsize=7)
        column[-1].set_xlabel(SCALE)
    labels = ("test accuracy", "weight alignment\n(cosine)", "gradient alignment\n(cosine)")
    for ax, label in zip(axes[:, 0], labels, strict=True):
        ax.set_ylabel(label)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def first_steps(datasets: Datasets) -> "Figure":
    """Draw the norm of FA's gradient of each layer against the initial scale, before and after the first step."""
    figure, axes = pictures.panels(3, len(datasets), height=2.2)
    for column, dataset in zip(axes.T, datasets, strict=True):
        norm = dataset.gradient_norm.sel(first_scale=dataset.first_scale > 0)
        for ax, layer in zip(column, norm.layer.values, strict=True):
            for index, sampled in enumerate(SAMPLED):
                for steps, style in ((0, "-"), (1, "--")):
                    one = norm.sel(layer=layer, sampled=sampled, steps_before=steps)
                    label = f"{sampled}, {'first update' if steps == 0 else 'the one after it'}"
                    _against_scale(ax, one.rename(first_scale="scale", draw="member"), label, index, style)
            ax.set_xscale("log")
            ax.set_yscale("log")
        column[0].set_title(_title(dataset))
        column[0].legend(fontsize=7)
        column[-1].set_xlabel(SCALE)
    for ax, layer in zip(axes[:, 0], LAYERS.values(), strict=True):
        ax.set_ylabel(f"norm of FA's gradient\n{layer}")
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def perturbed(datasets: Datasets) -> "Figure":
    """Draw the accuracy of perturbed BP, relative to BP, against its cosine; dotted: last layer only."""
    figure, axes = pictures.panels(1, len(datasets), height=3.0)
    for ax, dataset in zip(axes[0], datasets, strict=True):
        reached = dataset.perturbed_accuracy.dropna("rule")
        relative = reached / reached.sel(rule="BP", drop=True).mean()
        cosines = [rule for rule in reached.rule.values if rule not in BASELINES]
        curve = relative.sel(rule=cosines).transpose("member", "rule").values
        pictures.band(ax, [float(cosine) for cosine in cosines], curve, label="perturbed BP", index=0)
        line = float(relative.sel(rule="last layer only").mean())
        ax.plot([-1, 1], [line, line], ":", color=pictures.colour(1), label="last layer only")
        ax.set_title(_title(dataset))
        ax.set_xlabel("cosine of step and gradient")
        ax.legend(fontsize=7)
    axes[0, 0].set_ylabel("test accuracy after one epoch,\nrelative to BP")
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def few_updates(datasets: Datasets) -> "Figure":
    """Draw accuracy after five updates against the mean alignment of each hidden layer, as the paper does."""
    columns = _by_scale(datasets)
    figure, axes = pictures.panels(2, len(columns), height=2.8)
    for column, (heading, one) in zip(axes.T, columns, strict=True):
        for ax, layer in zip(column, (int(layer) for layer in one.hidden_layer.values), strict=True):
            graded = [arm for arm in one.arm.values if str(arm).startswith("cosine")]
            _points(ax, one.sel(arm=[*graded, "BP"]), layer, "perturbed BP at other cosines, BP", 4, "-")
            for index, arm in enumerate(("FA", "perturbed BP", "perturbed BP, FA's size")):
                _points(ax, one.sel(arm=[arm]), layer, arm, index, "")
            line = float(one.arm_accuracy.sel(arm="last layer only").mean())
            ax.axhline(line, color=pictures.colour(6), linestyle=":", label="last layer only")
            ax.set_xlabel(f"cosine, {LAYERS[layer]}")
        column[0].set_title(heading)
    axes[0, 0].legend(fontsize=6)
    for ax in axes[:, 0]:
        ax.set_ylabel("test accuracy\nafter five updates")
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def matched(datasets: Datasets) -> "Figure":
    """Draw the accuracy after five updates of every kind of step, mean and three standard errors."""
    columns = _by_scale(datasets)
    figure, axes = pictures.panels(1, len(columns), height=3.2)
    for ax, (heading, one) in zip(axes[0], columns, strict=True):
        reached = one.arm_accuracy.sel(arm=list(ARMS))
        errors = 3 * reached.std("repeat", ddof=1) / np.sqrt(reached.sizes["repeat"])
        for index, arm in enumerate(ARMS):
            own = "FA's size" in arm or arm == "FA"
            ax.errorbar(
                float(reached.sel(arm=arm).mean()),
                len(ARMS) - index,
                xerr=float(errors.sel(arm=arm)),
                marker="s" if own else "o",
                color=pictures.colour(1 if own else 0),
            )
        ax.set_yticks(range(len(ARMS), 0, -1), list(ARMS))
        ax.set_xlabel("test accuracy")
        ax.set_title(heading)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def _title(dataset: xr.Dataset) -> str:
    images = store.provenance(dataset)["settings"]["first"]["recipe"]["images"]
    return f"{provenance.scale(dataset)} run:\n{images}"


def _by_scale(datasets: Datasets) -> list[tuple[str, xr.Dataset]]:
    found = []
    for dataset in datasets:
        for scale in dataset.few_scale.values:
            one = dataset.sel(few_scale=scale).dropna("repeat", subset=["arm_accuracy"])
            if one.sizes["repeat"] > 1:
                found.append((f"{_title(dataset)},\ns = {scale:g}", one))
    return found


def _against_scale(ax: "Axes", values: xr.DataArray, label: str, index: int, linestyle: str = "-") -> None:
    drawn = values.transpose("member", "scale")
    pictures.band(ax, drawn.scale.values, drawn.values, label=label, index=index, linestyle=linestyle)


def _points(ax: "Axes", arms: xr.Dataset, layer: int, label: str, index: int, linestyle: str) -> None:
    """Draw the mean of each arm with the standard deviation over repeats in both directions."""
    x, y = arms.arm_alignment.sel(hidden_layer=layer), arms.arm_accuracy
    ax.errorbar(
        x.mean("repeat").values,
        y.mean("repeat").values,
        xerr=x.std("repeat", ddof=1).values,
        yerr=y.std("repeat", ddof=1).values,
        label=label,
        color=pictures.colour(index),
        marker=pictures.MARKERS[index],
        linestyle=linestyle,
        elinewidth=0.8,
    )
