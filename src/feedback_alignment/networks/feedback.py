"""Feedback matrices F_l: what they have to fit, and how a network asks a distribution for them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from feedback_alignment.networks.initialisation import fan_in
from feedback_alignment.networks.rules import Rule, feedback_kinds

Scale = float | Literal["width", "width and outputs"]
"""Size of the entries: a number, 1/√n_l (Refinetti et al. 2021, SM E), or 1/√(n_l n_L) (Launay et al. 2019, Eqs 7–8).

Where F_l stands for the transposed weights of a convolution, n_l counts the inputs of one of its outputs, and where it
has the shape of W_{l+1}ᵀ, n_{l+1} takes the place of n_L.
"""


def check_scale(scale: Scale) -> None:
    """Raise ValueError for a size of feedback that is neither named nor a finite number > 0."""
    if scale not in ("width", "width and outputs") and (isinstance(scale, str) or not 0 < scale < math.inf):
        raise ValueError(
            "the scale of feedback must be a finite number > 0, 'width' for 1/√n_l or 'width and outputs' for "
            f"1/√(n_l n_L); got {scale!r}"
        )


@dataclass(frozen=True)
class FeedbackMatrix:
    """F_l = scale × matrix. Layers that share one matrix hold views of it and differ in the scale."""

    matrix: Float[Tensor, "members width columns *kernel"]
    scale: float = 1.0

    def whole(self) -> Float[Tensor, "members width columns *kernel"]:
        """Return F_l itself."""
        return self.matrix if self.scale == 1 else self.matrix * self.scale


@dataclass(frozen=True)
class Site:
    """What F_l has to fit."""

    layer: int
    """l, from 1."""
    kind: Literal["above", "output"]
    width: int
    """n_l, how many numbers the hidden layer gives for a sample."""
    weights: tuple[Tensor, ...]
    """W_{l+1} … W_L, members first."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one member's F_l: that of W_{l+1}ᵀ, or (n_l, n_L)."""
        if self.kind == "above":
            return tuple(self.weights[0][0].transpose(0, 1).shape)
        return self.width, self.weights[-1].shape[1]

    def size(self, scale: Scale) -> float:
        """Return the size of the entries as a number."""
        if not isinstance(scale, str):
            return scale
        n = self.width if self.kind == "output" else fan_in(self.weights[0][0].shape)
        size: float = (n if scale == "width" else n * self.shape[1]) ** -0.5
        return size


@runtime_checkable
class Distribution(Protocol):
    """Where feedback matrices come from."""

    def draw(self, sites: Sequence[Site], seeds: Sequence[int]) -> list[FeedbackMatrix]:
        """Return one F_l a site, for one member a seed."""


def draw_feedback(
    distribution: Distribution, rule: Rule, widths: Sequence[int], weights: Sequence[Tensor], seeds: Sequence[int]
) -> list[FeedbackMatrix | None]:
    """Draw the F_l that `rule` wants for hidden layers of n_l = `widths` numbers; None where it wants none.

    `weights` are W_1 … W_L, members first. Raises ValueError where the distribution cannot give such a matrix.
    """
    kinds = feedback_kinds(rule, len(widths))
    sites = [
        Site(layer, kind, width, tuple(weights[layer:]))
        for layer, (kind, width) in enumerate(zip(kinds, widths, strict=True), 1)
        if kind != "none"
    ]
    drawn = iter(distribution.draw(sites, seeds))
    return [None if kind == "none" else next(drawn) for kind in kinds]
