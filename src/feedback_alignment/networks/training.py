"""The training loop: plain stochastic gradient descent on an ensemble, with observations, checkpoints and resume.

Data and targets stay on the network's device. Every member's order is drawn on the CPU, an epoch at a time, from its
own stream, and copied; nothing else goes to the device and nothing comes back between two looks.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from feedback_alignment import streams
from feedback_alignment.networks.divergence import Divergence
from feedback_alignment.networks.ensemble import Ensemble, StepSize
from feedback_alignment.networks.losses import CrossEntropy, Loss, classification_error
from feedback_alignment.networks.perceptron import Perceptrons
from feedback_alignment.networks.rules import Rule, require_rule
from feedback_alignment.networks.training_data import Labels, Targets, make_targets, require_fit

Observations = dict[str, np.ndarray]
Network = TypeVar("Network", bound=Ensemble)
CROSS_ENTROPY = CrossEntropy()


@runtime_checkable
class Progress(Protocol):
    """What the loop tells, and asks, whoever watches it."""

    def begin(self, label: str, total: int, done: int) -> None:
        """A stage of `total` steps starts, `done` of them finished before."""

    def patience(self) -> int:
        """How many steps, at least 1, may be taken before the loop asks again."""

    def checkpoint_due(self) -> bool:
        """Whether the state should be written now."""

    def advance(self, steps: int = 1) -> None:
        """So many more steps are done. Raises to stop the loop; the state was written if `checkpoint_due` said so."""


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
    learning_rate: float | tuple[float, ...]
    """η, for all members alike or one a member; a batch's update is −η times the gradient under `reduction`."""
    reduction: Literal["mean", "sum"]
    """Whether the loss of a batch is the mean or the sum of its samples' losses, in every layer alike."""
    observe_at: tuple[float, ...]
    """Epochs at which to observe, ascending, from 0 to `epochs`; rounded to whole steps."""

    def __post_init__(self) -> None:
        """Raise ValueError for numbers that make no schedule."""
        if self.batch < 1 or not 0 <= self.epochs < math.inf:
            raise ValueError(f"a schedule needs finite epochs >= 0 and batch >= 1; got {self.epochs} and {self.batch}")
        StepSize(self.learning_rate, self.reduction)
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
    network.steps_taken += 1


def batches(seeds: Sequence[int], epoch: int, samples: int, batch: int) -> Int[np.ndarray, "members steps batch"]:
    """Return every member's order of one epoch, from its stream 'data order'; an incomplete last batch is dropped."""
    steps = samples // batch
    orders = [streams.generator(seed, "data order", epoch).permutation(samples)[: steps * batch] for seed in seeds]
    return np.stack(orders).reshape(len(seeds), steps, batch)


