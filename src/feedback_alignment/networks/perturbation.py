"""Back-propagation perturbed to a given alignment."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from feedback_alignment.networks.rules import BP, FeedbackKind, HiddenLayer


@dataclass(frozen=True)
class PerturbedBP:
    """Back-propagation whose hidden layers descend at a given cosine to their gradient (Chu and Bacho 2024, Fig. 3a).

    g' = ‖g‖ (c u + √(1 − c²) n) with u = g/‖g‖ and a random unit vector n ⟂ u, drawn for every layer, batch and member
    from the stream 'perturbation'. How the paper perturbs is not said; this keeps the norm and everything else of BP.

    Raises ValueError for a cosine outside −1 … 1.
    """

    cosine: float
    feedback: ClassVar[FeedbackKind] = "none"

    def __post_init__(self) -> None:
        if not -1 <= self.cosine <= 1:
            raise ValueError(f"the cosine to the gradient must lie in -1 … 1; got {self.cosine}")

    @property
    def name(self) -> str:
        """BP with its cosine."""
        return f"BP at cosine {self.cosine:g}"

    def teaching_signal(self, layer: HiddenLayer) -> Float[Tensor, "members batch width"]:
        """W_{l+1}ᵀ δa_{l+1}, as in BP."""
        return BP().teaching_signal(layer)

    def gradient(
        self, gradient: Float[Tensor, "members parameters"], layer: HiddenLayer
    ) -> Float[Tensor, "members parameters"]:
        """‖g‖ (c u + √(1 − c²) n)."""
        z = np.stack([draw.standard_normal(gradient.shape[1]) for draw in layer.draws("perturbation")])
        cosine = gradient.new_full((len(gradient), 1), self.cosine)
        norm, _ = _norm_and_direction(gradient)
        return norm * turned(gradient, torch.from_numpy(z).to(gradient), cosine)


def turned(
    gradient: Float[Tensor, "members n"], towards: Float[Tensor, "members n"], cosine: Float[Tensor, "members 1"]
) -> Float[Tensor, "members n"]:
    """Return the unit vector c u + √(1 − c²) n with u along `gradient` and n along what of `towards` is ⟂ to it."""
    _, u = _norm_and_direction(gradient)
    n = towards - (towards * u).sum(1, keepdim=True) * u
    _, n = _norm_and_direction(n)
    return cosine * u + (1 - cosine.square()).sqrt() * n


def _norm_and_direction(
    vectors: Float[Tensor, "members n"],
) -> tuple[Float[Tensor, "members 1"], Float[Tensor, "members n"]]:
    """Return each vector's norm and direction, a zero vector's being zero."""
    norm = torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
    return norm, vectors / torch.where(norm > 0, norm, 1)
