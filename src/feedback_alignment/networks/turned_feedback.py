"""Feedback between DFA's and back-propagation's: F_l turned towards the transposed weights above its layer."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor

from feedback_alignment.networks.ensemble import Ensemble, StepSize
from feedback_alignment.networks.perceptron import Perceptrons
from feedback_alignment.networks.rules import Rule


def backward_products(weights: Sequence[Float[Tensor, "members _ _"]]) -> list[Float[Tensor, "members _ outputs"]]:
    """Return W_{l+1}ᵀ ⋯ W_Lᵀ for each hidden layer: what takes the F_l of DFA's place in a linear network under BP."""
    products = [weights[-1].mT]
    for W in reversed(weights[1:-1]):
        products.insert(0, W.mT @ products[0])
    return products


def turned(
    feedback: Float[Tensor, "members width outputs"], towards: Float[Tensor, "members width outputs"], share: float
) -> Float[Tensor, "members width outputs"]:
    """Return F_l turned, in the plane of F_l and `towards`, by `share` of the angle between the two, its norm kept.

    Raises ValueError for a share outside [0, 1].
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share must lie in [0, 1], from F_l itself to the direction of the weights; got {share}")
    F, M = (matrix / matrix.norm(dim=(1, 2), keepdim=True) for matrix in (feedback, towards))
    cosine = (F * M).sum((1, 2), keepdim=True).clamp(-1, 1)
    aside = M - cosine * F
    aside = aside / aside.norm(dim=(1, 2), keepdim=True).clamp(min=torch.finfo(aside.dtype).tiny)
    angle = share * torch.arccos(cosine)
    direction: Tensor = torch.cos(angle) * F + torch.sin(angle) * aside
    norm: Tensor = feedback.norm(dim=(1, 2), keepdim=True)
    return norm * direction


@dataclass
class Follower(Perceptrons):
    """Perceptrons whose feedback follows the current weights: before every step it is turned afresh, from `fixed`."""

    fixed: list[Float[Tensor, "members _ outputs"]] = field(kw_only=True)
    """The F_l that are turned."""
    share: float = field(kw_only=True)
    """Share of the angle to W_{l+1}ᵀ ⋯ W_Lᵀ."""

    def __post_init__(self) -> None:
        """Turn the feedback for the first time; raises the errors of `Perceptrons` and of `turned`."""
        super().__post_init__()
        self._follow()

    def update(
        self,
        rule: Rule,
        inputs: Float[Tensor, "members batch features"],
        target: Float[Tensor, "members batch outputs"],
        step: StepSize,
    ) -> None:
        """Turn the feedback towards the weights as they are, and take one step."""
        self._follow()
        super().update(rule, inputs, target, step)

    def update_many(
        self,
        rule: Rule,
        inputs: Float[Tensor, "samples features"],
        targets: Float[Tensor, "*members samples outputs"],
        orders: Int[Tensor, "members steps batch"],
        step: StepSize,
    ) -> None:
        """Take one `update` for each batch of `orders`."""
        Ensemble.update_many(self, rule, inputs, targets, orders, step)

    def _follow(self) -> None:
        products = backward_products(self.weights)
        self.feedback = [turned(F, M, self.share) for F, M in zip(self.fixed, products, strict=True)]
