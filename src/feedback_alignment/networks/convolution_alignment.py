"""How far a convolution points along what feedback asks of it, without ever forming its matrix φ(H).

Strong weight alignment asks that φ(H_l) ∝ M = F_l F_{l-1}ᵀ (Refinetti et al. 2021, §4.2). M has few columns' worth of
rank, so all that is needed of it is the sum over those columns of convolutions of images. `deep_linear.convolution`
says the same with matrices, and the tests hold the two against each other.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor

from feedback_alignment.networks.chained_feedback import at_pre_activation, direct_feedback
from feedback_alignment.networks.layers import Conv2d, Shape
from feedback_alignment.networks.network import Network
from feedback_alignment.networks.observables import cosine


@dataclass(frozen=True)
class LowRank:
    """M = A Bᵀ in the place of a convolution's matrix: images at its output and at its input, one pair a column."""

    outputs: Float[Tensor, "members rank channels rows columns"]
    """A."""
    inputs: Float[Tensor, "members rank below height width"]
    """B."""

    @property
    def size(self) -> Float[Tensor, " members"]:
        """‖M‖."""
        A, B = self.outputs.double().flatten(2), self.inputs.double().flatten(2)
        return ((A @ A.mT) * (B @ B.mT)).sum((1, 2)).sqrt()


def places(layer: Conv2d, shape: Shape) -> Float[Tensor, "kernel kernel"]:
    """Return at how many places of φ(H) each entry of one channel's kernel stands, for images of `shape`."""
    one = Conv2d(1, layer.kernel, layer.stride, layer.padding)
    image = torch.ones((1, 1, 1, *shape[1:]), dtype=torch.float64)
    output = torch.ones((1, 1, *one.output_shape((1, *shape[1:]))), dtype=torch.float64)
    return one.weight_gradient(output, image)[0, 0, 0]


def matrix_size(
    layer: Conv2d, shape: Shape, H: Float[Tensor, "members channels below kernel kernel"]
) -> Float[Tensor, " members"]:
    """Return ‖φ(H)‖ for images of `shape`."""
    return (H.double().square() * places(layer, shape).to(H.device)).sum((1, 2, 3, 4)).sqrt()


def convolution_cosine(
    layer: Conv2d, H: Float[Tensor, "members channels below kernel kernel"], M: LowRank
) -> Float[Tensor, " members"]:
    """Return cos∠(φ(H), M)."""
    tied = layer.weight_gradient(M.outputs.double(), M.inputs.double())
    product = (H.double() * tied).sum((1, 2, 3, 4))
    return product / (matrix_size(layer, tuple(M.inputs.shape[2:]), H) * M.size)


def best_cosine(layer: Conv2d, M: LowRank) -> Float[Tensor, " members"]:
    """Return ‖P M‖/‖M‖, the largest cosine that any φ(H) has with M: that of the mean of M over tied places."""
    tied = layer.weight_gradient(M.outputs.double(), M.inputs.double())
    number = places(layer, tuple(M.inputs.shape[2:])).to(tied.device).clamp(min=1)
    return (tied.square() / number).sum((1, 2, 3, 4)).sqrt() / M.size


def rank_limited_cosine(
    layer: Conv2d, shape: Shape, H: Float[Tensor, "channels below kernel kernel"], rank: int
) -> float:
    """Return the largest cosine that φ(H) has with any matrix of `rank`, to 1e-3 of its value.

    By Eckart and Young that matrix is made of the `rank` largest singular values of φ(H), which Lanczos' method finds
    from convolutions alone. Raises ValueError for a rank that is not below the number of inputs.
    """
    inputs = math.prod(shape)
    if not 1 <= rank < inputs:
        raise ValueError(f"the rank must be 1 … {inputs - 1}, below the number of inputs; got {rank}")
    W = H.double()[None]

    def squared(image: np.ndarray) -> np.ndarray:
        h = torch.from_numpy(np.ascontiguousarray(image, dtype=np.float64)).view(1, 1, *shape)
        below: np.ndarray = layer.transposed(layer.forward(W, None, h), W, shape).numpy().ravel()
        return below

    operator = LinearOperator((inputs, inputs), matvec=squared, dtype=np.float64)
    largest = eigsh(operator, rank, which="LA", v0=np.ones(inputs), tol=1e-4, return_eigenvectors=False)
    return float(np.sqrt(largest.sum()) / matrix_size(layer, shape, W)[0])


@dataclass(frozen=True)
class ConvolutionAlignment:
    """Weight alignment of the convolutions above the first layer, under DFA."""

    reached: Float[Tensor, "members convolutions"]
    """cos∠(φ(H_l), U F_l F_{l-1}ᵀ), where U takes F_l from the pooled outputs to a_l (see `chained_feedback`)."""
    best: Float[Tensor, "members convolutions"]
    """The largest cosine that any filters could reach."""


def convolution_alignment(network: Network) -> ConvolutionAlignment:
    """Measure weight alignment of the convolutions 2, 3, … of a network with the feedback of DFA.

    Raises ValueError where a hidden layer has no matrix (members, n_l, n_L), and for a network without such layers.
    """
    F = direct_feedback(network)
    reached, best = [], []
    for index, block in enumerate(network.blocks[1:-1], 1):
        if isinstance(block.affine, Conv2d):
            below = F[index - 1].mT
            M = LowRank(at_pre_activation(block, F[index]), below.reshape(*below.shape[:2], *block.input_shape))
            reached.append(convolution_cosine(block.affine, block.parameters["weights"], M))
            best.append(best_cosine(block.affine, M))
    if not reached:
        raise ValueError("weight alignment of convolutions needs one above the first layer; the network has none")
    return ConvolutionAlignment(torch.stack(reached, -1), torch.stack(best, -1))


def filter_alignment(
    H: Float[Tensor, "members channels below kernel kernel"],
    fixed: Float[Tensor, "members channels below kernel kernel"],
) -> Float[Tensor, " members"]:
    """Return cos∠ between filters that learn and fixed ones, each member's as one vector."""
    return cosine(H.flatten(1), fixed.flatten(1))
