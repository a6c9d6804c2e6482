"""A handful of steps with the alignment and the size of the hidden layers' steps under control.

Chu and Bacho 2024, Fig. 3b, c, compare FA with perturbed BP at equal alignment. Here two things that differ between
them are separated: each kind of step is taken at the size that BP's gradient has and at the size that FA's has. Cosines
and sizes are those of the FA network with the same seed at the same step.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float
from torch import Tensor

from feedback_alignment import streams
from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.companion.piece_files import TimedCheckpoint
from feedback_alignment.experiments.chu_networks import Recipe, Samples, gradients
from feedback_alignment.experiments.dataset_parts import variable
from feedback_alignment.networks.losses import one_hot
from feedback_alignment.networks.observables import accuracy, cosine
from feedback_alignment.networks.perceptron import Perceptrons
from feedback_alignment.networks.perturbation import turned
from feedback_alignment.networks.rules import BP, FA
from feedback_alignment.networks.training import batches

Vectors = list[Float[Tensor, "members _"]]


@dataclass(frozen=True)
class Moment:
    """What a step may look at: each hidden layer's gradient as one vector a member, and what FA's network did."""

    true: Vectors
    """By BP, at the network's own weights."""
    fed: Callable[[], Vectors]
    """By FA, at the network's own weights."""
    through_fresh_feedback: Callable[[], Vectors]
    """By FA with feedback drawn for this step alone."""
    noise: Callable[[], Vectors]
    """Independent standard normal numbers, drawn for this step."""
    cosines: list[Float[Tensor, "members 1"]]
    """Between FA's step and BP's gradient, in the FA network of the same seed at this step."""
    norms: list[Float[Tensor, "members 1"]]
    """Of FA's step there."""


def _norms(vectors: Vectors) -> list[Float[Tensor, "members 1"]]:
    return [torch.linalg.vector_norm(v, dim=1, keepdim=True) for v in vectors]


def _of_norm(norms: list[Float[Tensor, "members 1"]], vectors: Vectors) -> Vectors:
    return [norm * v / own for norm, v, own in zip(norms, vectors, _norms(vectors), strict=True)]


def _turned(now: Moment, towards: Vectors) -> Vectors:
    return [turned(u, v, c) for u, v, c in zip(now.true, towards, now.cosines, strict=True)]


ARMS: dict[str, Callable[[Moment], Vectors]] = {
    "FA": lambda now: now.fed(),
    "FA, BP's size": lambda now: _of_norm(_norms(now.true), now.fed()),
    "BP": lambda now: now.true,
    "BP, FA's size": lambda now: _of_norm(now.norms, now.true),
    "perturbed BP": lambda now: _of_norm(_norms(now.true), _turned(now, now.noise())),
    "perturbed BP, FA's size": lambda now: _of_norm(now.norms, _turned(now, now.noise())),
    "fresh feedback": lambda now: _of_norm(_norms(now.true), _turned(now, now.through_fresh_feedback())),
    "fresh feedback, FA's size": lambda now: _of_norm(now.norms, _turned(now, now.through_fresh_feedback())),
    "last layer only": lambda now: [torch.zeros_like(v) for v in now.true],
}
"""Kind of step -> what the hidden layers descend. 'perturbed BP' and 'fresh feedback' have the cosines of FA."""


def at_cosine(value: float) -> Callable[[Moment], Vectors]:
    """Return the step of BP perturbed to a cosine of its own, at BP's size (see `networks.PerturbedBP`)."""

    def step(now: Moment) -> Vectors:
        return [
            norm * turned(u, z, torch.full_like(norm, value))
            for norm, u, z in zip(_norms(now.true), now.true, now.noise(), strict=True)
        ]

    return step


