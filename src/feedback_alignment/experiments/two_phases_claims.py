"""The claims of chapter 02: what Refinetti et al. (2021) print, what this book derives, and the numbers that decide."""

import numpy as np
import xarray as xr

from feedback_alignment.companion import provenance
from feedback_alignment.companion.claims import Claim, Expected, Measured, Tolerance
from feedback_alignment.experiments.two_phases_curves import slopes

PAPER, BOOK = "Refinetti et al. 2021, ", "this book"
PERFECT = 1e-3
"""A run has learned when its generalisation error is below this, about a tenth of the plateau's."""
SACRIFICE = 0.02
"""Memorisation takes alignment away from a student whose cosine with F ends at least this much below its maximum."""
DECIMALS = 6
"""Deviations that are integration errors below this are not shown: they differ between processors."""
ZERO, ONE = Expected("0", low=0, high=0), Expected("1", low=1, high=1)
ALL = Expected("1 (3 of 3)", low=1, high=1)
THREE = Tolerance("three standard errors over runs; the three runs drawn cannot tell 1 from nearly 1")
NEGATIVE, POSITIVE = Expected("< 0", high=0), Expected("> 0", low=0)
EXACT = Tolerance("rounding, and differences taken at small but finite times", sigmas=0, floor=1e-8)
SEEDS = Tolerance("three standard errors over runs")


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Return all claims, those of mathematics first."""
    scale = provenance.scale(dataset)
    return [*_early(dataset, scale), *_plateau(dataset, scale), *_zero(dataset, scale), *_statistics(dataset, scale)]


def _mathematics(
    key: str, source: str, statement: str, expected: Expected, measured: Measured, tolerance: Tolerance, scale: str
) -> Claim:
    return Claim(f"02-{key}", source, statement, expected, measured, tolerance, scale, any_scale=True)


def _early(dataset: xr.Dataset, scale: str) -> list[Claim]:
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
        found.append(_mathematics(key, source, words, ZERO, value, EXACT, scale))
    for key, source, name, statement in (
        ("sgd-r", PAPER + "Eq. 29", "R", "Eq. 29 for R"),
        ("sgd-q-printed", PAPER + "Eq. 29", "Q_printed", "Eq. 29 for Q, as printed"),
        ("sgd-q", BOOK, "Q", "Eq. 29 for Q, corrected"),
    ):
        words = f"{statement}: change in one step of SGD relative to the formula"
        tolerance = Tolerance("three standard errors over batches; N = 200 gives a bias of order 1/N", floor=0.02)
        value = Measured.over_seeds(dataset[f"one_step_{name}"].values)
        found.append(_mathematics(key, source, words, ONE, value, tolerance, scale))
    return found


def _plateau(dataset: xr.Dataset, scale: str) -> list[Claim]:
    """Eq. 31, the slow manifold, the height of the plateau, and the stability of the minima."""
    found = []
    for K in dataset.K.values:
        for key, source, name, word in (
            ("printed", PAPER + "Eq. 31", "printed", "as printed"),
            ("corrected", BOOK, "derived", "corrected"),
        ):
            value = Measured.exact(float(dataset[f"plateau_{name}"].sel(K=K)))
            words = f"Eq. 31 {word} is a fixed point for K = M = {K}: largest velocity / η"
            found.append(_mathematics(f"eq31-{key}-{K}", source, words, ZERO, value, EXACT, scale))
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
        _mathematics(
            "eq31-unequal",
            BOOK,
            "Eq. 31 extended to K ≠ M is a fixed point: largest velocity / η over three pairs",
            ZERO,
            Measured.exact(float(dataset.plateau_unequal_derived.max())),
            EXACT,
            scale,
        ),
        _mathematics(
            "equal-weights",
            PAPER + "Eq. 31",
            "On the plateau all units weigh the same: W2^2 / W2^1 with F = (0.2, 0.85)",
            ONE,
            Measured.exact(second / first),
            slow,
            scale,
        ),
        _mathematics(
            "sum-of-weights",
            BOOK,
            "On the plateau only the sum of sgn(F^k) W2^k is fixed, to M: half that sum with F = (0.2, 0.85)",
            ONE,
            Measured.exact((first + second) / 2),
            slow,
            scale,
        ),
        _mathematics(
            "collinear",
            BOOK,
            "The slow manifold is R^{km} = sgn(F^k) (Q^{kk} / M)^½: largest deviation of the ratio of the two from 1",
            ZERO,
            Measured.exact(round(float(abs(collinear - 1).max()), DECIMALS)),
            nearly,
            scale,
        ),
        _mathematics(
            "equal-height",
            PAPER + "SM B",
            "BP and DFA meet a plateau of the same height, at first order in η: largest relative difference",
            ZERO,
            Measured.exact(round(float(height), DECIMALS)),
            nearly,
            scale,
        ),
        _mathematics(
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


def _zero(dataset: xr.Dataset, scale: str) -> list[Claim]:
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
    return [_mathematics(key, source, text, word, value, tolerance, scale) for key, source, text, word, value in rows]


def _statistics(dataset: xr.Dataset, scale: str) -> list[Claim]:
    """Everything that is counted or averaged over runs."""

    def claim(
        key: str, source: str, statement: str, expected: Expected, values: object, tolerance: Tolerance = SEEDS
    ) -> Claim:
        return Claim(
            f"02-{key}", source, statement, expected, Measured.over_seeds(np.asarray(values)), tolerance, scale
        )

    found = []
    panels = zip(dataset.panel.values, ("bp-2", "dfa-2", "dfa-8"), ("a", "b", "c"), strict=True)
    for panel, key, letter in panels:
        curves = dataset.sel(panel=panel)
        learned = curves.curve_simulated.isel(point=-1) < PERFECT
        words = f"Fig. 2{letter}, erf: fraction of runs that reach ε_g < {PERFECT:g} by the end, {panel}"
        found.append(claim(f"fig2-{key}", PAPER + f"Fig. 2{letter}", words, ALL, learned, THREE))
        distance = abs(curves.curve_simulated - curves.curve_solved).max("point") / curves.curve_solved.isel(point=0)
        found.append(
            claim(
                f"distance-{key}",
                PAPER + "Fig. 3a",
                f"Theory agrees with single simulations at N = 500: largest |Δε_g| / ε_g(0), {panel}",
                Expected("0 to the eye (here: < 0.05)", high=0.05),
                distance,
            )
        )
    found.append(
        claim(
            "slope",
            BOOK,
            "The distance of single runs from the equations of motion falls as N^(-1/2): exponent",
            Expected("-1/2", low=-0.5, high=-0.5),
            slopes(dataset["size"].values, dataset.deviation_rms.transpose("size", "deviation_run").values),
            Tolerance("three standard errors over runs; the smallest N are not yet in the limit", floor=0.02),
        )
    )
    for K in (2, 3):
        reached = dataset[[f"minima{K}_{name}" for name in ("learned", "signs", "rank")]].sel(rule="dfa")
        done = reached.isel({f"start_{K}": np.flatnonzero(reached[f"minima{K}_learned"] > 0)})
        signs, best = done[f"minima{K}_signs"], done[f"minima{K}_rank"] == 0
        source = PAPER + "Sec. 1.1"
        words = f"DFA ends where sgn W2 = sgn F: fraction of starts, K = M = {K}"
        found.append(claim(f"signs-{K}", source, words, ONE, signs))
        words = f"DFA ends in the permutation of largest overlap with F: fraction of starts, K = M = {K}"
        found.append(claim(f"permutation-{K}", source, words, ONE, best))
    return found + _alignment(dataset, scale)


def _alignment(dataset: xr.Dataset, scale: str) -> list[Claim]:
    """Fig. 3b, and the height of the plateau at finite η, from the starts that meet a plateau by both rules."""
    both = dataset.isel(start=np.flatnonzero(np.isfinite(dataset.met_alpha_entry).all("rule")))
    dfa, bp = both.sel(rule="dfa"), both.sel(rule="bp")
    given_up = dfa.isel(start=np.flatnonzero(dfa.met_cosine_peak - dfa.met_cosine_end > SACRIFICE))
    ahead = np.log10(given_up.met_alpha_peak / given_up.met_alpha_entry)
    figure = PAPER + "Fig. 3b"
    resolved = Tolerance(
        "three standard errors over starts; a quarter of a decade is what Fig. 3b resolves", floor=0.25
    )
    read = Tolerance("three standard errors over starts; read as 1.00 in Fig. 3b", floor=0.005)
    drawn = Tolerance("three standard errors over starts; 5 % is the width of a line in Fig. 2", floor=0.05)
    rise, fall = dfa.met_cosine_peak - dfa.met_cosine_start, dfa.met_cosine_end - dfa.met_cosine_peak
    rows = (
        (
            "alignment-rises",
            figure,
            "The cosine of W2 and F rises from the start to its maximum",
            POSITIVE,
            rise,
            SEEDS,
        ),
        ("alignment-falls", figure, "The cosine of W2 and F falls from its maximum to the end", NEGATIVE, fall, SEEDS),
        (
            "maximum-at-plateau",
            figure,
            "The cosine is largest when the error reaches the plateau: decades of time from there to the maximum",
            ZERO,
            ahead,
            resolved,
        ),
        (
            "maximum-before-plateau",
            BOOK,
            "The cosine is largest before the error reaches the plateau: decades of time from there to the maximum",
            NEGATIVE,
            ahead,
            SEEDS,
        ),
        (
            "perfect-alignment",
            PAPER + "Sec. 1.1",
            "W2 is perfectly aligned with F on the plateau: cosine on entering it",
            ONE,
            dfa.met_cosine_entry,
            read,
        ),
        (
            "height-at-eta",
            PAPER + "SM B",
            "BP and DFA meet a plateau of the same height, at η = 0.1: ratio of the two",
            ONE,
            dfa.met_height / bp.met_height,
            drawn,
        ),
    )
    return [
        Claim(f"02-{key}", source, statement, expected, Measured.over_seeds(values.values), tolerance, scale)
        for key, source, statement, expected, values, tolerance in rows
    ]
