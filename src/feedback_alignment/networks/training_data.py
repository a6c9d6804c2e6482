"""What a network is trained on: targets of one kind, made from labels or given as numbers, and data that fit it."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from feedback_alignment.networks.ensemble import Ensemble
from feedback_alignment.networks.losses import CrossEntropy, Loss, one_hot

Labels = Int[Tensor, " samples"] | Int[Tensor, "members samples"]
Targets = Float[Tensor, "samples outputs"] | Float[Tensor, "members samples outputs"]


def require_fit(network: Ensemble, inputs: Float[Tensor, "samples ..."], batch: int) -> None:
    """Raise ValueError for inputs that the network cannot take, that are not finite, or fewer than a batch."""
    W, shape = network.weights[0], network.input_shape
    if tuple(inputs.shape[1:]) != shape:
        axes = ", ".join(("samples", *map(str, shape)))
        raise ValueError(f"inputs must be ({axes}), as the network's first layer takes; got {tuple(inputs.shape)}")
    if inputs.dtype != W.dtype:
        raise ValueError(
            f"inputs must be {W.dtype}, as the network's weights are; got {inputs.dtype}: "
            "convert them, or make the network with dtype=inputs.dtype"
        )
    if inputs.device != W.device:
        raise ValueError(f"inputs must be on {W.device}, where the network is; got {inputs.device}: move one of them")
    if len(inputs) < batch:
        raise ValueError(f"need at least one batch of {batch} samples; got {len(inputs)}")
    _require_finite("inputs", inputs)


def make_targets(
    network: Ensemble, inputs: Float[Tensor, "samples ..."], labels: Labels | Targets, loss: Loss
) -> Targets:
    """Return y of every sample, shared by the members (samples, n_L) or one set a member (members, samples, n_L).

    Integer `labels`, (samples,) or (members, samples), become rows of an identity matrix. Floating ones are targets
    already; for the cross entropy they must be probabilities.

    Raises ValueError for another shape or type, labels outside the network's classes, and targets that are not finite.
    """
    members, samples, outputs = len(network.seeds), len(inputs), network.weights[-1].shape[1]
    given = f"got {labels.dtype} of shape {tuple(labels.shape)}"
    if not labels.is_floating_point():
        if tuple(labels.shape) not in ((samples,), (members, samples)):
            raise ValueError(
                f"need as many labels as inputs: ({samples},), or ({members}, {samples}) for a set of its own "
                f"for each member; {given}"
            )
        require_classes(labels, outputs)
        return one_hot(labels, outputs, inputs.dtype)
    if tuple(labels.shape) not in ((samples, outputs), (members, samples, outputs)) or labels.dtype != inputs.dtype:
        raise ValueError(
            f"targets must be {inputs.dtype} of shape ({samples}, {outputs}), or ({members}, {samples}, {outputs}) "
            f"for a set of its own for each member; {given}"
        )
    _require_finite("targets", labels.flatten(0, -2))
    if isinstance(loss, CrossEntropy) and not _are_probabilities(labels):
        raise ValueError(
            "for the cross entropy each target must be probabilities that add up to 1: give integer labels, "
            "or train with loss=SquaredError()"
        )
    return labels


def require_classes(labels: Int[Tensor, "..."], outputs: int) -> None:
    """Raise ValueError for a label that is not the number of one of the outputs."""
    if not 0 <= int(labels.min()) <= int(labels.max()) < outputs:
        raise ValueError(f"labels must lie in 0 … {outputs - 1}; got {int(labels.min())} … {int(labels.max())}")


def _are_probabilities(targets: Targets) -> bool:
    sums = targets.sum(-1)
    return bool((targets >= 0).all()) and torch.allclose(sums, torch.ones_like(sums), atol=1e-5)


def _require_finite(what: str, values: Tensor) -> None:
    broken = (~values.isfinite()).flatten(1).any(1).nonzero().flatten().tolist()
    if broken:
        raise ValueError(
            f"{what} must be finite; {len(broken)} of {len(values)} samples hold NaN or infinity, "
            f"first sample {broken[0]}: clean the data"
        )
