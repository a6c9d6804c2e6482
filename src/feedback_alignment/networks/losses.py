"""What is minimised: the loss J of one sample, and the error e = ∂J/∂a_L that every rule starts from.

Both losses write e = ŷ − y, with ŷ = softmax(a_L) or ŷ = a_L (Refinetti et al. 2021, Introduction).
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor


@runtime_checkable
class Loss(Protocol):
    """A loss per sample, of the outputs a_L and the target y."""

    name: ClassVar[str]

    def error(self, outputs: Float[Tensor, "*batch n"], target: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch n"]:
        """Return e, the gradient of one sample's loss with respect to a_L."""

    def value(self, outputs: Float[Tensor, "*batch n"], target: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
        """Return J of each sample."""


@dataclass(frozen=True)
class CrossEntropy:
    """J = −Σ_k y_k log softmax(a_L)_k, for targets that are probabilities (one-hot for a label)."""

    name: ClassVar[str] = "cross entropy"

    def error(self, outputs: Float[Tensor, "*batch n"], target: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch n"]:
        """Return e = softmax(a_L) − y."""
        return classification_error(outputs, target)

    def value(self, outputs: Float[Tensor, "*batch n"], target: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
        """Return −Σ_k y_k log softmax(a_L)_k, which is finite as long as a_L is."""
        return -(target * torch.log_softmax(outputs, dim=-1)).sum(-1)


@dataclass(frozen=True)
class SquaredError:
    """J = ½ ‖a_L − y‖². The released code of Refinetti et al. 2021 leaves out the ½: e is then twice as large."""

    name: ClassVar[str] = "squared error"

    def error(self, outputs: Float[Tensor, "*batch n"], target: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch n"]:
        """Return e = a_L − y."""
        return outputs - target

    def value(self, outputs: Float[Tensor, "*batch n"], target: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
        """Return ½ ‖a_L − y‖²."""
        return (outputs - target).square().sum(-1) / 2


def classification_error(
    logits: Float[Tensor, "members batch classes"], target: Float[Tensor, "members batch classes"]
) -> Float[Tensor, "members batch classes"]:
    """Return e = softmax(a_L) − y, the gradient of the cross entropy of one sample with respect to a_L."""
    return torch.softmax(logits, dim=-1) - target


def one_hot(labels: Int[Tensor, "..."], classes: int, dtype: torch.dtype) -> Float[Tensor, "... classes"]:
    """Return labels as rows of an identity matrix, shape (…, classes). Raises IndexError for a label out of range."""
    return torch.eye(classes, dtype=dtype, device=labels.device)[labels]
