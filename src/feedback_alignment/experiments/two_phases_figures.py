"""The figures of chapter 02 over time: learning curves, the two phases, early times, the plateau."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from feedback_alignment.companion import pictures, provenance
from feedback_alignment.experiments import two_phases_curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DRAWN_RUNS = 3
NAMES = {"bp": "BP", "dfa": "DFA"}
SNAPSHOTS = (2.0, 60.0, 1e4)
FLOOR = 1e-9


def time_axis(axes: "Axes") -> None:
    """Make the x axis one of time in samples per input, logarithmic."""
    axes.set_xscale("log")
    axes.set_xlabel("time α (samples / N)")


def learning_curves(datasets: tuple[xr.Dataset, ...]) -> "Figure":
    """Draw three runs of each panel of Fig. 2: simulation as lines, the equations of motion as dots."""
    panels = datasets[0].panel.values
    figure, axes = pictures.panels(len(panels), len(datasets), height=2.3)
    for column, dataset in enumerate(datasets):
        for row, panel in enumerate(panels):
            ax = axes[row, column]
            for run in range(min(DRAWN_RUNS, dataset.sizes["run"])):
                curve = dataset.sel(panel=panel).isel(run=run, point=slice(1, None))
                label = "simulation, N = 500" if run == 0 else None
                ax.plot(curve.curve_alpha, curve.curve_simulated, color=pictures.colour(run), label=label)
                dots = curve.isel(point=slice(None, None, 6))
                label = "equations of motion" if run == 0 else None
                ax.plot(dots.curve_alpha, dots.curve_solved, "o", color=pictures.colour(run), markersize=3, label=label)
            ax.set_yscale("log")
            ax.set_ylim(FLOOR, 1)
            ax.set_ylabel(f"{panel}\ngeneralisation error" if column == 0 else "")
            time_axis(ax)
        axes[0, column].set_title(provenance.title(dataset))
    axes[0, 0].legend(loc="lower left")
    return figure


def two_phases(dataset: xr.Dataset) -> "Figure":
    """Draw Fig. 3a and b: error and alignment of one run by BP and one by DFA."""
    figure, axes = pictures.panels(2, 1, height=2.4)
    for index, rule in enumerate(("dfa", "bp")):
        run = dataset.sel(rule=rule).isel(shown_point=slice(1, None))
        dots = run.isel(shown_point=slice(None, None, 10))
        for ax, name in ((axes[0, 0], ""), (axes[1, 0], "cosine_")):
            colour, marker = pictures.colour(index), pictures.MARKERS[index]
            ax.plot(run.shown_alpha, run[f"shown_{name}simulated"], color=colour, label=f"{NAMES[rule]}, simulation")
            ax.plot(dots.shown_alpha, dots[f"shown_{name}solved"], marker, color=colour, label=f"{NAMES[rule]}, theory")
    for time in SNAPSHOTS:
        for ax in axes[:, 0]:
            ax.axvline(time, color="black", linewidth=0.8, linestyle=":")
    axes[0, 0].set_yscale("log")
    axes[0, 0].set_ylim(FLOOR, 1)
    axes[0, 0].set_ylabel("generalisation error")
    axes[1, 0].set_ylabel("cosine of W2 and F")
    for ax in axes[:, 0]:
        time_axis(ax)
    axes[0, 0].legend(loc="lower left")
    return figure


def second_layer(dataset: xr.Dataset) -> "Figure":
    """Draw the insets of Fig. 3a: W2, F and the eight degenerate minima in one plane, at three times under DFA."""
    figure, axes = pictures.panels(1, len(SNAPSHOTS), height=2.7)
    run = dataset.sel(rule="dfa")
    a, b = two_phases_curves.SHOWN_TEACHER
    F = np.array(two_phases_curves.SHOWN_FEEDBACK)
    minima = np.array([(s * x, t * y) for x, y in ((a, b), (b, a)) for s in (1, -1) for t in (1, -1)])
    for ax, time in zip(axes[0], SNAPSHOTS, strict=True):
        at = int(np.abs(run.shown_alpha.values - time).argmin())
        W2 = run.shown_W2.isel(shown_point=at).values
        ax.plot(*minima.T, "o", color=pictures.colour(3), label="minima", markersize=6)
        ax.plot([0, F[0]], [0, F[1]], "--", color=pictures.colour(2), label="F")
        ax.plot([0, W2[0]], [0, W2[1]], "-s", color=pictures.colour(0), label="W2", markevery=[1])
        ax.set_title(f"α = {float(run.shown_alpha[at]):.0f}")
        ax.set_aspect("equal")
        ax.set_xlim(-1.7, 1.7)
        ax.set_ylim(-1.7, 1.7)
        ax.set_xlabel("first weight")
    axes[0, 0].set_ylabel("second weight")
    axes[0, 0].legend(loc="upper left", fontsize=8)
    return figure


def deviations(datasets: tuple[xr.Dataset, ...]) -> "Figure":
    """Draw the rms deviation of single runs from the equations of motion against N, with a line of slope −1/2."""
    figure, axes = pictures.panels(1, len(datasets), height=3.0)
    for ax, dataset in zip(axes[0], datasets, strict=True):
        sizes = dataset["size"].values.astype(float)
        rms = dataset.deviation_rms.transpose("size", "deviation_run").values
        ax.plot(np.repeat(sizes, rms.shape[1]), rms.ravel(), ".", color=pictures.colour(0), alpha=0.35, label="one run")
        middle = np.exp(np.log(rms).mean(axis=1))
        ax.plot(sizes, middle, "o", color=pictures.colour(1), label="geometric mean")
        line = middle[-1] * (sizes / sizes[-1]) ** -0.5
        ax.plot(sizes, line, color="black", linewidth=1, label="slope −1/2")
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.minorticks_off()
        ax.set_xlabel("number of inputs N")
        ax.set_title(f"{provenance.scale(dataset)} run: {rms.shape[1]} runs a size")
    axes[0, 0].set_ylabel("rms deviation of Q, R, W2")
    axes[0, 0].legend()
    return figure


def early_times(dataset: xr.Dataset) -> "Figure":
    """Draw the solution from zero weights divided by its expansion: what tends to 1 is right."""
    figure, axes = pictures.panels(1, 1, height=3.0)
    ax = axes[0, 0]
    labels = {"R": "R, Eq. 29", "W2": "W2, Eq. 30", "Q": "Q, Eq. 29 corrected", "Q_printed": "Q, Eq. 29 as printed"}
    for index, (name, label) in enumerate(labels.items()):
        values = dataset[f"early_{name}"]
        linestyle = "--" if name == "Q_printed" else "-"
        ax.plot(dataset.time_early, values, linestyle, color=pictures.colour(index), label=label)
    ax.axhline(1, color="black", linewidth=0.8, linestyle=":")
    ax.set_yscale("log")
    ax.set_ylabel("solution / expansion")
    time_axis(ax)
    ax.legend()
    return figure


def slow_manifold(dataset: xr.Dataset) -> "Figure":
    """Draw the second layer and the distance from collinearity on the way to the plateau, with F = (0.2, 0.85)."""
    figure, axes = pictures.panels(2, 1, height=2.2)
    time, W2 = dataset.time_slow, dataset.slow_W2.transpose("time_slow", "unit").values
    for unit in range(2):
        axes[0, 0].plot(time, W2[:, unit], color=pictures.colour(unit), label=f"unit {unit + 1}")
    axes[0, 0].plot(time, W2.sum(axis=1), color="black", linestyle="--", label="sum")
    axes[0, 0].set_ylabel("second-layer weight")
    own = np.diagonal(dataset.slow_Q.transpose("time_slow", "unit", "other_unit").values, axis1=1, axis2=2)
    for unit in range(2):
        axes[1, 0].plot(time, own[:, unit], color=pictures.colour(unit), label=f"Q of unit {unit + 1}")
    axes[1, 0].plot(time, dataset.slow_speed, color="black", linestyle="--", label="speed / η")
    axes[1, 0].axhline(1 / 3, color="black", linewidth=0.8, linestyle=":")
    axes[1, 0].set_yscale("log")
    axes[1, 0].set_ylabel("overlap, speed")
    for ax in axes[:, 0]:
        time_axis(ax)
        ax.legend()
    return figure
