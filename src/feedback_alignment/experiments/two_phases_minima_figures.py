"""The figures of chapter 02 about ends: the map of minima, the permutations reached, students from zero weights."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from jaxtyping import Float

from feedback_alignment.companion import pictures, provenance
from feedback_alignment.experiments.two_phases_figures import NAMES, time_axis
from feedback_alignment.experiments.two_phases_minima import TEACHERS
from feedback_alignment.experiments.two_phases_zero_start import CASES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PERMUTATIONS = 6


def angle(vectors: Float[np.ndarray, "*n 2"]) -> Float[np.ndarray, " *n"]:
    """Return the angles of plane vectors in degrees, 0 … 360."""
    return np.asarray(np.degrees(np.arctan2(vectors[..., 1], vectors[..., 0])) % 360)


def best_minimum(F: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
    """Return the second layer, of the eight minima, that overlaps most with F."""
    large, small = max(TEACHERS[2]), min(TEACHERS[2])
    first_larger = np.abs(F[:, :1]) > np.abs(F[:, 1:])
    return np.asarray(np.sign(F) * np.where(first_larger, [large, small], [small, large]))


def minima(datasets: tuple[xr.Dataset, ...]) -> "Figure":
    """Draw the angle of the second layer reached against the angle of F, for DFA and BP, K = 2."""
    figure, axes = pictures.panels(2, len(datasets), height=2.6)
    for column, dataset in enumerate(datasets):
        for row, rule in enumerate(("dfa", "bp")):
            ax, reached = axes[row, column], dataset.sel(rule=rule)
            F, W2 = (reached[f"minima2_{name}"].transpose("start_2", "unit_2").values for name in ("F", "W2"))
            learned = reached.minima2_learned.values > 0
            turns = np.radians(np.linspace(0.5, 359.5, 360))
            best = angle(best_minimum(np.stack([np.cos(turns), np.sin(turns)], axis=1)))
            ax.plot(np.degrees(turns), best, "_", color="#bbbbbb", markersize=5, label="largest overlap with F")
            ax.plot(angle(F)[learned], angle(W2)[learned], ".", color=pictures.colour(row), label="reached")
            ax.set_xticks(range(0, 361, 90))
            ax.set_yticks(range(0, 361, 90))
            ax.set_xlabel("angle of F (degrees)" if row else "")
            ax.set_ylabel(f"{NAMES[rule]}: angle of\nfinal W2 (degrees)" if column == 0 else "")
        axes[0, column].set_title(f"{provenance.scale(dataset)} run: {dataset.sizes['start_2']} starts")
    axes[0, 0].legend(loc="upper left", fontsize=8)
    return figure


def permutations(datasets: tuple[xr.Dataset, ...]) -> "Figure":
    """Draw how often each permutation of the teacher's units is reached for K = 3, from largest to smallest overlap."""
    figure, axes = pictures.panels(1, len(datasets), height=2.6)
    for ax, dataset in zip(axes[0], datasets, strict=True):
        for index, rule in enumerate(("dfa", "bp")):
            reached = dataset.sel(rule=rule)
            ranks = reached.minima3_rank.values[reached.minima3_learned.values > 0]
            share = [np.mean(ranks == place) for place in range(PERMUTATIONS)]
            places = np.arange(PERMUTATIONS) + 1 + (index - 0.5) * 0.4
            ax.bar(places, share, 0.38, color=pictures.colour(index), label=NAMES[rule], hatch="/" * index)
        ax.axhline(1 / PERMUTATIONS, color="black", linewidth=0.8, linestyle=":")
        ax.set_xlabel("permutation, by overlap with F")
        ax.set_title(f"{provenance.scale(dataset)} run: {dataset.sizes['start_3']} starts")
    axes[0, 0].set_ylabel("share of starts")
    axes[0, 0].legend()
    return figure


def zero_start(dataset: xr.Dataset) -> "Figure":
    """Draw the error from zero weights for each case: symmetric equations, general solver, simulation."""
    figure, axes = pictures.panels(2, 3, height=2.3)
    styles = {"exact": ("symmetric equations", "-"), "unguarded": ("general solver", "--"), "simulated": ("SGD", ":")}
    for ax, case in zip(axes.ravel(), CASES, strict=True):
        for index, (name, (label, linestyle)) in enumerate(styles.items()):
            values = dataset[f"zero_{name}"].sel(case=case.name)
            ax.plot(dataset.time_zero, values, linestyle, color=pictures.colour(index), label=label)
        ax.set_yscale("log")
        ax.set_ylim(1e-7, 1)
        ax.set_title(
            f"{case.name}: W̃2 = ({case.teacher[0]:g}, {case.teacher[1]:g})\nF = ({case.F[0]:g}, {case.F[1]:g})"
        )
        time_axis(ax)
    for ax in axes[:, 0]:
        ax.set_ylabel("generalisation error")
    for ax in axes[0]:
        ax.set_xlabel("")
    axes[0, 0].legend(loc="lower left", fontsize=8)
    return figure
