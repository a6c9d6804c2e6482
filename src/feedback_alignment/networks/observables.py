"""What is measured on a network: accuracy, and how far a rule's teaching points along back-propagation's.

Three alignments are in use in the literature, and each has a name of its own here. All are taken hidden layer by hidden
layer, at the same weights, on the same batch, and in the same mode: with dropout or normalisation, a rule heard in one
mode and back-propagation in another are at an angle that has nothing to do with the rule.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from feedback_alignment.networks.ensemble import Ensemble
from feedback_alignment.networks.losses import CrossEntropy, Loss, one_hot
from feedback_alignment.networks.operations import Mode
from feedback_alignment.networks.rules import BP, Rule
from feedback_alignment.networks.teaching import Teaching
from feedback_alignment.networks.training_data import Labels, Targets, require_classes

CROSS_ENTROPY = CrossEntropy()


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
    overall_gradient: Float[Tensor, " members"]
    """As `gradient`, with the δa_l of all hidden layers in one vector (Refinetti et al. 2021, Eq. 18)."""
    overall_gradient_without_last: Float[Tensor, " members"]
    """The same without the last hidden layer, as the code released with that paper has it; NaN if there is no other."""
    overall_update: Float[Tensor, " members"]
    """As `update`, with the δW_l of all hidden layers in one vector."""


def alignment(
    network: Ensemble,
    rule: Rule,
    inputs: Float[Tensor, "..."],
    labels: Labels | Targets,
    *,
    loss: Loss = CROSS_ENTROPY,
    mode: Mode = "eval",
) -> Alignment:
    """Measure how far `rule` points along back-propagation in each hidden layer, both heard in the same mode.

    The batch may be shared, or one a member; `labels` are integers for a classification, or targets y as numbers,
    likewise. In mode 'train' both hear of the same dropout masks, and normalisation is that of the batch.

    Raises ValueError for labels outside the network's classes, or targets that do not fit.
    """
    target = _targets(network, labels)
    return compare(*network.teachings([rule, BP()], inputs, target, loss, mode))


def compare(ours: Teaching, true: Teaching) -> Alignment:
    """Measure how far one teaching points along another, that of back-propagation, as `alignment` does.

    The two may come from different modes, or from an error of their own.
    """
    signals, true_signals = _both(ours.signals, true.signals)
    deltas, true_deltas = _both(ours.deltas[:-1], true.deltas[:-1])
    updates, true_updates = _both(_updates(ours), _updates(true))
    overall = _in_one_vector(deltas, true_deltas)
    gradient, gradient_spread = _over_layers(deltas, true_deltas)
    signal, signal_spread = _over_layers(signals, true_signals)
    return Alignment(
        gradient=gradient,
        gradient_spread=gradient_spread,
        signal=signal,
        signal_spread=signal_spread,
        update=torch.stack([cosine(W, V) for W, V in zip(updates, true_updates, strict=True)], -1),
        overall_gradient=overall,
        overall_gradient_without_last=(
            _in_one_vector(deltas[:-1], true_deltas[:-1]) if len(deltas) > 1 else torch.full_like(overall, torch.nan)
        ),
        overall_update=cosine(torch.cat(updates, -1), torch.cat(true_updates, -1)),
    )


def _targets(network: Ensemble, labels: Labels | Targets) -> Float[Tensor, "members batch outputs"]:
    W = network.weights[-1]
    if not labels.is_floating_point():
        require_classes(labels, W.shape[1])
        labels = one_hot(labels, W.shape[1], W.dtype)
    return labels if labels.ndim == 3 else labels.expand(len(W), *labels.shape)


def _both(ours: Sequence[Tensor | None], true: Sequence[Tensor | None]) -> tuple[list[Tensor], list[Tensor]]:
    """Return the hidden layers' parts under both, NaN where our rule leaves a layer alone."""
    known = [part for part in true if part is not None]
    return [torch.full_like(b, torch.nan) if a is None else a for a, b in zip(ours, known, strict=True)], known


def _updates(teaching: Teaching) -> list[Float[Tensor, "members _"] | None]:
    """Return what the weights of each hidden layer descend, as one vector a member."""
    return [None if layer is None else layer["weights"].flatten(1) for layer in teaching.gradients[:-1]]


def _over_layers(
    ours: list[Tensor], true: list[Tensor]
) -> tuple[Float[Tensor, "members layers"], Float[Tensor, "members layers"]]:
    found = [_mean_and_spread(cosine(a, b)) for a, b in zip(ours, true, strict=True)]
    return torch.stack([mean for mean, _ in found], -1), torch.stack([spread for _, spread in found], -1)


def _in_one_vector(ours: list[Tensor], true: list[Tensor]) -> Float[Tensor, " members"]:
    return _mean_and_spread(cosine(torch.cat(ours, -1), torch.cat(true, -1)))[0]


def _mean_and_spread(
    cosines: Float[Tensor, "members batch"],
) -> tuple[Float[Tensor, " members"], Float[Tensor, " members"]]:
    mean = cosines.nanmean(-1)
    counted = cosines.isfinite().sum(-1)
    squares = (cosines - mean[:, None]).square().nansum(-1)
    return mean, (squares / (counted - 1).clamp(min=0)).sqrt()


def accuracy(
    network: Ensemble,
    inputs: Float[Tensor, "samples ..."],
    labels: Int[Tensor, "... samples"],
    chunk: int = 2000,
) -> Float[Tensor, " members"]:
    """Return the fraction of samples that each member classifies correctly, NaN for a member that has diverged.

    Labels may be shared, or one set a member. Computed `chunk` samples at a time.
    """
    return fit(network, inputs, labels, chunk).accuracy


@dataclass(frozen=True)
class Fit:
    """How well, and how decidedly, each member classifies a set of samples; NaN for a member that has diverged."""

    accuracy: Float[Tensor, " members"]
    """Fraction of samples classified correctly."""
    loss: Float[Tensor, " members"]
    """Mean cross entropy of a sample, in nats."""
    probability_spread: Float[Tensor, " members"]
    """Standard deviation over samples of the probability of a class, root mean square over classes.

    0 where every sample gets the same prediction, at most √(C − 1)/C for C classes.
    """


def fit(
    network: Ensemble,
    inputs: Float[Tensor, "samples ..."],
    labels: Int[Tensor, "... samples"],
    chunk: int = 2000,
) -> Fit:
    """Measure accuracy, loss and the spread of predictions, `chunk` samples at a time.

    Labels may be shared, or one set a member. Raises ValueError for labels outside the network's classes.
    """
    require_classes(labels, network.weights[-1].shape[1])
    members, samples = len(network.seeds), labels.shape[-1]
    right = torch.zeros(members, dtype=torch.int64, device=inputs.device)
    loss = torch.zeros(members, dtype=torch.float64, device=inputs.device)
    first, second = (loss.new_zeros(members, network.weights[-1].shape[1]) for _ in range(2))
    for x, y in zip(torch.split(inputs, chunk), torch.split(labels, chunk, -1), strict=True):
        log_p = network.outputs(x).double().log_softmax(-1)
        wanted = y.expand(log_p.shape[:-1])
        p = log_p.exp()
        right += (log_p.argmax(-1) == wanted).sum(-1)
        loss -= log_p.gather(-1, wanted[..., None]).sum((-2, -1))
        first += p.sum(-2)
        second += (p * p).sum(-2)
    variance = second / samples - (first / samples).square()
    share = (right.double() / samples).masked_fill(loss.isnan(), torch.nan)
    return Fit(share, loss / samples, variance.mean(-1).clamp(min=0).sqrt())
