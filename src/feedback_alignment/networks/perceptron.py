"""Multilayer perceptrons as ensembles that are trained in lockstep.

Every tensor has a leading `members` axis. A member's numbers depend on its own seed alone, never on its companions.
Symbols: a_l = W_l h_{l-1} + b_l, h_l = g(a_l), h_0 = x; the network's output is a_L (Refinetti et al. 2021,
Introduction, where there are no biases).
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from feedback_alignment import streams
from feedback_alignment.networks.activations import activation as activation_function
from feedback_alignment.networks.devices import require_device
from feedback_alignment.networks.ensemble import Ensemble, StepSize
from feedback_alignment.networks.feedback import Distribution, draw_feedback
from feedback_alignment.networks.feedback_distributions import Uniform
from feedback_alignment.networks.initialisation import Initialisation, PyTorchDefault
from feedback_alignment.networks.losses import Loss
from feedback_alignment.networks.operations import Mode
from feedback_alignment.networks.rules import GradientRule, HiddenLayer, Rule
from feedback_alignment.networks.slopes import slope
from feedback_alignment.networks.teaching import Teaching, descend, descended, require_target

PYTORCH_DEFAULT = PyTorchDefault()
UNIFORM = Uniform()


@dataclass
class Perceptrons(Ensemble):
    """An ensemble: weights W_1 … W_L, feedback F_1 … F_{L-1} and, if any, biases b_1 … b_L of every member."""

    weights: list[Tensor]
    """W_l, each with shape (members, n_l, n_{l-1})."""
    feedback: list[Tensor | None]
    """F_l of the hidden layers, each (members, n_l, columns), or None."""
    activation: str
    seeds: tuple[int, ...]
    biases: list[Tensor] | None = None
    """b_l, each with shape (members, n_l), or None for a network without biases."""
    steps_taken: Int[Tensor, " members"] = field(init=False)
    """How many batches each member has learnt from: the same for all, counted on the CPU."""

    def __post_init__(self) -> None:
        """Raise ValueError for weights that do not chain or fit biases or feedback, or an unknown activation."""
        shapes = [tuple(W.shape) for W in self.weights]
        chained = all(below[1] == above[2] for below, above in itertools.pairwise(shapes))
        if len(shapes) < 2 or not chained or any(shape[0] != len(self.seeds) for shape in shapes):
            raise ValueError(
                f"weights must be (members, n_l, n_(l-1)) for l = 1, 2, ..., chained, with "
                f"{len(self.seeds)} members, one a seed; got {shapes}"
            )
        found = [None if F is None else tuple(F.shape[:2]) for F in self.feedback]
        if len(found) != len(shapes) - 1 or any(F not in (None, W[:2]) for F, W in zip(found, shapes, strict=False)):
            raise ValueError(
                "feedback must be None or (members, n_l, columns) for each hidden layer, here with "
                f"(members, n_l) in {[shape[:2] for shape in shapes[:-1]]}; got {found}"
            )
        wanted = [shape[:2] for shape in shapes]
        if self.biases is not None and [tuple(b.shape) for b in self.biases] != wanted:
            raise ValueError(
                f"biases must be None or (members, n_l) for every layer, here {wanted}; "
                f"got {[tuple(b.shape) for b in self.biases]}"
            )
        activation_function(self.activation)
        self.steps_taken = torch.zeros(len(self.seeds), dtype=torch.int64)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one sample, (features,)."""
        return (self.weights[0].shape[2],)

    def forward(self, inputs: Float[Tensor, "... batch features"]) -> list[Float[Tensor, "... batch _"]]:
        """Return [h_0, h_1, …, h_{L-1}, a_L]. `inputs` may be shared (batch, features) or one batch a member."""
        g = activation_function(self.activation)
        layers = [inputs]
        for index in range(len(self.weights) - 1):
            layers.append(g(self._affine(index, layers[-1])))
        layers.append(self._affine(len(self.weights) - 1, layers[-1]))
        return layers

    def _affine(self, index: int, below: Float[Tensor, "... batch _"]) -> Float[Tensor, "members batch _"]:
        a = below @ self.weights[index].mT
        return a if self.biases is None else a + self.biases[index][:, None]

    def state(self) -> dict[str, Tensor]:
        """Return weights, biases and the count of steps by name, not copied."""
        state = {f"weights {layer}": W for layer, W in enumerate(self.weights, 1)}
        state |= {f"biases {layer}": b for layer, b in enumerate(self.biases or [], 1)}
        return state | {"steps taken": self.steps_taken}

    def outputs(self, inputs: Float[Tensor, "... batch features"]) -> Float[Tensor, "members batch outputs"]:
        """Return a_L."""
        return self.forward(inputs)[-1]

    def update(
        self,
        rule: Rule,
        inputs: Float[Tensor, "members batch features"],
        target: Float[Tensor, "members batch outputs"],
        step: StepSize,
    ) -> None:
        """Take one step of gradient descent in place: W_l ← W_l − rate_l Σ_samples δa_l h_{l-1}ᵀ, b_l likewise.

        `update_many` takes the same steps, to rounding, in a compiled loop where it can.
        """
        layers = self.forward(inputs)
        error = step.loss.error(layers[-1], target)
        batch = inputs.shape[-2]
        rates = [step.hidden_rates(batch)] * (len(self.weights) - 1) + [step.output_rates(batch)]
        if isinstance(rule, GradientRule):
            gradients = self.teach(rule, layers, error, target).gradients
            for index, (gradient, rate) in enumerate(zip(gradients, rates, strict=True)):
                biases = {} if self.biases is None else {"biases": self.biases[index]}
                descend({"weights": self.weights[index]} | biases, gradient, rate)
        else:
            _, deltas, _ = self._hear(rule, layers, error, target)
            for index, (delta, rate) in enumerate(zip(deltas, rates, strict=True)):
                if delta is not None:
                    scaled = -delta.new_tensor(rate)[:, None, None] * delta
                    self.weights[index].baddbmm_(scaled.mT, layers[index])
                    if self.biases is not None:
                        self.biases[index].add_(scaled.sum(1))
        self.steps_taken += 1

    def update_many(
        self,
        rule: Rule,
        inputs: Float[Tensor, "samples features"],
        targets: Float[Tensor, "*members samples outputs"],
        orders: Int[Tensor, "members steps batch"],
        step: StepSize,
    ) -> None:
        """Take one step for each batch of `orders`, whose entries are indices of samples.

        On a CPU, the package's own rules and losses run in a compiled loop, the members shared out between torch's
        number of threads; a rule that it does not know, such as a reader's own, goes through `update` step by step.
        """
        from feedback_alignment.networks.perceptron_descent import compiled_descent

        descent = compiled_descent(
            rule, step, self.activation, self.weights, self.biases, self.feedback, (inputs, targets)
        )
        if descent is None:
            super().update_many(rule, inputs, targets, orders, step)
            return
        descent.run(inputs, targets, orders, step)
        self.steps_taken += orders.shape[1]

    def teach(
        self,
        rule: Rule,
        layers: list[Tensor],
        error: Float[Tensor, "members batch outputs"],
        target: Float[Tensor, "members batch outputs"],
    ) -> Teaching:
        """Form signals, δa_1, …, δa_L and gradients of `rule` from the activities `layers` that `forward` gave.

        δa_L = e in every rule. A hidden layer that does not learn has None, and those that would hear from it hear 0.
        """
        signals, deltas, asked = self._hear(rule, layers, error, target)
        gradients: list[dict[str, Tensor] | None] = []
        for index, (delta, below) in enumerate(zip(deltas, layers, strict=False)):
            if delta is None:
                gradients.append(None)
                continue
            gradient = {"weights": delta.mT @ below}
            if self.biases is not None:
                gradient["biases"] = delta.sum(1)
            gradients.append(descended(gradient, rule, asked[index]) if index < len(asked) else gradient)
        return Teaching(signals, deltas, gradients)

    def teachings(
        self,
        rules: Sequence[Rule],
        inputs: Float[Tensor, "... batch features"],
        target: Float[Tensor, "members batch outputs"],
        loss: Loss,
        mode: Mode,
    ) -> list[Teaching]:
        """Return what each of `rules` tells every layer about the same batch; nothing here depends on the mode.

        Raises ValueError for targets that do not fit.
        """
        layers = self.forward(inputs)
        require_target(target, layers[-1])
        error = loss.error(layers[-1], target)
        return [self.teach(rule, layers, error, target) for rule in rules]

    def _hear(
        self, rule: Rule, layers: list[Tensor], error: Tensor, target: Tensor
    ) -> tuple[list[Tensor | None], list[Tensor | None], list[HiddenLayer]]:
        """Return signals, δa_1, …, δa_L, and what the rule could look at for each hidden layer."""
        signals: list[Tensor | None] = []
        deltas: list[Tensor | None] = [error]
        asked: list[HiddenLayer] = []
        for index in range(len(self.weights) - 2, -1, -1):
            above = deltas[0]
            layer = HiddenLayer(
                delta_above=torch.zeros_like(layers[index + 2]) if above is None else above,
                weight_above=self.weights[index + 1],
                error=error,
                target=target,
                feedback=self.feedback[index],
                layer=index + 1,
                seeds=self.seeds,
                step=int(self.steps_taken[0]),
                own_weights=self.weights[index][0].numel(),
            )
            signal = rule.teaching_signal(layer)
            asked.insert(0, layer)
            signals.insert(0, signal)
            deltas.insert(0, None if signal is None else signal * self._slope(index, layers))
        return signals, deltas, asked

    def _slope(self, index: int, layers: list[Tensor]) -> Float[Tensor, "members batch _"]:
        """Return g'(a) of the hidden layer that W_{index + 1} leads to."""
        return slope(self.activation, layers[index + 1], lambda: self._affine(index, layers[index]))


