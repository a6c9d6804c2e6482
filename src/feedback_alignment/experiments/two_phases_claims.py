"""The claims of chapter 02: what Refinetti et al. (2021) print, what this book derives, and the numbers that decide."""

import numpy as np
import xarray as xr

from feedback_alignment.companion import provenance
from feedback_alignment.companion.claims import Claim, Expected, Measured, Tolerance
from feedback_alignment.experiments.two_phases_curves import slopes
from feedback_alignment.experiments.two_phases_mathematics import BOOK, ONE, PAPER, ZERO, early, plateau, zero

PERFECT = 1e-3
"""A run has learned when its generalisation error is below this, about a tenth of the plateau's."""
SACRIFICE = 0.02
"""Memorisation takes alignment away from a student whose cosine with F ends at least this much below its maximum."""
ALL = Expected("1 (3 of 3)", low=1, high=1)
THREE = Tolerance("three standard errors over runs; the three runs drawn cannot tell 1 from nearly 1")
NEGATIVE, POSITIVE = Expected("< 0", high=0), Expected("> 0", low=0)
SEEDS = Tolerance("three standard errors over runs")


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Return all claims, those of mathematics first."""
    scale = provenance.scale(dataset)
    return [*early(dataset, scale), *plateau(dataset, scale), *zero(dataset, scale), *_statistics(dataset, scale)]


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
