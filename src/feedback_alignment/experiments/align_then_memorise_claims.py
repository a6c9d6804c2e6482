"""The claims of chapter 07."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from feedback_alignment.companion import provenance, store
from feedback_alignment.companion.claims import Claim, Expected, Measured, Tolerance
from feedback_alignment.experiments.align_then_memorise_parts import select
from feedback_alignment.experiments.degeneracy_breaking_claims import NAMES
from feedback_alignment.experiments.maxima import at_peak, fall, peak_epoch

BOOK = "this book"
FIG6 = "Refinetti et al. 2021, Sec. 3 and Fig. 6"
FIG7 = "Refinetti et al. 2021, Sec. 3.2 and Fig. 7"
FIG11 = "Refinetti et al. 2021, SM E.2 and Fig. 11"
SEEDS = Tolerance("three standard errors over seeds")
TIMES = Tolerance(
    "three standard errors over seeds; 0.05, half the distance between observations at the paper's scale", floor=0.05
)
MORE = Expected("> 0", low=0)
FALLS = Expected("falls (here: by > 0.01)", low=0.01)
"""A maximum is never below the end: only a fall by some amount can be found missing."""
CONVENTIONS = {
    "": ("weight_alignment", FIG6, "F as used in training"),
    "unscaled-": ("weight_alignment_unscaled", FIG6, "F unscaled, as in the released code"),
}
GRADIENTS = {
    "": ("gradient_alignment", FIG6, "of all hidden layers"),
    "without-last-": (
        "gradient_alignment_without_last",
        BOOK,
        "without the last hidden layer, as in the released code",
    ),
    "update-": ("update_alignment", BOOK, "of the update by many samples"),
}


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Return the claims about every ensemble that is there, those of the paper first."""
    scale = provenance.scale(dataset)
    dataset = dataset.sel(sampled="probe") if "sampled" in dataset.dims else dataset
    return [*_of_fig6(dataset, scale), *_of_fig7(dataset, scale), *_of_fig11(dataset, scale), *_of_own(dataset, scale)]


def _of_fig6(dataset: xr.Dataset, scale: str) -> Iterator[Claim]:
    for where, key, one in _ensembles(dataset):
        if float(one.label_noise):
            continue
        yield Claim(
            f"07-order-one-{key}",
            FIG6,
            f"Largest weight alignment, F as used in training: {where}",
            Expected("of order one (here: > 0.2)", low=0.2),
            Measured.over_seeds(one.weight_alignment.max("epoch")),
            SEEDS,
            scale,
        )
        for kind, (name, source, words) in CONVENTIONS.items():
            yield Claim(
                f"07-fall-{kind}{key}",
                source,
                f"Weight alignment, {words}: its maximum less its end: {where}",
                FALLS,
                Measured.over_seeds(fall(one[name])),
                SEEDS,
                scale,
            )
        for kind, (name, source, words) in GRADIENTS.items():
            rise = one[name].isel(epoch=-1, drop=True) - at_peak(one[name], one.weight_alignment_unscaled)
            yield Claim(
                f"07-rise-{kind}{key}",
                source,
                f"Gradient alignment {words}: its end less its value when weight alignment (F unscaled) is largest: "
                f"{where}",
                MORE,
                Measured.over_seeds(rise),
                SEEDS,
                scale,
            )
    for activation, mnist, cifar in _easy_and_hard(dataset):
        for kind, (name, source, words) in CONVENTIONS.items():
            yield Claim(
                f"07-harder-{kind}{activation}",
                source,
                f"Fall of weight alignment, {words}, on CIFAR-10 less that on MNIST: {NAMES[activation]}",
                MORE,
                Measured.over_seeds(fall(cifar[name]) - fall(mnist[name])),
                SEEDS,
                scale,
            )


def _of_fig7(dataset: xr.Dataset, scale: str) -> Iterator[Claim]:
    if "layerwise_weight_alignment" not in dataset:
        return
    part = select(dataset, "layerwise")
    layers = part.layer_weight_alignment
    if not np.isfinite(layers).all():
        return
    falls, times = fall(layers), _decades(peak_epoch(layers))
    for layer in (2, 3):
        yield Claim(
            f"07-layer-fall-{layer}",
            FIG7,
            f"Weight alignment of layer {layer}: its maximum less its end",
            FALLS,
            Measured.over_seeds(falls.sel(upper_layer=layer)),
            SEEDS,
            scale,
        )
    yield Claim(
        "07-layer-fall-4",
        FIG7,
        "Weight alignment of the last layer: its maximum less its end",
        Expected("0: it never falls (here: < 0.02)", high=0.02),
        Measured.over_seeds(falls.sel(upper_layer=4)),
        SEEDS,
        scale,
    )
    yield Claim(
        "07-layer-order",
        FIG7,
        "Decades of time from the maximum of layer 2 to that of layer 3",
        Expected("> 0 (paper: about 0.3)", low=0),
        Measured.over_seeds(times.sel(upper_layer=3) - times.sel(upper_layer=2)),
        TIMES,
        scale,
    )
    images = store.provenance(dataset)["settings"]["layerwise"]["images"]
    for layer, epochs in ((2, 1000), (3, 2000)) if images == "cifar10" else ():
        yield Claim(
            f"07-layer-time-{layer}",
            FIG7,
            f"Decades of epochs until the maximum of layer {layer} (the end of the run, if it rises until then)",
            Expected(
                f"{np.log10(epochs):.2f}: about {epochs} epochs", float(np.log10(epochs)), float(np.log10(epochs))
            ),
            Measured.over_seeds(times.sel(upper_layer=layer)),
            Tolerance("three standard errors over seeds; 0.15, as the paper says 'around'", floor=0.15),
            scale,
        )
    gradients = part.layer_gradient_alignment
    for layer in gradients.hidden_layer.values:
        own = gradients.sel(hidden_layer=layer)
        yield Claim(
            f"07-layer-rise-{layer}",
            FIG7,
            f"Gradient alignment of layer {layer}: its end less its value when layer 2's weight alignment is largest",
            MORE,
            Measured.over_seeds(own.isel(epoch=-1, drop=True) - at_peak(own, layers.sel(upper_layer=2))),
            SEEDS,
            scale,
        )


