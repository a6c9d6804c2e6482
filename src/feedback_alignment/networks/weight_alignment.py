"""Weight alignment: how far the forward weights point along what the feedback matrices ask of them.

Under FA each W_l has a matrix of its own shape to align with. Under DFA, weak alignment makes W_l = F_l A_l F_{l-1}ᵀ;
were every A_l a multiple of the identity, the weights would be those of strong alignment, F_l F_{l-1}ᵀ and F_{L-1}ᵀ for
the output layer (Refinetti et al. 2021, Eqs 14, 16). The first layer has no such partner.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from feedback_alignment.networks.observables import cosine


@dataclass(frozen=True)
class WeightAlignment:
    """Cosines between forward weights and those of strong alignment."""

    layers: Float[Tensor, "members layers"]
    """∠(F_l F_{l-1}ᵀ, W_l) for l = 2 … L, with F_{L-1}ᵀ for l = L (Refinetti et al. 2021, Eq. 19).

    NaN for a convolution: its matrix repeats few numbers many times, which F_l F_{l-1}ᵀ cannot (§4.2).
    """
    overall: Float[Tensor, " members"]
    """The same of all these layers in one vector, without convolutions (Eq. 18)."""
    overall_unscaled: Float[Tensor, " members"]
    """Eq. 18 with √n_l F_l, the matrices before their division by √n_l, as in the code released with the paper.

    The last layer then weighs √n_l times less against the hidden ones; the layers' own cosines do not change.
    """


def weight_alignment(
    weights: Sequence[Float[Tensor, "members ..."]], feedback: Sequence[Float[Tensor, "members ..."] | None]
) -> WeightAlignment:
    """Measure the weight alignment of W_1 … W_L with the matrices F_1 … F_{L-1} of DFA.

    Raises ValueError where a hidden layer has no matrix of shape (members, n_l, n_L).
    """
    matrices = _of_direct_feedback(weights, feedback)
    rescaled = [F * F.shape[1] ** 0.5 for F in matrices]
    linear = [index for index in range(len(matrices)) if weights[index + 1].ndim == 3]
    reached = [weights[index + 1].double().flatten(1) for index in linear]
    wanted, wanted_unscaled = ([_strongly_aligned(F, index) for index in linear] for F in (matrices, rescaled))
    layers = matrices[0].new_full((len(matrices[0]), len(matrices)), torch.nan)
    layers[:, linear] = torch.stack([cosine(F, W) for F, W in zip(wanted, reached, strict=True)], -1)
    return WeightAlignment(
        layers,
        cosine(torch.cat(wanted, -1), torch.cat(reached, -1)),
        cosine(torch.cat(wanted_unscaled, -1), torch.cat(reached, -1)),
    )


def layer_weight_alignment(
    weights: Sequence[Float[Tensor, "members _ _"]], feedback: Sequence[Float[Tensor, "members _ _"] | None]
) -> Float[Tensor, "members layers"]:
    """Measure the weight alignment of W_2 … W_L with the F_1 … F_{L-1} of FA: the cosines ∠(F_{l-1}ᵀ, W_l).

    Each F_l has the shape of W_{l+1}ᵀ (Chu and Bacho 2024, Section 2.1.1). NaN for weights that are all zero. Raises
    ValueError for feedback of other shapes.
    """
    expected = [tuple(W.mT.shape) for W in weights[1:]]
    found = [None if F is None else tuple(F.shape) for F in feedback]
    if found != expected:
        raise ValueError(
            f"this weight alignment needs feedback of the shapes of the transposed weights above, here {expected}; "
            f"got {found}: draw those of FA"
        )
    pairs = zip([F for F in feedback if F is not None], weights[1:], strict=True)
    return torch.stack([cosine(F.mT.flatten(1), W.flatten(1)) for F, W in pairs], -1)


def strongly_aligned(
    feedback: Sequence[Float[Tensor, "members _ outputs"]],
) -> list[Float[Tensor, "members _"]]:
    """Return vec(F_2 F_1ᵀ), …, vec(F_{L-1} F_{L-2}ᵀ), vec(F_{L-1}ᵀ) of every member (Refinetti et al. 2021, Eq. 18)."""
    return [_strongly_aligned(feedback, index) for index in range(len(feedback))]


def _strongly_aligned(feedback: Sequence[Tensor], below: int) -> Tensor:
    last = below == len(feedback) - 1
    product = feedback[below].mT if last else feedback[below + 1] @ feedback[below].mT
    return product.flatten(1)


def _of_direct_feedback(weights: Sequence[Tensor], feedback: Sequence[Tensor | None]) -> list[Tensor]:
    pairs = list(itertools.pairwise(weights))
    matrices = [F.double() for F in feedback if F is not None and F.ndim == 3]
    fitting = len(matrices) == len(feedback) == len(pairs) and all(
        F.shape[::2] == weights[-1].shape[:2]
        and (W.ndim > 3 or F.shape[1] == W.shape[1])
        and (above.ndim > 3 or F.shape[1] == above.shape[2])
        for F, (W, above) in zip(matrices, pairs, strict=True)
    )
    if not fitting:
        raise ValueError(
            "weight alignment needs a feedback matrix (members, n_l, n_L) for each hidden layer of weights "
            f"{[tuple(W.shape) for W in weights]}; got {[None if F is None else tuple(F.shape) for F in feedback]}: "
            "draw those of DFA"
        )
    return matrices
