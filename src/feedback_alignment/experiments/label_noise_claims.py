"""The claims of chapter 08."""

import itertools
from collections.abc import Iterator

import numpy as np
import xarray as xr

from feedback_alignment.companion import provenance, store
from feedback_alignment.companion.claims import Claim, Expected, Measured, Tolerance
from feedback_alignment.experiments.label_noise_delays import clock_delay, delay, foretold_delay, onset_decades
from feedback_alignment.experiments.label_noise_settings import GRADIENT_LEVEL
from feedback_alignment.experiments.onsets import onset_epoch

BOOK = "this book"
FIG9 = "Refinetti et al. 2021, Sec. 4.1 and Fig. 9"
SLIDES = "d'Ascoli 2021, structure of predictions"
SEEDS = Tolerance("three standard errors over seeds")
LATER = Expected("> 0", low=0)
SAME = Expected("0 (here: within 0.1)", -0.1, 0.1)
"""A tenth of a decade: a factor of 1.26, against delays of up to more than a decade."""


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Return the claims about every ensemble that is there and has its onset, those of the paper first."""
    levels = store.provenance(dataset)["settings"]["levels"]
    scale = provenance.scale(dataset)
    made = itertools.chain(
        _of_fig9(dataset, levels),
        _of_predictions(dataset, levels[1]),
        _of_signal(dataset, levels),
        _of_controls(dataset, levels[1]),
    )
    return [
        Claim(key, source, statement, expected, Measured.over_seeds(values), SEEDS, scale)
        for key, source, statement, expected, values in made
        if np.isfinite(values).all()
    ]


Row = tuple[str, str, str, Expected, xr.DataArray]
"""Key, source, statement, what is expected, and one number a member."""


def _of_fig9(dataset: xr.Dataset, levels: list[float]) -> Iterator[Row]:
    drawn = dataset.sel(variant="drawn")
    for name, words, level in (
        ("weight_alignment", "Weight", levels[1]),
        ("gradient_alignment", "Gradient", GRADIENT_LEVEL),
    ):
        decades = onset_decades(drawn[name], level)
        for less, more in itertools.pairwise(_paper_noises(dataset)):
            yield (
                f"08-later-{words.lower()}-{more:g}",
                FIG9,
                f"{words} alignment reaches {level:g} later with {more:.0%} noise than with {less:.0%}: decades",
                LATER,
                decades.sel(label_noise=more) - decades.sel(label_noise=less),
            )
    for level in (levels[0], levels[2]):
        yield (
            f"08-level-{levels.index(level)}",
            BOOK,
            f"Another level: weight alignment reaches {level:g} later with 90% noise than with none: decades",
            LATER,
            delay(dataset.weight_alignment, level).sel(variant="drawn", label_noise=0.9),
        )


def _of_predictions(dataset: xr.Dataset, level: float) -> Iterator[Row]:
    noisy = dataset.sel(variant="drawn", label_noise=0.9)
    yield (
        "08-equal",
        SLIDES,
        "With 90% noise every class has probability 0.1 during the first epoch: distance from it after that epoch",
        Expected("small (here: < 0.02)", high=0.02),
        noisy.class_spread.sel(epoch=1, method="nearest"),
    )
    before = noisy.error_conditioning.where(noisy.epoch <= onset_epoch(noisy.weight_alignment, level))
    yield (
        "08-conditioned",
        BOOK,
        "With 90% noise errors are uncorrelated and balanced all the time before alignment: smallest conditioning",
        Expected("near 1 (here: > 0.95)", low=0.95),
        before.min("epoch"),
    )
    if 1 in dataset.label_noise:
        alone = dataset.weight_alignment.sel(variant="drawn", label_noise=1)
        yield (
            "08-noise-alone",
            FIG9,
            "Fitting random labels alone aligns weights: their alignment at the end where all labels are random",
            Expected(f"risen (here: > {level:g})", low=level),
            alone.isel(epoch=-1),
        )


def _of_signal(dataset: xr.Dataset, levels: list[float]) -> Iterator[Row]:
    first = delay(dataset.weight_alignment, levels[0])
    foretold = foretold_delay(dataset.signal)
    clocks = clock_delay(dataset.weight_alignment, dataset.signal, levels[1])
    for noise in dataset.label_noise.values:
        if noise:
            place = {"variant": "drawn", "label_noise": noise}
            if noise < 1:
                yield (
                    f"08-slowed-{noise:g}",
                    BOOK,
                    f"Delay by {noise:.0%} noise at the level {levels[0]:g}, less that of a slowed drift: decades",
                    SAME,
                    first.sel(place) + np.log10(1 - noise),
                )
            yield (
                f"08-foretold-{noise:g}",
                BOOK,
                f"Delay by {noise:.0%} noise at the level {levels[0]:g}, less that foretold by the signal: decades",
                SAME,
                (first - foretold).sel(place),
            )
            yield (
                f"08-clock-{noise:g}",
                BOOK,
                f"Delay by {noise:.0%} noise at the level {levels[1]:g}, by the clock of the signal: decades",
                SAME,
                clocks.sel(place),
            )


def _of_controls(dataset: xr.Dataset, level: float) -> Iterator[Row]:
    decades = onset_decades(dataset.weight_alignment, level)
    second = onset_decades(dataset.layer_weight_alignment.sel(upper_layer=2), level)
    drawn = decades.sel(variant="drawn", label_noise=0.9)
    yield (
        "08-shuffled",
        BOOK,
        "Shuffling labels or drawing them anew, 90%: decades by which the first is later",
        SAME,
        decades.sel(variant="shuffled", label_noise=0.9) - drawn,
    )
    yield (
        "08-softened",
        BOOK,
        "The signal of 90% noise without the noise: decades by which alignment is later than with it",
        Expected("not earlier (here: > -0.02)", low=-0.02),
        decades.sel(variant="softened", label_noise=0.9) - drawn,
    )
    for noise in (0, 0.9):
        yield (
            f"08-silent-{noise:g}",
            BOOK,
            f"Equal probabilities at the start do not delay layer 2, {noise:.0%} noise: decades by which it is later",
            SAME,
            (second.sel(variant="silent start") - second.sel(variant="drawn")).sel(label_noise=noise),
        )


def _paper_noises(dataset: xr.Dataset) -> list[float]:
    """Return the shares of noisy labels of Fig. 9: all but that without any signal."""
    return [float(noise) for noise in dataset.label_noise.values if noise < 1]
