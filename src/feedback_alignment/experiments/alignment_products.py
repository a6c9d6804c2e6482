"""Cosines of several layers and of all of them together, from each layer's scalar products (Refinetti, Eqs 18, 19)."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

Layers = Float[np.ndarray, "*stack layers"]


class Products(NamedTuple):
    """The scalar products of two vectors in each layer."""

    mixed: Layers
    first: Layers
    second: Layers

    def cosines(self) -> Layers:
        """Return the cosine in each layer and, last, that of the concatenated vectors; NaN where one is zero."""
        mixed, first, second = (np.concatenate([x, x.sum(-1, keepdims=True)], axis=-1) for x in self)
        with np.errstate(invalid="ignore", divide="ignore"):
            found: np.ndarray = mixed / np.sqrt(first * second)
        return found


def mean_over_samples(cosines: Float[np.ndarray, "members samples layers"]) -> Float[np.ndarray, "members layers"]:
    """Return the mean over samples, without those of direction zero (NaN); NaN where no sample is left."""
    found = np.isfinite(cosines)
    with np.errstate(invalid="ignore"):
        mean: np.ndarray = np.where(found, cosines, 0).sum(1) / found.sum(1)
    return mean
