"""Affine layers a_l = W_l h_{l-1} + b_l of an ensemble: a product with a matrix, or a convolution.

A layer is a description; its weights, (members, outputs, inputs, …), and biases, (members, outputs), are handed to its
methods. Activities have the shape (members, batch, features) or (members, batch, channels, height, width), and each
member sees its own slice only. The `shape` of an activity is that of one sample.
"""

import math
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.grad import conv2d_weight

from feedback_alignment.networks.initialisation import Initialisation, PyTorchDefault

Shape = tuple[int, ...]
"""One sample's activity: (features,) or (channels, height, width)."""


@runtime_checkable
class Affine(Protocol):
    """An affine layer and what learning needs of it."""

    @property
    def bias(self) -> bool:
        """Whether the layer has biases."""

    @property
    def initialisation(self) -> Initialisation:
        """How weights and biases are drawn."""

    def weight_shape(self, shape: Shape) -> tuple[int, ...]:
        """Return the shape of one member's weights for inputs of `shape`."""

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of a sample's output. Raises ValueError for an input that the layer cannot take."""

    def forward(
        self, W: Float[Tensor, "members ..."], b: Float[Tensor, "members _"] | None, h: Float[Tensor, "members ..."]
    ) -> Float[Tensor, "members ..."]:
        """Return a_l."""

    def transposed(
        self, delta: Float[Tensor, "members ..."], W: Float[Tensor, "members ..."], shape: Shape
    ) -> Float[Tensor, "members ..."]:
        """Return W_lᵀ δa_l for inputs of `shape`, by the linear part of `forward` transposed."""

    def weight_gradient(
        self, delta: Float[Tensor, "members ..."], h: Float[Tensor, "members ..."]
    ) -> Float[Tensor, "members ..."]:
        """Return Σ_samples of ∂(δa_l · a_l)/∂W_l, which is δa_l h_{l-1}ᵀ for a matrix."""

    def bias_gradient(self, delta: Float[Tensor, "members ..."]) -> Float[Tensor, "members outputs"]:
        """Return Σ_samples of ∂(δa_l · a_l)/∂b_l."""


@dataclass(frozen=True)
class Linear:
    """A product with a matrix of `width` rows; images at its input are read as vectors.

    Raises ValueError for a width below 1.
    """

    width: int
    bias: bool = True
    initialisation: Initialisation = field(default_factory=PyTorchDefault)

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"a linear layer needs a width of at least 1; got {self.width}")

    def weight_shape(self, shape: Shape) -> tuple[int, ...]:
        """(width, features)."""
        return self.width, math.prod(shape)

    def output_shape(self, shape: Shape) -> Shape:
        """(width,), whatever comes in."""
        return (self.width,)

    def forward(
        self,
        W: Float[Tensor, "members width features"],
        b: Float[Tensor, "members width"] | None,
        h: Float[Tensor, "members batch ..."],
    ) -> Float[Tensor, "members batch width"]:
        """W_l h_{l-1} + b_l."""
        h = h.flatten(2)
        return h @ W.mT if b is None else torch.baddbmm(b[:, None], h, W.mT)

    def transposed(
        self, delta: Float[Tensor, "members batch width"], W: Float[Tensor, "members width features"], shape: Shape
    ) -> Float[Tensor, "members batch ..."]:
        """W_lᵀ δa_l."""
        return (delta @ W).view(*delta.shape[:2], *shape)

    def weight_gradient(
        self, delta: Float[Tensor, "members batch width"], h: Float[Tensor, "members batch ..."]
    ) -> Float[Tensor, "members width features"]:
        """Σ_samples δa_l h_{l-1}ᵀ."""
        return delta.mT @ h.flatten(2)

    def bias_gradient(self, delta: Float[Tensor, "members batch width"]) -> Float[Tensor, "members width"]:
        """Σ_samples δa_l."""
        return delta.sum(1)


