"""What one layer's step by FA does to the loss, and its first-order prediction (Chu and Bacho 2024, Eqs 7 to 11)."""

from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float
from torch import Tensor

from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.companion.piece_files import TimedCheckpoint
from feedback_alignment.experiments.chu_networks import Recipe, gradients
from feedback_alignment.experiments.dataset_parts import variable
from feedback_alignment.networks.losses import CrossEntropy, one_hot
from feedback_alignment.networks.observables import cosine
from feedback_alignment.networks.perceptron import Perceptrons
from feedback_alignment.networks.rules import BP, FA
from feedback_alignment.networks.training import Observations, Schedule, train


@dataclass(frozen=True)
class LossChange:
    """Networks that learn by FA; at each look every layer takes trial steps of several sizes by itself."""

    recipe: Recipe
    scale: float
    seeds: tuple[int, ...]
    epochs: float
    observe_at: tuple[float, ...]
    rates: tuple[float, ...]
    """η of the trial steps."""
    probe_samples: int
    """The loss is the mean over the first so many training samples."""
    kind: str = "loss change, 1"

    @property
    def name(self) -> str:
        """The images."""
        return f"{self.recipe.images} loss change"

    def compute(
        self, device: str, progress: Monitor | Quiet, checkpoint: TimedCheckpoint | None
    ) -> tuple[xr.Dataset, dict[str, str]]:
        """Train, and return how much each trial step lowered the loss, over η, and its prediction Δ^BP · Δ^FA."""
        samples = self.recipe.samples(device)
        x = samples.x[: self.probe_samples]
        target = one_hot(samples.y[: self.probe_samples], samples.classes, x.dtype).expand(len(self.seeds), -1, -1)

        def observe(network: Perceptrons, step: int) -> Observations:
            ours, true = (gradients(network, rule, x, target) for rule in (FA(), BP()))
            loss = _loss(network, x, target)
            fallen = np.empty((len(self.seeds), len(ours), len(self.rates)))
            for layer, (W, G) in enumerate(zip(network.weights, ours, strict=True)):
                kept = W.clone()
                for index, rate in enumerate(self.rates):
                    W.sub_(rate * G)
                    fallen[:, layer, index] = ((loss - _loss(network, x, target)) / rate).cpu().numpy()
                    W.copy_(kept)
            pairs = [(a.flatten(1).double(), b.flatten(1).double()) for a, b in zip(ours, true, strict=True)]
            return {
                "fallen": fallen,
                "predicted": torch.stack([(a * b).sum(1) for a, b in pairs], -1).cpu().numpy(),
                "cosine": torch.stack([cosine(a, b) for a, b in pairs], -1).cpu().numpy(),
            }

        network = self.recipe.network(samples, self.seeds, self.scale)
        schedule = Schedule(self.epochs, self.recipe.batch, self.recipe.learning_rate, "mean", self.observe_at)
        seen = train(network, FA(), samples.x, samples.y, schedule, observe, progress=progress, checkpoint=checkpoint)
        dims = "trial_epoch trial_member layer"
        return xr.Dataset(
            {
                "loss_fall": variable(
                    f"{dims} rate", seen["fallen"], "fall of the loss in a layer's own step, over eta"
                ),
                "predicted_fall": variable(dims, seen["predicted"], "product of FA's and BP's gradient of W_l"),
                "trial_alignment": variable(dims, seen["cosine"], "cosine between FA's and BP's gradient of W_l"),
            },
            coords={
                "trial_epoch": ("trial_epoch", list(self.observe_at), {"units": "epochs"}),
                "trial_member": ("trial_member", list(self.seeds), {"long_name": "seed"}),
                "layer": list(range(1, len(self.recipe.hidden) + 2)),
                "rate": list(self.rates),
            },
        ), samples.source


def _loss(
    network: Perceptrons, x: Float[Tensor, "samples features"], target: Float[Tensor, "members samples classes"]
) -> Float[Tensor, " members"]:
    return CrossEntropy().value(network.outputs(x).double(), target.double()).mean(-1)
