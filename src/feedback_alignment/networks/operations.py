"""What follows an affine layer inside a block, in any order: activation, normalisation, dropout, pooling.

An operation is a description; what it learns or keeps count of is handed to it, members first. Each is written for
autograd, which takes the local derivative, and treats every member by itself.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from feedback_alignment import streams
from feedback_alignment.networks.activations import activation
from feedback_alignment.networks.layers import Shape, by_member, side_by_side, windows

Mode = Literal["train", "eval"]
"""Whether dropout drops and normalisation takes the batch's own mean and variance, or neither."""
Values = Float[Tensor, "members batch ..."]


@dataclass
class Passage:
    """One batch on its way through the operations of one layer."""

    mode: Mode
    seeds: tuple[int, ...]
    layer: int
    """l, from 1; 0 for what happens to the inputs."""
    step: int
    """How many batches the network has learnt from."""
    renewals: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    """Running statistics, each with the value that it takes when the network learns from this batch."""

    @functools.cached_property
    def draws(self) -> list[np.random.Generator]:
        """One generator a member of the stream 'dropout', for this layer and this batch."""
        return [streams.generator(seed, "dropout", self.layer, self.step) for seed in self.seeds]


class Operation:
    """An operation that neither learns nor changes the shape, unless it says otherwise."""

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of a sample's output. Raises ValueError for an input that the operation cannot take."""
        return shape

    def parameters(self, shape: Shape) -> dict[str, float]:
        """Return what is learnt for each channel, by name, with its value before training."""
        return {}

    def statistics(self, shape: Shape) -> dict[str, float]:
        """Return what is kept count of for each channel, by name, with its value before training."""
        return {}

    def apply(self, values: Values, state: dict[str, Tensor], passage: Passage) -> Values:
        """Return the output. `state` has the parameters and statistics, (members, channels) each."""
        raise NotImplementedError


@dataclass(frozen=True)
class Activation(Operation):
    """g, element by element. Raises ValueError for a name that `activations.activation` does not know."""

    name: str

    def __post_init__(self) -> None:
        activation(self.name)

    @functools.cached_property
    def function(self) -> Callable[[Tensor], Tensor]:
        """The function g."""
        return activation(self.name)

    def apply(self, values: Values, state: dict[str, Tensor], passage: Passage) -> Values:
        """g(values)."""
        return self.function(values)


@dataclass(frozen=True)
class Dropout(Operation):
    """While training, each number is set to 0 with probability `rate` and else divided by 1 − rate (Srivastava 2014).

    Masks come from each member's stream 'dropout'. Raises ValueError for a rate outside 0 … 1, 1 excluded.
    """

    rate: float

    def __post_init__(self) -> None:
        if not 0 <= self.rate < 1:
            raise ValueError(f"a dropout rate must be at least 0 and below 1; got {self.rate}")

    def apply(self, values: Values, state: dict[str, Tensor], passage: Passage) -> Values:
        """Values times the mask in training, the values themselves in evaluation."""
        if passage.mode == "eval":
            return values
        kept = np.stack([draw.random(values.shape[1:], np.float32) >= self.rate for draw in passage.draws])
        return values * (torch.from_numpy(kept).to(values) / (1 - self.rate))


@dataclass(frozen=True)
class BatchNorm(Operation):
    """(a − mean)/√(variance + 1e-5) · gain + shift for each feature or channel (Ioffe and Szegedy 2015).

    Mean and variance are the batch's own while training, and in evaluation running ones that move by a tenth of the
    way with every batch learnt from (with the unbiased variance, as in PyTorch). Gain and shift are learnt from 1 and
    0. In training a batch must hold at least two numbers of each channel, or ValueError is raised.
    """

    def parameters(self, shape: Shape) -> dict[str, float]:
        """Gain and shift."""
        return {"gain": 1.0, "shift": 0.0}

    def statistics(self, shape: Shape) -> dict[str, float]:
        """Running mean and variance."""
        return {"mean": 0.0, "variance": 1.0}

    def apply(self, values: Values, state: dict[str, Tensor], passage: Passage) -> Values:
        """The normalised values."""
        members, batch, channels, *image = values.shape
        wide = values.transpose(0, 1).reshape(batch, members * channels, *image)
        mean, variance = state["mean"].flatten(), state["variance"].flatten()
        training = passage.mode == "train"
        if training:
            if batch * math.prod(image) < 2:
                raise ValueError(
                    "batch normalisation in training needs at least two numbers of each channel; got a batch of "
                    f"{batch}: use larger batches"
                )
            # With momentum 1 these come back as the batch's own.
            mean, variance = mean.clone(), variance.clone()
        wide = torch.nn.functional.batch_norm(
            wide, mean, variance, state["gain"].flatten(), state["shift"].flatten(), training, momentum=1.0
        )
        if training:
            for running, own in ((state["mean"], mean), (state["variance"], variance)):
                passage.renewals.append((running, torch.lerp(running, own.view_as(running), 0.1)))
        return wide.view(batch, members, channels, *image).transpose(0, 1)


@dataclass(frozen=True)
class _Pooling(Operation):
    """Windows of `kernel` pixels a side, moved by `stride`. Raises ValueError if one of them is below 1."""

    kernel: int
    stride: int

    def __post_init__(self) -> None:
        if min(self.kernel, self.stride) < 1:
            raise ValueError(f"pooling needs a kernel and a stride of at least 1; got {self.kernel} and {self.stride}")

    def output_shape(self, shape: Shape) -> Shape:
        """(channels, height, width). Raises ValueError for inputs that are no images or smaller than the kernel."""
        return shape[0], *windows("pooling", shape, self.kernel, self.stride, 0)


class MaxPool2d(_Pooling):
    """The largest number of each window, channel by channel."""

    def apply(self, values: Values, state: dict[str, Tensor], passage: Passage) -> Values:
        """The windows' maxima."""
        pooled = torch.nn.functional.max_pool2d(side_by_side(values), self.kernel, self.stride)
        return by_member(pooled, len(values))


class AveragePool2d(_Pooling):
    """The mean of each window, channel by channel."""

    def apply(self, values: Values, state: dict[str, Tensor], passage: Passage) -> Values:
        """The windows' means."""
        pooled = torch.nn.functional.avg_pool2d(side_by_side(values), self.kernel, self.stride)
        return by_member(pooled, len(values))
