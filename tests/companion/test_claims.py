"""Claims: the verdict follows from the numbers by arithmetic, and the numbers are shown in the digits they deserve."""

import json
import math
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from feedback_alignment.companion.claims import (
    SCALES,
    Claim,
    Expected,
    Measured,
    Tolerance,
    estimate,
    significant,
)

NONE = Tolerance("exact arithmetic", sigmas=0)
INTERVAL, POINT = Expected("1 to 2", 1, 2), Expected("0", 0, 0)
ABOVE, BELOW = Expected("> 0", low=0), Expected("< 0", high=0)


def make(
    value: float,
    expected: Expected = POINT,
    error: float = 0.1,
    tolerance: Tolerance | None = None,
    scale: str = "paper",
    **more: object,
) -> Claim:
    """A claim whose margin is 3 * 0.1 + 0.05 = 0.35 unless told otherwise."""
    return Claim(
        "00-key",
        "Paper, Fig. 1",
        "A statement",
        expected,
        Measured(value, error, 10 if error else 0),
        tolerance or Tolerance("three standard errors and a rounding error", floor=0.05),
        scale,
        **more,
    )


@pytest.mark.parametrize(
    ("expected", "value", "outcome"),
    [
        (INTERVAL, 0.64, "outside"),
        (INTERVAL, 0.66, "inside"),
        (INTERVAL, 1.5, "inside"),
        (INTERVAL, 2.34, "inside"),
        (INTERVAL, 2.36, "outside"),
        (INTERVAL, -math.inf, "outside"),
        (INTERVAL, math.inf, "outside"),
        (INTERVAL, math.nan, "outside"),
        (POINT, -0.36, "outside"),
        (POINT, -0.34, "inside"),
        (POINT, 0.0, "inside"),
        (POINT, 0.36, "outside"),
        (ABOVE, 0.36, "inside"),
        (ABOVE, 0.34, "undecided"),
        (ABOVE, 0.0, "undecided"),
        (ABOVE, -0.34, "undecided"),
        (ABOVE, -0.36, "outside"),
        (ABOVE, math.inf, "inside"),
        (ABOVE, -math.inf, "outside"),
        (ABOVE, math.nan, "outside"),
        (BELOW, -0.36, "inside"),
        (BELOW, -0.34, "undecided"),
        (BELOW, 0.34, "undecided"),
        (BELOW, 0.36, "outside"),
        (BELOW, -math.inf, "inside"),
        (BELOW, math.inf, "outside"),
        (BELOW, math.nan, "outside"),
    ],
)
def test_the_outcome_compares_the_number_with_the_expectation(expected, value, outcome):
    assert make(value, expected).outcome == outcome


@pytest.mark.parametrize(
    ("expected", "value", "outcome"),
    [
        (INTERVAL, 1.0, "inside"),
        (INTERVAL, 2.0, "inside"),
        (INTERVAL, math.nextafter(2, 3), "outside"),
        (POINT, 0.0, "inside"),
        (POINT, 5e-324, "outside"),
        (ABOVE, 0.0, "undecided"),
        (ABOVE, 5e-324, "inside"),
        (BELOW, 0.0, "undecided"),
        (BELOW, 5e-324, "outside"),
    ],
)
def test_an_interval_is_closed_and_a_bound_is_open(expected, value, outcome):
    assert make(value, expected, error=0, tolerance=NONE).outcome == outcome


VERDICTS = {"inside": "agrees", "outside": "disagrees", "undecided": "reduced"}


@pytest.mark.parametrize(("outcome", "scale", "any_scale"), list(product(VERDICTS, SCALES, (False, True))))
def test_the_verdict_of_every_outcome_at_every_scale(outcome, scale, any_scale):
    value = {"inside": 0.5, "undecided": 0.1, "outside": -0.5}[outcome]
    claim = make(value, ABOVE, scale=scale, any_scale=any_scale)
    assert claim.outcome == outcome
    too_small = scale in ("smoke", "quick") and not any_scale
    assert claim.verdict == ("reduced" if too_small else VERDICTS[outcome])
    hopeless = make(value, ABOVE, scale=scale, any_scale=any_scale, not_reproducible="the data are private")
    assert hopeless.verdict == "not reproducible"


