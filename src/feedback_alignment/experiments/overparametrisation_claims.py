"""The claims of chapter 03."""

from math import sqrt

import numpy as np
import xarray as xr
from jaxtyping import Bool

from feedback_alignment.companion import provenance
from feedback_alignment.companion.claims import Claim, Expected, Measured, Tolerance
from feedback_alignment.experiments.overparametrisation_selection import (
    eta_exponents,
    find,
    fixed_point_rate,
    foretold,
    largest_size,
    learned,
    noise_ratio,
    start_slopes,
)
from feedback_alignment.experiments.plateau_escape import TILTED
from feedback_alignment.experiments.sign_counting import (
    backpropagation_learning_probability,
    learning_probability,
    printed_learning_probability,
)

BOOK = "this book"
EQ8 = "Refinetti et al. 2021, Eq. 8"
FIG2 = "Refinetti et al. 2021, Fig. 2"
FIG4 = "Refinetti et al. 2021, Fig. 4 and Sec. 1.2"
# Students whose fraction is claimed, at the number of inputs that most trials have: K, and the signs of the teacher.
COUNTED = ((2, 2, 0), (3, 2, 0), (4, 2, 0), (6, 2, 0), (8, 2, 0), (2, 1, 1), (3, 1, 1), (3, 3, 0), (4, 2, 1))
COUNT = Tolerance(
    "three binomial standard errors; 0.01 for feedback entries so close to zero that the time is too short", floor=0.01
)
BINOMIAL = Tolerance("three binomial standard errors")
FREED = Tolerance("three binomial standard errors; 0.03 for units that sampling noise frees", floor=0.03)
SPARE = Tolerance("three standard errors; 0.02 for weak units that are not needed", floor=0.02)
STARTS = Tolerance("three standard errors over starts")
ROUNDING = Tolerance("rounding", sigmas=0, floor=1e-12)
# Students that have learned are far below this error by the end of a learning curve, and all others far above.
END = 0.02
NONE, ALL, FEWER = Expected("0", 0, 0), Expected("1", 1, 1), Expected("< 1", high=1)


