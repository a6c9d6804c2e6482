"""The figures of chapter 03 about the plateau, one column of panels a dataset."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from feedback_alignment.companion import pictures, provenance
from feedback_alignment.experiments.overparametrisation_selection import (
    escapes_with,
    start_size,
    usual_inputs,
)
from feedback_alignment.experiments.plateau_escape import TILTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def escape_angle(datasets: tuple[xr.Dataset, ...]) -> "Figure":
    """Draw escape rate and escape time against the angle between feedback and the teacher's second layer."""
    figure, axes = pictures.panels(2, len(datasets), height=2.8)
    for column, dataset in enumerate(datasets):
        rates, times = axes[:, column]
        rates.plot(
            dataset.angle, dataset.rate_fixed_point, color=pictures.colour(1), linestyle="--", label="fixed point"
        )
        rates.plot(dataset.angle, dataset.rate_there, color=pictures.colour(0), label="where the run is")
        rates.plot(dataset.angle, dataset.rate_measured, color="black", marker="x", linestyle="none", label="measured")
        rates.set_ylim(0)
        rates.set_xlabel("angle of the feedback (degrees)")
        chosen = (dataset.escape_N == usual_inputs(dataset)) & np.isclose(dataset.escape_sigma0, 1e-2)
        swept = dataset.isel(escape=np.flatnonzero(chosen & np.isclose(dataset.escape_eta, 0.1))).sortby("escape_angle")
        _both(times, swept.escape_angle.values, swept)
        times.set_yscale("log")
        times.set_xlabel("angle of the feedback (degrees)")
        rates.set_title(provenance.title(dataset))
    axes[0, 0].set_ylabel("rate of escape (N / samples)")
    axes[1, 0].set_ylabel("time on the plateau\n(samples / N)")
    for row in axes:
        row[0].legend()
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def escape_scaling(datasets: tuple[xr.Dataset, ...]) -> "Figure":
    """Draw escape time against eta, and against ln(√N / sigma0) for equal and for unequal feedback."""
    figure, axes = pictures.panels(3, len(datasets), height=2.7)
    for column, dataset in enumerate(datasets):
        by_eta = axes[0, column]
        swept = escapes_with(dataset, angle=0, sigma0=1e-2, N=usual_inputs(dataset)).sortby("escape_eta")
        _both(by_eta, swept.escape_eta.values, swept)
        by_eta.set_xscale("log")
        by_eta.set_yscale("log")
        by_eta.minorticks_off()
        by_eta.set_xticks(swept.escape_eta.values, [f"{eta:g}" for eta in swept.escape_eta.values])
        by_eta.set_xlabel("learning rate eta")
        by_eta.set_title(provenance.title(dataset))
        for ax, angle in zip(axes[1:, column], (0.0, TILTED), strict=True):
            _by_start(ax, escapes_with(dataset, angle=angle, eta=0.1), float(dataset.rate_fixed_point.sel(angle=angle)))
    for row, name in zip(axes, ("", "equal feedback\n", "feedback at 20 degrees\n"), strict=True):
        row[0].set_ylabel(f"{name}time on the plateau\n(samples / N)")
        for ax in row:
            ax.legend(fontsize=7)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def _by_start(ax: "Axes", swept: xr.Dataset, rate: float) -> None:
    size = start_size(swept)
    ends = np.array([size.min(), size.max()])
    equations = swept.escape_equations.mean("start_seed").values
    predicted = equations.mean() + (ends - size.mean()) / rate
    ax.plot(ends, predicted, color="black", linestyle="--", linewidth=1, label="slope 1 / rate")
    ax.plot(size, equations, color=pictures.colour(0), marker="o", linestyle="none", label="equations")
    for index, N in enumerate(np.unique(swept.escape_N)):
        of = swept.isel(escape=np.flatnonzero(swept.escape_N == N))
        order = np.argsort(start_size(of))
        simulated = of.escape_simulation.transpose("start_seed", "escape").values[:, order]
        pictures.band(ax, start_size(of)[order], simulated, label=f"simulation, N = {N}", index=index + 1)
    ax.set_xlabel("ln(sqrt(N) / sigma0)")


def _both(ax: "Axes", x: np.ndarray, swept: xr.Dataset) -> None:
    ax.plot(x, swept.escape_equations.mean("start_seed"), color=pictures.colour(0), label="equations")
    pictures.band(
        ax,
        x,
        swept.escape_simulation.transpose("start_seed", "escape").values,
        label="simulation",
        index=1,
        linestyle="none",
    )
