"""FA from initial weights of different size: learning, alignment, and how large the first steps are.

Chu and Bacho 2024, Figs 1 and 2.
"""

from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr

from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.companion.piece_files import TimedCheckpoint
from feedback_alignment.experiments.chu_networks import Recipe, gradients
from feedback_alignment.experiments.dataset_parts import variable
from feedback_alignment.networks.losses import one_hot
from feedback_alignment.networks.observables import accuracy, cosine
from feedback_alignment.networks.perceptron import Perceptrons
from feedback_alignment.networks.rules import BP, FA
from feedback_alignment.networks.training import Observations, Schedule, batches, train
from feedback_alignment.networks.weight_alignment import layer_weight_alignment

SAMPLED = ("one sample", "one batch")


@dataclass(frozen=True)
class Training:
    """Networks that learn by FA from weights of one size (Fig. 1)."""

    recipe: Recipe
    scale: float
    """s in W = s·N(0, 1)."""
    seeds: tuple[int, ...]
    epochs: float
    observe_at: tuple[float, ...]
    probe_samples: int
    """Gradients are compared on the first so many training samples."""
    kind: str = "FA from an initial scale, 1"

    @property
    def name(self) -> str:
        """The images and the size."""
        return f"{self.recipe.images} FA scale {self.scale:g}"

    def compute(
        self, device: str, progress: Monitor | Quiet, checkpoint: TimedCheckpoint | None
    ) -> tuple[xr.Dataset, dict[str, str]]:
        """Train, and return accuracy and alignments over training."""
        samples = self.recipe.samples(device)
        network = self.recipe.network(samples, self.seeds, self.scale)
        x, y = samples.x[: self.probe_samples], samples.y[: self.probe_samples]
        target = one_hot(y, samples.classes, x.dtype).expand(len(self.seeds), -1, -1)

        def observe(network: Perceptrons, step: int) -> Observations:
            ours, true = (gradients(network, rule, x, target)[:-1] for rule in (FA(), BP()))
            aligned = [cosine(a.flatten(1), b.flatten(1)) for a, b in zip(ours, true, strict=True)]
            return {
                "test_accuracy": accuracy(network, samples.x_test, samples.y_test).cpu().numpy(),
                "weight_alignment": layer_weight_alignment(network.weights, network.feedback).cpu().numpy(),
                "gradient_alignment": torch.stack(aligned, -1).cpu().numpy(),
            }

        schedule = Schedule(self.epochs, self.recipe.batch, self.recipe.learning_rate, "mean", self.observe_at)
        seen = train(network, FA(), samples.x, samples.y, schedule, observe, progress=progress, checkpoint=checkpoint)
        return self._dataset(seen), samples.source

    def _dataset(self, seen: Observations) -> xr.Dataset:
        layers = len(self.recipe.hidden)
        about = {
            "test_accuracy": ("epoch member", "fraction of test images classified correctly"),
            "weight_alignment": ("epoch member upper_layer", "cosine between W_l and the transposed F below it"),
            "gradient_alignment": ("epoch member hidden_layer", "cosine between FA's and BP's gradient of W_l"),
        }
        return xr.Dataset(
            {
                name: variable(dims, seen[name].astype(self.recipe.dtype), words)
                for name, (dims, words) in about.items()
            },
            coords={
                "epoch": ("epoch", list(self.observe_at), {"units": "epochs"}),
                "member": ("member", list(self.seeds), {"long_name": "seed"}),
                "hidden_layer": list(range(1, layers + 1)),
                "upper_layer": list(range(2, layers + 2)),
            },
        )


@dataclass(frozen=True)
class FirstSteps:
    """The size of what FA would change in each layer, before the first step and after it (Fig. 2)."""

    recipe: Recipe
    scales: tuple[float, ...]
    seeds: tuple[int, ...]
    kind: str = "first steps of FA, 1"

    @property
    def name(self) -> str:
        """The images."""
        return f"{self.recipe.images} FA first steps"

    def compute(
        self, device: str, progress: Monitor | Quiet, checkpoint: TimedCheckpoint | None
    ) -> tuple[xr.Dataset, dict[str, str]]:
        """Return the norm of FA's gradient of every W_l, on a member's first sample and its first batch."""
        samples = self.recipe.samples(device)
        order = torch.from_numpy(batches(self.seeds, 0, len(samples.x), self.recipe.batch)[:, 0]).to(device)
        target = one_hot(samples.y, samples.classes, samples.x.dtype)
        layers = len(self.recipe.hidden) + 1
        norms = np.empty((len(self.scales), len(SAMPLED), 2, len(self.seeds), layers))
        for row, scale in enumerate(self.scales):
            for column, chosen in enumerate((order[:, :1], order)):
                network = self.recipe.network(samples, self.seeds, scale)
                for steps in range(2):
                    step = gradients(network, FA(), samples.x[chosen], target[chosen])
                    norms[row, column, steps] = (
                        torch.stack([G.double().norm(dim=(1, 2)) for G in step], -1).cpu().numpy()
                    )
                    for W, G in zip(network.weights, step, strict=True):
                        W.sub_(self.recipe.learning_rate * G)
        dims = "first_scale sampled steps_before draw layer"
        return xr.Dataset(
            {"gradient_norm": variable(dims, norms, "norm of FA's gradient of W_l, of the mean over the samples")},
            coords={
                "first_scale": list(self.scales),
                "sampled": list(SAMPLED),
                "steps_before": [0, 1],
                "draw": ("draw", list(self.seeds), {"long_name": "seed"}),
                "layer": list(range(1, layers + 1)),
            },
        ), samples.source
