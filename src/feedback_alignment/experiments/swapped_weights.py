"""FA and BP side by side, until one takes over the other's weights (Chu and Bacho 2024, Fig. 5)."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.companion.piece_files import TimedCheckpoint
from feedback_alignment.experiments.chu_networks import Recipe, Samples
from feedback_alignment.experiments.dataset_parts import variable
from feedback_alignment.networks.ensemble import StepSize
from feedback_alignment.networks.losses import one_hot
from feedback_alignment.networks.observables import accuracy, cosine
from feedback_alignment.networks.perceptron import Perceptrons
from feedback_alignment.networks.rules import BP, FA, Rule
from feedback_alignment.networks.training import batches

TRAINED: dict[str, Rule] = {"FA": FA(), "BP": BP()}
SWAPS = {"BP takes FA's weights": ("FA", "BP"), "FA takes BP's weights": ("BP", "FA")}
"""What happens at the swap -> (whose weights, who takes them); Fig. 5a and b."""


@dataclass(frozen=True)
class Swap:
    """Networks under FA and under BP from equal weights on equal batches, with both swaps."""

    recipe: Recipe
    scale: float
    seeds: tuple[int, ...]
    swap_at: int
    """Step of the swap."""
    observe_at: tuple[int, ...]
    """Steps at which to observe, ascending from 0; the last one ends the run."""
    kind: str = "swapped weights, 1"

    def __post_init__(self) -> None:
        """Raise ValueError for observations that do not ascend, or a swap that is not one of them before the last."""
        if list(self.observe_at) != sorted(set(self.observe_at)) or not self.observe_at or self.observe_at[0] != 0:
            raise ValueError(f"observe_at must be steps that ascend from 0; got {self.observe_at}")
        if self.swap_at not in self.observe_at[1:-1]:
            raise ValueError(
                f"swap_at must be one of the steps of observe_at between the first and the last: the run ends at step "
                f"{self.observe_at[-1]}; got {self.swap_at}"
            )

    @property
    def name(self) -> str:
        """The images and the seeds."""
        return f"{self.recipe.images} swap seeds {self.seeds[0]} to {self.seeds[-1]}"

    def compute(
        self, device: str, progress: Monitor | Quiet, checkpoint: TimedCheckpoint | None
    ) -> tuple[xr.Dataset, dict[str, str]]:
        """Train, and return the cosines between the two networks' weights, and their accuracies, for both swaps."""
        samples = self.recipe.samples(device)
        networks = {rule: self.recipe.network(samples, self.seeds, self.scale) for rule in TRAINED}
        progress.begin(self.name, 3 * len(self.observe_at), 0)
        before = [self._seen(networks, samples)]
        for steps in _intervals(tuple(step for step in self.observe_at if step <= self.swap_at)):
            self._train(networks, samples, steps)
            before.append(self._seen(networks, samples))
            progress.checkpoint_due()
            progress.advance()
        after = []
        for whose, taker in SWAPS.values():
            copies = {rule: _copy(network) for rule, network in networks.items()}
            for mine, theirs in zip(copies[taker].weights, networks[whose].weights, strict=True):
                mine.copy_(theirs)
            seen = []
            for steps in _intervals(tuple(step for step in self.observe_at if step >= self.swap_at)):
                self._train(copies, samples, steps)
                seen.append(self._seen(copies, samples))
                progress.checkpoint_due()
                progress.advance()
            after.append(seen)
        return self._dataset([[*before, *seen] for seen in after]), samples.source

    def _train(self, networks: dict[str, Perceptrons], samples: Samples, steps: range) -> None:
        target = one_hot(samples.y, samples.classes, samples.x.dtype)
        size = StepSize(self.recipe.learning_rate, "mean")
        per_epoch = len(samples.x) // self.recipe.batch
        step = steps.start
        while step < steps.stop:
            epoch, within = divmod(step, per_epoch)
            ahead = min(per_epoch - within, steps.stop - step)
            orders = torch.from_numpy(batches(self.seeds, epoch, len(samples.x), self.recipe.batch))
            for rule, network in networks.items():
                chosen = orders[:, within : within + ahead].to(samples.x.device)
                network.update_many(TRAINED[rule], samples.x, target, chosen, size)
            step += ahead

    def _seen(self, networks: dict[str, Perceptrons], samples: Samples) -> tuple[np.ndarray, np.ndarray]:
        """Return cosines (members, layers) between FA's and BP's weights, and accuracies (rules, members)."""
        pairs = zip(networks["FA"].weights, networks["BP"].weights, strict=True)
        cosines = torch.stack([cosine(a.flatten(1), b.flatten(1)) for a, b in pairs], -1)
        reached = [accuracy(networks[rule], samples.x_test, samples.y_test) for rule in TRAINED]
        return cosines.cpu().numpy(), torch.stack(reached).cpu().numpy()

    def _dataset(self, seen: list[list[tuple[np.ndarray, np.ndarray]]]) -> xr.Dataset:
        cosines, accuracies = (
            np.array([[entry[index] for entry in each] for each in seen]).astype(self.recipe.dtype) for index in (0, 1)
        )
        layers = len(self.recipe.hidden) + 1
        return xr.Dataset(
            {
                "swap_cosine": variable(
                    "swap step pair layer", cosines, "cosine between the W_l of FA's and BP's network"
                ),
                "swap_accuracy": variable(
                    "swap step trained pair", accuracies, "fraction of test images classified correctly"
                ),
            },
            coords={
                "swap": list(SWAPS),
                "step": list(self.observe_at),
                "trained": list(TRAINED),
                "pair": ("pair", list(self.seeds), {"long_name": "seed"}),
                "layer": list(range(1, layers + 1)),
            },
        )


def _intervals(times: tuple[int, ...]) -> Iterator[range]:
    yield from (range(first, last) for first, last in itertools.pairwise(times))


def _copy(network: Perceptrons) -> Perceptrons:
    weights: list[Tensor] = [W.clone() for W in network.weights]
    return Perceptrons(weights, network.feedback, network.activation, network.seeds)
