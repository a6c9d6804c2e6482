"""The claims of chapter 02 that are mathematics, and hold at any scale of the runs: Eqs 29 to 31 and Fig. 10."""

import numpy as np
import xarray as xr

from feedback_alignment.companion.claims import Claim, Expected, Measured, Tolerance

PAPER, BOOK = "Refinetti et al. 2021, ", "this book"
ZERO, ONE = Expected("0", low=0, high=0), Expected("1", low=1, high=1)
DECIMALS = 6
"""Deviations that are integration errors below this are not shown: they differ between processors."""
EXACT = Tolerance("rounding, and differences taken at small but finite times", sigmas=0, floor=1e-8)


def _claim(
    key: str, source: str, statement: str, expected: Expected, measured: Measured, tolerance: Tolerance, scale: str
) -> Claim:
    return Claim(f"02-{key}", source, statement, expected, measured, tolerance, scale, any_scale=True)


def early(dataset: xr.Dataset, scale: str) -> list[Claim]:
    """Eqs 29 and 30 against the equations of motion for K = M = 2, 3, 4, and against single steps of SGD."""
    found = []
    for key, source, name, statement in (
        ("eq29-r", PAPER + "Eq. 29", "R", "dR/dα at zero weights"),
        ("eq29-q-printed", PAPER + "Eq. 29", "Q_printed", "dQ/dα at zero weights, as printed"),
        ("eq29-q", BOOK, "Q", "dQ/dα at zero weights, corrected"),
        ("eq30", PAPER + "Eq. 30", "W2", "Slope of dW2/dα at zero weights"),
    ):
        value = Measured.exact(float(dataset[f"early_error_{name}"].max()))
        words = f"{statement}: relative error, largest of K = 2, 3, 4"
        found.append(_claim(key, source, words, ZERO, value, EXACT, scale))
    for key, source, name, statement in (
        ("sgd-r", PAPER + "Eq. 29", "R", "Eq. 29 for R"),
        ("sgd-q-printed", PAPER + "Eq. 29", "Q_printed", "Eq. 29 for Q, as printed"),
        ("sgd-q", BOOK, "Q", "Eq. 29 for Q, corrected"),
    ):
        words = f"{statement}: change in one step of SGD relative to the formula"
        tolerance = Tolerance("three standard errors over batches; N = 200 gives a bias of order 1/N", floor=0.02)
        value = Measured.over_seeds(dataset[f"one_step_{name}"].values)
        found.append(_claim(key, source, words, ONE, value, tolerance, scale))
    return found


def plateau(dataset: xr.Dataset, scale: str) -> list[Claim]:
    """Eq. 31, the slow manifold, the height of the plateau, and the stability of the minima."""
    found = []
    for K in dataset.K.values:
        for key, source, name, word in (
            ("printed", PAPER + "Eq. 31", "printed", "as printed"),
            ("corrected", BOOK, "derived", "corrected"),
        ):
            value = Measured.exact(float(dataset[f"plateau_{name}"].sel(K=K)))
            words = f"Eq. 31 {word} is a fixed point for K = M = {K}: largest velocity / η"
            found.append(_claim(f"eq31-{key}-{K}", source, words, ZERO, value, EXACT, scale))
    last = dataset.isel(time_slow=-1)
    first, second = last.slow_W2.values
    collinear = last.slow_R / np.sqrt(np.diagonal(last.slow_Q) / last.sizes["teacher_unit"])[:, None]
    heights = dataset.plateau_height.sel(order=1)
    height = abs(heights.sel(rule="dfa") / heights.sel(rule="bp") - 1).max()
    wrong = sum(
        float(((dataset[f"stability{K}_rate"] < 0) != (dataset[f"stability{K}_agree"] > 0)).sum()) for K in (2, 3)
    )
    slow = Tolerance("a tenth: the plateau is still being approached, slowly", sigmas=0, floor=0.1)
    nearly = Tolerance("the slow manifold is still being travelled at the time of measurement", sigmas=0, floor=1e-3)
    found += [
        _claim(
            "eq31-unequal",
            BOOK,
            "Eq. 31 extended to K ≠ M is a fixed point: largest velocity / η over three pairs",
            ZERO,
            Measured.exact(float(dataset.plateau_unequal_derived.max())),
            EXACT,
            scale,
        ),
        _claim(
            "equal-weights",
            PAPER + "Eq. 31",
            "On the plateau all units weigh the same: W2^2 / W2^1 with F = (0.2, 0.85)",
            ONE,
            Measured.exact(second / first),
            slow,
            scale,
        ),
        _claim(
            "sum-of-weights",
            BOOK,
            "On the plateau only the sum of sgn(F^k) W2^k is fixed, to M: half that sum with F = (0.2, 0.85)",
            ONE,
            Measured.exact((first + second) / 2),
            slow,
            scale,
        ),
        _claim(
            "collinear",
            BOOK,
            "The slow manifold is R^{km} = sgn(F^k) (Q^{kk} / M)^½: largest deviation of the ratio of the two from 1",
            ZERO,
            Measured.exact(round(float(abs(collinear - 1).max()), DECIMALS)),
            nearly,
            scale,
        ),
        _claim(
            "equal-height",
            PAPER + "SM B",
            "BP and DFA meet a plateau of the same height, at first order in η: largest relative difference",
            ZERO,
            Measured.exact(round(float(height), DECIMALS)),
            nearly,
            scale,
        ),
        _claim(
            "stability",
            BOOK,
            "A minimum is linearly stable if, and only if, all F^k W2^k > 0: minima of K = 2, 3 where that fails",
            ZERO,
            Measured.exact(wrong),
            Tolerance("a count", sigmas=0),
            scale,
        ),
    ]
    return found


def zero(dataset: xr.Dataset, scale: str) -> list[Claim]:
    """Fig. 10: what keeps a student at zero weights from learning."""
    end = np.log10(dataset.zero_exact.isel(time_zero=-1))
    stuck = Expected("stuck: log10 ε_g > -3", low=-3)
    learns = Expected("learns: log10 ε_g < -3", high=-3)
    tolerance = Tolerance("a factor of ten in the error; stuck and learned lie many apart", sigmas=0, floor=1)
    at = {str(name): Measured.exact(float(end.sel(case=name))) for name in dataset.case.values}
    rows = (
        ("fig10-random", PAPER + "Fig. 10", "From zero weights, F random: the student", learns, at["A"]),
        ("fig10-cause", PAPER + "Fig. 10", "From zero weights, F ⟂ W̃2, |F^1| ≠ |F^2|: the student", stuck, at["D"]),
        ("fig10-moduli", BOOK, "From zero weights, |F^1| = |F^2|, F not ⟂ W̃2: the student", stuck, at["C"]),
        ("fig10-both", PAPER + "Fig. 10", "From zero weights, F ⟂ W̃2 and |F^1| = |F^2|: the student", stuck, at["B"]),
    )
    return [_claim(key, source, text, word, value, tolerance, scale) for key, source, text, word, value in rows]
