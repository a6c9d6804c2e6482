"""A literal trainer: multilayer perceptrons without biases under DFA and the squared error, members in lockstep.

e = ŷ − y; every layer takes the step −rate Σ_samples δa_l h_{l−1}ᵀ of a batch, with δa_l = (F_l e) ⊙ g'(a_l).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from feedback_alignment.experiments.alignment_products import Products, mean_over_samples

Pointwise = Callable[[Tensor], Tensor]
ACTIVATIONS: dict[str, tuple[Pointwise, Pointwise]] = {
    "tanh": (torch.tanh, lambda h: 1 - h * h),
    "relu": (torch.relu, lambda h: (h > 0).to(h.dtype)),
    "linear": (lambda a: a, torch.ones_like),
}
"""name -> (g, g' written as a function of h = g(a))."""


@dataclass(frozen=True)
class Networks:
    """W_1 … W_L, each (members, n_l, n_{l−1}), and F_1 … F_{L−1}, each (members, n_l, n_L)."""

    weights: list[Tensor]
    feedback: list[Tensor]
    activation: str

    @classmethod
    def from_arrays(
        cls, weights: Sequence[np.ndarray], feedback: Sequence[np.ndarray], activation: str, dtype: torch.dtype
    ) -> "Networks":
        """Make networks that start from given weights."""
        start, F = ([torch.from_numpy(M).to(dtype) for M in matrices] for matrices in (weights, feedback))
        return cls(start, F, activation)

    def forward(self, inputs: Float[Tensor, "members batch inputs"]) -> list[Tensor]:
        """Return h_0 = x, h_1, …, h_{L−1} and the output ŷ = a_L."""
        g, _ = ACTIVATIONS[self.activation]
        layers = [inputs]
        for W in self.weights[:-1]:
            layers.append(g(layers[-1] @ W.mT))
        layers.append(layers[-1] @ self.weights[-1].mT)
        return layers

    def direct(self, layers: Sequence[Tensor], error: Float[Tensor, "members batch outputs"]) -> list[Tensor]:
        """Return δa_1 … δa_{L−1} under DFA (Refinetti et al. 2021, Eq. 4)."""
        _, slope = ACTIVATIONS[self.activation]
        return [(error @ F.mT) * slope(h) for F, h in zip(self.feedback, layers[1:-1], strict=True)]

    def gradient(self, layers: Sequence[Tensor], error: Float[Tensor, "members batch outputs"]) -> list[Tensor]:
        """Return δa_1 … δa_{L−1} under back-propagation (Refinetti et al. 2021, Eq. 2)."""
        _, slope = ACTIVATIONS[self.activation]
        delta, found = error, []
        for W, h in zip(reversed(self.weights[1:]), reversed(layers[1:-1]), strict=True):
            delta = (delta @ W) * slope(h)
            found.append(delta)
        return found[::-1]

    def step(
        self,
        inputs: Float[Tensor, "members batch inputs"],
        targets: Float[Tensor, "members batch outputs"],
        rate: float,
    ) -> None:
        """Update all weights in place by one batch; every δa_l is formed before any weight moves."""
        layers = self.forward(inputs)
        error = layers[-1] - targets
        deltas = [*self.direct(layers, error), error]
        for W, delta, below in zip(self.weights, deltas, layers, strict=False):
            W.baddbmm_(delta.mT, below, alpha=-rate)


def train(
    networks: Networks,
    inputs: Float[Tensor, "members samples inputs"],
    targets: Float[Tensor, "members samples outputs"],
    orders: Iterable[Int[np.ndarray, "steps batch"]],
    rate: float,
) -> Iterable[int]:
    """Train in place, one epoch an order, and yield the number of finished epochs after each."""
    for epoch, order in enumerate(orders, start=1):
        for chosen in torch.from_numpy(order):
            networks.step(inputs[:, chosen], targets[:, chosen], rate)
        yield epoch


def weight_alignment(networks: Networks) -> Float[np.ndarray, "members layers"]:
    """Return the cosines of W_2 … W_L with F_l F_{l−1}ᵀ (F_L = 1) and, last, that of all of them together."""
    F = networks.feedback
    aligned = [*(up @ down.mT for up, down in zip(F[1:], F[:-1], strict=True)), F[-1].mT]
    columns = [
        [(a.double() * b.double()).sum((1, 2)) for a, b in ((W, M), (W, W), (M, M))]
        for W, M in zip(networks.weights[1:], aligned, strict=True)
    ]
    return Products(*(torch.stack(column, -1).numpy() for column in zip(*columns, strict=True))).cosines()


def gradient_alignment(
    networks: Networks, layers: Sequence[Tensor], error: Float[Tensor, "members samples outputs"]
) -> Float[np.ndarray, "members layers"]:
    """Return the cosines of δa_1 … δa_{L−1} with back-propagation's and that of all together, mean over samples.

    A sample whose units are all silent has no direction and is left out.
    """
    columns = [
        [(a.double() * b.double()).sum(-1) for a, b in ((ours, true), (ours, ours), (true, true))]
        for ours, true in zip(networks.direct(layers, error), networks.gradient(layers, error), strict=True)
    ]
    return mean_over_samples(
        Products(*(torch.stack(column, -1).numpy() for column in zip(*columns, strict=True))).cosines()
    )