@dataclass(frozen=True)
class Conv2d:
    """`channels` square filters of `kernel` pixels a side over images, moved by `stride`, with zeros around the image.

    All members are convolved at once, each group of channels of one wide image being a member. Raises ValueError for
    channels, kernel or stride below 1 or negative padding.
    """

    channels: int
    kernel: int
    stride: int = 1
    padding: int = 0
    bias: bool = True
    initialisation: Initialisation = field(default_factory=PyTorchDefault)

    def __post_init__(self) -> None:
        if min(self.channels, self.kernel, self.stride) < 1 or self.padding < 0:
            raise ValueError(
                "a convolution needs channels, kernel and stride of at least 1 and padding of at least 0; got "
                f"{self.channels}, {self.kernel}, {self.stride} and {self.padding}"
            )

    def weight_shape(self, shape: Shape) -> tuple[int, ...]:
        """(channels, channels of the input, kernel, kernel)."""
        return self.channels, shape[0], self.kernel, self.kernel

    def output_shape(self, shape: Shape) -> Shape:
        """(channels, height, width). Raises ValueError for inputs that are no images or smaller than the kernel."""
        return self.channels, *windows("a convolution", shape, self.kernel, self.stride, self.padding)

    def forward(
        self,
        W: Float[Tensor, "members channels below kernel kernel"],
        b: Float[Tensor, "members channels"] | None,
        h: Float[Tensor, "members batch below height width"],
    ) -> Float[Tensor, "members batch channels rows columns"]:
        """The filters' sums over the windows of each image, plus biases."""
        a = torch.nn.functional.conv2d(
            side_by_side(h),
            W.flatten(0, 1),
            None if b is None else b.flatten(),
            stride=self.stride,
            padding=self.padding,
            groups=len(W),
        )
        return by_member(a, len(W))

    def transposed(
        self,
        delta: Float[Tensor, "members batch channels rows columns"],
        W: Float[Tensor, "members channels below kernel kernel"],
        shape: Shape,
    ) -> Float[Tensor, "members batch below height width"]:
        """The transposed convolution of δa_l."""
        # Rows and columns at the far edges that no window has reached.
        rest = [(side + 2 * self.padding - self.kernel) % self.stride for side in shape[1:]]
        below = torch.nn.functional.conv_transpose2d(
            side_by_side(delta),
            W.flatten(0, 1),
            stride=self.stride,
            padding=self.padding,
            output_padding=rest,
            groups=len(W),
        )
        return by_member(below, len(W))

    def weight_gradient(
        self,
        delta: Float[Tensor, "members batch channels rows columns"],
        h: Float[Tensor, "members batch below height width"],
    ) -> Float[Tensor, "members channels below kernel kernel"]:
        """Σ_samples and windows of δa_l times the window of h_{l-1}."""
        members, below = h.shape[0], h.shape[2]
        gradient: Tensor = conv2d_weight(  # type: ignore[no-untyped-call]
            side_by_side(h),
            (members * self.channels, below, self.kernel, self.kernel),
            side_by_side(delta),
            stride=self.stride,
            padding=self.padding,
            groups=members,
        )
        return gradient.view(members, self.channels, below, self.kernel, self.kernel)

    def bias_gradient(
        self, delta: Float[Tensor, "members batch channels rows columns"]
    ) -> Float[Tensor, "members channels"]:
        """Σ_samples and pixels of δa_l."""
        return delta.sum((1, 3, 4))


def windows(what: str, shape: Shape, kernel: int, stride: int, padding: int) -> tuple[int, int]:
    """Return how many windows of `kernel` pixels a side fit into images of `shape`, downwards and across.

    Raises ValueError, naming `what` looks through the windows, if `shape` is not (channels, height, width) or the
    kernel is larger than the image with its padding.
    """
    if len(shape) != 3:
        raise ValueError(f"{what} needs images (channels, height, width) at its input; got the shape {shape}")
    if min(shape[1:]) + 2 * padding < kernel:
        raise ValueError(
            f"{what} with kernel {kernel} and padding {padding} does not fit into images of {shape[1]} x {shape[2]} "
            "pixels: take a smaller kernel or pool less before it"
        )
    rows, columns = ((side + 2 * padding - kernel) // stride + 1 for side in shape[1:])
    return rows, columns


def side_by_side(
    images: Float[Tensor, "members batch channels height width"],
) -> Float[Tensor, "batch channels_of_all height width"]:
    """Return one wide image a sample, the members' channels one after the other."""
    return images.transpose(0, 1).flatten(1, 2)


def by_member(
    wide: Float[Tensor, "batch channels_of_all height width"], members: int
) -> Float[Tensor, "members batch channels height width"]:
    """Undo `side_by_side`, without copying."""
    return wide.view(len(wide), members, -1, *wide.shape[2:]).transpose(0, 1)
