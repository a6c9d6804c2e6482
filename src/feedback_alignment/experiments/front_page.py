"""The pictures of the front page, each drawn from the stored result of one chapter."""

from typing import TYPE_CHECKING

import numpy as np

from feedback_alignment.companion import pictures
from feedback_alignment.experiments.pair_statistics import per_member

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

DOT_EVERY = 10
"""Of the solved run, so many points make one dot."""


def align_then_memorise(dataset: "xr.Dataset") -> "Figure":
    """Draw error and alignment of a two-layer student under DFA, simulated and from theory (chapter 02)."""
    figure, ((above,), (below,)) = pictures.panels(2, 1, height=2.0)
    run = dataset.sel(rule="dfa").isel(shown_point=slice(1, None))
    dots = run.isel(shown_point=slice(None, None, DOT_EVERY))
    for index, (axes, name, label) in enumerate(
        ((above, "", "generalisation error"), (below, "cosine_", "cosine of W2 and F"))
    ):
        axes.plot(run.shown_alpha, run[f"shown_{name}simulated"], color=pictures.colour(index), label="simulation")
        axes.plot(dots.shown_alpha, dots[f"shown_{name}solved"], "o", color="black", markersize=3, label="theory")
        axes.set_xscale("log")
        axes.set_ylabel(label)
    highest = run.shown_alpha.values[run.shown_cosine_solved.values.argmax()]
    for axes in (above, below):
        axes.axvline(highest, color="black", linewidth=0.8, linestyle=":")
    above.set_yscale("log")
    above.legend()
    below.set_xlabel("time α (samples / N)")
    return figure


def degeneracy_breaking(dataset: "xr.Dataset") -> "Figure":
    """Draw how alike networks on MNIST become that share their feedback, beside networks under BP (chapter 06)."""
    figure, ((axes,),) = pictures.panels(1, 1, height=2.8)
    for index, (rule, activation) in enumerate((r, a) for r in ("DFA", "BP") for a in dataset.activation.values):
        similarity = dataset.similarity.sel(images="mnist", rule=rule, activation=activation)
        if np.isfinite(similarity).all():
            label = f"{'DFA, one F for all' if rule == 'DFA' else rule}, {activation.replace('relu', 'ReLU')}"
            pictures.band(axes, dataset.epoch.values, per_member(similarity), label=label, index=index)
    pictures.epoch_axis(axes, dataset.epoch.values)
    axes.set_ylabel("similarity (cosine)")
    axes.legend()
    return figure


def convolutions(dataset: "xr.Dataset") -> "Figure":
    """Draw how much of what the feedback asks of a layer's weights a convolution can do at best (chapter 04)."""
    figure, ((axes,),) = pictures.panels(1, 1, height=2.4)
    cosines = np.sqrt(dataset.convolution_part / dataset.convolution_whole).transpose("convolution", "conv_run").values
    rows = np.arange(len(cosines))
    axes.barh(rows, cosines.mean(1), xerr=cosines.std(1, ddof=1), color=pictures.colour(0), height=0.6)
    axes.axvline(1, color="black", linestyle="--", label="a fully connected layer")
    axes.set_yticks(rows, dataset.convolution.values, fontsize=8)
    axes.set_xlim(0, 1.05)
    axes.set_xlabel("largest possible weight alignment (cosine)")
    axes.legend(loc="center right")
    return figure