def test_a_number_that_is_not_one_disagrees():
    assert make(math.nan).verdict == "disagrees"
    assert make(math.nan, ABOVE, scale="quick").verdict == "reduced"


def test_the_margin_adds_sigmas_and_floor():
    claim = make(0, error=0.2, tolerance=Tolerance("why", sigmas=2, floor=0.01))
    assert claim.margin == pytest.approx(0.41, rel=1e-12)


RANKS = {"inside": 0, "undecided": 1, "outside": 2}
values = st.floats(-10, 10)
sizes = st.floats(0, 5)
tolerances = st.builds(Tolerance, st.just("why"), sigmas=st.floats(0, 3), floor=sizes)
errors = st.floats(0, 1).filter(lambda error: error == 0 or error > 1e-6)
intervals = st.builds(lambda low, width: Expected("in between", low, low + width), values, sizes)
expectations = st.one_of(
    intervals,
    st.builds(lambda low: Expected("more", low=low), values),
    st.builds(lambda high: Expected("less", high=high), values),
)


@given(expectations, values, sizes, errors, tolerances)
def test_moving_a_number_further_out_never_helps(expected, value, step, error, tolerance):
    assume(not expected.low <= value <= expected.high)
    away = step if value > expected.high else -step
    near, far = (make(at, expected, error, tolerance) for at in (value, value + away))
    assert RANKS[far.outcome] >= RANKS[near.outcome]


@given(expectations, values, sizes, errors, tolerances)
def test_moving_a_number_further_past_a_bound_never_hurts(expected, value, step, error, tolerance):
    assume(expected.is_bound)
    inwards = step if math.isinf(expected.high) else -step
    near, far = (make(at, expected, error, tolerance) for at in (value, value + inwards))
    assert RANKS[far.outcome] <= RANKS[near.outcome]


@given(expectations, values, errors, tolerances)
def test_mirrored_numbers_have_the_same_outcome(expected, value, error, tolerance):
    mirrored = Expected("mirrored", -expected.high, -expected.low)
    assert make(-value, mirrored, error, tolerance).outcome == make(value, expected, error, tolerance).outcome


@given(expectations, values, errors, tolerances, sizes)
def test_a_wider_tolerance_never_turns_a_verdict_into_its_opposite(expected, value, error, tolerance, more):
    wider = Tolerance("why", tolerance.sigmas, tolerance.floor + more)
    change = {make(value, expected, error, chosen).outcome for chosen in (tolerance, wider)}
    if expected.is_bound:
        assert change != {"inside", "outside"}
        assert make(value, expected, error, tolerance).outcome != "undecided" or change == {"undecided"}
    else:
        assert make(value, expected, error, tolerance).outcome == "outside" or change == {"inside"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"sigmas": 3.001},
        {"sigmas": -0.1},
        {"sigmas": math.nan},
        {"floor": -1e-9},
        {"floor": math.nan},
        {"floor": math.inf},
        {"reason": ""},
        {"reason": " \n"},
    ],
)
def test_a_tolerance_is_limited_and_has_a_reason(wrong):
    with pytest.raises(ValueError, match="at most 3 standard errors plus a finite floor >= 0, with a reason; got"):
        Tolerance(**{"reason": "three standard errors", **wrong})


@pytest.mark.parametrize(("low", "high"), [(2, 1), (math.nan, 1), (0, math.nan)])
def test_an_expected_interval_has_its_ends_in_order(low, high):
    with pytest.raises(ValueError, match="low <= high"):
        Expected("wrong", low, high)


def test_a_claim_that_nothing_could_contradict_is_refused():
    with pytest.raises(ValueError, match="'00-key' expects any number whatever"):
        make(1.0, Expected("something"))
    assert make(1.0, Expected("something"), not_reproducible="why").verdict == "not reproducible"


def test_a_scale_must_be_known():
    with pytest.raises(ValueError, match=r"scale of claim '00-key' must be one of .*'paper'.*; got 'huge'"):
        make(1.0, scale="huge")


@pytest.mark.parametrize(("error", "seeds"), [(math.nan, 5), (math.inf, 5), (-0.1, 5), (0.1, -1), (0.1, 0)])
def test_a_measured_number_has_a_finite_error_and_seeds_behind_it(error, seeds):
    # A NaN would make every comparison false, and with it 'larger than' true.
    with pytest.raises(ValueError, match="finite standard error >= 0 and the number of seeds behind it"):
        Measured(1.0, error, seeds)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20))
