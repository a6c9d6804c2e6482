"""The claims of chapter 13."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from feedback_alignment.companion import provenance
from feedback_alignment.companion.claims import Claim, Expected, Measured, Tolerance
from feedback_alignment.experiments.extreme_weights import NEVER

BOOK = "this book"
FIG4 = "Chu and Bacho 2024, Sec. 2.1.3 and Fig. 4"
FIG5 = "Chu and Bacho 2024, Sec. 2.2 and Fig. 5"
EQS = "Chu and Bacho 2024, Eqs 7-11"
ROOTS = "Chu and Bacho 2024, Sec. 2.2.3"
RANK = "Chu and Bacho 2024, after Eq. 6"
A1, A2 = "Chu and Bacho 2024, App. A.1", "Chu and Bacho 2024, App. A.2"
SEEDS = Tolerance("three standard errors over seeds")
IDENTITY = Tolerance("an identity; rounding of sums in float64", sigmas=0, floor=1e-12)
STABLE = -1e-6
"""A fixed point counts as stable below this largest real part: rounding gives 1e-15, and flat regions stay above."""
MORE, LESS = Expected("> 0", low=0), Expected("< 0", high=0)


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Return the claims about everything that is there."""
    scale = provenance.scale(dataset)
    found: list[Claim] = []
    for name, of_part in (
        ("start_accuracy", _of_starts),
        ("swap_cosine", _of_swaps),
        ("loss_fall", _of_loss),
        ("root_gradient", _of_roots),
        ("rising_loss", _of_rising),
        ("first_move", _of_extreme),
    ):
        if name in dataset:
            found += of_part(dataset, scale)
    return found


def _of_starts(dataset: xr.Dataset, scale: str) -> Iterator[Claim]:
    if not np.isfinite(dataset.start_accuracy).all():
        return
    last = dataset.isel(start_epoch=-1)
    layer = int(dataset.hidden_layer[-1])

    def gain(values: xr.DataArray, ours: str, other: str) -> Measured:
        return Measured.over_seeds(values.sel(start=ours, drop=True) - values.sel(start=other, drop=True))

    for other in ("signs", "equal"):
        yield Claim(
            f"13-unaligned-best-{other}",
            FIG4,
            f"The unaligned start does best: final accuracy less that of the start '{other}'",
            MORE,
            gain(last.start_accuracy, "unaligned", other),
            SEEDS,
            scale,
        )
        first = dataset.isel(start_epoch=0)
        yield Claim(
            f"13-aligned-gradient-{other}",
            FIG4,
            f"Aligned weights, aligned gradients: that of hidden layer {layer} at the start, '{other}' less unaligned",
            MORE,
            gain(first.start_gradient_alignment.sel(hidden_layer=layer), other, "unaligned"),
            SEEDS,
            scale,
        )


def _of_swaps(dataset: xr.Dataset, scale: str) -> Iterator[Claim]:
    if dataset.sizes["pair"] < 2:
        return
    swap_at, last = _swap_step(dataset), int(dataset.step[-1])
    before = int(dataset.step[dataset.step < swap_at][-1])
    for layer in dataset.layer.values[1:]:
        cosines = dataset.swap_cosine.sel(layer=layer)
        taken, repelled = (cosines.sel(swap=name) for name in ("BP takes FA's weights", "FA takes BP's weights"))
        at_the_end = repelled.sel(step=last, drop=True) - taken.sel(step=last, drop=True)
        rows = (
            (
                "diverge",
                f"FA and BP part from a common start: cosine of their weights, layer {layer}, before the swap",
                Expected("well below 1 (here: < 0.9)", high=0.9),
                taken.sel(step=before),
            ),
            (
                "stays",
                f"BP stays at the weights that FA found: cosine at the end, layer {layer}",
                Expected("near 1 (here: > 0.9)", low=0.9),
                taken.sel(step=last),
            ),
            (
                "leaves",
                f"FA leaves the weights that BP found: cosine at the end, layer {layer}, less the same after the other "
                "swap",
                LESS,
                at_the_end,
            ),
        )
        for key, statement, expected, values in rows:
            yield Claim(f"13-{key}-{layer}", FIG5, statement, expected, Measured.over_seeds(values), SEEDS, scale)
    reached = dataset.swap_accuracy.sel(swap="FA takes BP's weights", trained="FA")
    handed = dataset.swap_accuracy.sel(swap="FA takes BP's weights", trained="BP", step=before, drop=True)
    yield Claim(
        "13-drops",
        FIG5,
        "FA's accuracy drops when it takes over BP's weights: lowest value after the swap less BP's before it",
        LESS,
        Measured.over_seeds(reached.sel(step=slice(swap_at + 1, None)).min("step") - handed),
        SEEDS,
        scale,
    )


def _swap_step(dataset: xr.Dataset) -> int:
    """Return the step of the swap: half of the run."""
    return int(dataset.step[-1]) // 2


