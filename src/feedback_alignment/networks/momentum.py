"""Gradient descent with momentum, for any rule: v ← μ v + g and W ← W − rate v, as in PyTorch (Polyak 1964)."""

import torch
from jaxtyping import Float
from torch import Tensor

from feedback_alignment.networks.ensemble import StepSize
from feedback_alignment.networks.network import Network
from feedback_alignment.networks.rules import Rule
from feedback_alignment.networks.steered import Steered
from feedback_alignment.networks.teaching import require_target


class Momentum(Steered):
    """A network that steps along a running sum of its gradients; `train` takes it in the network's place.

    v starts at 0 and belongs to the state. A layer that hears nothing keeps still. Raises ValueError for a `factor` μ
    outside 0 … 1, 1 excluded.
    """

    def __init__(self, network: Network, factor: float):
        if not 0 <= factor < 1:
            raise ValueError(f"momentum must be at least 0 and below 1; got {factor}")
        super().__init__(network)
        self.network = network
        self.factor = factor
        self.velocities = [
            {name: torch.zeros_like(values) for name, values in block.parameters.items()} for block in network.blocks
        ]

    def own_state(self) -> dict[str, Tensor]:
        """Return v by layer and parameter."""
        return {
            f"velocity of {name} of layer {layer}": values
            for layer, velocity in enumerate(self.velocities, 1)
            for name, values in velocity.items()
        }

    @torch.no_grad()
    def update(
        self,
        rule: Rule,
        inputs: Float[Tensor, "members batch ..."],
        target: Float[Tensor, "members batch outputs"],
        step: StepSize,
    ) -> None:
        """Take one step in place, in mode 'train'. Raises ValueError for inputs or targets that do not fit."""
        network = self.network
        activity = network.forward(inputs, "train")
        require_target(target, activity.outputs)
        taught = network.teach(rule, activity, step.loss.error(activity.outputs, target), target)
        for velocity, gradient in zip(self.velocities, taught.gradients, strict=True):
            for name, change in (gradient or {}).items():
                velocity[name].mul_(self.factor).add_(change)
        heard = [gradient is not None for gradient in taught.gradients]
        moving = [velocity if there else None for velocity, there in zip(self.velocities, heard, strict=True)]
        network.descend(moving, activity, step)
