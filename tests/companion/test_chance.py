"""Failures by chance: against closed forms of Student's t, and counted in simulated claims that are true."""

import math

import numpy as np
import pytest

from feedback_alignment.companion.chance import chance_of_failing, expected_failures
from feedback_alignment.companion.claims import Claim, Expected, Measured, Tolerance
from feedback_alignment.streams import generator


def plain(measured: Measured, floor: float = 0.0, scale: str = "paper", low: float = 0.0) -> Claim:
    return Claim("k", "s", "s", Expected("0", low, 0.0), measured, Tolerance("because", floor=floor), scale)


def row(seeds: int, error: str = "0.5", margin: str = "1.5", verdict: str = "agrees") -> dict[str, object]:
    return {"seeds": seeds, "standard_error": error, "margin": margin, "verdict": verdict}


def test_students_t_with_one_and_two_degrees_of_freedom():
    assert chance_of_failing(row(2)) == pytest.approx(1 - 2 / math.pi * math.atan(3), rel=1e-12)
    assert chance_of_failing(row(3)) == pytest.approx(1 - 3 / math.sqrt(11), rel=1e-12)


def test_many_seeds_are_normal_and_a_floor_helps():
    assert chance_of_failing(row(10**7)) == pytest.approx(math.erfc(3 / math.sqrt(2)), rel=1e-4)
    assert chance_of_failing(row(10**7, margin="2")) == pytest.approx(math.erfc(4 / math.sqrt(2)), rel=1e-4)


@pytest.mark.parametrize("claim", [row(0, "0"), row(5, "0"), row(5, "< 1e-12"), row(1)])
def test_without_a_spread_nothing_fails_by_chance(claim):
    assert chance_of_failing(claim) == 0


def test_only_what_has_a_verdict_can_fail():
    claims = [row(3), row(3, verdict="disagrees"), row(3, verdict="reduced"), row(3, verdict="not reproducible")]
    assert expected_failures(claims) == pytest.approx(2 * chance_of_failing(row(3)))
    assert expected_failures([]) == 0


def test_as_many_true_claims_fail_as_expected():
    """4000 claims of 4 seeds each whose statement, that the mean is 0, is true: binomial, within three of its sd."""
    draws = generator(0, "samples").standard_normal((4000, 4))
    claims = [plain(Measured.over_seeds(values)) for values in draws]
    failed = sum(claim.verdict == "disagrees" for claim in claims)
    expected = expected_failures([claim.as_dict() for claim in claims])
    # The margin is kept to two digits, which moves each chance by a few per cent at most.
    assert abs(failed - expected) < 3 * np.sqrt(expected) + 0.05 * expected
