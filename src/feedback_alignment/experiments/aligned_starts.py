"""FA from weights that are unaligned, aligned in their signs, or equal to the feedback (Chu and Bacho 2024, Fig. 4)."""

from dataclasses import dataclass

import torch
import xarray as xr

from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.companion.piece_files import TimedCheckpoint
from feedback_alignment.experiments.chu_networks import Recipe, Samples, gradients
from feedback_alignment.experiments.dataset_parts import variable
from feedback_alignment.networks.feedback_distributions import Gaussian
from feedback_alignment.networks.losses import one_hot
from feedback_alignment.networks.observables import accuracy, cosine
from feedback_alignment.networks.perceptron import Perceptrons
from feedback_alignment.networks.rules import BP, FA
from feedback_alignment.networks.training import Observations, Schedule, train
from feedback_alignment.networks.weight_alignment import layer_weight_alignment

STARTS = ("unaligned", "signs", "equal")


@dataclass(frozen=True)
class AlignedStart:
    """Networks that learn by FA with normal feedback from one kind of start."""

    recipe: Recipe
    scale: float
    start: str
    """'unaligned', 'signs' or 'equal'."""
    seeds: tuple[int, ...]
    epochs: float
    observe_at: tuple[float, ...]
    probe_samples: int
    kind: str = "aligned start, 1"

    def __post_init__(self) -> None:
        """Raise ValueError for an unknown start."""
        if self.start not in STARTS:
            raise ValueError(f"start must be one of {', '.join(STARTS)}; got {self.start!r}")

    @property
    def name(self) -> str:
        """The images and the start."""
        return f"{self.recipe.images} FA start {self.start}"

    def network(self, samples: Samples) -> Perceptrons:
        """Make the networks; the first layer has no feedback to be aligned with and starts equal in all three."""
        made = self.recipe.network(samples, self.seeds, self.scale, Gaussian(1.0))
        for W, F in zip(made.weights[1:], made.feedback, strict=True):
            if F is not None and self.start == "signs":
                W.copy_(W.abs() * F.mT.sign())
            if F is not None and self.start == "equal":
                W.copy_(self.scale * F.mT)
        return made

    def compute(
        self, device: str, progress: Monitor | Quiet, checkpoint: TimedCheckpoint | None
    ) -> tuple[xr.Dataset, dict[str, str]]:
        """Train, and return accuracy and the alignments of every layer over training."""
        samples = self.recipe.samples(device)
        x, y = samples.x[: self.probe_samples], samples.y[: self.probe_samples]
        target = one_hot(y, samples.classes, x.dtype).expand(len(self.seeds), -1, -1)

        def observe(network: Perceptrons, step: int) -> Observations:
            ours, true = (gradients(network, rule, x, target)[:-1] for rule in (FA(), BP()))
            aligned = [cosine(a.flatten(1), b.flatten(1)) for a, b in zip(ours, true, strict=True)]
            return {
                "start_accuracy": accuracy(network, samples.x_test, samples.y_test).cpu().numpy(),
                "start_weight_alignment": layer_weight_alignment(network.weights, network.feedback).cpu().numpy(),
                "start_gradient_alignment": torch.stack(aligned, -1).cpu().numpy(),
            }

        schedule = Schedule(self.epochs, self.recipe.batch, self.recipe.learning_rate, "mean", self.observe_at)
        seen = train(
            self.network(samples),
            FA(),
            samples.x,
            samples.y,
            schedule,
            observe,
            progress=progress,
            checkpoint=checkpoint,
        )
        layers = len(self.recipe.hidden)
        about = {
            "start_accuracy": ("start_epoch member", "fraction of test images classified correctly"),
            "start_weight_alignment": (
                "start_epoch member upper_layer",
                "cosine between W_l and the transposed F below it",
            ),
            "start_gradient_alignment": (
                "start_epoch member hidden_layer",
                "cosine between FA's and BP's gradient of W_l",
            ),
        }
        return xr.Dataset(
            {
                name: variable(dims, seen[name].astype(self.recipe.dtype), words)
                for name, (dims, words) in about.items()
            },
            coords={
                "start_epoch": ("start_epoch", list(self.observe_at), {"units": "epochs"}),
                "member": ("member", list(self.seeds), {"long_name": "seed"}),
                "hidden_layer": list(range(1, layers + 1)),
                "upper_layer": list(range(2, layers + 2)),
            },
        ), samples.source
