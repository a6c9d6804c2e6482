"""The claims of chapter 12."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from feedback_alignment.companion import provenance
from feedback_alignment.companion.claims import Claim, Expected, Measured, Tolerance
from feedback_alignment.experiments.initial_scale import SAMPLED

BOOK = "this book"
FIG1 = "Chu and Bacho 2024, Sec. 2.1.2 and Fig. 1"
FIG2 = "Chu and Bacho 2024, Sec. 2.1.2 and Fig. 2"
FIG3 = "Chu and Bacho 2024, Sec. 2.1.2 and Fig. 3"
SEEDS = Tolerance("three standard errors over seeds")
MORE = Expected("> 0", low=0)
LAYERS = {1: "hidden layer 1", 2: "hidden layer 2", 3: "the output layer"}


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Return the claims about everything that is there."""
    scale = provenance.scale(dataset)
    found: list[Claim] = []
    for name, of_part in (
        ("test_accuracy", _of_initial_scale),
        ("gradient_norm", _of_first_steps),
        ("perturbed_accuracy", _of_perturbed),
        ("arm_accuracy", _of_few_updates),
    ):
        if name in dataset:
            found += of_part(dataset, scale)
    return found


def _of_initial_scale(dataset: xr.Dataset, scale: str) -> Iterator[Claim]:
    small, large = dataset.isel(scale=0), dataset.isel(scale=-1)
    if not np.isfinite(small.test_accuracy).all() or not np.isfinite(large.test_accuracy).all():
        return
    sizes = f"s = {float(small.scale):g} less s = {float(large.scale):g}"
    last = float(dataset.epoch[-1])
    for key, epoch in (("early", 1.0), ("late", last)):
        gained = (small.test_accuracy - large.test_accuracy).sel(epoch=epoch)
        words = f"Smaller initial weights learn better: test accuracy after {epoch:g} epochs, {sizes}"
        yield Claim(f"12-scale-{key}", FIG1, words, MORE, Measured.over_seeds(gained), SEEDS, scale)
    ten = float(dataset.epoch.sel(epoch=min(10.0, last)))
    for layer in dataset.upper_layer.values:
        where = LAYERS[int(layer)]
        own, other = (each.weight_alignment.sel(upper_layer=layer) for each in (small, large))
        words = f"Weight alignment of {where} after {ten:g} epochs, {sizes}"
        gained = Measured.over_seeds((own - other).sel(epoch=ten))
        yield Claim(f"12-scale-weights-{layer}", FIG1, words, MORE, gained, SEEDS, scale)
        yield Claim(
            f"12-modest-{layer}",
            FIG1,
            f"Largest weight alignment of {where} within {ten:g} epochs, s = {float(small.scale):g}",
            Expected("< 0.1", high=0.1),
            Measured.over_seeds(own.sel(epoch=slice(None, ten)).max("epoch")),
            SEEDS,
            scale,
        )
    for layer in dataset.hidden_layer.values:
        gained = (small - large).gradient_alignment.sel(hidden_layer=layer, epoch=ten)
        words = f"Gradient alignment of {LAYERS[int(layer)]} after {ten:g} epochs, {sizes}"
        yield Claim(f"12-scale-gradient-{layer}", FIG1, words, MORE, Measured.over_seeds(gained), SEEDS, scale)


def _of_first_steps(dataset: xr.Dataset, scale: str) -> Iterator[Claim]:
    norm = dataset.gradient_norm
    small, large = (norm.isel(first_scale=index) for index in (1, -1))  # The first one is s = 0.
    sizes = f"s = {float(small.first_scale):g} less s = {float(large.first_scale):g}, over their sum"
    small, large = (each.drop_vars("first_scale") for each in (small, large))
    fall = (small - large) / (small + large)
    readings = [(sampled, 0, "first update") for sampled in SAMPLED] + [(SAMPLED[0], 1, "update after the first one")]
    for sampled, steps, words in readings:
        for layer in norm.layer.values:
            yield Claim(
                f"12-norm-{layer}-{sampled.split()[1]}-{steps}",
                FIG2,
                f"The {words} of {LAYERS[int(layer)]}, by {sampled}, gets smaller as s grows: its norm at {sizes}",
                MORE,
                Measured.over_seeds(fall.sel(layer=layer, sampled=sampled, steps_before=steps)),
                SEEDS,
                scale,
            )
    yield Claim(
        "12-zero-weights",
        BOOK,
        "From weights that are exactly zero the first update moves the first layer only: norm of those above",
        Expected("0", 0, 0),
        Measured.exact(float(norm.sel(first_scale=0, steps_before=0, layer=[2, 3]).max())),
        Tolerance("an identity; no rounding, as all factors are exactly zero", sigmas=0),
        scale,
        any_scale=True,
    )


def _of_perturbed(dataset: xr.Dataset, scale: str) -> Iterator[Claim]:
    reached = dataset.perturbed_accuracy
    there = {str(rule) for rule in reached.rule.values if np.isfinite(reached.sel(rule=rule)).all()}

    def claim(
        key: str, words: str, expected: Expected, ours: str, less: str | None, floor: str, size: float
    ) -> list[Claim]:
        if not {ours, less or ours} <= there:
            return []
        values = reached.sel(rule=ours, drop=True) - (0 if less is None else reached.sel(rule=less, drop=True))
        tolerance = Tolerance(f"three standard errors over seeds{floor}", floor=size)
        return [Claim(f"12-{key}", FIG3, words, expected, Measured.over_seeds(values), tolerance, scale)]

    yield from claim(
        "cosine-zero",
        "A step at a right angle is no better than none: accuracy after one epoch at cosine 0 less last layer only",
        Expected("0", 0, 0),
        "0",
        "last layer only",
        "; 0.01, about the resolution of the printed figure",
        0.01,
    )
    yield from claim(
        "cosine-minus-one",
        "Steps against the gradient randomise the predictions: accuracy after one epoch at cosine -1",
        Expected("0.1: guessing (here: < 0.2)", high=0.2),
        "-1",
        None,
        "",
        0.0,
    )
    yield from claim(
        "cosine-up",
        "More alignment helps: accuracy after one epoch, cosine 1 less cosine 0",
        MORE,
        "1",
        "0",
        "",
        0.0,
    )
    yield from claim(
        "cosine-one",
        "Cosine 1 is BP itself: difference in accuracy",
        Expected("0", 0, 0),
        "1",
        "BP",
        "; 0.003, images on the border that rounding moves",
        0.003,
    )


def _of_few_updates(dataset: xr.Dataset, scale: str) -> Iterator[Claim]:
    for initial in dataset.few_scale.values:
        reached = dataset.arm_accuracy.sel(few_scale=initial).dropna("repeat")
        if reached.sizes["repeat"] < 2:
            continue
        for key, source, words, other in (
            ("above", FIG3, "FA less perturbed BP with FA's cosines", "perturbed BP"),
            ("above-last-layer", FIG3, "FA less last layer only", "last layer only"),
            (
                "above-same-size",
                BOOK,
                "FA less perturbed BP with FA's cosines and sizes",
                "perturbed BP, FA's size",
            ),
        ):
            yield Claim(
                f"12-{key}-{initial:g}",
                source,
                f"Accuracy after five updates, {words}, s = {initial:g}",
                MORE,
                Measured.over_seeds(reached.sel(arm="FA", drop=True) - reached.sel(arm=other, drop=True)),
                SEEDS,
                scale,
            )
