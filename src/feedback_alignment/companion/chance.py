"""How many verdicts go against true statements by sampling alone."""

from collections.abc import Iterable
from typing import Any

from feedback_alignment.companion.claims import as_number


def chance_of_failing(claim: dict[str, Any]) -> float:
    """Return the probability that a claim, as `Claim.as_dict` gives it, is not met although its statement is true.

    The number's error over its standard error, estimated from n seeds, is taken to follow Student's t with n - 1
    degrees of freedom, as it does for normal errors, and the true value to be the one stated. For a bound, with the
    true value just on it, half of this is the probability. A number without sampling error does not fail by chance.
    """
    from scipy.special import stdtr

    error = as_number(claim["standard_error"])
    if not error or claim["seeds"] < 2:
        return 0.0
    return float(2 * stdtr(claim["seeds"] - 1, -as_number(claim["margin"]) / error))


def expected_failures(claims: Iterable[dict[str, Any]]) -> float:
    """Return how many of the claims that have a verdict would fail by chance, at most, if all statements were true."""
    return sum(chance_of_failing(claim) for claim in claims if claim["verdict"] in ("agrees", "disagrees"))
