"""Similarity of two networks once the hidden units of one are put into the order that suits the other best.

Reordering the units of a hidden layer, with the rows of W_l and the columns of W_{l+1}, leaves a network's function as
it is; with an odd activation so does turning a unit's sign. Two networks that are the same up to these symmetries look
different to a plain cosine.

The best order of all layers together cannot be found exactly in reasonable time. Here one layer after another gets its
best order given its neighbours (an assignment problem, solved exactly) until nothing improves, from three starts:
units as they are, layers matched from the inputs upwards, and from the outputs downwards. The best of the three is
kept, so the result is a lower bound of the largest similarity and never below the plain one.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from jaxtyping import Float, Float64
from scipy.optimize import linear_sum_assignment

Weights = Sequence[Float[np.ndarray, "_ _"]]
Gains = Float64[np.ndarray, "_ _"]
Gain = Callable[[Weights, list[np.ndarray], int], Gains]
_IMPROVEMENT = 1e-10


def matched(reference: Weights, other: Weights, odd: bool) -> list[Float64[np.ndarray, "_ _"]]:
    """Return W_1 … W_L of `other` with its hidden units reordered to lie as close to `reference` as can be found.

    `odd` says whether the activation is odd, so that the signs of units are free as well.

    Raises ValueError for networks of different shapes.
    """
    shapes, others = ([W.shape for W in weights] for weights in (reference, other))
    if shapes != others:
        raise ValueError(f"two networks are matched unit by unit and need equal shapes; got {shapes} and {others}")
    A = [np.asarray(W, dtype=np.float64) for W in reference]
    B = [np.asarray(W, dtype=np.float64) for W in other]
    hidden = range(len(A) - 1)
    starts = [
        B,
        _swept(A, B, odd, hidden, _from_below),
        _swept(A, B, odd, reversed(hidden), _from_above),
    ]
    return max((_improved(A, start, odd) for start in starts), key=lambda found: _overlap(A, found))


def matched_similarity(reference: Weights, other: Weights, odd: bool) -> float:
    """Return the cosine between all weights of `reference` and of `other`, the units of `other` matched.

    NaN where either holds a number that is not finite. Raises ValueError for networks of different shapes.
    """
    if not all(np.isfinite(W).all() for W in (*reference, *other)):
        return np.nan
    found = matched(reference, other, odd)
    lengths = [np.sqrt(sum(float((W * W).sum()) for W in weights)) for weights in (found, _as_floats(reference))]
    return _overlap(_as_floats(reference), found) / float(lengths[0] * lengths[1])


def _as_floats(weights: Weights) -> list[np.ndarray]:
    return [np.asarray(W, dtype=np.float64) for W in weights]


def _overlap(A: Weights, B: Weights) -> float:
    return sum(float((W * V).sum()) for W, V in zip(A, B, strict=True))


def _from_below(A: Weights, B: list[np.ndarray], layer: int) -> Gains:
    gains: Gains = A[layer] @ B[layer].T
    return gains


def _from_above(A: Weights, B: list[np.ndarray], layer: int) -> Gains:
    gains: Gains = A[layer + 1].T @ B[layer + 1]
    return gains


def _from_both(A: Weights, B: list[np.ndarray], layer: int) -> Gains:
    gains: Gains = _from_below(A, B, layer) + _from_above(A, B, layer)
    return gains


def _swept(A: Weights, B: list[np.ndarray], odd: bool, layers: Iterable[int], gain: Gain) -> list[np.ndarray]:
    """Give each of `layers` in turn the order with the largest gain.

    Entry (i, j) of `gain` is what unit j adds to the overlap in the place of unit i.
    """
    moved = list(B)
    for layer in layers:
        gains = gain(A, moved, layer)
        places, units = linear_sum_assignment(abs(gains) if odd else gains, maximize=True)
        signs = np.where(gains[places, units] < 0, -1.0, 1.0) if odd else np.ones(len(units))
        moved[layer] = signs[:, None] * moved[layer][units]
        moved[layer + 1] = signs * moved[layer + 1][:, units]
    return moved


def _improved(A: Weights, B: list[np.ndarray], odd: bool) -> list[np.ndarray]:
    before, found = -np.inf, list(B)
    while (now := _overlap(A, found)) > before + _IMPROVEMENT * abs(now):
        before = now
        found = _swept(A, found, odd, range(len(A) - 1), _from_both)
    return found
