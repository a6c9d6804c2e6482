"""Blocks: an affine layer with what follows it, and the local derivative of what follows.

Autograd never crosses a block: the input of each is detached from the block below, so that a teaching signal at the
output of block l gives δa_l by a vector-Jacobian product of its operations alone. The way through the affine layers is
written out in `layers`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from feedback_alignment import streams
from feedback_alignment.networks.layers import Affine, Shape
from feedback_alignment.networks.operations import Operation, Passage


@dataclass(frozen=True)
class BlockActivity:
    """One batch inside block l."""

    below: Float[Tensor, "members batch ..."]
    """h_{l-1}."""
    pre_activation: Float[Tensor, "members batch ..."]
    """a_l, where the local graph begins."""
    learnt: dict[str, Tensor]
    """What the operations learn, where the local graph begins."""
    output: Float[Tensor, "members batch ..."]
    """h_l, where the local graph ends."""

    def local_gradient(self, signal: Float[Tensor, "members batch ..."]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return δa_l, and the gradient of what the operations learn, from the teaching signal at h_l."""
        delta, *others = torch.autograd.grad(
            self.output, [self.pre_activation, *self.learnt.values()], signal, retain_graph=True
        )
        return delta, dict(zip(self.learnt, others, strict=True))


@dataclass(frozen=True)
class Block:
    """One layer of an ensemble with its numbers, members first in each."""

    affine: Affine
    operations: tuple[Operation, ...]
    input_shape: Shape
    parameters: dict[str, Tensor]
    """What is learnt, by name: 'weights', 'biases' where there are any, and 'gain 2' of the second operation, say."""
    statistics: dict[str, Tensor]
    """What the operations keep count of, named likewise."""

    @property
    def affine_shape(self) -> Shape:
        """Shape of a sample's a_l."""
        return self.affine.output_shape(self.input_shape)

    @property
    def output_shape(self) -> Shape:
        """Shape of a sample's h_l."""
        return _shapes(self.affine, self.operations, self.input_shape)[-1]

    def forward(self, h: Float[Tensor, "members batch ..."], passage: Passage) -> BlockActivity:
        """Take one batch through the block, with the graph of its operations."""
        with torch.no_grad():
            a = self._pre_activation(h)
        a.requires_grad_()
        own = {"weights", "biases"}
        learnt = {name: p.detach().requires_grad_() for name, p in self.parameters.items() if name not in own}
        with torch.enable_grad():
            output = self._operate(a, learnt, passage)
        return BlockActivity(h, a, learnt, output)

    @torch.no_grad()
    def evaluate(self, h: Float[Tensor, "members batch ..."], passage: Passage) -> Float[Tensor, "members batch ..."]:
        """Return h_l alone."""
        return self._operate(self._pre_activation(h), self.parameters, passage)

    @torch.no_grad()
    def gradient(
        self, activity: BlockActivity, delta: Float[Tensor, "members batch ..."], others: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return the gradient of every parameter, summed over the batch, given δa_l and that of the operations."""
        made = {"weights": self.affine.weight_gradient(delta, activity.below)}
        if "biases" in self.parameters:
            made["biases"] = self.affine.bias_gradient(delta)
        return made | others

    def _pre_activation(self, h: Float[Tensor, "members batch ..."]) -> Float[Tensor, "members batch ..."]:
        return self.affine.forward(self.parameters["weights"], self.parameters.get("biases"), h)

    def _operate(self, values: Tensor, learnt: dict[str, Tensor], passage: Passage) -> Tensor:
        known = learnt | self.statistics
        for place, operation in enumerate(self.operations, 1):
            ending = f" {place}"
            state = {name.removesuffix(ending): values for name, values in known.items() if name.endswith(ending)}
            values = operation.apply(values, state, passage)
        return values


def build_block(
    parts: Sequence[Affine | Operation],
    input_shape: Shape,
    layer: int,
    seeds: Sequence[int],
    dtype: torch.dtype,
    device: str | torch.device,
) -> Block:
    """Make block l = `layer` from its affine layer and operations; weights and biases come from the members' streams.

    Raises ValueError for parts that do not begin with their only affine layer, or do not fit `input_shape`.
    """
    affine = parts[0] if parts else None
    operations = tuple(part for part in parts[1:] if isinstance(part, Operation))
    if not isinstance(affine, Affine) or len(operations) != len(parts) - 1:
        raise ValueError(
            f"block {layer} must be one affine layer (Linear or Conv2d) and then operations (Activation, Dropout, "
            f"BatchNorm, MaxPool2d, AveragePool2d); got {tuple(parts)}"
        )
    try:
        shapes = _shapes(affine, operations, input_shape)
    except ValueError as error:
        raise ValueError(f"block {layer}: {error}") from error

    def tensor(values: np.ndarray) -> Tensor:
        return torch.from_numpy(values).to(dtype).to(device)

    shape = affine.weight_shape(input_shape)
    init = affine.initialisation
    generators = [streams.generator(seed, "weights", layer) for seed in seeds]
    parameters = {"weights": tensor(np.stack([init.weights(draw, shape) for draw in generators]))}
    if affine.bias:
        generators = [streams.generator(seed, "biases", layer) for seed in seeds]
        parameters["biases"] = tensor(np.stack([init.biases(draw, shape) for draw in generators]))
    statistics: dict[str, Tensor] = {}
    for place, (operation, its_shape) in enumerate(zip(operations, shapes, strict=False), 1):
        for made, starts in (
            (parameters, operation.parameters(its_shape)),
            (statistics, operation.statistics(its_shape)),
        ):
            made |= {
                f"{name} {place}": torch.full((len(seeds), its_shape[0]), value, dtype=dtype, device=device)
                for name, value in starts.items()
            }
    return Block(affine, operations, input_shape, parameters, statistics)


def _shapes(affine: Affine, operations: Sequence[Operation], input_shape: Shape) -> list[Shape]:
    """Return the shapes of a_l and of each operation's output."""
    shapes = [affine.output_shape(input_shape)]
    for operation in operations:
        shapes.append(operation.output_shape(shapes[-1]))
    return shapes
