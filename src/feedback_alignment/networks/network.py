"""Networks of any stack of blocks, as ensembles that are trained in lockstep by any rule.

h_l is the output of block l, after its operations, and a_l that of its affine layer. A rule's teaching signal enters at
h_l; δa_l follows by the block's own derivative, and the gradient of the weights from δa_l and h_{l-1}. Mean and
variance of a batch normalisation are functions of a_l for that derivative, as in back-propagation.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor

from feedback_alignment.networks.blocks import Block, BlockActivity
from feedback_alignment.networks.ensemble import Ensemble, StepSize
from feedback_alignment.networks.feedback import FeedbackMatrix
from feedback_alignment.networks.layers import Shape
from feedback_alignment.networks.losses import Loss
from feedback_alignment.networks.network_activity import Activity
from feedback_alignment.networks.operations import Mode, Operation, Passage
from feedback_alignment.networks.rules import HiddenLayer, Rule, feedback_kinds
from feedback_alignment.networks.teaching import Teaching, descend, descended, require_target


@dataclass
class Network(Ensemble):
    """An ensemble of networks; `architectures` has functions that make one."""

    blocks: list[Block]
    matrices: list[FeedbackMatrix | None]
    """F_1 … F_{L-1}, or None where a layer has none."""
    seeds: tuple[int, ...]
    input_operations: tuple[Operation, ...] = ()
    """What happens to the inputs before the first layer, such as dropout."""
    weights: list[Tensor] = field(init=False)
    """W_1 … W_L: matrices (members, n_l, n_{l-1}), filters (members, channels, channels below, height, width)."""
    steps_taken: Int[Tensor, " members"] = field(init=False)
    """How many batches each member has learnt from: the same for all, counted on the CPU."""

    def __post_init__(self) -> None:
        """Raise ValueError for feedback that does not fit the hidden layers."""
        self.weights = [block.parameters["weights"] for block in self.blocks]
        self.steps_taken = torch.zeros(len(self.seeds), dtype=torch.int64)
        self._refuse_unfit_feedback()

    @property
    def input_shape(self) -> Shape:
        """Shape of one sample, (features,) or (channels, height, width)."""
        return self.blocks[0].input_shape

    @property
    def feedback(self) -> list[Tensor | None]:
        """F_l of the hidden layers: (members, n_l, n_L), or W_{l+1}'s shape with its second and third axis swapped.

        One matrix that several layers share comes back as several.
        """
        return [None if F is None else F.whole() for F in self.matrices]

    @feedback.setter
    def feedback(self, matrices: Sequence[Tensor | None]) -> None:
        self.matrices = [None if F is None else FeedbackMatrix(F) for F in matrices]
        self._refuse_unfit_feedback()

    def state(self) -> dict[str, Tensor]:
        """Return parameters, running statistics and the count of steps by name, not copied; members first in each."""
        found = {
            f"{name} of layer {layer}" if " " in name else f"{name} {layer}": values
            for layer, block in enumerate(self.blocks, 1)
            for name, values in (block.parameters | block.statistics).items()
        }
        return found | {"steps taken": self.steps_taken}

    def outputs(self, inputs: Float[Tensor, "..."]) -> Float[Tensor, "members batch outputs"]:
        """Return a_L in evaluation mode. `inputs` may be shared (batch, …) or one batch a member (members, batch, …).

        Raises ValueError for inputs that do not fit the first layer.
        """
        h = self._entered(inputs, "eval")
        for layer, block in enumerate(self.blocks, 1):
            h = block.evaluate(h, self._passage("eval", layer))
        return h

    def forward(self, inputs: Float[Tensor, "..."], mode: Mode) -> Activity:
        """Take a batch through the network. Nothing of the network changes, also in mode 'train'.

        `inputs` may be shared (batch, …) or one batch a member (members, batch, …). Raises ValueError for inputs that
        do not fit the first layer.
        """
        h = self._entered(inputs, mode)
        activities: list[BlockActivity] = []
        renewals: list[tuple[Tensor, Tensor]] = []
        for layer, block in enumerate(self.blocks, 1):
            passage = self._passage(mode, layer)
            activities.append(block.forward(h, passage))
            renewals += passage.renewals
            h = activities[-1].output.detach()
        return Activity(activities, h, renewals)

    @torch.no_grad()
    def teach(
        self,
        rule: Rule,
        activity: Activity,
        error: Float[Tensor, "members batch outputs"],
        target: Float[Tensor, "members batch outputs"],
    ) -> Teaching:
        """Form the teaching signals, δa_1, …, δa_L and gradients of `rule` from what `forward` gave.

        δa_L = e in every rule. Raises ValueError for a rule that the network's feedback does not fit, and for a signal
        that is not (members, batch, n_l).
        """
        feedback_kinds(rule, len(self.blocks) - 1)
        signals: list[Tensor | None] = []
        deltas: list[Tensor | None] = [error]
        gradients: list[dict[str, Tensor] | None] = [self.blocks[-1].gradient(activity.blocks[-1], error, {})]
        above = error
        for index in range(len(self.blocks) - 2, -1, -1):
            block, inside = self.blocks[index], activity.blocks[index]
            layer = self._hidden_layer(index, above, error, target)
            signal = rule.teaching_signal(layer)
            signals.insert(0, signal)
            if signal is None:
                above = torch.zeros_like(inside.pre_activation).flatten(2)
                deltas.insert(0, None)
                gradients.insert(0, None)
                continue
            if signal.shape != inside.output.flatten(2).shape:
                raise ValueError(
                    f"the signal of {rule.name} for layer {index + 1} must be (members, batch, n_l) = "
                    f"{tuple(inside.output.flatten(2).shape)}; got {tuple(signal.shape)}"
                )
            delta, others = inside.local_gradient(signal.reshape(inside.output.shape))
            gradient = block.gradient(inside, delta, others)
            above = delta.flatten(2)
            deltas.insert(0, above)
            gradients.insert(0, descended(gradient, rule, layer))
        return Teaching(signals, deltas, gradients)

    def teachings(
        self,
        rules: Sequence[Rule],
        inputs: Float[Tensor, "..."],
        target: Float[Tensor, "members batch outputs"],
        loss: Loss,
        mode: Mode,
    ) -> list[Teaching]:
        """Return what each of `rules` tells every layer about the same batch, at the same weights and in one mode.

        In mode 'train' all hear of the same dropout masks, those of the coming step. Nothing of the network changes.
        Raises ValueError for inputs or targets that do not fit.
        """
        activity = self.forward(inputs, mode)
        require_target(target, activity.outputs)
        error = loss.error(activity.outputs, target)
        return [self.teach(rule, activity, error, target) for rule in rules]

    @torch.no_grad()
    def update(
        self,
        rule: Rule,
        inputs: Float[Tensor, "members batch ..."],
        target: Float[Tensor, "members batch outputs"],
        step: StepSize,
    ) -> None:
        """Take one step of gradient descent in place, in mode 'train', and renew the running statistics.

        Raises ValueError for inputs or targets that do not fit.
        """
        activity = self.forward(inputs, "train")
        require_target(target, activity.outputs)
        error = step.loss.error(activity.outputs, target)
        self.descend(self.teach(rule, activity, error, target).gradients, activity, step)

    @torch.no_grad()
    def descend(self, gradients: Sequence[dict[str, Tensor] | None], activity: Activity, step: StepSize) -> None:
        """Go down what `gradients` says of each layer, and renew the running statistics from the batch's `activity`."""
        batch = activity.outputs.shape[1]
        rates = [step.hidden_rates(batch)] * (len(gradients) - 1) + [step.output_rates(batch)]
        for block, gradient, rate in zip(self.blocks, gradients, rates, strict=True):
            descend(block.parameters, gradient, rate)
        for running, renewed in activity.renewals:
            running.copy_(renewed)
        self.steps_taken += 1

    def _hidden_layer(self, index: int, delta_above: Tensor, error: Tensor, target: Tensor) -> HiddenLayer:
        block, F = self.blocks[index + 1], self.matrices[index]
        return HiddenLayer(
            delta_above=delta_above,
            weight_above=self.weights[index + 1],
            error=error,
            target=target,
            feedback=None if F is None else F.matrix,
            layer=index + 1,
            seeds=self.seeds,
            step=int(self.steps_taken[0]),
            feedback_scale=1.0 if F is None else F.scale,
            own_weights=self.weights[index][0].numel(),
            transposed=functools.partial(_transposed, block),
        )

    def _passage(self, mode: Mode, layer: int) -> Passage:
        return Passage(mode, self.seeds, layer, int(self.steps_taken[0]))

    @torch.no_grad()
    def _entered(self, inputs: Tensor, mode: Mode) -> Tensor:
        """Return the inputs with members first, after the input operations."""
        shape, W, members = self.input_shape, self.weights[0], len(self.seeds)
        axes = inputs.ndim - len(shape)
        fits = axes in (1, 2) and tuple(inputs.shape[axes:]) == shape and (axes == 1 or len(inputs) == members)
        if not fits or inputs.dtype != W.dtype:
            raise ValueError(
                f"inputs must be {W.dtype}, (batch, *{shape}) or ({members}, batch, *{shape}); got {inputs.dtype} of "
                f"shape {tuple(inputs.shape)}"
            )
        h = inputs.expand(members, *inputs.shape) if axes == 1 else inputs
        passage = self._passage(mode, 0)
        for operation in self.input_operations:
            h = operation.apply(h, {}, passage)
        return h

    def _refuse_unfit_feedback(self) -> None:
        members, outputs = len(self.seeds), self.weights[-1].shape[1]
        fitting = [
            ((members, math.prod(block.output_shape), outputs), tuple(W.transpose(1, 2).shape))
            for block, W in zip(self.blocks[:-1], self.weights[1:], strict=True)
        ]
        found = [None if F is None else tuple(F.matrix.shape) for F in self.matrices]
        if len(found) != len(fitting) or any(F not in (None, *fit) for F, fit in zip(found, fitting, strict=False)):
            raise ValueError(
                "feedback must be None or have one of two shapes for each hidden layer, that of DFA or that of FA, "
                f"here {fitting}; got {found}"
            )


def _transposed(block: Block, delta: Tensor, weight: Tensor) -> Tensor:
    """Return weightᵀ δa of each sample, as vectors, for a weight of the block's shape."""
    shaped = delta.reshape(*delta.shape[:2], *block.affine_shape)
    return block.affine.transposed(shaped, weight, block.input_shape).flatten(2)
