"""The claims of chapter 09 about single cells of Table 2."""

import math
from collections.abc import Iterator

import numpy as np
import xarray as xr

from feedback_alignment.companion.claims import Claim, Expected, Measured, Tolerance
from feedback_alignment.experiments.best_practices_parts import KEPT
from feedback_alignment.experiments.best_practices_printed import ALIGNMENT, RUNS, SAMPLES, TEST, TRAIN, Number

TABLE2 = "Launay et al. 2019, Table 2"
TWO_MODES = ("norm + BN", "norm + DO(0.5)", "norm + DO(0.1)")
"""Practices under which training and evaluation differ."""
ACCURACIES = (
    ("test", "Test accuracy", TEST, "test_accuracy"),
    ("train", "Accuracy while training, last epoch", TRAIN, "running_accuracy"),
)


def cells(dataset: xr.Dataset, scale: str) -> Iterator[Claim]:
    """Yield the cells of all rows whose members have been trained."""
    return _cells(dataset.isel(epoch=-1), "09", "", scale)


def released_cells(dataset: xr.Dataset, scale: str) -> Iterator[Claim]:
    """Yield the same cells for networks from the weights that the released code starts with."""
    return _cells(released_table(dataset), "09-start", ", from PyTorch's default start", scale)


def released_table(dataset: xr.Dataset) -> xr.Dataset:
    """Return what is there of the table from the released start, under the names of the table itself."""
    ends = dataset[[f"released_{name}" for name in KEPT]].rename({f"released_{name}": name for name in KEPT})
    return ends.sel(practice=complete(ends))


def _cells(ends: xr.Dataset, prefix: str, how: str, scale: str) -> Iterator[Claim]:
    for practice in complete(ends):
        own, row = ends.sel(practice=practice), in_key(practice)
        for kind, words, printed, name in ACCURACIES:
            yield _accuracy(f"{prefix}-{kind}-{row}", f"{words}: {practice}{how}", printed[practice], own[name], scale)
        ruler = "bent" if practice in TWO_MODES else "eval"
        for layer, printed_angle in enumerate(ALIGNMENT[practice], 1):
            angles = own.sel(ruler=ruler, hidden_layer=layer)
            ours = float(angles.alignment_spread.mean())
            yield _cosine(
                f"{prefix}-angle-{layer}-{row}",
                f"Cosine at hidden layer {layer}{', as the released code measures it' if ruler == 'bent' else ''}: "
                f"{practice}{how} (our sd over samples {ours:.2f})",
                printed_angle,
                angles.alignment,
                scale,
            )


def _accuracy(key: str, words: str, printed: Number, measured: xr.DataArray, scale: str) -> Claim:
    mean, deviation = (number / 100 for number in printed)
    return Claim(
        key,
        TABLE2,
        words,
        Expected(f"{mean:.4f} (sd {deviation:.4f})", mean, mean),
        Measured.over_seeds(measured),
        Tolerance(
            f"three standard errors over seeds, and three of the paper's mean of {RUNS} runs",
            floor=3 * deviation / math.sqrt(RUNS),
        ),
        scale,
    )


def _cosine(key: str, words: str, printed: Number, measured: xr.DataArray, scale: str) -> Claim:
    mean, spread = printed
    return Claim(
        key,
        TABLE2,
        words,
        Expected(f"{mean} (sd over samples {spread})", mean, mean),
        angle(measured),
        Tolerance(
            f"three standard errors over seeds, and three of the paper's mean over {SAMPLES} samples",
            floor=3 * spread / math.sqrt(SAMPLES),
        ),
        scale,
    )


def angle(values: xr.DataArray) -> Measured:
    """Return mean and standard error over seeds; NaN if a network has no angle, because its units have died."""
    if np.isfinite(values).all():
        return Measured.over_seeds(values)
    return Measured(math.nan, 0.0, values.size)


def complete(dataset: xr.Dataset) -> list[str]:
    """Return the practices all of whose members have been trained."""
    there = np.isfinite(dataset.running_accuracy).all("member")
    return [str(practice) for practice in dataset.practice[there].values]


def in_key(practice: str) -> str:
    """Return a practice's part of a claim's key."""
    return (
        practice.replace(" + ", "-").replace(" ", "-").replace("|x|", "abs").replace("(", "").replace(")", "").lower()
    )