def test_over_seeds_gives_mean_and_standard_error(x):
    measured = Measured.over_seeds(x)
    n = len(x)
    mean = math.fsum(x) / n
    variance = math.fsum((value - mean) ** 2 for value in x) / (n - 1)
    assert measured.seeds == n
    assert measured.value == pytest.approx(mean, rel=1e-9, abs=1e-9)
    assert measured.standard_error == pytest.approx(math.sqrt(variance / n), rel=1e-6, abs=1e-9)


def test_over_seeds_averages_single_precision_in_double():
    x = np.full(3, 0.1, dtype=np.float32)
    assert Measured.over_seeds(x) == Measured(float(np.float32(0.1)), 0.0, 3)


@pytest.mark.parametrize("wrong", [[], [1.0], 1.0, [[1.0, 2.0]], [1.0, math.nan], [1.0, math.inf]])
def test_over_seeds_wants_two_finite_numbers(wrong):
    with pytest.raises(ValueError, match="at least two finite numbers, one a seed"):
        Measured.over_seeds(wrong)


def test_an_exact_number_has_no_error():
    assert Measured.exact(np.float64(1e-15)) == Measured(1e-15, 0.0, 0)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (1.0, "1"),
        (0.123449, "0.1234"),
        (-123456.0, "-1.235e+05"),
        (1e-12, "1e-12"),
        (9.9e-13, "< 1e-12"),
        (-9.9e-13, "> -1e-12"),
        (math.nan, "nan"),
        (math.inf, "inf"),
    ],
)
def test_four_significant_digits(value, shown):
    assert significant(value) == shown


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [
        (0.91234, 0.0123, "0.912 ± 0.012"),
        (0.912345, 0.000123, "0.91234 ± 0.00012"),
        (89.1234, 0.0345, "89.123 ± 0.035"),
        (12345.678, 0.5, "12345.68 ± 0.50"),
        (1234567.0, 5234.0, "1234600 ± 5234"),
        (0.00123, 0.2, "0.00 ± 0.20"),
        (-0.00123, 0.2, "0.00 ± 0.20"),
        (-0.5, 0.02, "-0.500 ± 0.020"),
        (0.0, 0.001, "0.0000 ± 0.0010"),
        (0.001234, 0.0, "0.001234 ± 0"),
        (1e-15, 1e-3, "0.0000 ± 0.0010"),
        (1e-15, 1e-16, "< 1e-12 ± < 1e-12"),
        (1 / 3, 1e-17, "0.3333 ± < 1e-12"),
        (math.nan, 0.1, "nan ± 0.10"),
    ],
)
def test_an_estimate_shows_two_digits_of_its_error(value, error, shown):
    claim = Claim("k", "s", "s", POINT, Measured(value, error, 5), NONE, "paper")
    assert estimate(claim.as_dict()) == shown


def test_an_exact_number_is_shown_without_error():
    assert estimate(make(0.123456, error=0, tolerance=NONE).as_dict()) == "0.1235"


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e4))
def test_an_estimate_is_never_off_by_more_than_a_tenth_of_its_error(value, error):
    assume(abs(value) < 1e10 * error)
    shown, shown_error = estimate(make(value, error=error).as_dict()).split(" ± ")
    assert abs(float(shown) - value) <= 0.1 * error
    assert abs(float(shown_error) - error) <= 0.05 * error


def test_a_claim_as_plain_data():
    claim = make(0.5, ABOVE, scale="quick")
    plain = {
        "key": "00-key",
        "source": "Paper, Fig. 1",
        "statement": "A statement",
        "expected": "> 0",
        "measured": "0.5",
        "standard_error": "0.1",
        "seeds": 10,
        "margin": "0.35",
        "scale": "quick",
        "outcome": "inside",
        "tolerance": "three standard errors and a rounding error",
        "verdict": "reduced",
    }
    assert claim.as_dict() == plain
    assert json.loads(json.dumps(plain)) == plain


def test_the_reason_goes_with_a_claim_that_is_not_reproducible():
    assert make(math.nan, not_reproducible="the data are private").as_dict()["reason"] == "the data are private"
