"""Claims: what a paper says, what was measured, and a verdict that follows from the two by arithmetic."""

import math
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike

Verdict = Literal["agrees", "disagrees", "reduced", "not reproducible"]
SCALES = ("smoke", "quick", "reduced", "paper")
MAX_SIGMAS = 3.0
NEGLIGIBLE = 1e-12
"""Smaller numbers are rounding errors, which differ between processors: they are shown as smaller than this."""


@dataclass(frozen=True)
class Expected:
    """What the paper says: a closed interval that the measured number should lie in, and the words it used."""

    text: str
    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"expected interval must have low <= high; got {self.low} and {self.high}")

    @property
    def is_bound(self) -> bool:
        """Whether only one side is bounded ('larger than …')."""
        return math.isinf(self.low) or math.isinf(self.high)


@dataclass(frozen=True)
class Measured:
    """Our number with its standard error over `seeds` independent runs (an exact number has error 0 and seeds 0)."""

    value: float
    standard_error: float
    seeds: int

    def __post_init__(self) -> None:
        if not 0 <= self.standard_error < math.inf or self.seeds < 0 or (self.standard_error and not self.seeds):
            raise ValueError(
                f"a measured number needs a finite standard error >= 0 and the number of seeds behind it; got {self}"
            )

    @classmethod
    def over_seeds(cls, values: ArrayLike) -> Self:
        """Mean and standard error of one number a seed, shape (seeds,).

        Raises ValueError for fewer than two seeds or numbers that are not finite.
        """
        x = np.asarray(values, dtype=float)
        if x.ndim != 1 or len(x) < 2 or not np.isfinite(x).all():
            raise ValueError(f"a standard error needs at least two finite numbers, one a seed; got {x!r}")
        return cls(float(x.mean()), float(x.std(ddof=1) / math.sqrt(len(x))), len(x))

    @classmethod
    def exact(cls, value: float) -> Self:
        """A number without sampling error, such as the residual of an identity."""
        return cls(float(value), 0.0, 0)


@dataclass(frozen=True)
class Tolerance:
    """How far from the expectation still counts as agreement: `sigmas` standard errors plus `floor`, and why."""

    reason: str
    sigmas: float = MAX_SIGMAS
    floor: float = 0.0
    """A finite-size, rounding or reading error that more seeds do not reduce."""

    def __post_init__(self) -> None:
        if not 0 <= self.sigmas <= MAX_SIGMAS or not 0 <= self.floor < math.inf or not self.reason.strip():
            raise ValueError(
                f"a tolerance is at most {MAX_SIGMAS:g} standard errors plus a finite floor >= 0, with a "
                f"reason; got {self}"
            )


@dataclass(frozen=True)
class Claim:
    """One statement of a paper, or of the book where `source` says so, against a measured number."""

    key: str
    """Unique within the chapter; names the claim in files and links."""
    source: str
    """Paper with figure, equation or section."""
    statement: str
    expected: Expected
    measured: Measured
    tolerance: Tolerance
    scale: str
    """Scale of the run behind the number: smoke, quick, reduced or paper."""
    any_scale: bool = False
    """Whether the statement is one of mathematics, which a small run decides as well as a large one."""
    not_reproducible: str = ""
    """Why no number can decide, if none can."""

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise ValueError(f"scale of claim {self.key!r} must be one of {SCALES}; got {self.scale!r}")
        if self.expected.low == -math.inf and self.expected.high == math.inf and not self.not_reproducible:
            raise ValueError(
                f"claim {self.key!r} expects any number whatever, so that nothing could disagree: give "
                "`expected` a low or a high end, or say why it is not reproducible"
            )

    @property
    def margin(self) -> float:
        """The tolerance as a number."""
        return self.tolerance.sigmas * self.measured.standard_error + self.tolerance.floor

    @property
    def outcome(self) -> Literal["inside", "outside", "undecided"]:
        """Where the number lies, whatever the scale of the run.

        An interval: inside, if within the margin of it. A bound, such as 'larger than 0': inside or outside only when
        the number is past the bound by more than the margin, undecided in between.
        """
        value, low, high = self.measured.value, self.expected.low, self.expected.high
        if math.isnan(value):
            return "outside"
        if self.expected.is_bound:
            clearance = value - low if math.isinf(high) else high - value
            return "undecided" if abs(clearance) <= self.margin else "inside" if clearance > 0 else "outside"
        return "inside" if low - self.margin <= value <= high + self.margin else "outside"

    @property
    def verdict(self) -> Verdict:
        """`reduced` where the run is too small to tell."""
        if self.not_reproducible:
            return "not reproducible"
        if self.outcome == "undecided" or (self.scale in ("smoke", "quick") and not self.any_scale):
            return "reduced"
        return "agrees" if self.outcome == "inside" else "disagrees"

    def as_dict(self) -> dict[str, Any]:
        """Return the claim as plain data for a notebook's output, with `reason` where it is not reproducible.

        Its numbers are text of four significant digits; the measured one has more where its error allows more.
        """
        measured = self.measured
        plain = {
            "key": self.key,
            "source": self.source,
            "statement": self.statement,
            "expected": self.expected.text,
            "measured": significant(measured.value, _digits(measured.value, measured.standard_error)),
            "standard_error": significant(measured.standard_error),
            "seeds": measured.seeds,
            "margin": significant(self.margin, 2),
            "tolerance": self.tolerance.reason,
            "scale": self.scale,
            "outcome": self.outcome,
            "verdict": self.verdict,
        }
        return {**plain, "reason": self.not_reproducible} if self.not_reproducible else plain


def _digits(value: float, error: float) -> int:
    """Return how many significant digits of `value` reach down to the second digit of its error, at least four."""
    if error < NEGLIGIBLE or not value or not math.isfinite(value):
        return 4
    return min(12, max(4, math.floor(math.log10(abs(value))) - math.floor(math.log10(error)) + 2))


def significant(value: float, digits: int = 4) -> str:
    """Return `value` with `digits` significant digits, without trailing zeros; numbers below 1e-12 as such."""
    if value and abs(value) < NEGLIGIBLE:
        return "< 1e-12" if value > 0 else "> -1e-12"
    return f"{value:.{digits}g}"


def as_number(text: str) -> float:
    """Return the number that `significant` wrote; one too small to be written out counts as zero."""
    return 0.0 if text.startswith(("<", ">")) else float(text)


def estimate(claim: dict[str, Any]) -> str:
    """Return 'value ± standard error' of a claim's plain data, in the digits that the error allows."""
    if not claim["seeds"]:
        return str(claim["measured"])
    value, error = as_number(claim["measured"]), as_number(claim["standard_error"])
    if error == 0:
        return f"{claim['measured']} ± {claim['standard_error']}"
    digits = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:z.{digits}f} ± {error:.{digits}f}"
