"""What is measured on a network: accuracy, and how far a rule's teaching points along back-propagation's.

Three alignments are in use in the literature, and each has a name of its own here. All are taken hidden layer by hidden
layer, at the same weights, on the same batch; there is no dropout or normalisation here, so no train or eval mode.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from feedback_alignment.networks.losses import classification_error, one_hot
from feedback_alignment.networks.perceptron import Perceptrons
from feedback_alignment.networks.rules import BP, Rule


def cosine(a: Float[Tensor, "*batch width"], b: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch"]:
    """Cosine between `a` and `b` along the last axis, in float64; NaN where one of them is zero.

    In float32 the squares of a well-trained sample's errors would underflow.
    """
    a, b = a.double(), b.double()
    product: Tensor = torch.einsum("...i,...i->...", a, b)
    lengths: Tensor = torch.linalg.vector_norm(a, dim=-1) * torch.linalg.vector_norm(b, dim=-1)
    return product / lengths


@dataclass(frozen=True)
class Alignment:
    """Alignment with back-propagation of each member's hidden layers; NaN for a layer that the rule leaves alone.

    A sample whose signal is exactly zero (all its units dead, say) has no direction and is left out of the averages.
    """

    gradient: Float[Tensor, "members layers"]
    """cos∠(δa_l, δa_l^BP) of a sample, mean over samples (released code of Refinetti et al. 2021; cf. Eq. 19)."""
    gradient_spread: Float[Tensor, "members layers"]
    """Standard deviation of the same over samples."""
    signal: Float[Tensor, "members layers"]
    """cos∠(δh_l, c_l) of the teaching signals before g'(a_l), mean over samples (Launay et al. 2019, Eqs 4–6)."""
    signal_spread: Float[Tensor, "members layers"]
    """Standard deviation of the same over samples."""
    update: Float[Tensor, "members layers"]
    """cos∠(δW_l, δW_l^BP) of the update that the whole batch gives."""


def alignment(
    network: Perceptrons, rule: Rule, inputs: Float[Tensor, "batch features"], labels: Int[Tensor, " batch"]
) -> Alignment:
    """Measure how far `rule` points along back-propagation in each hidden layer, on one batch."""
    layers = network.forward(inputs)
    target = one_hot(labels, layers[-1].shape[-1], layers[-1].dtype).expand_as(layers[-1])
    error = classification_error(layers[-1], target)
    ours, true = (network.teach(chosen, layers, error, target) for chosen in (rule, BP()))
    columns: list[list[Tensor]] = []
    for index, below in enumerate(layers[:-2]):
        signal, delta = true.signals[index], true.deltas[index]
        assert signal is not None
        assert delta is not None
        our_signal, our_delta = (
            torch.full_like(delta, torch.nan) if part is None else part
            for part in (ours.signals[index], ours.deltas[index])
        )
        gradient, signals = cosine(our_delta, delta), cosine(our_signal, signal)
        update = cosine((our_delta.mT @ below).flatten(-2), (delta.mT @ below).flatten(-2))
        columns.append([*_mean_and_spread(gradient), *_mean_and_spread(signals), update])
    return Alignment(*(torch.stack(values, -1) for values in zip(*columns, strict=True)))


def _mean_and_spread(
    cosines: Float[Tensor, "members batch"],
) -> tuple[Float[Tensor, " members"], Float[Tensor, " members"]]:
    mean = cosines.nanmean(-1)
    counted = cosines.isfinite().sum(-1)
    squares = (cosines - mean[:, None]).square().nansum(-1)
    return mean, (squares / (counted - 1).clamp(min=0)).sqrt()


def accuracy(
    network: Perceptrons, inputs: Float[Tensor, "samples features"], labels: Int[Tensor, " samples"], chunk: int = 2000
) -> Float[Tensor, " members"]:
    """Return the fraction of samples that each member classifies correctly, computed `chunk` samples at a time."""
    right = torch.zeros(len(network.seeds), dtype=torch.int64, device=inputs.device)
    for x, y in zip(torch.split(inputs, chunk), torch.split(labels, chunk), strict=True):
        right += (network.forward(x)[-1].argmax(-1) == y).sum(-1)
    return right.double() / len(labels)
