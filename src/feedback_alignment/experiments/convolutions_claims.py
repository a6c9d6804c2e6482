"""The claims of chapter 10."""

import math
from collections.abc import Iterator

import numpy as np
import xarray as xr

from feedback_alignment.companion import provenance
from feedback_alignment.companion.claims import Claim, Expected, Measured, Tolerance
from feedback_alignment.experiments import filter_images_claims, vgg_claims
from feedback_alignment.experiments.best_practices_cells import TWO_MODES
from feedback_alignment.experiments.convolutional_networks import TEACHERS
from feedback_alignment.experiments.convolutions_printed import ALIGNMENT, RUNS, SAMPLES, TEST

BOOK = "this book"
TABLE4 = "Launay et al. 2019, Table 4"
TEXT = "Launay et al. 2019, Sec. 4.1"
THEORY = "Refinetti et al. 2021, Sec. 4.2"
SEEDS = Tolerance("three standard errors over seeds")
MORE = Expected("> 0", low=0)
BETTER = {
    "norm": ("norm", "no norm", "normalised feedback against none"),
    "bn": ("norm", "norm + BN", "without batch normalisation against with it"),
    "little-dropout": ("norm", "norm + DO(0.1)", "without dropout against dropout of 0.1"),
    "dropout": ("norm + DO(0.1)", "norm + DO(0.5)", "dropout of 0.1 against 0.5"),
}
"""Key -> (the practice that the paper finds better for convolutions, the other one, words)."""


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Return the claims about what is there: limits, the cells and rows of Table 4, other teachers, VGG and filters."""
    scale = provenance.scale(dataset)
    found: list[Claim] = []
    if "expected_share" in dataset:
        found += _of_limits(dataset, scale)
    if "test_accuracy" in dataset:
        found += [*_of_cells(dataset, scale), *_of_order(dataset, scale)]
        found += [*_of_layers(dataset, scale), *_of_teachers(dataset, scale)]
    return [*found, *vgg_claims.claims(dataset, scale), *filter_images_claims.claims(dataset, scale)]


def there(dataset: xr.Dataset, teacher: str, practice: str = "norm") -> bool:
    """Whether all members under a teacher and a practice have been trained."""
    return bool(np.isfinite(dataset.running_accuracy.sel(teacher=teacher, practice=practice)).all())


def _of_limits(dataset: xr.Dataset, scale: str) -> Iterator[Claim]:
    shares = dataset.drawn_part.sum("draw") / dataset.drawn_whole.sum("draw")
    # The ratio of two means, by linear propagation of the errors of the draws.
    residues = dataset.drawn_part - shares * dataset.drawn_whole
    errors = residues.std("draw", ddof=1) / np.sqrt(dataset.sizes["draw"]) / dataset.drawn_whole.mean("draw")
    relative, error = shares / dataset.expected_share, errors / dataset.expected_share
    yield Claim(
        "10-share",
        THEORY,
        "What convolutions can take of random feedback, |P F G^T|^2 / |F G^T|^2, over d / (n_l n_(l-1)): mean",
        Expected("1", 1, 1),
        Measured(float(relative.mean()), float(np.sqrt((error**2).sum())) / error.size, dataset.sizes["draw"]),
        Tolerance("three standard errors over draws, and rounding", floor=1e-9),
        scale,
        any_scale=True,
    )
    reached = dataset.found_low_rank.dropna("convolution")
    yield Claim(
        "10-low-rank",
        THEORY,
        "Largest cosine of a convolution, one kernel searched for all channels, with a matrix of rank n_L",
        Expected("< 1", high=1),
        Measured.exact(float(reached.max())),
        Tolerance("rounding", 1e-9),
        scale,
        any_scale=True,
    )


def _of_cells(dataset: xr.Dataset, scale: str) -> Iterator[Claim]:
    for teacher in ("DFA", "released"):
        for practice, (mean, deviation) in TEST.items():
            if not there(dataset, teacher, practice):
                continue
            own, key = dataset.sel(teacher=teacher, practice=practice), f"{_key(practice)}-{_key(teacher)}"
            yield Claim(
                f"10-test-{key}",
                TABLE4,
                f"Test accuracy: {practice}, {TEACHERS[teacher]}",
                Expected(f"{mean / 100:.4f} (sd {deviation / 100:.4f})", mean / 100, mean / 100),
                Measured.over_seeds(own.test_accuracy),
                Tolerance(
                    f"three standard errors over seeds, and three of the paper's mean of {RUNS} runs",
                    floor=3 * deviation / 100 / math.sqrt(RUNS),
                ),
                scale,
            )
            ruler = "bent" if practice in TWO_MODES else "eval"
            for layer, (cosine, spread) in enumerate(ALIGNMENT[practice], 1):
                angles = own.sel(ruler=ruler, hidden_layer=layer)
                ours = float(angles.alignment_spread.mean())
                yield Claim(
                    f"10-angle-{layer}-{key}",
                    TABLE4,
                    f"Cosine at hidden layer {layer}{', with the bent ruler' if ruler == 'bent' else ''}: {practice}, "
                    f"{TEACHERS[teacher]} (our sd over samples {ours:.2f})",
                    Expected(f"{cosine} (sd over samples {spread})", cosine, cosine),
                    Measured.over_seeds(angles.alignment),
                    Tolerance(
                        f"three standard errors over seeds, three of the paper's mean over {SAMPLES} samples, and half "
                        "a digit of the printed number",
                        floor=3 * spread / math.sqrt(SAMPLES) + 0.005,
                    ),
                    scale,
                )


def _of_order(dataset: xr.Dataset, scale: str) -> Iterator[Claim]:
    for teacher in ("DFA", "released"):
        for key, (better, worse, words) in BETTER.items():
            if there(dataset, teacher, better) and there(dataset, teacher, worse):
                accuracy = dataset.test_accuracy.sel(teacher=teacher)
                yield Claim(
                    f"10-better-{key}-{teacher.lower()}",
                    TABLE4,
                    f"Test accuracy, {words}, {TEACHERS[teacher]}: difference",
                    MORE,
                    Measured.over_seeds(accuracy.sel(practice=better) - accuracy.sel(practice=worse)),
                    SEEDS,
                    scale,
                )


def _of_layers(dataset: xr.Dataset, scale: str) -> Iterator[Claim]:
    if not there(dataset, "DFA"):
        return
    own = dataset.sel(teacher="DFA", practice="norm")
    angles = own.alignment.sel(ruler="eval")
    yield Claim(
        "10-convolutions-do-not-align",
        TEXT,
        "Mean cosine at the layers that have a convolution above them, DFA as stated",
        Expected("< 0.1", high=0.1),
        Measured.over_seeds(angles.sel(hidden_layer=[1, 2]).mean("hidden_layer")),
        SEEDS,
        scale,
    )
    yield Claim(
        "10-linear-layers-align",
        BOOK,
        "Mean cosine at the layers that have a linear layer above them less that of the others, DFA as stated",
        MORE,
        Measured.over_seeds(
            angles.sel(hidden_layer=[3, 4]).mean("hidden_layer") - angles.sel(hidden_layer=[1, 2]).mean("hidden_layer")
        ),
        SEEDS,
        scale,
    )


def _of_teachers(dataset: xr.Dataset, scale: str) -> Iterator[Claim]:
    norm = dataset.sel(practice="norm")
    accuracy, angles = norm.test_accuracy, norm.alignment.sel(ruler="eval", hidden_layer=[1, 2]).mean("hidden_layer")
    below = "Mean cosine of signals below a convolution"
    weights = _of_convolutions(norm.weight_alignment)
    differences = (
        ("bp", TEXT, "Test accuracy, BP against DFA as stated", accuracy, "BP", "DFA"),
        ("filters", BOOK, "Test accuracy, DFA against a classifier on random filters", accuracy, "DFA", "classifier"),
        ("chained-accuracy", BOOK, "Test accuracy, chained feedback against random", accuracy, "chained", "DFA"),
        ("chained-alignment", BOOK, f"{below}, chained feedback against random", angles, "chained", "DFA"),
        ("chained-weights", BOOK, "Mean weight alignment of convolutions, the same", weights, "chained", "DFA"),
        ("chained-gap", BOOK, "Test accuracy, BP against chained feedback", accuracy, "BP", "chained"),
        ("fa-chained", BOOK, f"{below}, convolutional FA against chained feedback", angles, "FA", "chained"),
    )
    for key, source, words, values, one, other in differences:
        if there(dataset, one) and there(dataset, other):
            measured = Measured.over_seeds(values.sel(teacher=one) - values.sel(teacher=other))
            yield Claim(f"10-{key}", source, f"{words}: difference", MORE, measured, SEEDS, scale)
    for teacher, words in (("chained", "chained feedback, with the fixed filters"), ("FA", "FA, with its feedback")):
        if there(dataset, teacher):
            yield Claim(
                f"10-fixed-filters-{teacher.lower()}",
                BOOK,
                f"Mean cosine of convolutions above the first, {words}",
                MORE,
                Measured.over_seeds(_of_convolutions(norm.filter_alignment).sel(teacher=teacher)),
                SEEDS,
                scale,
            )


def _of_convolutions(values: xr.DataArray) -> xr.DataArray:
    """Return the mean over the convolutions above the first."""
    return values.sel(hidden_layer=[2, 3]).mean("hidden_layer", skipna=False)


def _key(words: str) -> str:
    return words.replace(" + ", "-").replace(" ", "-").replace("(", "").replace(")", "").lower()
