"""What is measured on the networks of Launay et al. 2019: angles by three rulers, and the accuracy while training."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from feedback_alignment.networks.network import Network
from feedback_alignment.networks.operations import Mode
from feedback_alignment.networks.rules import Rule
from feedback_alignment.networks.teaching_signals import cosines, teaching_signals
from feedback_alignment.networks.training import Observations, Schedule, batches

MODES: tuple[Mode, ...] = ("eval", "train")
RULERS: dict[str, tuple[Mode, Mode]] = {
    "eval": ("eval", "eval"),
    "train": ("train", "train"),
    "bent": ("eval", "train"),
}
"""Modes of the network for the rule's signal and for back-propagation's; the last one is that of the released code."""


def cosines_by_ruler(
    network: Network,
    rule: Rule,
    reference: Rule,
    inputs: Float[Tensor, "samples ..."],
    labels: Int[Tensor, " samples"],
) -> Observations:
    """Return mean and standard deviation over samples of cos∠(δh_l, c_l), (members, rulers, layers) each.

    A sample with a signal of zero has no direction and is left out.
    """
    ours, true = (
        {mode: teaching_signals(network, each, inputs, labels, mode) for mode in MODES} for each in (rule, reference)
    )
    found = [cosines(ours[mode], true[other]).cpu().numpy() for mode, other in RULERS.values()]
    angles = np.ma.masked_invalid(np.stack(found, 1))
    return {
        "alignment": angles.mean(-1).filled(np.nan),
        "alignment_spread": angles.std(-1, ddof=1).filled(np.nan),
    }


@dataclass(frozen=True)
class LastEpoch:
    """Looks at the last epoch's batches before they are learnt from, beside the moments when everything is measured.

    The last epoch is cut into parts, and a part's batches are classified in training mode with the weights that the
    part begins with. Raises ValueError for a schedule that does not end with a whole epoch and a measurement.
    """

    measured: Schedule
    samples: int
    parts: int

    def __post_init__(self) -> None:
        epochs = self.measured.epochs
        if epochs < 1 or epochs != int(epochs) or self.measured.observe_at[-1] != epochs:
            raise ValueError(
                "the networks must be trained for whole epochs, one or more, and measured at their end; got "
                f"{epochs} epochs and {self.measured.observe_at}"
            )
        if not 1 <= self.parts <= self.steps:
            raise ValueError(f"an epoch of {self.steps} steps has 1 to as many parts; got {self.parts}")

    @property
    def steps(self) -> int:
        """Steps of one epoch."""
        return self.samples // self.measured.batch

    @cached_property
    def starts(self) -> list[int]:
        """The step that each part begins with, and the last one's end."""
        first = (int(self.measured.epochs) - 1) * self.steps
        return [first + self.steps * part // self.parts for part in range(self.parts + 1)]

    @cached_property
    def measured_at(self) -> list[int]:
        """Steps after which everything is measured."""
        return [round(time * self.steps) for time in self.measured.observe_at]

    @cached_property
    def look_steps(self) -> list[int]:
        """All steps after which there is a look."""
        return sorted({*self.starts, *self.measured_at})

    @property
    def schedule(self) -> Schedule:
        """The schedule with all looks."""
        return replace(self.measured, observe_at=tuple(step / self.steps for step in self.look_steps))

    def look(
        self, network: Network, x: Float[Tensor, "samples ..."], y: Int[Tensor, " samples"], step: int
    ) -> Observations:
        """Return how many samples of the part that begins now are classified right, and of how many; NaN elsewhere."""
        members = len(network.seeds)
        if step not in self.starts[:-1]:
            return {"right": np.full(members, np.nan), "of": np.full(members, np.nan)}
        epoch = int(self.measured.epochs) - 1
        begin, end = (each - epoch * self.steps for each in self.starts[self.starts.index(step) :][:2])
        orders = batches(network.seeds, epoch, len(x), self.measured.batch)[:, begin:end]
        right = torch.zeros(members, dtype=torch.int64, device=x.device)
        for chosen in torch.from_numpy(orders).to(x.device).unbind(1):
            right += (network.forward(x[chosen], "train").outputs.argmax(-1) == y[chosen]).sum(-1)
        return {"right": right.double().cpu().numpy(), "of": np.full(members, float(orders[0].size))}
