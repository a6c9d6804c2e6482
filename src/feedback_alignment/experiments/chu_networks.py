"""The networks of Chu and Bacho 2024 (Methods), their images, and the gradients of all their layers.

Perceptrons without biases, weights s·N(0, 1) whatever the layer's width, cross entropy, plain gradient descent, and FA
whose F_l has the shape of W_{l+1}ᵀ, so that layer l hears F_l δa_{l+1} and, through it, products of the F's above.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from feedback_alignment.networks import data
from feedback_alignment.networks.feedback import Distribution
from feedback_alignment.networks.feedback_distributions import Signs
from feedback_alignment.networks.initialisation import ScaledNormal
from feedback_alignment.networks.losses import CrossEntropy
from feedback_alignment.networks.perceptron import Perceptrons, mlp
from feedback_alignment.networks.rules import FA, Rule

SIGNS = Signs(1.0)


@dataclass(frozen=True)
class Samples:
    """Images as vectors of pixels between 0 and 1, and their labels."""

    x: Float[Tensor, "train pixels"]
    y: Int[Tensor, " train"]
    x_test: Float[Tensor, "test pixels"]
    y_test: Int[Tensor, " test"]
    classes: int
    source: dict[str, str]


@dataclass(frozen=True)
class Recipe:
    """Images, network and step size: what the experiments of the paper have in common."""

    images: str
    hidden: tuple[int, ...]
    activation: str
    batch: int
    learning_rate: float
    """η; a step is −η times the gradient of the batch's mean loss."""
    dtype: Literal["float32", "float64"]

    def samples(self, device: str) -> Samples:
        """Load the images; their pixels are not standardised."""
        images = data.load(self.images)
        x, x_test = (torch.from_numpy(part).to(device, getattr(torch, self.dtype)) for part in images.flat)
        y, y_test = (torch.from_numpy(part).to(device) for part in (images.train_labels, images.test_labels))
        return Samples(x, y, x_test, y_test, images.classes, images.source)

    def network(
        self, samples: Samples, seeds: Sequence[int], scale: float, feedback: Distribution = SIGNS
    ) -> Perceptrons:
        """Make networks with weights scale·N(0, 1) and the feedback of FA, by default of entries ±1."""
        return mlp(
            (samples.x.shape[1], *self.hidden, samples.classes),
            FA(),
            seeds,
            activation=self.activation,
            initialisation=ScaledNormal(scale),
            feedback=feedback,
            dtype=samples.x.dtype,
            device=samples.x.device,
        )


def gradients(
    network: Perceptrons,
    rule: Rule,
    inputs: Float[Tensor, "*members batch features"],
    target: Float[Tensor, "members batch classes"],
) -> list[Float[Tensor, "members _ _"]]:
    """Return what `rule` makes of the gradient of the mean loss by W_1 … W_L; the last one is the same in all rules.

    Raises ValueError for a rule that leaves a layer alone.
    """
    layers = network.forward(inputs)
    deltas = network.teach(rule, layers, CrossEntropy().error(layers[-1], target), target).deltas
    taught = [delta for delta in deltas if delta is not None]
    if len(taught) != len(deltas):
        raise ValueError(f"a gradient of every layer is wanted, but {rule.name} leaves layers alone")
    return [delta.mT @ below / target.shape[-2] for delta, below in zip(taught, layers, strict=False)]
