"""Images that a unit of a convolutional layer responds to most, by gradient ascent (Launay et al. 2019, Fig. 3).

The unit at the centre of the layer's map stands for its filter. It sees a window of the image, its receptive field, and
the image is sought among those of one size: x ← r (x + η r g/‖g‖)/‖x + η r g/‖g‖‖ with g = ∂a_l/∂x. The root mean
square of its pixels is 1, as for standardised images. There is no other regulariser. A unit that is linear in the image
is excited most by its own weights.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from feedback_alignment import streams
from feedback_alignment.networks.blocks import BlockActivity
from feedback_alignment.networks.layers import Conv2d
from feedback_alignment.networks.network import Network
from feedback_alignment.networks.operations import AveragePool2d, MaxPool2d, Passage


@dataclass(frozen=True)
class Ascent:
    """How an image is sought. Raises ValueError for a negative number of steps or steps of no size."""

    steps: int
    step: float
    """η, the length of a step as a share of the image's."""

    def __post_init__(self) -> None:
        if self.steps < 0 or not 0 < self.step < math.inf:
            raise ValueError(f"an ascent needs steps >= 0 and a finite step > 0; got {self.steps} and {self.step}")


@dataclass(frozen=True)
class Window:
    """The rows and columns of the image that the unit at the centre of a layer's map sees, ends excluded."""

    rows: tuple[int, int]
    columns: tuple[int, int]

    def of(self, images: Float[Tensor, "... height width"]) -> Float[Tensor, "... rows columns"]:
        """Return this part of images, not copied."""
        return images[..., slice(*self.rows), slice(*self.columns)]


def receptive_field(network: Network, layer: int) -> Window:
    """Return what the unit at the centre of the map of convolution `layer`, from 1, sees of the image.

    Raises ValueError for a layer that is no convolution, or that has a layer below it that is none.
    """
    _require_convolutions(network, layer)
    ends = [(side // 2, side // 2) for side in network.blocks[layer - 1].affine_shape[1:]]
    for index in range(layer - 1, -1, -1):
        block = network.blocks[index]
        poolings = [each for each in block.operations if isinstance(each, MaxPool2d | AveragePool2d)]
        if index < layer - 1:
            for pool in reversed(poolings):
                ends = [(low * pool.stride, high * pool.stride + pool.kernel - 1) for low, high in ends]
        affine = block.affine
        if isinstance(affine, Conv2d):
            stride, padding, reach = affine.stride, affine.padding, affine.kernel - 1
            ends = [(low * stride - padding, high * stride - padding + reach) for low, high in ends]
    rows, columns = (
        (max(low, 0), min(high + 1, side)) for (low, high), side in zip(ends, network.input_shape[1:], strict=True)
    )
    return Window(rows, columns)


@torch.no_grad()
def excitation(
    network: Network, layer: int, filters: Sequence[int], images: Float[Tensor, "members filters channels height width"]
) -> tuple[Float[Tensor, "members filters"], Float[Tensor, "members filters channels height width"]]:
    """Return a_l at the centre of the map of each filter for its own image, and the gradient with respect to it.

    The network is in evaluation mode, and images are what its first layer gets. Raises ValueError for a layer that is
    no convolution, or that has a layer below it that is none, and for a filter that the layer has not.
    """
    _require_convolutions(network, layer)
    channels, height, width = network.blocks[layer - 1].affine_shape
    if not filters or not all(0 <= each < channels for each in filters):
        raise ValueError(f"filters of layer {layer} must be integers in 0 … {channels - 1}; got {tuple(filters)}")
    h, inside = images, list[BlockActivity]()
    for number, block in enumerate(network.blocks[:layer], 1):
        inside.append(block.forward(h, Passage("eval", network.seeds, number, 0)))
        h = inside[-1].output.detach()
    a = inside[-1].pre_activation.detach()
    place = (slice(None), torch.arange(len(filters)), torch.tensor(filters), height // 2, width // 2)
    delta = torch.zeros_like(a)
    delta[place] = 1
    for index in range(layer - 1, 0, -1):
        above = network.blocks[index]
        signal = above.affine.transposed(delta, above.parameters["weights"], above.input_shape)
        delta, _ = inside[index - 1].local_gradient(signal)
    first = network.blocks[0]
    return a[place], first.affine.transposed(delta, first.parameters["weights"], first.input_shape)


def maximising_images(
    network: Network, layer: int, filters: Sequence[int], ascent: Ascent
) -> Float[Tensor, "members filters channels rows columns"]:
    """Return, for each filter of convolution `layer`, the receptive field of an image that its unit responds to most.

    Each ascent starts from an image of independent normal pixels, of the member's stream 'starting image'. Raises
    ValueError as `excitation` does.
    """
    W, window = network.weights[0], receptive_field(network, layer)
    images = torch.zeros((len(network.seeds), len(filters), *network.input_shape), dtype=W.dtype, device=W.device)
    seen = window.of(images)
    draws = [streams.generator(seed, "starting image", layer) for seed in network.seeds]
    seen.copy_(torch.from_numpy(np.stack([draw.standard_normal(seen.shape[1:]) for draw in draws])))
    size = math.sqrt(seen[0, 0].numel())
    seen.copy_(size * _directions(seen))
    for _ in range(ascent.steps):
        _, gradient = excitation(network, layer, filters, images)
        seen.copy_(size * _directions(seen + ascent.step * size * _directions(window.of(gradient))))
    return seen.clone()


def _directions(images: Float[Tensor, "members filters *image"]) -> Float[Tensor, "members filters *image"]:
    """Return each image over its norm; an image of zeros as it is."""
    norms = torch.linalg.vector_norm(images, dim=(2, 3, 4), keepdim=True)
    return images / torch.where(norms > 0, norms, 1)


def _require_convolutions(network: Network, layer: int) -> None:
    below = network.blocks[: max(layer, 0)]
    if not 1 <= layer < len(network.blocks) or not all(isinstance(block.affine, Conv2d) for block in below):
        kinds = [type(block.affine).__name__ for block in network.blocks]
        raise ValueError(
            f"layer must count a convolution with nothing but convolutions below it; got {layer} of {kinds}"
        )
