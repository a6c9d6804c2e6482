"""Similarity between the members of an ensemble: whether networks that started apart end up in one place."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Similarity:
    """Cosines between the weights of two members, for all pairs in the order of `pairs`."""

    overall: Float[Tensor, " pairs"]
    """All weights of a network in one vector (Refinetti et al. 2021, Fig. 5)."""
    layers: Float[Tensor, "pairs layers"]
    """The same for each W_1 … W_L alone."""


def pairs(members: int) -> list[tuple[int, int]]:
    """Return all pairs of members, (0, 1), (0, 2), …, the first index below the second."""
    return list(itertools.combinations(range(members), 2))


def similarity(weights: Sequence[Float[Tensor, "members _ _"]]) -> Similarity:
    """Measure the similarity of every two members; NaN for weights that are all zero.

    Raises ValueError for fewer than two members.
    """
    first, second = _ends(weights[0])
    products = []
    for W in weights:
        vectors = W.double().flatten(1)
        products.append(vectors @ vectors.mT)
    each = torch.stack([*products, torch.stack(products).sum(0)], -1)
    norms = each.diagonal().mT.sqrt()
    cosines = each[first, second] / (norms[first] * norms[second])
    return Similarity(cosines[:, -1], cosines[:, :-1])


def agreement(answers: Int[Tensor, "members samples"]) -> Float[Tensor, " pairs"]:
    """Return the fraction of samples to which two members give the same answer, for all pairs.

    Raises ValueError for fewer than two members.
    """
    first, second = _ends(answers)
    return (answers[first] == answers[second]).double().mean(-1)


def _ends(values: Tensor) -> tuple[Int[Tensor, " pairs"], Int[Tensor, " pairs"]]:
    members = values.shape[0]
    if members < 2:
        raise ValueError(f"similarity is between members: it needs two or more; got {members}")
    first, second = torch.tensor(pairs(members), device=values.device).unbind(-1)
    return first, second