def proportion(outcomes: Bool[np.ndarray, " runs"]) -> Measured:
    """Return the fraction of outcomes that are true, with a binomial standard error that is not zero for none or all.

    The error is √(p(1 − p)/n) at p = (x + 1)/(n + 2) for x of n. Raises ValueError for no outcomes.
    """
    n = len(outcomes)
    if not n:
        raise ValueError("a fraction needs at least one run; got none")
    p = (int(outcomes.sum()) + 1) / (n + 2)
    return Measured(float(outcomes.mean()), sqrt(p * (1 - p) / n), n)


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Return all claims, those about the plateau last."""
    return [*_eq8(dataset), *_entries(dataset), *_learning_curves(dataset), *_mathematics(dataset), *_plateau(dataset)]


def _exactly(value: float) -> Expected:
    return Expected(f"{value:.3g}", value, value)


def _eq8(dataset: xr.Dataset) -> list[Claim]:
    scale = provenance.scale(dataset)
    found = []
    for K, plus, minus in COUNTED:
        outcome = learned(dataset, find(dataset, K, plus, minus))
        signs = f"{plus} positive" + (f" and {minus} negative" if minus else "")
        where = f"K = {K}, teacher with {signs} weights"
        key = f"k{K}-{plus}-{minus}"
        if minus == 0 and 2 * plus != K:
            statement = f"Fraction that learns, Eq. 8 as printed: {where}"
            expected = _exactly(printed_learning_probability(K, plus))
            found.append(Claim(f"03-printed-{key}", EQ8, statement, expected, proportion(outcome), COUNT, scale))
        source, formula = (BOOK, "for any signs") if minus else (f"{EQ8}, corrected", "sum from M to K")
        statement = f"Fraction that learns, Eq. 8, {formula}: {where}"
        expected = _exactly(learning_probability(K, plus, minus))
        found.append(Claim(f"03-corrected-{key}", source, statement, expected, proportion(outcome), COUNT, scale))
    largest = proportion(learned(dataset, largest_size(dataset)))
    statement = "The same for K = 3 and 2 positive weights, at the largest number of inputs"
    expected = _exactly(learning_probability(3, 2))
    found.append(Claim("03-corrected-size", f"{EQ8}, corrected", statement, expected, largest, COUNT, scale))
    shares = dataset.agreeing_share.where((dataset.rule == "dfa") & np.isfinite(dataset.learned_at)).values
    statement = "Students that learned by DFA: share of their strength in units with the sign of their feedback"
    measured = Measured.over_seeds(shares[np.isfinite(shares)])
    found.append(Claim("03-signs", FIG4, statement, ALL, measured, SPARE, scale))
    statement = "Fraction of all DFA runs whose outcome the signs of the feedback foretell"
    return [*found, Claim("03-foretold", BOOK, statement, ALL, proportion(foretold(dataset)), COUNT, scale)]


def _entries(dataset: xr.Dataset) -> list[Claim]:
    scale, trial = provenance.scale(dataset), find(dataset, 3)
    positive = dataset.positive_entries.isel(trial=trial).values
    outcome, positive = learned(dataset, trial), positive[~np.isnan(positive)]
    found = []
    for count, expected in ((0, NONE), (1, NONE), (2, ALL)):
        statement = f"Fraction that learns with K = 3, M = 2 and {count} positive feedback entries"
        measured = proportion(outcome[positive == count])
        found.append(Claim(f"03-entries-{count}", FIG4, statement, expected, measured, COUNT, scale))
    ends = dataset.isel(time=-1)
    same = (ends.entries_simulation < END) == (ends.entries_equations < END)
    statement = f"Fraction of learning curves where equations and simulation end on the same side of {END}"
    return [*found, Claim("03-equations", FIG4, statement, ALL, proportion(same.values.ravel()), BINOMIAL, scale)]


def _learning_curves(dataset: xr.Dataset) -> list[Claim]:
    def claim(
        key: str, source: str, statement: str, expected: Expected, trial: int, tolerance: Tolerance = BINOMIAL
    ) -> Claim:
        measured = proportion(learned(dataset, trial))
        return Claim(f"03-{key}", source, statement, expected, measured, tolerance, provenance.scale(dataset))

    backward, positive = find(dataset, 2, rule="bp"), find(dataset, 2, rule="bp", start="positive")
    by_start = _exactly(backpropagation_learning_probability(2, 2))
    almost = Expected("almost 1 (here: > 0.9)", low=0.9)
    bp = "Fraction of ReLU students with K = M = 2 that learn with BP"
    return [
        claim("bp", f"{FIG2}a", f"{bp} from a random start", ALL, backward),
        claim("bp-signs", BOOK, f"{bp}, as the signs at a random start foretell", by_start, backward, FREED),
        claim("bp-positive", BOOK, f"{bp} if the second layer starts positive", ALL, positive),
        claim("dfa-fails", f"{FIG2}b", "Fraction that learns with DFA and K = M = 2", FEWER, find(dataset, 2)),
        claim("dfa-wide", f"{FIG2}c, Sec. 1.1", "Fraction that learns with DFA and K = 4M", almost, find(dataset, 8)),
    ]


def _mathematics(dataset: xr.Dataset) -> list[Claim]:
    scale = provenance.scale(dataset)
    apart = max(abs(printed_learning_probability(2 * M, M) - learning_probability(2 * M, M)) for M in range(1, 11))
    residual = float(dataset.invariant_residual.max())
    same = "Printed and corrected formula at K = 2M: largest difference for M up to 10"
    kept = "Relative change of the sign invariants of ReLU units under DFA at first order in eta"
    return [
        Claim("03-k2m", EQ8, same, NONE, Measured.exact(apart), ROUNDING, scale, any_scale=True),
        Claim("03-invariant", BOOK, kept, NONE, Measured.exact(residual), ROUNDING, scale, any_scale=True),
    ]


def _plateau(dataset: xr.Dataset) -> list[Claim]:
    def claim(key: str, statement: str, expected: Expected, measured: Measured, tolerance: Tolerance) -> Claim:
        exact = not measured.seeds
        return Claim(
            f"03-{key}", BOOK, statement, expected, measured, tolerance, provenance.scale(dataset), any_scale=exact
        )

    rates = dataset.rate_measured.sortby("angle")
    apart = float(abs(dataset.rate_measured / dataset.rate_there - 1).max())
    slope = start_slopes(dataset) * fixed_point_rate(dataset)
    noise = "feedback: simulated escape time from the smallest start over that of the equations"
    return [
        claim(
            "rate",
            "Escape rate of the equations against the Jacobian where the run is: largest relative difference",
            NONE,
            Measured.exact(apart),
            Tolerance("the state drifts while the rate is read", sigmas=0, floor=0.005),
        ),
        claim(
            "rate-angle",
            "Escape rate at the largest angle between F and the teacher, over that at angle 0",
            FEWER,
            Measured.exact(float(rates[-1] / rates[0])),
            ROUNDING,
        ),
        claim(
            "escape-eta",
            "Exponent of the simulated escape time in eta",
            Expected("-1", -1, -1),
            Measured.over_seeds(eta_exponents(dataset)),
            Tolerance("terms of second order in eta shorten the plateau at large eta", floor=0.1),
        ),
        claim(
            "escape-start",
            "Escape time of the equations per unit of ln(sqrt(N) / sigma0), times the rate of the fixed point",
            ALL,
            Measured.over_seeds(slope),
            Tolerance("the plateau approaches the fixed point slowly", floor=0.1),
        ),
        claim(
            "escape-shared",
            f"Equal {noise}",
            ALL,
            Measured.over_seeds(noise_ratio(dataset, 0.0)),
            Tolerance("three standard errors over starts; 0.05 for finite size", floor=0.05),
        ),
        claim("escape-noise", f"Unequal {noise}", FEWER, Measured.over_seeds(noise_ratio(dataset, TILTED)), STARTS),
    ]