def _of_fig11(dataset: xr.Dataset, scale: str) -> Iterator[Claim]:
    found = {key: (where, one) for where, key, one in _ensembles(dataset)}
    noisiest = {key.rpartition("-")[0]: key for key, (_, one) in found.items() if float(one.label_noise)}
    for plain, key in noisiest.items():
        if plain not in found:
            continue
        (where, one), (_, whole) = found[key], found[plain]
        clean = whole.sel(epoch=one.epoch)
        for kind, (name, _, words) in CONVENTIONS.items():
            yield Claim(
                f"07-noise-{kind}{key}",
                FIG11,
                f"Weight alignment, {words}, when the networks with noise end: without noise less with it: {where}",
                MORE,
                Measured.over_seeds((clean[name] - one[name]).isel(epoch=-1)),
                SEEDS,
                scale,
            )
        peaks = [peak_epoch(each.weight_alignment_unscaled) for each in (one, whole)]
        if any(bool((peak == each.epoch[-1]).any()) for peak, each in zip(peaks, (one, whole), strict=True)):
            continue  # A curve that rises to the end has not shown its maximum.
        yield Claim(
            f"07-transition-{key}",
            FIG11,
            f"Decades by which noise delays the maximum of weight alignment, F unscaled: {where}",
            Expected("hardly (here: within 0.15)", -0.15, 0.15),
            Measured.over_seeds(_decades(peaks[0]) - _decades(peaks[1])),
            TIMES,
            scale,
        )


def _of_own(dataset: xr.Dataset, scale: str) -> Iterator[Claim]:
    if "own_weight_alignment" not in dataset:
        return
    own = select(dataset, "own")
    for where, key, one in _ensembles(dataset):
        if float(one.label_noise):
            continue
        other = own.sel(images=one.images, activation=one.activation)
        for name, words in (("weight_alignment", "weight"), ("gradient_alignment", "gradient")):
            if np.isfinite(other[name]).all():
                yield Claim(
                    f"07-own-{words}-{key}",
                    BOOK,
                    f"Final {words} alignment with a feedback for each member less that with one for all: {where}",
                    Expected("0: one F is as good as another (here: within 0.05)", -0.05, 0.05),
                    Measured.over_seeds((other[name] - one[name]).isel(epoch=-1)),
                    SEEDS,
                    scale,
                )


def _decades(epochs: xr.DataArray) -> xr.DataArray:
    found: xr.DataArray = xr.apply_ufunc(np.log10, epochs)
    return found


def _ensembles(dataset: xr.Dataset) -> Iterator[tuple[str, str, xr.Dataset]]:
    """Return each ensemble that is there, to its end, with its description and its key; noise is its last part."""
    if "weight_alignment" not in dataset:
        return
    ends = {
        (each["images"], each["activation"], each["label_noise"]): each["schedule"]["epochs"]
        for each in store.provenance(dataset)["settings"]["noisy"]
    }
    for images in dataset.images.values:
        for activation in dataset.activation.values:
            for noise in dataset.label_noise.values:
                one = dataset.sel(images=images, activation=activation, label_noise=noise)
                one = one.sel(epoch=slice(None, ends[images, activation, noise]))
                if not np.isfinite(one.weight_alignment).all():
                    continue
                words, mark = (f", {noise:.0%} noise", f"-{noise:g}") if noise else ("", "")
                yield f"{NAMES[images]}, {NAMES[activation]}{words}", f"{images}-{activation}{mark}", one


def _easy_and_hard(dataset: xr.Dataset) -> Iterator[tuple[str, xr.Dataset, xr.Dataset]]:
    """Return MNIST's and CIFAR-10's ensembles without noise, for each activation that has both."""
    found = {key: one for _, key, one in _ensembles(dataset)}
    for activation in ("relu", "tanh"):
        if {f"mnist-{activation}", f"cifar10-{activation}"} <= set(found):
            yield activation, found[f"mnist-{activation}"], found[f"cifar10-{activation}"]