@dataclass(frozen=True)
class FewUpdates:
    """A group of repeats; in each, one network for each kind of step, all from equal weights on equal batches."""

    recipe: Recipe
    scale: float
    seeds: tuple[int, ...]
    updates: int
    cosines: tuple[float, ...]
    """Of further networks under perturbed BP at its own size."""
    kind: str = "few updates, 1"

    def __post_init__(self) -> None:
        """Raise ValueError for no updates, or a cosine outside −1 … 1."""
        if self.updates < 1 or any(not -1 <= c <= 1 for c in self.cosines):
            raise ValueError(f"need updates >= 1 and cosines in -1 … 1; got {self.updates} and {self.cosines}")

    @property
    def name(self) -> str:
        """The images, the scale of the first weights and the repeats."""
        repeats = f"repeats {self.seeds[0]} to {self.seeds[-1]}"
        return f"{self.recipe.images} {self.updates} updates scale {self.scale:g} {repeats}"

    def arms(self) -> dict[str, Callable[[Moment], Vectors]]:
        """Return every kind of step by name, FA first."""
        return ARMS | {f"cosine {value:g}": at_cosine(value) for value in self.cosines}

    def compute(
        self, device: str, progress: Monitor | Quiet, checkpoint: TimedCheckpoint | None
    ) -> tuple[xr.Dataset, dict[str, str]]:
        """Take the steps, and return accuracies, mean cosines to BP's gradient and mean sizes of the hidden steps."""
        samples = self.recipe.samples(device)
        run = _Run(self, samples)
        found = []
        progress.begin(self.name, len(self.arms()), 0)
        for step in self.arms().values():
            found.append(run.take(step))
            progress.checkpoint_due()
            progress.advance()
        accuracies, alignments, sizes = (np.stack(values) for values in zip(*found, strict=True))
        dims = "arm repeat hidden_layer"
        return xr.Dataset(
            {
                "arm_accuracy": variable("arm repeat", accuracies, "fraction of test images classified correctly"),
                "arm_alignment": variable(dims, alignments, "cosine between step and BP's gradient, mean over steps"),
                "arm_size": variable(dims, sizes, "norm of the step over the learning rate, mean over steps"),
            },
            coords={
                "arm": list(self.arms()),
                "repeat": ("repeat", list(self.seeds), {"long_name": "seed"}),
                "hidden_layer": list(range(1, len(self.recipe.hidden) + 1)),
            },
        ), samples.source


class _Run:
    """One group of repeats; remembers the cosines and sizes of FA's steps, whose turn is first."""

    def __init__(self, work: FewUpdates, samples: Samples):
        self._work, self._samples = work, samples
        self._start = work.recipe.network(samples, work.seeds, work.scale)
        orders = batches(work.seeds, 0, len(samples.x), work.recipe.batch)[:, : work.updates]
        self._orders = torch.from_numpy(orders).to(samples.x.device)
        self._cosines: list[list[Tensor]] = []
        self._norms: list[list[Tensor]] = []

    def take(self, choose: Callable[[Moment], Vectors]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return a network's accuracy (members,), and alignment and size of its steps (members, layers)."""
        samples, start = self._samples, self._start
        network = Perceptrons([W.clone() for W in start.weights], start.feedback, start.activation, start.seeds)
        y = one_hot(samples.y, samples.classes, samples.x.dtype)
        aligned, sizes = [], []
        for step, chosen in enumerate(self._orders.unbind(1)):
            x, target = samples.x[chosen], y[chosen]
            *true, last = gradients(network, BP(), x, target)
            now = self._moment(network, [G.flatten(1) for G in true], step, (x, target))
            hidden = choose(now)
            for W, G in zip(network.weights, [*hidden, last], strict=True):
                W.sub_(self._work.recipe.learning_rate * G.view_as(W))
            aligned.append(torch.stack([cosine(a, b) for a, b in zip(hidden, now.true, strict=True)], -1))
            sizes.append(torch.cat(_norms(hidden), 1).double())
        reached = accuracy(network, samples.x_test, samples.y_test)
        alignment, size = (torch.stack(values).mean(0).cpu().numpy() for values in (aligned, sizes))
        return reached.cpu().numpy(), alignment, size

    def _moment(self, network: Perceptrons, true: Vectors, step: int, batch: tuple[Tensor, Tensor]) -> Moment:
        def fed(chosen: Perceptrons = network) -> Vectors:
            return [G.flatten(1) for G in gradients(chosen, FA(), *batch)[:-1]]

        if len(self._cosines) <= step:
            fas = fed()
            self._cosines.append([cosine(a, b)[:, None].to(a.dtype) for a, b in zip(fas, true, strict=True)])
            self._norms.append(_norms(fas))

        def fresh() -> Vectors:
            shapes = [tuple(W.shape[:0:-1]) for W in network.weights[1:]]
            F = [
                torch.from_numpy(np.stack([_signs(seed, layer, step, shape) for seed in network.seeds]))
                for layer, shape in enumerate(shapes, 1)
            ]
            fitting = [matrix.to(network.weights[0]) for matrix in F]
            return fed(Perceptrons(network.weights, list(fitting), network.activation, network.seeds))

        def noise() -> Vectors:
            return [
                torch.from_numpy(
                    np.stack(
                        [
                            streams.generator(seed, "perturbation", layer, step).standard_normal(u.shape[1])
                            for seed in network.seeds
                        ]
                    )
                ).to(u)
                for layer, u in enumerate(true, 1)
            ]

        return Moment(true, fed, fresh, noise, self._cosines[step], self._norms[step])


def _signs(seed: int, layer: int, step: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return ±1 from the stream 'feedback' with the step as second index, which FA's own matrices never use."""
    return 2.0 * streams.generator(seed, "feedback", layer, step + 1).integers(0, 2, shape) - 1
