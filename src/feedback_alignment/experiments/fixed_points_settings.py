"""What chapter 13 computes at each scale."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from feedback_alignment.experiments.aligned_starts import STARTS, AlignedStart
from feedback_alignment.experiments.averaged_flow import FixedPoints
from feedback_alignment.experiments.chu_networks import Recipe
from feedback_alignment.experiments.extreme_weights import ExtremeWeights
from feedback_alignment.experiments.loss_change import LossChange
from feedback_alignment.experiments.rising_loss import RisingLoss
from feedback_alignment.experiments.swapped_weights import Swap


@dataclass(frozen=True)
class Settings:
    """Everything that the numbers of this chapter depend on. Each entry is one piece of work."""

    profile: str
    seeds: tuple[int, ...]
    starts: tuple[AlignedStart, ...]
    """Fig. 4: one a kind of start."""
    swaps: tuple[Swap, ...]
    """Fig. 5: groups of seeds."""
    loss: LossChange
    """Eqs 7 to 11."""
    roots: FixedPoints
    """Section 2.2.3, in small networks."""
    rising: RisingLoss
    """Section 2.2.4: stability without falling loss."""
    extreme: ExtremeWeights
    """Appendices A.1 and A.2."""
    reduced: tuple[str, ...] = ()

    @property
    def works(self) -> tuple[Any, ...]:
        """All pieces, the short ones first."""
        return (self.rising, self.extreme, self.roots, self.loss, *self.starts, *self.swaps)

    @property
    def groups(self) -> dict[str, tuple[Any, ...]]:
        """The pieces by what they are for, in words that follow 'pieces'."""
        return {
            "of Fig. 4": self.starts,
            "of Fig. 5": self.swaps,
            "of Eqs 7 to 11": (self.loss,),
            "in small networks": (self.rising, self.extreme, self.roots),
        }


def _starts(
    recipe: Recipe, scale: float, seeds: tuple[int, ...], observe_at: tuple[float, ...], probe: int
) -> tuple[AlignedStart, ...]:
    return tuple(AlignedStart(recipe, scale, start, seeds, observe_at[-1], observe_at, probe) for start in STARTS)


def _looks(swap_at: int, looks: int) -> tuple[int, ...]:
    """Return steps from 0 to twice `swap_at`, with more of them right after the start and the swap."""
    first = {round(step) for step in np.geomspace(1, swap_at, looks)}
    return tuple(sorted({0, swap_at, *first, *(swap_at + step for step in first)}))


TINY = Recipe("digits", (16, 20), "tanh", 50, 0.1, "float64")
DIGITS = Recipe("digits", (60, 80), "tanh", 20, 0.05, "float64")
MNIST = Recipe("mnist", (700, 1000), "tanh", 100, 0.05, "float32")
RISING = RisingLoss(0.5, 0.01, tuple(0.05 * step for step in range(201)))

SETTINGS: dict[str, Settings] = {
    "smoke": Settings(
        "smoke",
        (0, 1, 2),
        _starts(TINY, 0.1, (0, 1, 2), (0, 1, 2), 100),
        (Swap(TINY, 0.1, (0, 1), 40, _looks(40, 3)), Swap(TINY, 0.1, (2,), 40, _looks(40, 3))),
        LossChange(TINY, 0.1, (0, 1), 2, (0, 1, 2), (0.001, 0.1), 100),
        FixedPoints((0, 1, 2, 3, 4, 5), 3, 2, 2, 20, 0.3, 0.3, 1e4),
        RISING,
        ExtremeWeights((0, 1, 2), (1.0, 10.0, 100.0)),
    ),
    "quick": Settings(
        "quick",
        (0, 1, 2, 3),
        _starts(DIGITS, 0.05, (0, 1, 2, 3), (0, 0.25, 0.5, 1, 2, 5, 10), 500),
        (Swap(DIGITS, 0.05, (0, 1, 2), 1500, _looks(1500, 8)),),
        LossChange(DIGITS, 0.05, (0, 1, 2), 5, (0, 0.25, 0.5, 1, 2, 5), (0.0001, 0.05), 500),
        FixedPoints(tuple(range(24)), 3, 2, 2, 20, 0.3, 0.3, 1e4),
        RISING,
        ExtremeWeights(tuple(range(10)), (0.1, 1.0, 3.0, 10.0, 30.0, 100.0)),
    ),
    "paper": Settings(
        "paper",
        tuple(range(10)),
        _starts(MNIST, 0.05, tuple(range(10)), (0, 0.1, 0.2, 0.5, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10), 1000),
        tuple(Swap(MNIST, 0.05, (seed,), 25000, _looks(25000, 14)) for seed in range(3)),
        LossChange(MNIST, 0.05, (0, 1, 2), 2, (0, 0.05, 0.1, 0.2, 0.5, 1, 2), (0.001, 0.05), 1000),
        FixedPoints(tuple(range(100)), 3, 2, 2, 20, 0.3, 0.3, 1e5),
        RISING,
        ExtremeWeights(tuple(range(20)), (0.1, 1.0, 3.0, 10.0, 30.0, 100.0)),
    ),
}