def latest_batch(seeds: Sequence[int], step: int, samples: int, batch: int) -> Int[np.ndarray, "members batch"]:
    """Return the samples of the batch that the last of `step` steps was taken on, for each member.

    Raises ValueError before the first step.
    """
    if step < 1:
        raise ValueError(f"before the first step there is no latest batch; got step {step}")
    epoch, within = divmod(step - 1, samples // batch)
    return batches(seeds, epoch, samples, batch)[:, within]


def train(
    network: Network,
    rule: Rule,
    inputs: Float[Tensor, "samples ..."],
    labels: Labels | Targets,
    schedule: Schedule,
    observe: Callable[[Network, int], Observations],
    *,
    loss: Loss = CROSS_ENTROPY,
    hidden_error_scale: float = 1.0,
    shared_order: int | None = None,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
) -> Observations:
    """Train `network` in place by `rule` and return what `observe` saw, stacked along axis 0.

    `labels` are integers for a classification, or targets y as numbers; shared by the members or one set a member (see
    `training_data.make_targets`). `hidden_error_scale` is that of `StepSize`. Each member sees the samples in an order
    of its own, or all in that of the seed `shared_order`. `observe` maps the network and the number of steps taken (see
    `latest_batch`) to arrays by name, each with `members` as its first axis; entry i of the result belongs to
    `schedule.observe_at[i]`.

    After every epoch and before every observation the state is looked at. A member that is no longer finite is named in
    a RuntimeWarning with its step, its state is NaN from there, and the others go on. The result then has one entry
    more, `diverged_at_step` (members,): that step, and NaN for a member that is well.

    Interrupted and started again with the same `checkpoint`, the run ends bit for bit where the uninterrupted one does,
    on the same device and with the same number of threads. On a GPU that holds where torch is told to use
    deterministic algorithms, as `python -m feedback_alignment run` does.

    Raises ValueError for data that do not fit the network or the batch, as many learning rates as there are members
    neither one nor all, or a checkpoint of another network; TypeError for what is no rule; FloatingPointError when
    every member has diverged; and whatever `progress.advance` raises to stop.
    """
    require_rule(rule)
    require_fit(network, inputs, schedule.batch)
    targets = make_targets(network, inputs, labels, loss)
    size = StepSize(schedule.learning_rate, schedule.reduction, loss, hidden_error_scale)
    if len(size.rates) not in (1, len(network.seeds)):
        raise ValueError(f"need one learning rate, or one for each of {len(network.seeds)} members; got {size.rates}")
    samples = len(inputs)
    seeds = network.seeds if shared_order is None else (shared_order,)
    per_epoch = samples // schedule.batch
    observe_steps = [round(time * per_epoch) for time in schedule.observe_at]
    total = round(schedule.epochs * per_epoch)

    seen: list[Observations] = []
    divergence = Divergence(len(network.seeds))
    done = _restore(network, seen, divergence, checkpoint)
    if progress is not None:
        progress.begin(rule.name, total, min(done, total))
    orders = None
    while done <= total:
        epoch, within = divmod(done, per_epoch)
        if within == 0 or done == total or done in observe_steps:
            divergence.look(network, rule.name, done)
        while len(seen) < len(observe_steps) and observe_steps[len(seen)] == done:
            seen.append({name: np.array(values) for name, values in observe(network, done).items()})
        if done == total:
            break
        if orders is None or within == 0:
            drawn = batches(seeds, epoch, samples, schedule.batch)
            orders = torch.from_numpy(drawn).to(inputs.device).expand(len(network.seeds), -1, -1)
        ahead = min(per_epoch - within, *(stop - done for stop in (*observe_steps, total) if stop > done))
        if progress is not None:
            ahead = min(ahead, progress.patience())
        network.update_many(rule, inputs, targets, orders[:, within : within + ahead], size)
        done += ahead
        if progress is not None:
            if progress.checkpoint_due() and checkpoint is not None:
                checkpoint.write(_state(network, seen, divergence, done))
            progress.advance(ahead)
    if checkpoint is not None and done <= total:
        checkpoint.write(_state(network, seen, divergence, total + 1))
    stacked = {name: np.stack([entry[name] for entry in seen]) for name in seen[0]}
    return stacked if np.isnan(divergence.at_step).all() else stacked | {"diverged_at_step": divergence.at_step}


def _state(network: Ensemble, seen: list[Observations], divergence: Divergence, done: int) -> dict[str, np.ndarray]:
    state = {f"network {name}": values.cpu().numpy() for name, values in network.state().items()}
    state |= {f"seen {index} {name}": values for index, entry in enumerate(seen) for name, values in entry.items()}
    counts = {"steps done": np.array(done), "observations": np.array(len(seen))}
    return state | counts | {"diverged at step": divergence.at_step}


def _restore(network: Ensemble, seen: list[Observations], divergence: Divergence, checkpoint: Checkpoint | None) -> int:
    state = None if checkpoint is None else checkpoint.read()
    if state is None:
        return 0
    wanted = {f"network {name}": values for name, values in network.state().items()}
    shapes = {name: tuple(values.shape) for name, values in wanted.items()}
    found = {name: values.shape for name, values in state.items() if name.startswith("network ")}
    if found != shapes:
        raise ValueError(
            f"the checkpoint must hold {shapes}; it holds {found}: it is of another network or another version of this "
            "package; delete it and run again"
        )
    for name, values in wanted.items():
        values.copy_(torch.from_numpy(state[name]))
    divergence.at_step[:] = state["diverged at step"]
    for index in range(int(state["observations"])):
        prefix = f"seen {index} "
        seen.append({name.removeprefix(prefix): values for name, values in state.items() if name.startswith(prefix)})
    return int(state["steps done"])
