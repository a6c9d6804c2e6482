"""The figures of chapter 05 about conditioning: measured beside the theory's lines, one column of panels a dataset."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from feedback_alignment.companion import pictures, provenance
from feedback_alignment.deep_linear import converged_conditioning_exponent, growth_exponent
from feedback_alignment.experiments.conditioning_claims import NAMES
from feedback_alignment.experiments.conditioning_prediction import condition_cosine, isotropic_cosine
from feedback_alignment.experiments.conditioning_selection import at_end, exponents

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def exponents_over_time(datasets: tuple[xr.Dataset, ...]) -> "Figure":
    """Draw the power of cond(T) that cond(A_l) is, during training of linear networks, and both limits."""
    recipes = ("main text", "supplement")
    figure, axes = pictures.panels(len(recipes), len(datasets), height=2.6)
    for column, dataset in enumerate(datasets):
        for row, recipe in enumerate(recipes):
            ax = axes[row, column]
            epochs = dataset.epoch.sel(recipe=recipe, activation="linear").values
            for index, layer in enumerate((2, 3)):
                values = exponents(dataset, recipe, f"A{layer}")
                pictures.band(ax, epochs, values, label=f"A_{layer}", index=index)
                for power in (growth_exponent(layer), converged_conditioning_exponent(layer, 3)):
                    ax.axhline(power, color=pictures.colour(index), linestyle=":", linewidth=1)
            ax.set_xscale("log")
            ax.minorticks_off()
            ax.set_xlabel("epochs")
            ax.set_ylabel(f"{recipe}\npower of cond(T)" if column == 0 else "")
        axes[0, column].set_title(provenance.title(dataset))
    axes[0, 0].legend()
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def lines(datasets: tuple[xr.Dataset, ...]) -> "Figure":
    """Draw weight alignment and isotropic gradient alignment against the condition number, and the theory's lines."""
    figure, axes = pictures.panels(2, len(datasets), height=2.8)
    rows = (
        ("weight_alignment", "3", "weight alignment\nof layer 3", condition_cosine),
        ("probe_alignment", "2", "gradient alignment of layer 2\nisotropic errors", isotropic_cosine),
    )
    for column, dataset in enumerate(datasets):
        for row, (variable, layer, name, law) in enumerate(rows):
            ax = axes[row, column]
            for index, activation in enumerate(NAMES):
                x = at_end(dataset, "condition", "main text", activation, "A3")
                y = at_end(dataset, variable, "main text", activation, layer)
                ax.plot(
                    x.ravel(), y.ravel(), pictures.MARKERS[index], color=pictures.colour(index), label=NAMES[activation]
                )
            line = np.geomspace(1, 100, 200)
            ax.plot(line, law(line), color="black", linewidth=1, label="theory")
            ax.set_xscale("log")
            ax.minorticks_off()
            ax.set_ylabel(name if column == 0 else "")
        axes[1, column].set_xlabel("condition number of A_3")
        axes[0, column].set_title(provenance.title(dataset))
    axes[0, 0].legend(fontsize=8)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def uneven(datasets: tuple[xr.Dataset, ...]) -> "Figure":
    """Draw the condition of A_2 and isotropic gradient alignment against the inputs' condition, early and late."""
    figure, axes = pictures.panels(2, 2 * len(datasets), height=2.3)
    for column, dataset in enumerate(datasets):
        x = dataset.input_condition.values
        for index, activation in enumerate(("linear", "relu")):
            of = dataset.sel(uneven_activation=activation)
            upper, lower = axes[:, 2 * column + index]
            for number, time in enumerate((1, dataset.sizes["time"] // 2, -1)):
                label = f"{dataset.uneven_epoch.values[time]:g} epochs"
                condition = of.uneven_condition.sel(matrix="A2").isel(time=time).values
                pictures.band(upper, x, condition, label=label, index=number)
                values = of.uneven_probe_alignment.sel(hidden="all").isel(time=time).values
                pictures.band(lower, x, values, label=label, index=number)
            if activation == "linear":
                for power in (1, converged_conditioning_exponent(2, 3) / 2):
                    upper.plot(x, x**power, color="black", linestyle=":", linewidth=1)
            upper.set_title(f"{provenance.scale(dataset)}: {NAMES[activation]}", fontsize=9)
            upper.set_yscale("log")
            for ax in (upper, lower):
                ax.set_xscale("log")
                ax.minorticks_off()
            lower.set_xlabel("cond(inputs)")
    axes[0, 0].set_ylabel("condition number of A_2")
    axes[1, 0].set_ylabel("gradient alignment\nisotropic errors")
    for ax in axes[0, ::2]:
        ax.legend(fontsize=7)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def foretold(datasets: tuple[xr.Dataset, ...]) -> "Figure":
    """Draw measured gradient alignment against what the moment dynamics foretell, correlated targets and digits."""
    figure, axes = pictures.panels(2, len(datasets), height=2.8)
    for column, dataset in enumerate(datasets):
        here = {"predictor": "moment dynamics", "hidden": "all"}
        predictions = (dataset.foretold.sel(recipe="main text", **here), dataset.digits_foretold.sel(here))
        for row, predicted in enumerate(predictions):
            ax = axes[row, column]
            x = predicted.values.astype(float).ravel()
            for index, activation in enumerate(NAMES):
                if row == 0:
                    y = at_end(dataset, "gradient_alignment", "main text", activation, "all")
                else:
                    y = dataset.digits_alignment.sel(activation=activation, hidden="all").values
                marker = pictures.MARKERS[index]
                ax.plot(x, y.ravel(), marker, color=pictures.colour(index), label=NAMES[activation])
            ends = np.array([x.min(), x.max()])
            ax.plot(ends, ends, color="black", linewidth=1)
            ax.set_xlabel("gradient alignment foretold for linear networks")
            names = ("correlated targets", "digits")
            ax.set_ylabel(f"{names[row]}\nmeasured gradient alignment" if column == 0 else "")
        axes[0, column].set_title(provenance.title(dataset))
    axes[0, 0].legend(fontsize=8)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure
