"""The figures of chapter 08."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from feedback_alignment.companion import pictures, provenance, store
from feedback_alignment.experiments.degeneracy_breaking_claims import NAMES
from feedback_alignment.experiments.label_noise_delays import clock, foretold_delay
from feedback_alignment.experiments.label_noise_settings import GRADIENT_LEVEL
from feedback_alignment.experiments.onsets import onset_epoch

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Datasets = tuple[xr.Dataset, ...]
WEIGHTS, GRADIENTS = "weight alignment\n(cosine)", "gradient alignment\n(cosine)"
PREDICTIONS = {
    "class_spread": "distance of\nprobabilities from 1/C",
    "prediction_conditioning": "conditioning of\npredictions (cosine)",
    "error_conditioning": "conditioning of\nerrors (cosine)",
    "signal": "signal",
}
CONTROLS = {
    ("drawn", 0.9): "90% drawn anew",
    ("shuffled", 0.9): "90% shuffled",
    ("softened", 0.9): "softened, no noise",
}
STARTS = {
    ("drawn", 0.0): "no noise",
    ("silent start", 0.0): "no noise, silent start",
    ("drawn", 0.9): "90%",
    ("silent start", 0.9): "90%, silent start",
}


def curves(datasets: Datasets) -> "Figure":
    """Draw training error and both alignments over the first epochs for each share of noisy labels."""
    rows = {"train_error": "training error", "weight_alignment": WEIGHTS, "gradient_alignment": GRADIENTS}
    return _over_time(datasets, rows)


def predictions(datasets: Datasets) -> "Figure":
    """Draw how predictions and errors are distributed; dotted: the mean onset of weight alignment."""
    figure = _over_time(datasets, PREDICTIONS)
    axes = np.array(figure.axes).reshape(len(PREDICTIONS), len(datasets))
    for column, dataset in zip(axes.T, datasets, strict=True):
        drawn, level = dataset.weight_alignment.sel(variant="drawn"), _levels(dataset)[1]
        for index, noise in enumerate(dataset.label_noise.values):
            onsets = onset_epoch(drawn.sel(label_noise=noise), level)
            if np.isfinite(onsets).all():
                for ax in column:
                    ax.axvline(float(onsets.mean()), color=pictures.colour(index), linestyle=":", linewidth=1)
    return figure


def onsets(datasets: Datasets) -> "Figure":
    """Draw when alignment reaches each level against label noise, and how many times as late it should.

    Dashed: by the share of labels left alone; dotted: by the signal, of which noise itself leaves some.
    """
    figure, axes = pictures.panels(1, len(datasets), height=3.4)
    for ax, dataset in zip(axes[0], datasets, strict=True):
        drawn = dataset.sel(variant="drawn")
        slowed = 1 / (1 - drawn.label_noise.where(drawn.label_noise < 1))
        foretold = 10 ** foretold_delay(dataset.signal).sel(variant="drawn").mean("member")
        for index, level in enumerate(_levels(dataset)):
            found = onset_epoch(drawn.weight_alignment, level)
            _onsets(ax, found, f"weights at {level:g}", index)
            start = float(found.sel(label_noise=0).mean("member"))
            for factor, linestyle in ((slowed, "--"), (foretold, ":")):
                ax.plot(drawn.label_noise, start * factor, linestyle, color=pictures.colour(index), linewidth=1)
        _onsets(ax, onset_epoch(drawn.gradient_alignment, GRADIENT_LEVEL), f"gradients at {GRADIENT_LEVEL:g}", 3)
        ax.set_yscale("log")
        ax.set_xlabel("share of noisy labels")
        ax.set_title(_heading(dataset))
        ax.legend(fontsize=7)
    axes[0, 0].set_ylabel("epochs until alignment\nreaches a level")
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def rescaled(datasets: Datasets) -> "Figure":
    """Draw weight alignment against time that the share of right labels slows down, and against the signal's clock."""
    figure, axes = pictures.panels(2, len(datasets), height=2.8)
    for (slowed, signalled), dataset in zip(axes.T, datasets, strict=True):
        drawn = dataset.sel(variant="drawn").transpose("label_noise", "member", "epoch", ...)
        readings = clock(drawn.signal).mean("member") / drawn.signal.isel(epoch=0).sel(label_noise=0).mean()
        for index, noise in enumerate(dataset.label_noise.values):
            values = drawn.weight_alignment.sel(label_noise=noise).values
            label = f"{noise:.0%} noise"
            if noise < 1:
                pictures.band(slowed, (1 - noise) * drawn.epoch.values, values, label=label, index=index)
            pictures.band(signalled, readings.sel(label_noise=noise).values, values, label=label, index=index)
        first = float(drawn.epoch[1])
        for ax in (slowed, signalled):
            ax.set_xscale("log")
            ax.set_xlim(first, None)
            ax.minorticks_off()
        slowed.set_xlabel("epochs × share of labels left alone")
        signalled.set_xlabel("epochs × signal (first without noise: 1)")
        slowed.set_title(_heading(dataset))
    for ax in axes[:, 0]:
        ax.set_ylabel(WEIGHTS)
        ax.legend(fontsize=7)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def controls(datasets: Datasets) -> "Figure":
    """Draw weight alignment with labels shuffled and softened, and that of layer 2 after silent starts."""
    figure, axes = pictures.panels(2, len(datasets), height=2.8)
    for (labels, starts), dataset in zip(axes.T, datasets, strict=True):
        second = dataset.layer_weight_alignment.sel(upper_layer=2)
        for ax, shown, curve in ((labels, CONTROLS, dataset.weight_alignment), (starts, STARTS, second)):
            for index, ((variant, noise), label) in enumerate(shown.items()):
                _band(ax, curve.sel(variant=variant, label_noise=noise), label, index)
            pictures.epoch_axis(ax, dataset.epoch.values)
        labels.set_title(_heading(dataset))
    axes[0, 0].set_ylabel(WEIGHTS)
    axes[1, 0].set_ylabel("weight alignment\nof layer 2 (cosine)")
    for ax in axes[:, 0]:
        ax.legend(fontsize=7)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


