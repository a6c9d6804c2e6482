"""Multilayer perceptrons without biases, as ensembles that are trained in lockstep.

Every tensor has a leading `members` axis. A member's numbers depend on its own seed alone, never on its companions.
Symbols: a_l = W_l h_{l-1}, h_l = g(a_l), h_0 = x; the network's output is a_L (Refinetti et al. 2021, Introduction).
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from feedback_alignment import streams
from feedback_alignment.networks.ensemble import Ensemble, StepSize
from feedback_alignment.networks.rules import HiddenLayer, Rule, feedback_kinds

Slope = Callable[[Tensor], Tensor]
ACTIVATIONS: dict[str, tuple[Callable[[Tensor], Tensor], Slope]] = {
    "tanh": (torch.tanh, lambda h: 1 - h * h),
    "relu": (torch.relu, lambda h: (h > 0).to(h.dtype)),
    "linear": (lambda a: a, torch.ones_like),
}
"""name -> (g, g' written as a function of h = g(a))."""


@dataclass
class Perceptrons(Ensemble):
    """An ensemble: weights W_1 … W_L and feedback F_1 … F_{L-1} of every member."""

    weights: list[Tensor]
    """W_l, each with shape (members, n_l, n_{l-1})."""
    feedback: list[Tensor | None]
    """F_l of the hidden layers, each (members, n_l, columns), or None."""
    activation: str
    seeds: tuple[int, ...]
    steps_taken: Int[Tensor, " members"] = field(init=False)
    """How many batches each member has learnt from: the same for all, counted on the CPU."""

    def __post_init__(self) -> None:
        """Raise ValueError for weights that do not chain or do not fit the feedback, or an unknown activation."""
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
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {sorted(ACTIVATIONS)}; got {self.activation!r}")
        self.steps_taken = torch.zeros(len(self.seeds), dtype=torch.int64)

    def forward(self, inputs: Float[Tensor, "... batch features"]) -> list[Float[Tensor, "... batch _"]]:
        """Return [h_0, h_1, …, h_{L-1}, a_L]. `inputs` may be shared (batch, features) or one batch a member."""
        g, _ = ACTIVATIONS[self.activation]
        layers = [inputs]
        for W in self.weights[:-1]:
            layers.append(g(layers[-1] @ W.mT))
        layers.append(layers[-1] @ self.weights[-1].mT)
        return layers

    def state(self) -> dict[str, Tensor]:
        """Return the weights and the count of steps by name, not copied."""
        weights = {f"weights {layer}": W for layer, W in enumerate(self.weights, 1)}
        return weights | {"steps taken": self.steps_taken}

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
        """Take one step of gradient descent in place: W_l ← W_l − rate_l Σ_samples δa_l h_{l-1}ᵀ."""
        layers = self.forward(inputs)
        deltas = self.teach(rule, layers, step.loss.error(layers[-1], target), target).deltas
        batch = inputs.shape[-2]
        rates = [step.hidden_rates(batch)] * (len(deltas) - 1) + [step.output_rates(batch)]
        for W, delta, below, rate in zip(self.weights, deltas, layers, rates, strict=False):
            if delta is None:
                continue
            if len(rate) == 1:
                W.baddbmm_(delta.mT, below, alpha=-rate[0])
            else:
                W.baddbmm_((delta * delta.new_tensor(rate)[:, None, None]).mT, below, alpha=-1)
        self.steps_taken += 1

    def teach(
        self,
        rule: Rule,
        layers: list[Tensor],
        error: Float[Tensor, "members batch outputs"],
        target: Float[Tensor, "members batch outputs"],
    ) -> "Teaching":
        """Form the teaching signals and δa_1, …, δa_L of `rule` from the activities `layers` that `forward` gave.

        δa_L = e in every rule. A hidden layer that does not learn has None, and so have those that would hear from it.
        """
        _, slope = ACTIVATIONS[self.activation]
        signals: list[Tensor | None] = []
        deltas: list[Tensor | None] = [error]
        for index in range(len(self.weights) - 2, -1, -1):
            above = deltas[0]
            signal = (
                None
                if above is None
                else rule.teaching_signal(
                    HiddenLayer(
                        delta_above=above,
                        weight_above=self.weights[index + 1],
                        error=error,
                        target=target,
                        feedback=self.feedback[index],
                        layer=index + 1,
                        seeds=self.seeds,
                        step=int(self.steps_taken[0]),
                    )
                )
            )
            signals.insert(0, signal)
            deltas.insert(0, None if signal is None else signal * slope(layers[index + 1]))
        return Teaching(signals, deltas)


@dataclass(frozen=True)
class Teaching:
    """What a rule tells every layer about one batch."""

    signals: list[Tensor | None]
    """Teaching signal at the output h_l of each hidden layer, (members, batch, n_l)."""
    deltas: list[Tensor | None]
    """δa_1, …, δa_L: the signals times g'(a_l), and the error e, (members, batch, n_l)."""


def mlp(
    sizes: Sequence[int],
    rule: Rule,
    seeds: Sequence[int],
    *,
    activation: str = "tanh",
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
) -> Perceptrons:
    """Make an ensemble of bias-free multilayer perceptrons, one member a seed.

    `sizes` = (n_0, …, n_L). Weights are uniform in ±1/√n_{l-1} (PyTorch's default for a linear layer), feedback is
    uniform in ±1/√n_l (Refinetti et al. 2021, SM E, as in their released code), each drawn on the CPU in float64
    from the member's own streams 'weights' and 'feedback': two rules with equal seeds start from equal weights.

    Raises ValueError for fewer than two layers of weights, a size below 1, no or repeated seeds, or an unknown
    activation.
    """
    if len(sizes) < 3 or min(sizes) < 1:
        raise ValueError(f"sizes must be those of inputs, hidden layers (one or more) and outputs; got {tuple(sizes)}")
    if not seeds or len(set(seeds)) != len(seeds):
        raise ValueError(f"seeds must be different integers, one a member; got {tuple(seeds)}")

    def uniform(stream: str, layer: int, rows: int, columns: int, bound: float) -> Tensor:
        draws = [streams.generator(seed, stream, layer).uniform(-bound, bound, (rows, columns)) for seed in seeds]
        return torch.from_numpy(np.stack(draws)).to(dtype).to(device)

    weights = [
        uniform("weights", layer, sizes[layer], sizes[layer - 1], sizes[layer - 1] ** -0.5)
        for layer in range(1, len(sizes))
    ]
    feedback = [
        None
        if kind == "none"
        else uniform(
            "feedback", layer, sizes[layer], sizes[-1 if kind == "output" else layer + 1], sizes[layer] ** -0.5
        )
        for layer, kind in enumerate(feedback_kinds(rule, len(sizes) - 2), 1)
    ]
    return Perceptrons(weights, feedback, activation, tuple(seeds))
