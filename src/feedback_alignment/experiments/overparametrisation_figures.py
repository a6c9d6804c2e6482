"""The figures of chapter 03 about ReLU students, one column of panels a dataset."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from feedback_alignment.companion import pictures, provenance
from feedback_alignment.experiments.overparametrisation_claims import proportion
from feedback_alignment.experiments.overparametrisation_selection import learned, usual
from feedback_alignment.experiments.sign_counting import learning_probability, printed_learning_probability

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def learning_curves(datasets: tuple[xr.Dataset, ...]) -> "Figure":
    """Draw learning curves with 0, 1 and 2 positive feedback entries, simulated and by the equations (Fig. 4)."""
    figure, axes = pictures.panels(1, len(datasets), height=3.4)
    for ax, dataset in zip(axes[0], datasets, strict=True):
        for index, count in enumerate(dataset.entries.values):
            of = dataset.sel(entries=count)
            for curve in dataset.curve.values:
                label = f"{count} positive" if curve == dataset.curve.values[0] else None
                ax.plot(dataset.time, of.entries_simulation.sel(curve=curve), color=pictures.colour(index), label=label)
                equations = of.entries_equations.sel(curve=curve)
                ax.plot(dataset.time, equations, color="black", linestyle=":", linewidth=1)
        ax.plot([], [], color="black", linestyle=":", linewidth=1, label="equations")
        _error_axis(ax)
        ax.set_title(provenance.title(dataset))
    axes[0, 0].set_ylabel("generalisation error")
    axes[0, 0].legend(loc="lower left")
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def panels(datasets: tuple[xr.Dataset, ...]) -> "Figure":
    """Draw three ReLU students each with BP and DFA in the matched case, and DFA with K = 4M (Fig. 2)."""
    rows = datasets[0].panel.values
    figure, axes = pictures.panels(len(rows), len(datasets), height=2.1)
    for column, dataset in enumerate(datasets):
        for row, panel in enumerate(rows):
            ax = axes[row, column]
            for index, curve in enumerate(dataset.curve.values):
                ax.plot(
                    dataset.time, dataset.panel_simulation.sel(panel=panel, curve=curve), color=pictures.colour(index)
                )
            _error_axis(ax)
            ax.set_ylabel(f"{panel}\ngeneralisation error" if column == 0 else "")
        axes[0, column].set_title(provenance.title(dataset))
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def success(datasets: tuple[xr.Dataset, ...]) -> "Figure":
    """Draw the fraction of students that learn against K, and Eq. 8, for two teachers (Fig. 4, inset)."""
    figure, axes = pictures.panels(2, len(datasets), height=2.8)
    for column, dataset in enumerate(datasets):
        for row, negative in enumerate((0, 1)):
            ax = axes[row, column]
            chosen = usual(dataset, 2 - negative, negative)
            sizes = [int(dataset.K[i]) for i in chosen]
            line = np.arange(2, max(sizes) + 1)
            if not negative:
                printed = [printed_learning_probability(int(K), 2) for K in line]
                ax.plot(line, printed, color=pictures.colour(1), linestyle="--", label="Eq. 8 as printed")
            corrected = [learning_probability(int(K), 2 - negative, negative) for K in line]
            name = "any signs" if negative else "sum from M to K"
            ax.plot(line, corrected, color=pictures.colour(0), label=f"Eq. 8, {name}")
            measured = [proportion(learned(dataset, i)) for i in chosen]
            ax.errorbar(
                sizes, [m.value for m in measured], [m.standard_error for m in measured],
                color="black", marker="x", linestyle="none", capsize=3, label="simulations",
            )  # fmt: skip
            ax.set_ylim(-0.03, 1.05)
            ax.set_xticks(line)
            ax.set_xlabel("hidden units of the student K")
            teacher = "(1, -1)" if negative else "(1, 1)"
            ax.set_ylabel(f"teacher {teacher}\nfraction that learns" if column == 0 else "")
        axes[0, column].set_title(provenance.title(dataset))
    for row in axes:
        row[0].legend(loc="lower center", fontsize=8)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def plane(datasets: tuple[xr.Dataset, ...]) -> "Figure":
    """Draw when K = M = 2 students learn over the plane of feedback vectors; where none does, nothing is drawn."""
    teachers = datasets[0].teacher.values
    figure, axes = pictures.panels(len(teachers), len(datasets), height=3.3)
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    slowest = max(float(dataset.plane_learned_at.where(np.isfinite).max()) for dataset in datasets)
    scale = Normalize(1.5, np.log10(slowest))
    for column, dataset in enumerate(datasets):
        for row, teacher in enumerate(teachers):
            ax = axes[row, column]
            at = np.median(dataset.plane_learned_at.sel(teacher=teacher).values, axis=-1)
            shown = np.where(np.isfinite(at), np.log10(np.where(np.isfinite(at), at, 1)), np.nan)
            ax.pcolormesh(dataset.F1, dataset.F2, shown.T, cmap="viridis_r", norm=scale, shading="nearest")
            for line in (ax.axhline, ax.axvline):
                line(0, color="black", linewidth=0.8)
            ax.set_facecolor("0.85")
            ax.grid(False)
            ax.set_aspect("equal")
            ax.set_xlabel("feedback to the first unit")
            ax.set_ylabel(f"teacher {teacher}\nfeedback to the second unit" if column == 0 else "")
        axes[0, column].set_title(provenance.title(dataset))
    label = "log10 of the time to learn (samples / N)"
    figure.colorbar(ScalarMappable(scale, "viridis_r"), ax=list(axes.ravel()), label=label, shrink=0.7)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def _error_axis(ax: "Axes") -> None:
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_ylim(1e-6, 3)
    ax.set_xlabel("time (samples / N)")
