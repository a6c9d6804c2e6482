"""One run of chapter 05: a task's members trained in lockstep by DFA, and what is seen on the way."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from feedback_alignment.experiments import conditioning_linear, conditioning_training
from feedback_alignment.experiments.alignment_products import mean_over_samples
from feedback_alignment.experiments.conditioning_tasks import Task
from feedback_alignment.experiments.pieces import Arrays
from feedback_alignment.streams import generator


@dataclass(frozen=True)
class Training:
    """How long and how fast; the loss is the squared error summed over a batch, so that its gradient is 2 (ŷ − y)."""

    epochs: int
    learning_rate: float
    batch: int
    width: int
    hidden: int
    double: bool
    observe_at: tuple[int, ...]
    """Epochs, ascending, the last one included."""
    observed: int
    """Gradient alignment is taken on so many samples at most, the first ones."""

    @property
    def rate(self) -> float:
        """What multiplies the sum over a batch of (ŷ − y) h ᵀ."""
        return 2 * self.learning_rate


def observed_epochs(epochs: int, points: int) -> tuple[int, ...]:
    """Return about `points` epochs from 1 to the end, evenly spaced on a logarithmic scale."""
    return tuple(int(t) for t in np.unique(np.rint(np.geomspace(1, epochs, points))))


def uniform(
    seeds: Sequence[int], stream: str, layer: int, rows: int, columns: int, bound: float
) -> Float[np.ndarray, "members rows columns"]:
    """Return matrices with entries uniform in ±bound, each from its own seed's stream."""
    drawn = {seed: generator(seed, stream, layer).uniform(-bound, bound, (rows, columns)) for seed in set(seeds)}
    return np.stack([drawn[seed] for seed in seeds])


def feedback(
    seeds: Sequence[int], training: Training, outputs: int
) -> list[Float[np.ndarray, "members width outputs"]]:
    """Return F_1 … F_{L−1}, uniform in ±1/√n_l (Refinetti et al. 2021, SM E.1, as in the released code)."""
    width, layers = training.width, range(1, training.hidden + 1)
    return [uniform(seeds, "feedback", layer, width, outputs, width**-0.5) for layer in layers]


def grams(seeds: Sequence[int], training: Training, outputs: int) -> list[Float[np.ndarray, "members outputs outputs"]]:
    """Return F_lᵀF_l of each hidden layer."""
    return [F.swapaxes(-1, -2) @ F for F in feedback(seeds, training, outputs)]


