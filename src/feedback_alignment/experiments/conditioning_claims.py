"""The claims of chapter 05."""

from math import log2

import numpy as np
import xarray as xr

from feedback_alignment.companion import provenance, store
from feedback_alignment.companion.claims import Claim, Expected, Measured, Tolerance
from feedback_alignment.deep_linear import (
    conditioning_exponent,
    converged_conditioning_exponent,
    growth_exponent,
)
from feedback_alignment.experiments.conditioning_prediction import condition_cosine, isotropic_cosine
from feedback_alignment.experiments.conditioning_selection import (
    at_end,
    exponents,
    highest,
    rank_correlation,
    score_of,
    uneven_rank,
    uneven_slopes,
)

BOOK = "this book"
FIG8 = "Refinetti et al. 2021, Fig. 8"
FIG12 = "Refinetti et al. 2021, Fig. 12"
SMD = "Refinetti et al. 2021, SM D"
RECIPES = (("main text", "relu"), ("supplement", "linear"))
"""The paper's two descriptions of Fig. 8."""
RESOLVED = (4, 5)
"""Layers for which the printed and the corrected Eq. 57 differ and cond(A_l), cond(S)^(2^(l−2)), is far below 1e16."""
FACTORS = {"alpha": "imbalance (rank correlation with alpha)", "beta": "correlation (rank correlation with beta)"}
NAMES = {"linear": "linear", "relu": "ReLU", "tanh": "tanh"}
POSITIVE, NEGATIVE, NONE = Expected("> 0", low=0), Expected("< 0", high=0), Expected("0", 0, 0)
SEEDS = Tolerance("three standard errors over seeds")
ROUNDING = Tolerance("rounding", sigmas=0, floor=1e-12)
HELD_OUT = Tolerance("three standard errors over seeds; 0 is the baseline, mean GA")


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Return all claims: the paper's figures, its theory, and what this book adds."""
    return [
        *_figure8(dataset),
        *_without_noise(dataset),
        *_figure12(dataset),
        *_projection(dataset),
        *_linear(dataset),
        *_foretold(dataset),
    ]


def _figure8(dataset: xr.Dataset) -> list[Claim]:
    found = []
    observables = (
        ("wa", FIG8, "weight_alignment", "Final WA falls with the targets'"),
        ("ga", FIG8, "gradient_alignment", "Final GA falls with the targets'"),
        ("probe", BOOK, "probe_alignment", "Final GA for errors in all directions alike falls with the targets'"),
    )
    for key, source, variable, words in observables:
        for recipe, activation in RECIPES:
            for factor, name in FACTORS.items():
                rho = rank_correlation(at_end(dataset, variable, recipe, activation, "all"), factor)
                statement = f"{words} {name}: {NAMES[activation]}, {recipe}"
                measured = Measured.over_seeds(rho)
                label = f"05-{key}-{factor}-{activation}"
                found.append(Claim(label, source, statement, POSITIVE, measured, SEEDS, provenance.scale(dataset)))
    return found


def _without_noise(dataset: xr.Dataset) -> list[Claim]:
    values = dataset.noiseless_weight_alignment.sel(recipe="supplement", upper="all").values
    measured = Measured.over_seeds(rank_correlation(values, "alpha"))
    statement = f"Without the noise of batches, final WA falls with the targets' {FACTORS['alpha']}: linear, supplement"
    return [Claim("05-noiseless", BOOK, statement, POSITIVE, measured, SEEDS, provenance.scale(dataset))]


def _figure12(dataset: xr.Dataset) -> list[Claim]:
    found = []
    for activation in ("relu", "tanh"):
        values = {
            "maximal": highest(dataset, "main text", activation),
            "final": at_end(dataset, "weight_alignment", "main text", activation, "all"),
        }
        for when, grid in values.items():
            for factor, name in FACTORS.items():
                if (when, activation) == ("final", "relu"):
                    continue
                measured = Measured.over_seeds(rank_correlation(grid, factor))
                statement = f"The {when} WA falls with the targets' {name}: {NAMES[activation]}"
                label = f"05-{when}-{factor}-{activation}"
                found.append(Claim(label, FIG12, statement, POSITIVE, measured, SEEDS, provenance.scale(dataset)))
    return found


def _projection(dataset: xr.Dataset) -> list[Claim]:
    scale, found = provenance.scale(dataset), []
    steps = store.provenance(dataset)["settings"]["projection"]["steps"]
    floors = {
        "53": ROUNDING,
        "55": ROUNDING,
        "56": Tolerance(f"the next order at {steps} steps, (10/3)/t, rounded up", sigmas=0, floor=4 / steps),
    }
    for equation, tolerance in floors.items():
        for formula, source in (
            ("printed", f"{SMD}, Eq. {equation}"),
            ("corrected", f"{SMD}, Eq. {equation}, corrected"),
        ):
            error = float(dataset.projection_error.sel(formula=formula, equation=equation).max())
            statement = f"DRTP, relative error of Eq. {equation} as {formula}"
            key = f"05-eq{equation}-{formula}"
            found.append(Claim(key, source, statement, NONE, Measured.exact(error), tolerance, scale, any_scale=True))
    for layer in (layer for layer in map(int, dataset.aligned.values) if layer in RESOLVED):
        measured = Measured.over_seeds(dataset.projection_conditioning.sel(aligned=layer).values)
        for formula, power in (("printed", layer - 1), ("corrected", conditioning_exponent(layer))):
            source = f"{SMD}, Eq. 57" + (", corrected" if formula == "corrected" else "")
            statement = f"DRTP, ln cond(A_{layer}) over ln cond(S), Eqs 56 and 57 as {formula}"
            expected = Expected(str(power), power, power)
            tolerance = Tolerance("rounding, times a condition number of up to 1e8", sigmas=0, floor=1e-6)
            key = f"05-eq57-{formula}-{layer}"
            found.append(Claim(key, source, statement, expected, measured, tolerance, scale, any_scale=True))
    for layer in map(int, dataset.weights.values):
        measured = Measured.over_seeds(dataset.projection_growth.sel(weights=layer).values)
        tolerance = Tolerance("three standard errors; the next order in 1/t", floor=2 * log2(1 + 2**layer / steps))
        for formula, power in (("printed", 1), ("corrected", growth_exponent(layer))):
            statement = f"DRTP, power of time in the norm of W_{layer}, as {formula}"
            key, expected = f"05-growth-{formula}-{layer}", Expected(str(power), power, power)
            found.append(Claim(key, SMD, statement, expected, measured, tolerance, scale, any_scale=True))
    return found


