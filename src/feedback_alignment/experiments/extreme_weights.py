"""What FA changes where all weights are zero, and where they are very large; and which errors a feedback matrix hides.

Chu and Bacho 2024, Appendices A.1 and A.2, and the argument after Eq. 6.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float
from torch import Tensor

from feedback_alignment import streams
from feedback_alignment.experiments.dataset_parts import variable

if TYPE_CHECKING:
    from feedback_alignment.companion.monitor import Monitor, Quiet
    from feedback_alignment.companion.piece_files import TimedCheckpoint

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
}
NEVER = -1
"""In the place of a step, for a layer that does not move."""
SIZES = (6, 8, 7, 4)
STEPS = 6
RATE = 0.1


@dataclass(frozen=True)
class Net:
    """W_1 … W_L and R_2 … R_L with the shapes of the transposed W_2 … W_L."""

    W: list[Float[Tensor, "_ _"]]
    R: list[Float[Tensor, "_ _"]]
    activation: str

    @classmethod
    def drawn(cls, seed: int, activation: str, scale: float) -> "Net":
        """Draw weights scale·N(0, 1) and feedback N(0, 1)."""
        shapes = list(zip(SIZES[1:], SIZES[:-1], strict=True))
        W = [streams.generator(seed, "weights", layer).standard_normal(shape) for layer, shape in enumerate(shapes, 1)]
        R = [
            streams.generator(seed, "feedback", layer).standard_normal(shape[::-1])
            for layer, shape in enumerate(shapes[1:], 1)
        ]
        return cls([scale * torch.from_numpy(w) for w in W], [torch.from_numpy(r) for r in R], activation)

    def updates(
        self, x: Float[Tensor, "inputs samples"], y: Float[Tensor, "classes samples"], rule: str
    ) -> list[Float[Tensor, "_ _"]]:
        """Return the gradient of the mean cross entropy by each W_l, or what FA puts in its place."""
        g = ACTIVATIONS[self.activation]
        h, slopes = [x], []
        for W in self.W[:-1]:
            a = (W @ h[-1]).requires_grad_()
            out = g(a)
            slopes.append(torch.autograd.grad(out.sum(), a)[0])
            h.append(out.detach())
        deltas = [torch.softmax(self.W[-1] @ h[-1], 0) - y]
        backward = [W.T for W in self.W[1:]] if rule == "BP" else self.R
        for B, slope in zip(reversed(backward), reversed(slopes), strict=True):
            deltas.insert(0, (B @ deltas[0]) * slope)
        return [d @ below.T / x.shape[1] for d, below in zip(deltas, h, strict=True)]


def first_moves(seed: int, activation: str, rule: str) -> list[int]:
    """Return at which step, from 1, each layer first moves away from zero weights; NEVER if it does not."""
    x, y = _samples(seed)
    net = Net.drawn(seed, activation, 0.0)
    moved = [NEVER] * len(net.W)
    for step in range(1, STEPS + 1):
        for layer, (W, G) in enumerate(zip(net.W, net.updates(x, y, rule), strict=True)):
            if moved[layer] == NEVER and bool((G != 0).any()):
                moved[layer] = step
            W.sub_(RATE * G)
    return moved


def _samples(seed: int) -> tuple[Float[Tensor, "inputs samples"], Float[Tensor, "classes samples"]]:
    x = streams.generator(seed, "samples").standard_normal((SIZES[0], 20))
    labels = streams.generator(seed, "targets").integers(0, SIZES[-1], 20)
    return torch.from_numpy(x), torch.eye(SIZES[-1], dtype=torch.float64)[torch.from_numpy(labels)].T


def softmax_derivative(x: Float[np.ndarray, " n"], k: int) -> float:
    """Return ∂σ_1/∂x_k for k ≠ 1: −σ_1 σ_k (the printed one has its indices mixed up)."""
    p = np.exp(x - x.max())
    p /= p.sum()
    return float(-p[0] * p[k])


def printed_softmax_derivative(x: Float[np.ndarray, " n"], k: int) -> float:
    """Return A.2's −[exp(x_1)/Σ_i exp(x_k)]·[exp(x_i)/Σ_i exp(x_i)] as it stands, the free index i summed over."""
    return float(-np.exp(x[0]) / (len(x) * np.exp(x[k])) * np.exp(x).sum() / np.exp(x).sum())