def order(epoch: int, samples: int, batch: int) -> Int[np.ndarray, "steps batch"]:
    """Return the batches of one epoch, the same for all members, without an incomplete last one.

    Raises ValueError for fewer samples than make one batch.
    """
    if samples < batch:
        raise ValueError(f"a batch of {batch} needs at least as many samples; got {samples}")
    drawn = generator(0, "data order", epoch).permutation(samples)
    return drawn[: samples // batch * batch].reshape(-1, batch)


def probe(samples: int, outputs: int) -> Float[np.ndarray, "samples outputs"]:
    """Return errors that point into all directions alike, the same for all members."""
    return generator(0, "probe").standard_normal((samples, outputs))


def follow(task: Task, activation: str, training: Training) -> Arrays:
    """Train a task's members in lockstep and return what is seen at each of the times, arrays (times, members, …).

    `weight`, `gradient` and `probe` alignment: the last column is that of all layers together; `gradient` is the mean
    over samples of the cosine for the network's own errors, `probe` for errors in all directions alike. `condition`:
    see `conditions`; for nonlinear networks of the fitted matrices. `loss`: mean over samples of ‖ŷ − y‖².

    Raises FloatingPointError, with the epoch, when a member is no longer finite, and ValueError for an unknown
    activation.
    """
    seen = _follow_linear(task, training) if activation == "linear" else _follow_networks(task, activation, training)
    return {name: np.stack([entry[name] for entry in seen]) for name in seen[0]}


def _follow_linear(task: Task, training: Training) -> list[Arrays]:
    """From zero weights, by the alignment matrices."""
    members, samples, outputs = task.targets.shape
    G = grams(task.seeds, training, outputs)
    A = conditioning_linear.zero_matrices(members, task.inputs.shape[-1], outputs, training.hidden + 1)
    seen: list[Arrays] = []
    for epoch in range(training.epochs):
        chosen = order(epoch, samples, training.batch)
        x, y = task.inputs[:, chosen], task.targets[:, chosen]
        input_moments, cross_moments = x.swapaxes(-1, -2) @ x, y.swapaxes(-1, -2) @ x
        try:
            with np.errstate(over="raise", invalid="raise"):
                for batch in range(len(chosen)):
                    conditioning_linear.step(A, G, input_moments[:, batch], cross_moments[:, batch], training.rate)
                if epoch + 1 in training.observe_at:
                    seen.append(_see_linear(A, G, task, training.observed))
        except FloatingPointError as error:
            raise FloatingPointError(
                f"the alignment matrices are no longer finite after epoch {epoch + 1}: lower the learning rate"
            ) from error
    return seen


def _see_linear(A: list[np.ndarray], G: list[np.ndarray], task: Task, observed: int) -> Arrays:
    x, y = task.inputs[:, :observed], task.targets[:, :observed]
    error = x @ conditioning_linear.maps(A, G)[-1].swapaxes(-1, -2) - y
    isotropic = np.broadcast_to(probe(*error.shape[1:]), error.shape)
    return {
        "weight": conditioning_linear.weight_products(A, G).cosines(),
        "gradient": mean_over_samples(conditioning_linear.gradient_products(A, G, error).cosines()),
        "probe": mean_over_samples(conditioning_linear.gradient_products(A, G, isotropic).cosines()),
        "condition": conditions(A[1:], G),
        "loss": (error**2).sum(-1).mean(-1),
    }


def _follow_networks(task: Task, activation: str, training: Training) -> list[Arrays]:
    """From PyTorch's usual random weights, literally."""
    samples, outputs = task.targets.shape[1:]
    sizes = [task.inputs.shape[-1], *[training.width] * training.hidden, outputs]
    start = [
        uniform(task.seeds, "weights", layer, above, below, below**-0.5)
        for layer, (below, above) in enumerate(itertools.pairwise(sizes), start=1)
    ]
    dtype = torch.float64 if training.double else torch.float32
    networks = conditioning_training.Networks.from_arrays(
        start, feedback(task.seeds, training, outputs), activation, dtype
    )
    inputs, targets = (torch.from_numpy(part).to(dtype) for part in (task.inputs, task.targets))
    orders = (order(epoch, samples, training.batch) for epoch in range(training.epochs))
    G = grams(task.seeds, training, outputs)
    return [
        _see_networks(networks, inputs[:, : training.observed], targets[:, : training.observed], G)
        for epoch in conditioning_training.train(networks, inputs, targets, orders, training.rate)
        if epoch in training.observe_at
    ]


def _see_networks(
    networks: conditioning_training.Networks, x: torch.Tensor, y: torch.Tensor, G: list[np.ndarray]
) -> Arrays:
    layers = networks.forward(x)
    error = layers[-1] - y
    isotropic = torch.from_numpy(probe(*error.shape[1:])).to(error.dtype).expand(error.shape)
    return {
        "weight": conditioning_training.weight_alignment(networks),
        "gradient": conditioning_training.gradient_alignment(networks, layers, error),
        "probe": conditioning_training.gradient_alignment(networks, layers, isotropic),
        "condition": conditions(conditioning_training.fitted_alignment_matrices(networks), G),
        "loss": (error.double() ** 2).sum(-1).mean(-1).numpy(),
    }


def conditions(A: Sequence[np.ndarray], G: Sequence[np.ndarray]) -> Float[np.ndarray, "members matrices"]:
    """Return the condition numbers of A_2 … A_L and of the chain A_2ᵀ F_2ᵀF_2 A_3ᵀ … A_Lᵀ that an error comes down.

    NaN for a matrix that is still zero.
    """
    chain = A[-1].swapaxes(-1, -2)
    for part, gram in zip(reversed(A[:-1]), reversed(G[1:]), strict=True):
        chain = part.swapaxes(-1, -2) @ gram @ chain
    matrices = np.stack([*A, chain], axis=1)
    found: np.ndarray = np.where(matrices.any(axis=(-2, -1)), np.linalg.cond(matrices), np.nan)
    return found
