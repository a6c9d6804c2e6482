"""ReLU and tanh networks of chapter 05: an ensemble for each set of inputs, its members equal but for their targets."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from feedback_alignment.experiments.conditioning_runs import SHARED_ORDER, Training, conditions, grams, probe
from feedback_alignment.experiments.conditioning_tasks import Task
from feedback_alignment.experiments.pieces import Arrays
from feedback_alignment.networks import BP, DFA, Perceptrons, Schedule, SquaredError, mlp, train
from feedback_alignment.networks.observables import cosine
from feedback_alignment.networks.weight_alignment import weight_alignment


def follow(task: Task, activation: str, training: Training) -> Arrays:
    """Train a task's members from PyTorch's usual random weights; return what is seen, arrays (times, members, …).

    `weight`, `gradient` and `probe` alignment and `loss` are those of `conditioning_linear.follow`; `condition` is that
    of the fitted alignment matrices.

    Raises FloatingPointError when a member is no longer finite, and ValueError for an unknown activation or fewer
    samples than make one batch.
    """
    sets = [
        _follow_set(x, y, seed, activation, training)
        for x, y, seed in zip(task.inputs, task.targets, task.set_seeds, strict=True)
    ]
    return {name: np.concatenate([found[name] for found in sets], axis=1) for name in sets[0]}


def ensemble(
    sizes: Sequence[int], seed: int, members: int, activation: str, dtype: torch.dtype = torch.float64
) -> Perceptrons:
    """Return `members` equal networks with the weights and the feedback that `mlp` draws for one seed."""
    one = mlp(sizes, DFA(), (seed,), activation=activation, dtype=dtype)
    weights = [W.repeat(members, 1, 1) for W in one.weights]
    feedback = [F if F is None else F.repeat(members, 1, 1) for F in one.feedback]
    return Perceptrons(weights, feedback, activation, (seed,) * members)


def _follow_set(
    x: Float[np.ndarray, "samples inputs"],
    y: Float[np.ndarray, "members samples outputs"],
    seed: int,
    activation: str,
    training: Training,
) -> Arrays:
    inputs, targets = (torch.from_numpy(part).to(training.dtype) for part in (x, y))
    sizes = (x.shape[-1], *[training.width] * training.hidden, y.shape[-1])
    network = ensemble(sizes, seed, len(y), activation, training.dtype)
    start = [W.clone() for W in network.weights]
    G = grams((seed,), training, y.shape[-1])
    looked_at = slice(training.observed)

    def observe(network: Perceptrons, _step: int) -> Arrays:
        if not all(bool(W.isfinite().all()) for W in network.weights):
            raise FloatingPointError(f"weights under DFA are no longer finite for seed {seed}: lower the learning rate")
        return _see(network, inputs[looked_at], targets[:, looked_at]) | {
            "condition": conditions(fitted_alignment_matrices(network, start), G)
        }

    schedule = Schedule(training.epochs, training.batch, training.rate, "sum", training.observe_at)
    return train(network, DFA(), inputs, targets, schedule, observe, loss=SquaredError(), shared_order=SHARED_ORDER)


def _see(
    network: Perceptrons, x: Float[Tensor, "samples inputs"], y: Float[Tensor, "members samples outputs"]
) -> Arrays:
    layers = network.forward(x)
    error = layers[-1] - y
    isotropic = torch.from_numpy(probe(*error.shape[1:])).to(error.dtype).expand(error.shape)
    weight = weight_alignment(network.weights, network.feedback)
    return {
        "weight": torch.cat([weight.layers, weight.overall[:, None]], 1).numpy(),
        "gradient": gradient_alignment(network, layers, error),
        "probe": gradient_alignment(network, layers, isotropic),
        "loss": (error.double() ** 2).sum(-1).mean(-1).numpy(),
    }


def gradient_alignment(
    network: Perceptrons, layers: list[Tensor], error: Float[Tensor, "members samples outputs"]
) -> Float[np.ndarray, "members layers"]:
    """Return the cosines of δa_1 … δa_{L−1} with back-propagation's and that of all together, mean over samples.

    `layers` are the activities that `forward` gave, and `error` is what DFA and back-propagation send down. A sample
    whose units are all silent has no direction and is left out.
    """
    direct, true = (network.teach(rule, layers, error, error).deltas[:-1] for rule in (DFA(), BP()))
    pairs = [(a, b) for a, b in zip(direct, true, strict=True) if a is not None and b is not None]
    joined = tuple(torch.cat(parts, -1) for parts in zip(*pairs, strict=True))
    return torch.stack([cosine(a, b).nanmean(-1) for a, b in (*pairs, joined)], -1).numpy()


def fitted_alignment_matrices(
    network: Perceptrons, start: Sequence[Float[Tensor, "members _ _"]]
) -> list[Float[np.ndarray, "members outputs outputs"]]:
    """Return the A_l, l ≥ 2, for which F_l A_l F_{l−1}ᵀ (F_L = 1) is closest to what W_l has learned, W_l − W_l(0)."""
    inverses = [torch.linalg.pinv(F.double()) for F in network.feedback if F is not None]
    found = []
    for index, (W, W_start) in enumerate(zip(network.weights[1:], start[1:], strict=True)):
        learned = (W - W_start).double() @ inverses[index].mT
        found.append((learned if index + 1 == len(inverses) else inverses[index + 1] @ learned).numpy())
    return found
