"""The convolutional networks of Launay et al. 2019, Table 4, and their relatives with other teachers."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from feedback_alignment.experiments.launay_networks import LaunayNetworks
from feedback_alignment.networks.architectures import stack
from feedback_alignment.networks.chained_feedback import chained_feedback, fixed_filters
from feedback_alignment.networks.convolution_alignment import convolution_alignment, filter_alignment
from feedback_alignment.networks.data import LabelledImages
from feedback_alignment.networks.feedback import Distribution
from feedback_alignment.networks.feedback_distributions import Gaussian, SharedMatrix
from feedback_alignment.networks.initialisation import He
from feedback_alignment.networks.layers import Affine, Conv2d, Linear, Shape
from feedback_alignment.networks.network import Network
from feedback_alignment.networks.operations import Dropout, MaxPool2d, Operation
from feedback_alignment.networks.rules import BP, DFA, FA, ByLayer, LastLayerOnly, Rule
from feedback_alignment.networks.scaled_signal import ScaledSignal
from feedback_alignment.networks.training import Observations
from feedback_alignment.networks.weight_alignment import weight_alignment

Teacher = Literal["DFA", "released", "classifier", "classifier, released", "BP", "chained", "FA"]
TEACHERS: dict[Teacher, str] = {
    "DFA": "DFA, as stated",
    "released": "DFA, as released",
    "classifier": "classifier alone by DFA",
    "classifier, released": "classifier alone by BP",
    "BP": "BP",
    "chained": "DFA, chained feedback",
    "FA": "convolutional FA",
}
"""Who teaches -> the figures' words.

As stated, all hidden layers hear DFA. As released, the convolutions do, and the layer of the classifier hears BP of the
mean error from above. The classifiers alone stand on convolutions that keep their random filters.
"""
AT_ONE_RATE: tuple[Teacher, ...] = ("BP", "FA")
"""Teachers that pass the error down: all layers then have one learning rate."""


@dataclass(frozen=True)
class ConvolutionalNetworks(LaunayNetworks):
    """An ensemble of convolutional networks under one practice and one teacher. It is one piece of work.

    `hidden` has the widths of the linear layers below the outputs.
    """

    channels: tuple[int, ...]
    kernel: int
    pools: tuple[tuple[int, int], ...]
    """Side and stride of the maximum's windows after each convolution; (1, 1) for no pooling."""
    teacher: Teacher

    def __post_init__(self) -> None:
        """Raise ValueError for an unknown teacher, or as many poolings as there are convolutions not given."""
        if self.teacher not in TEACHERS:
            raise ValueError(f"teacher must be one of {list(TEACHERS)}; got {self.teacher!r}")
        if len(self.pools) != len(self.channels):
            raise ValueError(
                f"each convolution needs its pooling, ((side, stride), ...): got {len(self.pools)} for channels "
                f"{self.channels}"
            )

    @property
    def name(self) -> str:
        """The ensemble in words."""
        return f"{super().name} CNN {self.teacher.replace(',', '')}"

    @property
    def kind(self) -> str:
        """What the stored piece is; the number is raised when the meaning of its results changes."""
        return "convolutional networks after Launay et al. 1"

    @property
    def hidden_layers(self) -> int:
        """How many hidden layers there are, convolutions and linear ones."""
        return len(self.channels) + len(self.hidden)

    @property
    def rule(self) -> Rule:
        """What the networks learn by."""
        convolutions, linear = len(self.channels), len(self.hidden)
        # Launay's code hands the mean error to what it trains by BP.
        mean_error = ScaledSignal(BP(), 1 / self.hidden_error_scale)
        match self.teacher:
            case "BP":
                return BP()
            case "FA":
                return FA()
            case "released":
                return ByLayer((DFA(),) * convolutions + (mean_error,) * linear)
            case "classifier":
                return ByLayer((LastLayerOnly(),) * convolutions + (DFA(),) * linear)
            case "classifier, released":
                return ByLayer((LastLayerOnly(),) * convolutions + (mean_error,) * linear)
            case _:
                return DFA()

    def inputs(self, images: LabelledImages) -> tuple[np.ndarray, np.ndarray]:
        """Return training and test images."""
        return images.train_inputs, images.test_inputs

    def network(self, input_shape: Shape, classes: int, device: str = "cpu") -> Network:
        """Return the ensemble before training: He's weights, biases 0, one feedback matrix for all layers of DFA.

        In a convolution's block the pooling comes last. The released code drops nothing there.
        """
        after = self.practice.operations
        if self.teacher in ("released", "classifier, released"):
            after = tuple(operation for operation in after if not isinstance(operation, Dropout))
        blocks: list[tuple[Affine | Operation, ...]] = []
        for channels, (side, stride) in zip(self.channels, self.pools, strict=True):
            pooling = (MaxPool2d(side, stride),) if side > 1 else ()
            convolution = Conv2d(channels, self.kernel, 1, self.kernel // 2, True, He())
            blocks.append((convolution, *after, *pooling))
        blocks += [(Linear(width, True, He()), *self.practice.operations) for width in self.hidden]
        feedback: Distribution = SharedMatrix(self.practice.feedback_scale)
        network = stack(
            input_shape,
            [*blocks, (Linear(classes, True, He()),)],
            self.rule,
            self.seeds,
            input_operations=self.practice.input_operations,
            feedback=Gaussian() if self.teacher == "FA" else feedback,
            dtype=getattr(torch, self.dtype),
            device=device,
        )
        if self.teacher == "chained":
            network.feedback = list(chained_feedback(network).matrices)
        return network

    def further(
        self, network: Network, inputs: Float[Tensor, "samples ..."], labels: Int[Tensor, " samples"]
    ) -> Observations:
        """Return weight alignment layer by layer, NaN where a layer or a teacher has none."""
        names = ("weight_alignment", "best_weight_alignment", "filter_alignment")
        found = {name: np.full((len(self.seeds), self.hidden_layers), np.nan) for name in names}
        above = slice(1, len(self.channels))
        if self.teacher in ("DFA", "chained"):
            convolutions = convolution_alignment(network)
            linear = weight_alignment(network.weights, network.feedback).layers
            found["weight_alignment"][:, 1:] = linear[:, :-1].cpu().numpy()
            found["weight_alignment"][:, above] = convolutions.reached.cpu().numpy()
            found["best_weight_alignment"][:, above] = convolutions.best.cpu().numpy()
        fixed: list[Tensor | None] = []
        if self.teacher == "chained":
            fixed = fixed_filters(network)
        if self.teacher == "FA":
            fixed = [None if F is None else F.transpose(1, 2) for F in network.feedback]
        for layer, H in enumerate(fixed[: len(self.channels) - 1], 1):
            if H is not None:
                cosines = filter_alignment(network.weights[layer], H)
                found["filter_alignment"][:, layer] = cosines.cpu().numpy()
        return found
