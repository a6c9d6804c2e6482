"""Feedback with the structure of convolutions: F_l = φ(H⁰_{l+1})ᵀ F_{l+1}, through filters that never learn.

Under strong weight alignment a convolution would have to become F_{l+1} F_lᵀ. For independent matrices that is nowhere
near a convolution (see `convolution_alignment`). Chained in this way it is F_{l+1} F_{l+1}ᵀ φ(H⁰_{l+1}), which has a
positive product with φ(H⁰_{l+1}): the filters H_{l+1} have something to align with. The rule stays DFA, the error
reaching each layer in one step by a fixed matrix.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from feedback_alignment import streams
from feedback_alignment.networks.blocks import Block
from feedback_alignment.networks.initialisation import He
from feedback_alignment.networks.layers import Conv2d
from feedback_alignment.networks.network import Network
from feedback_alignment.networks.operations import AveragePool2d, MaxPool2d, Passage


@dataclass(frozen=True)
class ChainedFeedback:
    """Feedback matrices and the filters that they were chained through."""

    matrices: list[Float[Tensor, "members _ outputs"]]
    """F_1 … F_{L-1}."""
    filters: list[Float[Tensor, "members _ _ _ _"] | None]
    """H⁰_2 … H⁰_L, of the shapes of W_2 … W_L; None for a layer that is no convolution."""


def chained_feedback(network: Network) -> ChainedFeedback:
    """Chain the feedback of `network` through fixed random filters, from above: F_l = φ(H⁰_{l+1})ᵀ U F_{l+1}.

    U is the transposed mean over the pooling's windows of layer l+1, if it pools: the fixed matrix in the place of what
    a maximum hands back. Below a layer that is no convolution F_l stays as it is, and each F_l keeps its norm. The
    network is left as it is.

    Raises ValueError where a hidden layer has no matrix of shape (members, n_l, n_L).
    """
    matrices = direct_feedback(network)
    filters = fixed_filters(network)
    for index in range(len(matrices) - 2, -1, -1):
        above, H = network.blocks[index + 1], filters[index]
        if H is not None:
            columns = at_pre_activation(above, matrices[index + 1])
            F = above.affine.transposed(columns, H, above.input_shape).flatten(2).mT
            own, new = (torch.linalg.vector_norm(each, dim=(1, 2), keepdim=True) for each in (matrices[index], F))
            matrices[index] = F * (own / new)
    return ChainedFeedback(matrices, filters)


def fixed_filters(network: Network) -> list[Float[Tensor, "members _ _ _ _"] | None]:
    """Return H⁰_2 … H⁰_L, drawn as He et al. 2015 draw weights, from the members' streams 'feedback'.

    They depend on the seeds and the shapes of the network alone.
    """
    found: list[Tensor | None] = []
    for layer, block in enumerate(network.blocks[1:], 2):
        if isinstance(block.affine, Conv2d):
            W = block.parameters["weights"]
            draws = [streams.generator(seed, "feedback", layer, 1) for seed in network.seeds]
            found.append(torch.from_numpy(np.stack([He().weights(draw, tuple(W.shape[1:])) for draw in draws])).to(W))
        else:
            found.append(None)
    return found


def direct_feedback(network: Network) -> list[Float[Tensor, "members _ outputs"]]:
    """Return the matrices F_1 … F_{L-1} of DFA.

    Raises ValueError where a hidden layer has no matrix of shape (members, n_l, n_L).
    """
    outputs = network.weights[-1].shape[1]
    found = [None if F is None else tuple(F.shape) for F in network.feedback]
    matrices = [F for F in network.feedback if F is not None and F.ndim == 3 and F.shape[2] == outputs]
    if len(matrices) != len(found):
        raise ValueError(
            f"each hidden layer must have a feedback matrix (members, n_l, {outputs}); got {found}: make the network "
            "for the rule DFA()"
        )
    return matrices


def at_pre_activation(
    block: Block, F: Float[Tensor, "members width outputs"]
) -> Float[Tensor, "members outputs channels rows columns"]:
    """Return U F, one image a column: F taken from the outputs of a convolution's block to its a_l by what is fixed.

    Pooling hands each number to all pixels of its window in equal parts; what keeps the shape is passed over.
    """
    members, _, columns = F.shape
    a = torch.zeros((members, columns, *block.affine_shape), dtype=F.dtype, device=F.device, requires_grad=True)
    with torch.enable_grad():
        values = a
        for operation in block.operations:
            if isinstance(operation, MaxPool2d | AveragePool2d):
                mean = AveragePool2d(operation.kernel, operation.stride)
                values = mean.apply(values, {}, Passage("eval", (), 0, 0))
        (images,) = torch.autograd.grad(values, a, F.mT.reshape(members, columns, *block.output_shape))
    return images