DRAWINGS: dict[str, Callable[[Datasets], "Figure"]] = {
    "curves": curves,
    "onsets": onsets,
    "predictions": predictions,
    "rescaled": rescaled,
    "controls": controls,
}


def _over_time(datasets: Datasets, rows: dict[str, str]) -> "Figure":
    figure, axes = pictures.panels(len(rows), len(datasets), height=2.2)
    for column, dataset in zip(axes.T, datasets, strict=True):
        for ax, name in zip(column, rows, strict=True):
            for index, noise in enumerate(dataset.label_noise.values):
                _band(ax, dataset[name].sel(variant="drawn", label_noise=noise), f"{noise:.0%} noise", index)
            pictures.epoch_axis(ax, dataset.epoch.values)
        column[0].set_title(_heading(dataset))
    for ax, label in zip(axes[:, 0], rows.values(), strict=True):
        ax.set_ylabel(label)
    axes[0, 0].legend(fontsize=7)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def _band(ax: "Axes", curve: xr.DataArray, label: str, index: int) -> None:
    """Draw one curve over training time; nothing where it is not there."""
    if np.isfinite(curve.isel(epoch=slice(1, None))).all():
        pictures.band(ax, curve.epoch.values, curve.transpose("member", "epoch").values, label=label, index=index)


def _onsets(ax: "Axes", found: xr.DataArray, label: str, index: int) -> None:
    """Draw mean and standard error over members; those shares of noise are left out at which one has no onset."""
    finite: xr.DataArray = xr.apply_ufunc(np.isfinite, found)
    reached = found.where(finite.all("member"))
    error = reached.std("member", ddof=1) / np.sqrt(found.sizes["member"])
    ax.errorbar(
        found.label_noise.values,
        reached.mean("member").values,
        error.values,
        color=pictures.colour(index),
        marker=pictures.MARKERS[index],
        linestyle="none",
        label=label,
    )


def _levels(dataset: xr.Dataset) -> list[float]:
    found: list[float] = store.provenance(dataset)["settings"]["levels"]
    return found


def _heading(dataset: xr.Dataset) -> str:
    images = store.provenance(dataset)["settings"]["noisy"][0]["images"]
    return f"{provenance.title(dataset)}\n{NAMES[images]}"
