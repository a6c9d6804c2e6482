"""The training loop: plain stochastic gradient descent on an ensemble, with observations, checkpoints and resume."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from feedback_alignment import streams
from feedback_alignment.networks.perceptron import Perceptrons, classification_error, one_hot
from feedback_alignment.networks.rules import Rule

Observations = dict[str, np.ndarray]


@runtime_checkable
class Progress(Protocol):
    """What the loop tells, and asks, whoever watches it."""

    def begin(self, label: str, total: int, done: int) -> None:
        """A stage of `total` steps starts, `done` of them finished before."""

    def checkpoint_due(self) -> bool:
        """Whether the state should be written now."""

    def advance(self) -> None:
        """One more step is done. Raises to stop the loop; the state has been written if `checkpoint_due` said so."""


@runtime_checkable
class Checkpoint(Protocol):
    """Where a stage keeps its state."""

    def read(self) -> dict[str, np.ndarray] | None:
        """Return the last state, or None at a first start."""

    def write(self, state: dict[str, np.ndarray]) -> None:
        """Replace the state, whole or not at all."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train. All of it is printed by the chapters that use it."""

    epochs: float
    batch: int
    learning_rate: float
    """η; the update of one batch is −η times the gradient of the loss under `reduction`."""
    reduction: Literal["mean", "sum"]
    """Whether the loss of a batch is the mean or the sum of its samples' losses, in every layer alike."""
    observe_at: tuple[float, ...]
    """Epochs at which to observe, ascending, from 0 to `epochs`; rounded to whole steps."""

    def __post_init__(self) -> None:
        if self.batch < 1 or not 0 <= self.epochs < math.inf or not 0 < self.learning_rate < math.inf:
            raise ValueError(
                "a schedule needs finite epochs >= 0, batch >= 1 and a finite learning rate > 0; got "
                f"{self.epochs}, {self.batch} and {self.learning_rate}"
            )
        if self.reduction not in ("mean", "sum"):
            raise ValueError(f"reduction must be 'mean' or 'sum'; got {self.reduction!r}")
        times = self.observe_at
        if list(times) != sorted(set(times)) or not times or times[0] < 0 or times[-1] > self.epochs:
            raise ValueError(f"observe_at must ascend within 0 … {self.epochs} epochs; got {times}")


def step(
    network: Perceptrons,
    rule: Rule,
    inputs: Float[Tensor, "members batch features"],
    target: Float[Tensor, "members batch classes"],
    rate: float,
) -> None:
    """Update all weights in place by one batch: W_l ← W_l − rate Σ_samples δa_l h_{l-1}ᵀ.

    Every δa_l is formed before any weight moves.
    """
    layers = network.forward(inputs)
    deltas = network.teach(rule, layers, classification_error(layers[-1], target), target).deltas
    for W, delta, below in zip(network.weights, deltas, layers, strict=False):
        if delta is not None:
            W.baddbmm_(delta.mT, below, alpha=-rate)


def batches(seeds: Sequence[int], epoch: int, samples: int, batch: int) -> Int[np.ndarray, "members steps batch"]:
    """Return every member's order of one epoch, from its stream 'data order'; an incomplete last batch is dropped."""
    steps = samples // batch
    orders = [streams.generator(seed, "data order", epoch).permutation(samples)[: steps * batch] for seed in seeds]
    return np.stack(orders).reshape(len(seeds), steps, batch)


