"""BP whose hidden layers descend at a given cosine to their gradient, and BP with the hidden layers left alone.

Chu and Bacho 2024, Fig. 3a.
"""

from dataclasses import dataclass

import xarray as xr

from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.companion.piece_files import TimedCheckpoint
from feedback_alignment.experiments.chu_networks import Recipe
from feedback_alignment.experiments.dataset_parts import variable
from feedback_alignment.networks.observables import accuracy
from feedback_alignment.networks.perturbation import PerturbedBP
from feedback_alignment.networks.rules import BP, LastLayerOnly, Rule
from feedback_alignment.networks.training import Schedule, train

BASELINES: dict[str, Rule] = {"BP": BP(), "last layer only": LastLayerOnly()}


@dataclass(frozen=True)
class Perturbed:
    """Networks that learn by one perturbed rule from weights of one size."""

    recipe: Recipe
    scale: float
    rule: str
    """'BP', 'last layer only', or the cosine as a number in text."""
    seeds: tuple[int, ...]
    epochs: float
    kind: str = "perturbed BP, 1"

    def __post_init__(self) -> None:
        """Raise ValueError for a rule that is neither a baseline nor a cosine between −1 and 1."""
        self.learning_rule()

    def learning_rule(self) -> Rule:
        """Return the rule that is meant."""
        if self.rule in BASELINES:
            return BASELINES[self.rule]
        try:
            cosine = float(self.rule)
        except ValueError:
            raise ValueError(f"rule must be one of {', '.join(BASELINES)}, or a cosine; got {self.rule!r}") from None
        return PerturbedBP(cosine)

    @property
    def name(self) -> str:
        """The images and the rule."""
        return f"{self.recipe.images} perturbed {self.rule}"

    def compute(
        self, device: str, progress: Monitor | Quiet, checkpoint: TimedCheckpoint | None
    ) -> tuple[xr.Dataset, dict[str, str]]:
        """Train, and return the accuracy at the end."""
        samples = self.recipe.samples(device)
        network = self.recipe.network(samples, self.seeds, self.scale)
        schedule = Schedule(self.epochs, self.recipe.batch, self.recipe.learning_rate, "mean", (self.epochs,))
        seen = train(
            network,
            self.learning_rule(),
            samples.x,
            samples.y,
            schedule,
            lambda network, step: {"accuracy": accuracy(network, samples.x_test, samples.y_test).cpu().numpy()},
            progress=progress,
            checkpoint=checkpoint,
        )
        reached = seen["accuracy"][0].astype(self.recipe.dtype)
        return xr.Dataset(
            {"perturbed_accuracy": variable("member", reached, "fraction of test images classified correctly")},
            coords={"member": ("member", list(self.seeds), {"long_name": "seed"})},
        ), samples.source
