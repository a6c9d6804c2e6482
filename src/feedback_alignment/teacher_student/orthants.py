"""Probability that four zero-mean Gaussians are all positive, compiled.

For two and three variables it is a sum of angles. For four there is no such formula; instead the correlations of one
variable v with the others are scaled by t from 0, where it is half the probability of the other three, to 1. By
Plackett's identity (1954) the derivative in t is a sum of densities and two-variable probabilities, each an angle of
minors that are linear in t². With t = cos ψ the integrand is analytic but for singularities at ψ = ±iκ, where κ² is
the part of a variance that other variables leave unexplained: tiny where units are nearly collinear. ψ = δ sinh z,
with δ the least κ, moves all of them a distance π/2 from the real axis. A Clenshaw–Curtis rule, first doubled in
order and then halved in range until it has converged, does the rest.
"""

from math import asinh, atan2, cosh, pi, sin, sinh, sqrt
from typing import Final

import numpy as np
from jaxtyping import Float

from feedback_alignment.compilation import compiled

TOLERANCE: Final = 1e-13
LEVELS: Final = 5  # 4, 8, … 64 panels
FINEST: Final = 4 << (LEVELS - 1)
DEEPEST: Final = 48  # halvings
# A feature at ψ < 1e-12 changes the probability by no more than that.
LEAST_SCALE: Final = 1e-12


def _clenshaw_curtis_weights(panels: int) -> Float[np.ndarray, " nodes"]:
    angles = np.pi * np.arange(panels + 1) / panels
    frequencies = np.arange(1, panels // 2 + 1)
    halved = np.where(frequencies == panels // 2, 1.0, 2.0)
    weights = 2 / panels * (1 - np.cos(2 * np.outer(angles, frequencies)) @ (halved / (4 * frequencies**2 - 1)))
    weights[[0, -1]] /= 2
    return weights


NODES: Final = np.cos(np.pi * np.arange(FINEST + 1) / FINEST)
WEIGHTS: Final = np.concatenate([_clenshaw_curtis_weights(4 << level) for level in range(LEVELS)])
FIRST_WEIGHT: Final = np.cumsum([0] + [(4 << level) + 1 for level in range(LEVELS)])


@compiled
def positive_pair(root: float, covariance: float) -> float:
    """Return the probability that two variables are positive; `root` is the root of their determinant."""
    return 0.5 - atan2(root, covariance) / (2 * pi)


@compiled
def positive_three(C: Float[np.ndarray, "4 4"], pairs: Float[np.ndarray, "4 4"], i: int, j: int, k: int) -> float:
    """Return the probability that variables i, j, k are positive."""
    angles = atan2(sqrt(pairs[i, j]), C[i, j]) + atan2(sqrt(pairs[i, k]), C[i, k]) + atan2(sqrt(pairs[j, k]), C[j, k])
    return 0.5 - angles / (4 * pi)


@compiled
def _rate(
    psi: float,
    v: int,
    C: Float[np.ndarray, "4 4"],
    pairs: Float[np.ndarray, "4 4"],
    given_one: Float[np.ndarray, "4 4 4"],
    rest: float,
    given_two: Float[np.ndarray, "4 4"],
    whole: float,
) -> float:
    """Return −dP/dψ: how the probability grows with the correlations of v, at cos ψ of their full size."""
    sine = sin(psi)
    w = sine * sine * C[v, v]
    u = 1 - sine * sine
    determinant = w * rest + u * whole
    total = 0.0
    for step in range(1, 4):
        j, k, l = (v + step) % 4, (v + 1 + step % 3) % 4, (v + 1 + (step + 1) % 3) % 4
        pair = w * C[j, j] + u * pairs[v, j]
        if pair > 0:
            between = w * given_one[j, k, l] + u * given_two[k, l]
            total += C[v, j] * sine / sqrt(pair) * positive_pair(sqrt(pair * determinant), between)
    return total / (2 * pi)


@compiled
def _least_explained(C: Float[np.ndarray, "4 4"], triples: Float[np.ndarray, "4"]) -> int:
    """Return the variable that the others explain least, which makes the smoothest integrand."""
    v = 0
    for i in range(1, 4):
        if C[i, i] * triples[i] < C[v, v] * triples[v]:
            v = i
    return v


@compiled
def positive_four(
    C: Float[np.ndarray, "4 4"],
    pairs: Float[np.ndarray, "4 4"],
    given_one: Float[np.ndarray, "4 4 4"],
    triples: Float[np.ndarray, "4"],
    given_two: Float[np.ndarray, "4 4"],
    whole: float,
) -> float:
    """Return the probability that all four variables of covariance C, with its `minors_of_four`, are positive.

    The estimated error is below 1e-13.
    """
    v = _least_explained(C, triples)
    rest = triples[v]
    start = 0.5 * positive_three(C, pairs, (v + 1) % 4, (v + 2) % 4, (v + 3) % 4)

    scale = 1.0
    if whole > 0:
        scale = min(scale, sqrt(whole / (C[v, v] * rest)))
    for step in range(1, 4):
        j, k = (v + step) % 4, (v + 1 + step % 3) % 4
        for part, full in ((pairs[v, j], C[v, v] * C[j, j]), (triples[6 - v - j - k], C[v, v] * pairs[j, k])):
            if part > 0:
                scale = min(scale, sqrt(part / full))
    scale = max(scale, LEAST_SCALE)

    values = np.empty(FINEST + 1)
    lows, highs = np.zeros(DEEPEST + 2), np.empty(DEEPEST + 2)
    highs[0] = asinh(pi / (2 * scale))
    pending, growth = 1, 0.0
    while pending > 0:
        pending -= 1
        low, high = lows[pending], highs[pending]
        converged, part = _integral(low, high, scale, values, v, C, pairs, given_one, rest, given_two, whole)
        # A step, left by an indefinite covariance, never converges; its place is found to the last bit instead.
        if converged or high - low < 1e-13 or pending + 2 > len(lows):
            growth += part
        else:
            middle = (low + high) / 2
            lows[pending + 1], highs[pending + 1] = low, middle
            lows[pending], highs[pending] = middle, high
            pending += 2
    return start + growth


@compiled
def _integral(
    low: float,
    high: float,
    scale: float,
    values: Float[np.ndarray, " nodes"],
    v: int,
    C: Float[np.ndarray, "4 4"],
    pairs: Float[np.ndarray, "4 4"],
    given_one: Float[np.ndarray, "4 4 4"],
    rest: float,
    given_two: Float[np.ndarray, "4 4"],
    whole: float,
) -> tuple[bool, float]:
    """Return the integral of the rate over z from `low` to `high`, ψ = `scale` sinh z, and whether it has converged."""
    half = (high - low) / 2
    previous, change, last_change = 0.0, 1.0, 1.0
    for level in range(LEVELS):
        panels = 4 << level
        stride = FINEST // panels
        total = 0.0
        for node in range(panels + 1):
            place = node * stride
            if level == 0 or node % 2 == 1:
                z = low + half * (1 + NODES[place])
                rate = _rate(scale * sinh(z), v, C, pairs, given_one, rest, given_two, whole)
                values[place] = rate * scale * cosh(z)
            total += WEIGHTS[FIRST_WEIGHT[level] + node] * values[place]
        total *= half
        last_change, change = change, abs(total - previous)
        # Convergence is geometric in the number of panels, so the next change is at most this one times their ratio.
        if level > 1 and (change < TOLERANCE or (change < 0.1 * last_change and change**2 < TOLERANCE * last_change)):
            return True, total
        previous = total
    return False, previous