def mlp(
    sizes: Sequence[int],
    rule: Rule,
    seeds: Sequence[int],
    *,
    activation: str = "tanh",
    bias: bool = False,
    initialisation: Initialisation = PYTORCH_DEFAULT,
    feedback: Distribution | Sequence[Tensor | None] = UNIFORM,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
) -> Perceptrons:
    """Make an ensemble of multilayer perceptrons, one member a seed, by default without biases.

    `sizes` = (n_0, …, n_L). By default weights are uniform in ±1/√n_{l-1} (PyTorch's own for a linear layer) and
    feedback is uniform in ±1/√n_l (Refinetti et al. 2021, SM E, as in their released code). `feedback` is where the
    matrices that `rule` wants come from, one F for all members included, or the matrices themselves, one a hidden
    layer. Everything is drawn on the CPU in float64 from the member's own streams 'weights', 'biases' and 'feedback':
    two rules with equal seeds start from equal weights.

    Raises ValueError for fewer than two layers of weights, a size below 1, no or repeated seeds, an unknown
    activation, feedback that does not fit, or a device that is not there; TypeError for what is no rule.
    """
    require_device(device)
    if len(sizes) < 3 or min(sizes) < 1:
        raise ValueError(f"sizes must be those of inputs, hidden layers (one or more) and outputs; got {tuple(sizes)}")
    if not seeds or len(set(seeds)) != len(seeds):
        raise ValueError(f"seeds must be different integers, one a member; got {tuple(seeds)}")

    shapes = [(above, below) for below, above in itertools.pairwise(sizes)]
    weights, biases = (
        [
            torch.from_numpy(np.stack([draw(streams.generator(seed, stream, layer), shape) for seed in seeds])).to(
                device, dtype
            )
            for layer, shape in enumerate(shapes, 1)
        ]
        for stream, draw in (("weights", initialisation.weights), ("biases", initialisation.biases))
    )
    if isinstance(feedback, Distribution):
        drawn = draw_feedback(feedback, rule, sizes[1:-1], weights, seeds)
        matrices = [None if F is None else F.whole() for F in drawn]
    else:
        matrices = list(feedback)
    return Perceptrons(weights, matrices, activation, tuple(seeds), biases if bias else None)
