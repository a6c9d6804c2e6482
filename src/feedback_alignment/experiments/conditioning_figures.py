"""The figures of chapter 05 after the paper's Figs 8 and 12, groups of columns for each dataset."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from feedback_alignment.companion import pictures, provenance
from feedback_alignment.experiments.conditioning_claims import NAMES, RECIPES
from feedback_alignment.experiments.conditioning_selection import at_end
from feedback_alignment.experiments.conditioning_settings import GRID

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN = (
    ("weight_alignment", "weight\nalignment"),
    ("gradient_alignment", "gradient alignment\nown errors"),
    ("probe_alignment", "gradient alignment\nisotropic errors"),
)


def final(datasets: tuple[xr.Dataset, ...]) -> "Figure":
    """Draw final weight and gradient alignment over (α, β) for both recipes, mean over seeds (Fig. 8)."""
    figure, axes = pictures.panels(len(SHOWN), len(RECIPES) * len(datasets), height=1.9)
    for column, dataset in enumerate(datasets):
        for index, (recipe, activation) in enumerate(RECIPES):
            at = column * len(RECIPES) + index
            for row, (variable, name) in enumerate(SHOWN):
                mean = at_end(dataset, variable, recipe, activation, "all").mean(0)
                _map(axes[row, at], mean, dataset)
                axes[row, at].set_ylabel(f"{name}\nalpha" if at == 0 else "")
            axes[-1, at].set_xlabel("beta")
            axes[0, at].set_title(f"{provenance.scale(dataset)}: {NAMES[activation]}\n{recipe}", fontsize=9)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def _map(ax: "Axes", values: np.ndarray, dataset: xr.Dataset) -> None:
    alphas, betas = dataset.alpha.values, dataset.beta.values
    ax.pcolormesh(betas, alphas, values, cmap="viridis", shading="nearest")
    middle = (values.min() + values.max()) / 2
    for (i, j), value in np.ndenumerate(values):
        ink = "black" if value > middle else "white"
        ax.text(betas[j], alphas[i], f"{value:.2f}", ha="center", va="center", fontsize=6.5, color=ink)
    ax.set_xticks(GRID, [f"{beta:g}" for beta in GRID], fontsize=7)
    ax.set_yticks(GRID, [f"{alpha:g}" for alpha in GRID], fontsize=7)
    ax.grid(False)


def over_time(datasets: tuple[xr.Dataset, ...]) -> "Figure":
    """Draw weight alignment during training for three β, a line for each α, ReLU and tanh (Fig. 12)."""
    activations = ("relu", "tanh")
    betas = [0.2, 0.6, 1.0]
    figure, axes = pictures.panels(len(betas), len(activations) * len(datasets), height=1.9)
    for column, dataset in enumerate(datasets):
        for index, activation in enumerate(activations):
            of = dataset.sel(recipe="main text", activation=activation)
            for row, beta in enumerate(betas):
                ax = axes[row, column * len(activations) + index]
                for alpha in dataset.alpha.values:
                    values = of.weight_alignment.sel(alpha=alpha, beta=beta, upper="all").values
                    number = GRID.index(alpha)
                    pictures.band(ax, of.epoch.values, values, label=f"alpha = {alpha:g}", index=number)
                ax.set_xscale("log")
                ax.minorticks_off()
                ax.set_ylabel(f"beta = {beta:g}\nweight alignment" if column + index == 0 else "")
            axes[0, column * len(activations) + index].set_title(
                f"{provenance.scale(dataset)}: {NAMES[activation]}", fontsize=9
            )
            axes[-1, column * len(activations) + index].set_xlabel("epochs")
    axes[0, -1].legend(fontsize=7, loc="upper left")
    pictures.note(figure, provenance.figure_note(datasets))
    return figure
