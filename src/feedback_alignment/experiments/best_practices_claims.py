"""The claims of chapter 09."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from feedback_alignment.companion import provenance, store
from feedback_alignment.companion.claims import Claim, Expected, Measured, Tolerance
from feedback_alignment.experiments.best_practices_cells import (
    TWO_MODES,
    angle,
    cells,
    complete,
    in_key,
    released_cells,
)

BOOK = "this book"
TABLE1 = "Launay et al. 2019, Table 1"
TEXT = "Launay et al. 2019, Sec. 3.2"
SEEDS = Tolerance("three standard errors over seeds")
MORE = Expected("> 0", low=0)
BETTER = {
    "norm": ("norm", "no norm", "normalised feedback against none"),
    "bn": ("norm", "norm + BN", "without batch normalisation against with it"),
    "dropout": ("norm + DO(0.1)", "norm", "dropout of 0.1 against none"),
    "little-dropout": ("norm + DO(0.1)", "norm + DO(0.5)", "dropout of 0.1 against 0.5"),
    "abs": ("norm + |x|", "norm", "|x| against tanh"),
    "lrelu": ("norm + lReLU(-0.5)", "norm + |x|", "leaky ReLU of slope -0.5 against |x|"),
    "relu": ("norm", "norm + ReLU", "tanh against ReLU"),
    "small-slope": ("norm", "norm + lReLU(0.01)", "tanh against leaky ReLU of slope 0.01"),
}
"""Key -> (the practice that the paper finds better, the other one, words)."""
ALIGNED = {
    "norm": BETTER["norm"],
    "bn": BETTER["bn"],
    "dropout": ("norm", "norm + DO(0.5)", "without dropout against dropout of 0.5"),
    "relu": BETTER["relu"],
}
"""The same for alignment."""


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Return the claims about what is there: the cells of Tables 1 and 2, the order of the rows, rates and rulers."""
    scale = provenance.scale(dataset)
    found: list[Claim] = []
    if "counted_bytes" in dataset:
        found += _of_memory(dataset, scale)
    if "practice" in dataset.dims:
        found += [*cells(dataset, scale), *_of_order(dataset, scale), *_of_rulers(dataset, scale)]
    if "ratio" in dataset.dims:
        found += _of_ratios(dataset, scale)
    if "released_alignment" in dataset:
        found += [*released_cells(dataset, scale), *_of_starts(dataset, scale)]
    return found


def _of_memory(dataset: xr.Dataset, scale: str) -> Iterator[Claim]:
    for key, network in (
        ("fc", "FC, 10 classes"),
        ("cnn", "CNN, 10 classes"),
        ("vgg", "VGG-16, 224 px, 1000 classes"),
    ):
        for scheme, words in (("naive", "a matrix for each layer"), ("shared", "one matrix for all layers")):
            counted = dataset.counted_bytes.sel(network=network, place="before pooling", scheme=scheme)
            yield Claim(
                f"09-memory-{key}-{scheme}",
                TABLE1,
                f"Megabytes of feedback in float32, {words}: {network}",
                Expected("not in our copy"),
                Measured.exact(float(counted) / 1e6),
                Tolerance("exact", 0),
                scale,
                any_scale=True,
                not_reproducible="the cells of the table are missing from our copy of the paper",
            )
    off = abs(dataset.held_bytes / dataset.counted_bytes - 1)
    yield Claim(
        "09-memory-held",
        BOOK,
        "Memory that drawn feedback occupies against e Σ l_i and e l_max: the largest relative difference",
        Expected("0", 0, 0),
        Measured.exact(float(off.max())),
        Tolerance("exact", 0),
        scale,
        any_scale=True,
    )


def _of_order(dataset: xr.Dataset, scale: str) -> Iterator[Claim]:
    there, last = set(complete(dataset)), dataset.isel(epoch=-1)
    for key, (better, worse, words) in BETTER.items():
        if {better, worse} <= there:
            accuracy = last.test_accuracy
            yield Claim(
                f"09-better-{key}",
                TEXT,
                f"Test accuracy, {words}: difference",
                MORE,
                Measured.over_seeds(accuracy.sel(practice=better) - accuracy.sel(practice=worse)),
                SEEDS,
                scale,
            )
    mean = last.alignment.mean("hidden_layer", skipna=False)
    for key, (better, worse, words) in ALIGNED.items():
        if {better, worse} <= there:
            modes = (
                ("eval", "-straight", ", both signals without dropout and with running statistics"),
                ("bent", "", ", as the released code measures it"),
            )
            for ruler, ending, how in modes if worse in TWO_MODES else (("eval", "", ""),):
                yield Claim(
                    f"09-aligned-{key}{ending}",
                    TEXT if ruler == "bent" or not how else BOOK,
                    f"Mean cosine of the hidden layers, {words}{how}: difference",
                    MORE,
                    angle((mean.sel(practice=better) - mean.sel(practice=worse)).sel(ruler=ruler)),
                    SEEDS,
                    scale,
                )


def _of_rulers(dataset: xr.Dataset, scale: str) -> Iterator[Claim]:
    last = dataset.isel(epoch=-1)
    for practice in complete(dataset):
        if practice not in TWO_MODES:
            continue
        mean = last.alignment.sel(practice=practice).mean("hidden_layer")
        for straight in ("eval", "train"):
            yield Claim(
                f"09-ruler-{straight}-{in_key(practice)}",
                BOOK,
                f"Mean cosine with both signals in mode '{straight}' less that of the bent ruler: {practice}",
                MORE,
                Measured.over_seeds(mean.sel(ruler=straight) - mean.sel(ruler="bent")),
                SEEDS,
                scale,
            )


def _of_ratios(dataset: xr.Dataset, scale: str) -> Iterator[Claim]:
    accuracy, angles = dataset.ratio_test_accuracy, dataset.ratio_alignment.sel(ruler="eval").mean("hidden_layer")
    there = accuracy.ratio[np.isfinite(accuracy).all("member")].values
    usual = store.provenance(dataset)["settings"]["table"][0]["hidden_error_scale"]
    if not {1.0, usual} <= set(there.tolist()):
        return
    for key, words, values in (
        ("accuracy", "Test accuracy", accuracy),
        ("alignment", "Mean cosine of the hidden layers", angles),
    ):
        yield Claim(
            f"09-ratio-{key}",
            BOOK,
            f"{words} with the error summed for hidden layers and averaged for the output, less that with one rate",
            MORE,
            Measured.over_seeds(values.sel(ratio=usual) - values.sel(ratio=1.0)),
            SEEDS,
            scale,
        )


def _of_starts(dataset: xr.Dataset, scale: str) -> Iterator[Claim]:
    place = {"ruler": "eval", "hidden_layer": dataset.hidden_layer[-1], "practice": dataset.practice[0]}
    gain = (dataset.released_alignment - dataset.alignment.isel(epoch=-1)).sel(place).dropna("member")
    if gain.size:
        yield Claim(
            "09-start-alignment",
            BOOK,
            f"Cosine at the last hidden layer, released start less the stated one: {gain.practice.item()}",
            MORE,
            Measured.over_seeds(gain),
            SEEDS,
            scale,
        )