def train(
    network: Perceptrons,
    rule: Rule,
    inputs: Float[Tensor, "samples features"],
    labels: Int[Tensor, " samples"],
    schedule: Schedule,
    observe: Callable[[Perceptrons], Observations],
    *,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
) -> Observations:
    """Train `network` in place by `rule` on the cross entropy and return what `observe` saw, stacked along axis 0.

    `observe` maps the network to arrays by name, each with `members` as its first axis; entry i of the result
    belongs to `schedule.observe_at[i]`. Interrupted and started again with the same `checkpoint`, the run ends bit
    for bit where the uninterrupted one does (same device, same number of threads).

    Raises ValueError for data that do not fit the network or the batch, FloatingPointError when a member diverges,
    and whatever `progress.advance` raises to stop.
    """
    _refuse_unfit_data(network, inputs, labels, schedule.batch)
    samples, classes = len(inputs), network.weights[-1].shape[1]
    per_epoch = samples // schedule.batch
    observe_steps = [round(time * per_epoch) for time in schedule.observe_at]
    total = round(schedule.epochs * per_epoch)
    rate = schedule.learning_rate / (schedule.batch if schedule.reduction == "mean" else 1)
    targets = one_hot(labels, classes, inputs.dtype)

    seen: list[Observations] = []
    done = _restore(network, seen, checkpoint)
    if progress is not None:
        progress.begin(rule.name, total, min(done, total))
    order = None
    for index in range(done, total + 1):
        if index == total or index in observe_steps:
            _refuse_divergence(network, rule, index)
        while len(seen) < len(observe_steps) and observe_steps[len(seen)] == index:
            seen.append({name: np.array(values) for name, values in observe(network).items()})
        if index == total:
            break
        epoch, within = divmod(index, per_epoch)
        if order is None or within == 0:
            order = torch.from_numpy(batches(network.seeds, epoch, samples, schedule.batch)).to(inputs.device)
        chosen = order[:, within]
        step(network, rule, inputs[chosen], targets[chosen], rate)
        if progress is not None:
            if progress.checkpoint_due() and checkpoint is not None:
                checkpoint.write(_state(network, seen, index + 1))
            progress.advance()
    if checkpoint is not None and done <= total:
        checkpoint.write(_state(network, seen, total + 1))
    return {name: np.stack([entry[name] for entry in seen]) for name in seen[0]}


def _refuse_unfit_data(network: Perceptrons, inputs: Tensor, labels: Tensor, batch: int) -> None:
    W_first, W_last = network.weights[0], network.weights[-1]
    features, classes = W_first.shape[2], W_last.shape[1]
    if inputs.ndim != 2 or inputs.shape[1] != features:
        raise ValueError(f"inputs must be (samples, {features}), the network's features; got {tuple(inputs.shape)}")
    if inputs.dtype != W_first.dtype:
        raise ValueError(
            f"inputs must be {W_first.dtype}, as the network's weights are; got {inputs.dtype}: "
            "convert them, or make the network with mlp(..., dtype=inputs.dtype)"
        )
    if len(labels) != len(inputs) or len(inputs) < batch:
        raise ValueError(
            f"need as many labels as inputs and at least one batch of {batch}; "
            f"got {len(inputs)} inputs and {len(labels)} labels"
        )
    if not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise ValueError(f"labels must lie in 0 … {classes - 1}; got {int(labels.min())} … {int(labels.max())}")
    broken = (~inputs.isfinite()).any(1).nonzero().flatten().tolist()
    if broken:
        raise ValueError(
            f"inputs must be finite; {len(broken)} of {len(inputs)} samples hold NaN or infinity, "
            f"first sample {broken[0]}: clean the data"
        )


def _refuse_divergence(network: Perceptrons, rule: Rule, index: int) -> None:
    finite = torch.stack([W.isfinite().flatten(1).all(1) for W in network.weights]).all(0)
    lost = [seed for seed, fine in zip(network.seeds, finite.tolist(), strict=True) if not fine]
    if lost:
        raise FloatingPointError(
            f"weights under {rule.name} are no longer finite at step {index} for seeds {lost}: lower the learning rate"
        )


def _state(network: Perceptrons, seen: list[Observations], done: int) -> dict[str, np.ndarray]:
    state = {f"weights {layer}": W.cpu().numpy() for layer, W in enumerate(network.weights, 1)}
    state |= {f"seen {index} {name}": values for index, entry in enumerate(seen) for name, values in entry.items()}
    return state | {"steps done": np.array(done), "observations": np.array(len(seen))}


def _restore(network: Perceptrons, seen: list[Observations], checkpoint: Checkpoint | None) -> int:
    state = None if checkpoint is None else checkpoint.read()
    if state is None:
        return 0
    for layer, W in enumerate(network.weights, 1):
        W.copy_(torch.from_numpy(state[f"weights {layer}"]))
    for index in range(int(state["observations"])):
        prefix = f"seen {index} "
        seen.append({name.removeprefix(prefix): values for name, values in state.items() if name.startswith(prefix)})
    return int(state["steps done"])