@dataclass(frozen=True)
class ExtremeWeights:
    """Zero weights (A.1), large weights (A.2), and errors that feedback of too few units cannot see (after Eq. 6)."""

    seeds: tuple[int, ...]
    scales: tuple[float, ...]
    kind: str = "extreme weights, 1"

    @property
    def name(self) -> str:
        """The networks."""
        return f"extreme weights seeds {self.seeds[0]} to {self.seeds[-1]}"

    def compute(
        self, device: str, progress: "Monitor | Quiet", checkpoint: "TimedCheckpoint | None"
    ) -> tuple[xr.Dataset, dict[str, str]]:
        """Return first moves, sizes of FA's updates for samples classified right and wrong, and hidden errors."""
        rules, layers = ("FA", "BP"), len(SIZES) - 1
        moves = np.array([[[first_moves(s, act, rule) for s in self.seeds] for rule in rules] for act in ACTIVATIONS])
        sizes = np.full((len(ACTIVATIONS), len(self.scales), 2, len(self.seeds), layers), np.nan)
        for i, act in enumerate(ACTIVATIONS):
            for j, scale in enumerate(self.scales):
                for k, seed in enumerate(self.seeds):
                    sizes[i, j, :, k] = _sizes(seed, act, scale)
        hidden = np.array([_hidden_error(seed) for seed in self.seeds])
        slopes = np.array([_softmax_errors(seed) for seed in self.seeds])
        return xr.Dataset(
            {
                "first_move": variable("activation rule net layer", moves, "step at which W_l first moves; -1: never"),
                "large_size": variable(
                    "activation large_scale classified net layer", sizes, "norm of FA's update of W_l"
                ),
                "hidden_error": variable("net", hidden, "signal of an error of norm 1 that feedback cannot see"),
                "softmax_error": variable("formula net", slopes.T, "error of a formula for the softmax's derivative"),
            },
            coords={
                "activation": list(ACTIVATIONS),
                "rule": list(rules),
                "net": ("net", list(self.seeds), {"long_name": "seed"}),
                "layer": list(range(1, layers + 1)),
                "large_scale": list(self.scales),
                "classified": ["right", "wrong"],
                "formula": ["corrected", "printed"],
            },
        ), {}


def _sizes(seed: int, activation: str, scale: float) -> np.ndarray:
    """Return the norms of FA's updates (2, layers) for a sample whose label is the prediction, and the runner-up."""
    x, _ = _samples(seed)
    net = Net.drawn(seed, activation, scale)
    h = x[:, :1]
    for W in net.W[:-1]:
        h = ACTIVATIONS[activation](W @ h)
    order = (net.W[-1] @ h)[:, 0].argsort(descending=True)
    labels = torch.eye(SIZES[-1], dtype=torch.float64)
    return np.array([[float(G.norm()) for G in net.updates(x[:, :1], labels[:, order[k], None], "FA")] for k in (0, 1)])


def _hidden_error(seed: int) -> float:
    """Return ‖R e‖ for the unit e that R with 2 rows and 3 columns sees least: two hidden units, three outputs."""
    R = streams.generator(seed, "feedback", 1).standard_normal((2, 3))
    e = np.linalg.svd(R)[2][-1]
    return float(np.linalg.norm(R @ e))


def _softmax_errors(seed: int) -> tuple[float, float]:
    x = streams.generator(seed, "samples").standard_normal(4)
    true = torch.func.jacrev(lambda a: torch.softmax(a, 0))(torch.from_numpy(x))[0, 2].item()
    return abs(softmax_derivative(x, 2) - true), abs(printed_softmax_derivative(x, 2) - true)
