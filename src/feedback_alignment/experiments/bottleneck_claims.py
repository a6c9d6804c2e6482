"""The claims of chapter 11."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from feedback_alignment.companion import provenance, store
from feedback_alignment.companion.claims import Claim, Expected, Measured, Tolerance
from feedback_alignment.experiments import bottleneck_reference as reference
from feedback_alignment.experiments.bottleneck_threshold import threshold

BOOK = "this book"
FIG4 = "Launay et al. 2019, Fig. 4"
NAMES = {
    "units": "a fixed set of units learns",
    "scattered": "scattered weights learn, as released",
    "narrow": "the layer itself is narrow",
    "own feedback": "scattered weights, and feedback for layer 1",
}
ONE_SEED = 0.0105
"""Three times 0.0035, the standard deviation between seeds of the test accuracy in Table 2's first row."""
COSINE_OF_ONE = 0.03
"""Three times the standard error of a mean over 128 samples with the spread of Table 2's first row, 0.1."""
MORE = Expected("> 0", low=0)


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Return the claims about every kind whose smallest and largest bottleneck are there."""
    scale = provenance.scale(dataset)
    kinds = [*_of_rise(dataset, scale), *_of_kinds(dataset, scale), *_of_first_layer(dataset, scale)]
    return [*kinds, *_of_reference(dataset, scale)]


def _of_rise(dataset: xr.Dataset, scale: str) -> Iterator[Claim]:
    for kind, rate, part in _there(dataset):
        if kind == "own feedback":
            continue
        ending = _ending(dataset, rate)
        wide, thin = part.isel(units=-1), part.isel(units=0)
        for key, words, name, floor in (
            ("accuracy", "test accuracy", "test_accuracy", ONE_SEED),
            ("alignment", "cosine at the bottleneck", "alignment_at_bottleneck", COSINE_OF_ONE),
        ):
            yield Claim(
                f"11-rise-{key}-{kind}{ending}",
                FIG4 if kind != "narrow" else BOOK,
                f"Rise of the {words} from the smallest to the largest bottleneck, {NAMES[kind]}: rate {rate}",
                MORE,
                _measured(wide[name] - thin[name]),
                _tolerance(floor),
                scale,
            )
        if kind == "narrow":
            continue
        curve = part.alignment_at_bottleneck.mean("member")
        found, low, high = threshold(part.units.values.astype(float), curve.values.astype(float))
        yield Claim(
            f"11-threshold-{kind}{ending}",
            FIG4,
            f"Units at which the cosine has nine tenths of its rise (between {low:g} and {high:g}), {NAMES[kind]}: "
            f"rate {rate}",
            Expected("around 100", 50, 200),
            Measured.exact(found),
            Tolerance("half the distance between the sizes that were run", 0, (high - low) / 2 if high > low else 0),
            scale,
        )


def _of_kinds(dataset: xr.Dataset, scale: str) -> Iterator[Claim]:
    """What tells 'narrow layers cannot align' from 'units that keep still do not count'."""
    parts = {(kind, rate): part for kind, rate, part in _there(dataset)}
    for kind, rate in parts:
        if kind != "units":
            continue
        inner, ending = parts[kind, rate].isel(units=slice(1, -1)), _ending(dataset, rate)
        if not inner.sizes["units"]:
            continue
        yield Claim(
            f"11-learning-units{ending}",
            BOOK,
            f"Cosine of the learning units alone less that of all units, mean over sizes between the ends: rate {rate}",
            MORE,
            _measured((inner.alignment_of_learning - inner.alignment_at_bottleneck).mean("units")),
            _tolerance(COSINE_OF_ONE),
            scale,
        )
        if ("scattered", rate) in parts:
            other = parts["scattered", rate].isel(units=slice(1, -1))
            yield Claim(
                f"11-scattered{ending}",
                BOOK,
                f"Cosine with scattered weights learning less that with as many units, mean over sizes: rate {rate}",
                MORE,
                _measured((other.alignment_at_bottleneck - inner.alignment_at_bottleneck).mean("units")),
                _tolerance(COSINE_OF_ONE),
                scale,
            )


def _of_first_layer(dataset: xr.Dataset, scale: str) -> Iterator[Claim]:
    """Whether the released variant's accuracy falls with the bottleneck for want of a first layer that hears DFA."""
    smallest = dataset.test_accuracy.sel(learning_rate=dataset.learning_rate.min()).isel(units=0)
    gained = smallest.sel(kind="own feedback") - smallest.sel(kind="scattered")
    if np.isfinite(gained).all():
        yield Claim(
            "11-own-feedback",
            BOOK,
            f"Test accuracy, weights of {int(smallest.units)} units' number learning, scattered: layer 1 with feedback "
            "of its own less as released",
            MORE,
            _measured(gained),
            _tolerance(2**0.5 * ONE_SEED),
            scale,
        )


def _of_reference(dataset: xr.Dataset, scale: str) -> Iterator[Claim]:
    """The curve that is stored beside the released code, size by size."""
    if store.provenance(dataset)["settings"]["works"][0]["images"] != "cifar10":
        return
    part = dataset.sel(kind="scattered", learning_rate=5e-4)
    for units in part.units.values:
        place = reference.UNITS.index(int(units))
        one = part.sel(units=units)
        if not np.isfinite(one.test_accuracy).all():
            continue
        for key, words, name, number, floor in (
            ("test", "Test accuracy", "test_accuracy", reference.TEST[place] / 100, ONE_SEED),
            ("train", "Accuracy while training", "running_accuracy", reference.TRAIN[place] / 100, ONE_SEED),
            ("cosine", "Cosine at the bottleneck", "alignment_at_bottleneck", reference.COSINE[place], COSINE_OF_ONE),
        ):
            yield Claim(
                f"11-{key}-{units}",
                FIG4,
                f"{words}, weights of {units} units' number learning, as released",
                Expected(f"{number:.4g}", number, number),
                _measured(one[name]),
                _tolerance(2**0.5 * floor),
                scale,
            )


def _ending(dataset: xr.Dataset, rate: float) -> str:
    """Return what tells the keys of a larger learning rate, as in the figure's caption, from the code's."""
    return "" if rate == float(dataset.learning_rate.min()) else "-faster"


def _there(dataset: xr.Dataset) -> Iterator[tuple[str, float, xr.Dataset]]:
    """Return the sizes that are there of each kind and learning rate, if there are two or more."""
    for kind in dataset.kind.values:
        for rate in dataset.learning_rate.values:
            part = dataset.sel(kind=kind, learning_rate=rate)
            part = part.isel(units=np.isfinite(part.alignment_at_bottleneck).all("member").values)
            if part.sizes["units"] > 1:
                yield str(kind), float(rate), part


def _measured(values: xr.DataArray) -> Measured:
    """Return mean and standard error over seeds; of one seed, as in the paper, its number alone."""
    return Measured.over_seeds(values) if values.size > 1 else Measured(float(values.values.item()), 0.0, 1)


def _tolerance(floor: float) -> Tolerance:
    return Tolerance(
        f"three standard errors over seeds, and {floor:.3g}: three standard deviations of one run, from Table 2",
        floor=floor,
    )
