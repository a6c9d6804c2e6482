"""What the training loop and the observables ask of a network: an ensemble of members trained in lockstep.

Every tensor that training changes has `members` as its first axis, and a member's numbers depend on its own seed alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from feedback_alignment.networks.layers import Shape
from feedback_alignment.networks.losses import CrossEntropy, Loss
from feedback_alignment.networks.operations import Mode
from feedback_alignment.networks.rules import Rule
from feedback_alignment.networks.teaching import Teaching


@dataclass(frozen=True)
class StepSize:
    """How far one step of gradient descent goes: W_l ← W_l − rate_l Σ_samples δa_l h_{l-1}ᵀ."""

    learning_rate: float | tuple[float, ...]
    """η, for all members alike or one a member."""
    reduction: Literal["mean", "sum"]
    """Whether the loss of a batch is the mean or the sum of its samples' losses, in every layer alike."""
    loss: Loss = field(default_factory=CrossEntropy)
    hidden_error_scale: float = 1.0
    """Factor on what the hidden layers hear, and so on their updates; 1 is the gradient's own scale under BP.

    Code that divides the output layer's loss by the batch size and hands the undivided error to the feedback (or the
    other way round) has a factor of the batch size here; see Launay et al. 2019 in the book's errata.
    """

    def __post_init__(self) -> None:
        """Raise ValueError for rates or a scale that are not finite and positive, or an unknown reduction."""
        if not self.rates or any(not 0 < rate < math.inf for rate in self.rates):
            raise ValueError(
                f"learning_rate must be a finite number > 0, or a tuple of them, one a member; got {self.learning_rate}"
            )
        if self.reduction not in ("mean", "sum"):
            raise ValueError(f"reduction must be 'mean' or 'sum'; got {self.reduction!r}")
        if not 0 < self.hidden_error_scale < math.inf:
            raise ValueError(f"hidden_error_scale must be finite and > 0; got {self.hidden_error_scale}")

    @property
    def rates(self) -> tuple[float, ...]:
        """η as a tuple: one number for all, or one a member."""
        return self.learning_rate if isinstance(self.learning_rate, tuple) else (self.learning_rate,)

    def output_rates(self, batch: int) -> tuple[float, ...]:
        """Rate of the output layer, which multiplies the sum over the batch; one number for all, or one a member."""
        return tuple(rate / (batch if self.reduction == "mean" else 1) for rate in self.rates)

    def hidden_rates(self, batch: int) -> tuple[float, ...]:
        """Rate of the hidden layers: that of the output layer times `hidden_error_scale`."""
        return tuple(rate * self.hidden_error_scale for rate in self.output_rates(batch))


@runtime_checkable
class Ensemble(Protocol):
    """Members of one architecture. A class that names this one as its base inherits `update_many`."""

    seeds: tuple[int, ...]
    weights: list[Tensor]
    """W_1 … W_L, each with `members` as its first axis."""
    feedback: list[Tensor | None]
    """F_1 … F_{L-1}, or None where a layer has none."""

    @property
    def input_shape(self) -> Shape:
        """Shape of one sample, (features,) or (channels, height, width)."""

    def state(self) -> dict[str, Tensor]:
        """Return everything that training changes, by name, each with `members` first: the tensors, not copies.

        Weights and biases, running statistics, and a count of the steps taken where masks are drawn. Copying saved
        values into them in place brings the network back to the bit.
        """

    def outputs(self, inputs: Float[Tensor, "..."]) -> Float[Tensor, "members batch outputs"]:
        """Return a_L in evaluation mode.

        `inputs` may be shared, (batch, …), or one batch a member, (members, batch, …).
        """

    def teachings(
        self,
        rules: Sequence[Rule],
        inputs: Float[Tensor, "..."],
        target: Float[Tensor, "members batch outputs"],
        loss: Loss,
        mode: Mode,
    ) -> list[Teaching]:
        """Return what each of `rules` tells every layer about the same batch, at the same weights and in one mode.

        `inputs` may be shared, (batch, …), or one batch a member. Nothing of the network changes. Raises ValueError for
        targets that do not fit.
        """

    def update(
        self,
        rule: Rule,
        inputs: Float[Tensor, "members batch ..."],
        target: Float[Tensor, "members batch outputs"],
        step: StepSize,
    ) -> None:
        """Take one step of gradient descent in place. Every δa_l is formed before any weight moves."""

    def update_many(
        self,
        rule: Rule,
        inputs: Float[Tensor, "samples ..."],
        targets: Float[Tensor, "*members samples outputs"],
        orders: Int[Tensor, "members steps batch"],
        step: StepSize,
    ) -> None:
        """Take one step for each batch of `orders`, whose entries are indices of samples.

        `targets` may be shared or one set a member. The bits are the same however a run is cut into calls.
        """
        for chosen in orders.unbind(1):
            self.update(rule, inputs[chosen], _gathered(targets, chosen), step)


def _gathered(
    targets: Float[Tensor, "*members samples outputs"], chosen: Int[Tensor, "members batch"]
) -> Float[Tensor, "members batch outputs"]:
    if targets.ndim == 2:
        return targets[chosen]
    return targets[torch.arange(len(chosen), device=targets.device)[:, None], chosen]