def _of_loss(dataset: xr.Dataset, scale: str) -> Iterator[Claim]:
    hidden = {"layer": dataset.layer.values[:-1]}
    fall, predicted = dataset.loss_fall.sel(hidden), dataset.predicted_fall.sel(hidden)
    small, own = fall.isel(rate=0), fall.isel(rate=-1)
    trained = {"trial_epoch": slice(1, None)}
    error = np.abs(small - predicted).isel(trained).sum(["trial_epoch", "layer"])
    size = np.abs(predicted).isel(trained).sum(["trial_epoch", "layer"])
    yield Claim(
        "13-first-order",
        EQS,
        f"The loss changes by the product of the two gradients: relative deviation at eta = {float(small.rate):g}",
        Expected("0 (here: within 0.1)", -0.1, 0.1),
        Measured.over_seeds(error / size),
        SEEDS,
        scale,
    )
    agreeing = (np.sign(own) == np.sign(predicted)).isel(trained).mean(["trial_epoch", "layer"])
    yield Claim(
        "13-sign",
        EQS,
        f"Alignment has the sign of the fall of the loss, at eta = {float(own.rate):g}: share of looks and layers",
        Expected("most (here: > 0.8)", low=0.8),
        Measured.over_seeds(agreeing),
        SEEDS,
        scale,
    )


def _of_roots(dataset: xr.Dataset, scale: str) -> Iterator[Claim]:
    stable = (dataset.root_real_part < STABLE).values
    if stable.sum() < 2:
        return
    yield Claim(
        "13-extrema",
        ROOTS,
        f"Fixed points of FA are extrema of the loss: norm of its gradient at {stable.sum()} stable fixed points of "
        f"{len(stable)} small networks on several samples",
        Expected("0", 0, 0),
        Measured.over_seeds(dataset.root_gradient.values[stable]),
        Tolerance("no seeds' scatter: each is a root to 1e-10", sigmas=0, floor=1e-8),
        scale,
        any_scale=True,
    )
    yield Claim(
        "13-stable-share",
        BOOK,
        "Share of small networks with a stable fixed point of FA whose gradient is not zero (norm above 1e-6)",
        MORE,
        Measured.over_seeds((stable & (dataset.root_gradient.values > 1e-6)).astype(float)),
        SEEDS,
        scale,
        any_scale=True,
    )


def _of_rising(dataset: xr.Dataset, scale: str) -> Iterator[Claim]:
    parts = dataset.rising_real_part
    moving = parts.where(np.abs(parts) > 1e-9, drop=True)
    yield Claim(
        "13-necessary",
        "Chu and Bacho 2024, Sec. 2.2.4 and Eq. 11",
        "Stability needs positive alignment: that of the hidden layer next to a point to which the flow returns",
        MORE,
        Measured.exact(float(dataset.rising_alignment[0])),
        IDENTITY,
        scale,
        any_scale=True,
    )
    yield Claim(
        "13-returns",
        BOOK,
        "The point is stable: largest real part of its eigenvalues off the line of solutions",
        LESS,
        Measured.exact(float(moving.max())),
        IDENTITY,
        scale,
        any_scale=True,
    )
    yield Claim(
        "13-rises-and-falls",
        BOOK,
        "Next to that point the loss rises first: its largest value over the first, less one",
        Expected("> 0.01", low=0.01),
        Measured.exact(float(dataset.rising_loss.max() / dataset.rising_loss[0] - 1)),
        Tolerance("accuracy of the integration", sigmas=0, floor=1e-6),
        scale,
        any_scale=True,
    )


def _of_extreme(dataset: xr.Dataset, scale: str) -> Iterator[Claim]:
    layers = dataset.layer.values
    depth = len(layers)
    for activation in dataset.activation.values:
        moves = dataset.first_move.sel(activation=activation, rule="FA")
        latest = moves.where(moves != NEVER, np.inf).max(["net", "layer"])
        yield Claim(
            f"13-zero-{activation}",
            A1,
            f"Zero weights are no fixed point of FA: steps until all {depth} layers move (-1: never), {activation}",
            Expected(f"after {depth} at most", 1, depth),
            Measured.exact(float(latest) if np.isfinite(latest) else NEVER),
            IDENTITY,
            scale,
            any_scale=True,
        )
        moved = dataset.first_move.sel(activation=activation, rule="BP")
        yield Claim(
            f"13-deadlock-{activation}",
            A1,
            f"From zero weights all updates of BP vanish: layers that ever move, {activation}",
            Expected("0", 0, 0),
            Measured.exact(float((moved != NEVER).any("net").sum())),
            IDENTITY,
            scale,
            any_scale=True,
        )
    largest = dataset.large_size.isel(large_scale=-1)
    for activation in dataset.activation.values:
        for layer, where in ((layers[-2], "the upper hidden layer"), (layers[-1], "the output layer")):
            for label in ("right", "wrong"):
                sizes = largest.sel(activation=activation, layer=layer, classified=label)
                yield Claim(
                    f"13-large-{activation}-{layer}-{label}",
                    A2,
                    f"Updates vanish at large weights: norm in {where}, {activation}, sample classified {label}",
                    Expected("0 (here: < 0.01)", high=0.01),
                    Measured.exact(float(np.median(sizes))),
                    Tolerance("median over networks; rounding", sigmas=0, floor=1e-12),
                    scale,
                    any_scale=True,
                )
    for formula, source in (("printed", A2), ("corrected", BOOK)):
        yield Claim(
            f"13-softmax-{formula}",
            source,
            f"Derivative of the softmax, {formula} formula: largest error against automatic differentiation",
            Expected("0", 0, 0),
            Measured.exact(float(dataset.softmax_error.sel(formula=formula).max())),
            IDENTITY,
            scale,
            any_scale=True,
        )
    yield Claim(
        "13-rank",
        RANK,
        "A random R hides no error: smallest signal of an error of norm 1, two hidden units and three outputs",
        Expected("not 0 (here: > 0.001)", low=0.001),
        Measured.exact(float(dataset.hidden_error.max())),
        IDENTITY,
        scale,
        any_scale=True,
    )