def _linear(dataset: xr.Dataset) -> list[Claim]:
    scale, found = provenance.scale(dataset), []

    def claim(
        key: str, source: str, statement: str, expected: Expected, values: np.ndarray, tolerance: Tolerance
    ) -> None:
        found.append(Claim(f"05-{key}", source, statement, expected, Measured.over_seeds(values), tolerance, scale))

    for layer in (2, 3):
        slopes = exponents(dataset, "main text", f"A{layer}")
        power, final = growth_exponent(layer), converged_conditioning_exponent(layer, 3)
        claim(
            f"early-{layer}",
            BOOK,
            f"Linear networks early in training: power of cond(T) that cond(A_{layer}) is",
            Expected(str(power), power, power),
            slopes[:, slopes.shape[1] // 2],
            Tolerance("three standard errors; 15 % for batches and feedback not left-orthogonal", floor=0.15 * power),
        )
        claim(
            f"late-{layer}",
            BOOK,
            f"Linear networks after training: power of cond(T) that cond(A_{layer}) is",
            Expected(f"{power}/7", final, final),
            slopes[:, -1],
            Tolerance("three standard errors; 0.1 for feedback not left-orthogonal", floor=0.1),
        )
    finite = Tolerance("three standard errors; 0.05 for F^T F away from the identity at finite width", floor=0.05)
    for key, name, values in _line_distances(dataset):
        statement = f"Linear networks after training: {name} minus the theory's for a matrix of the condition of A_3"
        claim(f"line-{key}", BOOK, statement, NONE, values, finite)
    small = Tolerance("three standard errors; 0.1 for feedback not left-orthogonal", floor=0.1)
    words = "Balanced targets, uneven inputs, linear networks"
    early, late = uneven_slopes(dataset, 1)[0], uneven_slopes(dataset, -1)[1]
    claim("uneven-early", BOOK, f"{words}: power of cond(S) that cond(A_2) is early", Expected("1", 1, 1), early, small)
    expected = Expected("1/7", 1 / 7, 1 / 7)
    claim("uneven-late", BOOK, f"{words}: power of cond(T T^T) that cond(A_2) is late", expected, late, small)
    for activation in ("linear", "relu"):
        claim(
            f"uneven-{activation}",
            f"{SMD}, Eq. 57",
            f"Balanced targets: isotropic GA falls with cond(E[xx^T]) (rank correlation), {NAMES[activation]}",
            NEGATIVE,
            uneven_rank(dataset, activation),
            SEEDS,
        )
    return found


def _line_distances(dataset: xr.Dataset) -> list[tuple[str, str, np.ndarray]]:
    condition = at_end(dataset, "condition", "main text", "linear", "A3")
    weight = at_end(dataset, "weight_alignment", "main text", "linear", "3") - condition_cosine(condition)
    gradient = at_end(dataset, "probe_alignment", "main text", "linear", "2") - isotropic_cosine(condition)
    return [
        ("weight", "WA of layer 3", weight.mean((1, 2))),
        ("gradient", "isotropic GA of layer 2", gradient.mean((1, 2))),
    ]


def _foretold(dataset: xr.Dataset) -> list[Claim]:
    asked = [
        *(
            (recipe, activation, "moment dynamics", "all")
            for recipe in ("main text", "supplement")
            for activation in NAMES
        ),
        *(("main text", activation, "final law", "all") for activation in NAMES),
        *(("main text", activation, "targets alone", "all") for activation in NAMES),
        *(("main text", "relu", "moment dynamics", layer) for layer in ("1", "2")),
        *(("digits", activation, "moment dynamics", "all") for activation in NAMES),
    ]
    found = []
    for recipe, activation, predictor, layer in asked:
        where = "all layers" if layer == "all" else f"layer {layer}"
        statement = f"R^2 of GA foretold by the {predictor}, held-out targets: {NAMES[activation]}, {recipe}, {where}"
        measured = Measured.over_seeds(score_of(dataset, recipe, activation, predictor, layer).explained)
        key = f"05-foretold-{recipe.split()[0]}-{activation}-{predictor.split()[0]}-{layer}"
        found.append(Claim(key, BOOK, statement, POSITIVE, measured, HELD_OUT, provenance.scale(dataset)))
    return found
