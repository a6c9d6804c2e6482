"""A learning rate that falls when a loss has stopped falling."""

import math
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from feedback_alignment.networks.ensemble import Ensemble, StepSize
from feedback_alignment.networks.rules import Rule
from feedback_alignment.networks.steered import Steered

BETTER = 1e-4
"""A loss counts as lower only if it is so by this share, as in PyTorch."""


class PlateauRate(Steered):
    """An ensemble whose rate is divided by `divisor` when a loss has not fallen for more than `patience` looks.

    `look` is told the loss, by whoever observes the training. Each member has a rate of its own. How often it was
    lowered, the lowest loss, and the looks since belong to the state. Raises ValueError for a negative patience or a
    divisor that is not finite and above 1.
    """

    def __init__(self, inner: Ensemble, patience: int, divisor: float = 10.0):
        if patience < 0 or not 1 < divisor < math.inf:
            raise ValueError(f"need a patience >= 0 and a finite divisor > 1; got {patience} and {divisor}")
        super().__init__(inner)
        self.patience = patience
        self.divisor = divisor
        members, device = len(inner.seeds), inner.weights[0].device
        self.lowest = torch.full((members, 1), torch.finfo(torch.float64).max, dtype=torch.float64, device=device)
        self.looks_since = torch.zeros(members, dtype=torch.int64)
        self.drops = torch.zeros(members, dtype=torch.int64)

    @property
    def shares(self) -> tuple[float, ...]:
        """What is left of each member's rate, as a share."""
        return tuple(self.divisor**-drops for drops in self.drops.tolist())

    def own_state(self) -> dict[str, Tensor]:
        """Return each member's lowest loss, the looks since, and how often its rate was lowered."""
        return {"lowest loss": self.lowest, "looks since": self.looks_since, "drops of rate": self.drops}

    def look(self, loss: Float[np.ndarray, " members"]) -> None:
        """Take note of each member's loss, and lower the rate of those whose patience is over."""
        now, lowest = torch.from_numpy(loss).double(), self.lowest[:, 0].cpu()
        better = now < lowest * (1 - BETTER)
        self.lowest[:, 0] = torch.where(better, now, lowest).to(self.lowest.device)
        self.looks_since.copy_(torch.where(better, 0, self.looks_since + 1))
        # A member that has diverged has no loss, and its rate means nothing.
        over = (self.looks_since > self.patience) & now.isfinite()
        self.drops += over
        self.looks_since[over] = 0

    def update(
        self,
        rule: Rule,
        inputs: Float[Tensor, "members batch ..."],
        target: Float[Tensor, "members batch outputs"],
        step: StepSize,
    ) -> None:
        """Take one step of the inner ensemble, each member at what is left of its rate."""
        rates = step.rates if len(step.rates) > 1 else step.rates * len(self.seeds)
        left = tuple(rate * share for rate, share in zip(rates, self.shares, strict=True))
        self.inner.update(rule, inputs, target, replace(step, learning_rate=left))
