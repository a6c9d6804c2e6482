"""The claims of chapter 10 on what filters respond to."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from feedback_alignment.companion.claims import Claim, Expected, Measured, Tolerance

FIG3 = "Launay et al. 2019, Fig. 3"
LEVEL = 0.05
EXACT = Tolerance("none: the test is exact")
RANKS = "spectral entropy of what filters of convolution 2 respond to, against untrained networks: p of a rank test"


def claims(dataset: xr.Dataset, scale: str) -> Iterator[Claim]:
    """Return the claims about those networks that are there, each beside untrained ones."""
    if not {"filter_entropy", "untrained_entropy"} <= set(dataset):
        return
    entropies = {str(who): dataset.filter_entropy.sel(pupil=who).mean("filter") for who in dataset.pupil.values}
    there = {who: values for who, values in entropies.items() if np.isfinite(values).all()}
    for who, expected in (
        ("DFA", Expected(f"random: p > {LEVEL}", low=LEVEL)),
        ("BP", Expected(f"not random: p < {LEVEL}", high=LEVEL)),
    ):
        if who in there:
            p = rank_p_value(there[who].values, dataset.untrained_entropy.mean("filter").values)
            words = f"{who}: {RANKS}"
            yield Claim(f"10-fig3-{who.lower()}", FIG3, words, expected, Measured.exact(p), EXACT, scale)
    if {"BP", "DFA"} <= set(there):
        yield Claim(
            "10-fig3-difference",
            FIG3,
            "Spectral entropy of what filters of convolution 2 respond to, DFA less BP",
            Expected("> 0", low=0),
            Measured.over_seeds(there["DFA"] - there["BP"]),
            Tolerance("three standard errors over seeds"),
            scale,
        )


def rank_p_value(few: np.ndarray, many: np.ndarray) -> float:
    """Return the two-sided p of Mann and Whitney's test, exact: of all ways to choose the few among all numbers."""
    from scipy.stats import mannwhitneyu

    return float(mannwhitneyu(few, many, alternative="two-sided", method="exact").pvalue)
