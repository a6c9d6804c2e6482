"""What chapter 12 computes at each scale."""

from collections.abc import Iterator
from dataclasses import dataclass

from feedback_alignment.experiments.chu_networks import Recipe
from feedback_alignment.experiments.few_updates import FewUpdates
from feedback_alignment.experiments.initial_scale import FirstSteps, Training
from feedback_alignment.experiments.perturbed_gradients import BASELINES, Perturbed


@dataclass(frozen=True)
class Settings:
    """Everything that the numbers of this chapter depend on. Each entry of a tuple is one piece of work."""

    profile: str
    seeds: tuple[int, ...]
    trainings: tuple[Training, ...]
    """Fig. 1: one an initial scale."""
    first: FirstSteps
    """Fig. 2."""
    perturbed: tuple[Perturbed, ...]
    """Fig. 3a: one a cosine, and the two baselines."""
    few: tuple[FewUpdates, ...]
    """Fig. 3b, c: groups of repeats at one or more initial scales."""
    reduced: tuple[str, ...] = ()

    @property
    def works(self) -> "tuple[FirstSteps | FewUpdates | Perturbed | Training, ...]":
        """All pieces, the short ones first."""
        return (self.first, *self.few, *self.perturbed, *self.trainings)

    @property
    def few_scales(self) -> tuple[float, ...]:
        """The initial scales of Fig. 3b, c."""
        return tuple(dict.fromkeys(work.scale for work in self.few))

    @property
    def groups(self) -> dict[str, tuple[FirstSteps | FewUpdates | Perturbed | Training, ...]]:
        """The pieces by what they are for, in words that follow 'pieces'."""
        return {
            "of Fig. 1": self.trainings,
            "of Fig. 2": (self.first,),
            "of Fig. 3a": self.perturbed,
            "of Fig. 3b, c": self.few,
        }


def _groups(
    recipe: Recipe, scales: tuple[float, ...], repeats: int, group: int, cosines: tuple[float, ...]
) -> Iterator[FewUpdates]:
    for start in range(0, repeats, group):
        for scale in scales:
            yield FewUpdates(recipe, scale, tuple(range(start, min(start + group, repeats))), 5, cosines)


def _settings(
    profile: str,
    seeds: tuple[int, ...],
    sweep: Recipe,
    recipe: Recipe,
    scales: tuple[float, ...],
    observe_at: tuple[float, ...],
    cosines: tuple[float, ...],
    scale: float,
    few: tuple[FewUpdates, ...],
    probe_samples: int,
    draws: int,
    reduced: tuple[str, ...] = (),
) -> Settings:
    rules = (*BASELINES, *(f"{cosine:g}" for cosine in cosines))
    return Settings(
        profile,
        seeds,
        tuple(Training(sweep, s, seeds, observe_at[-1], observe_at, probe_samples) for s in scales),
        FirstSteps(sweep, (0.0, *scales), tuple(range(draws))),
        tuple(Perturbed(recipe, scale, rule, seeds, 1) for rule in rules),
        few,
        reduced,
    )


TINY = Recipe("digits", (16, 20), "tanh", 50, 0.2, "float64")
SMALL_STEPS = Recipe("digits", (60, 80), "tanh", 20, 0.05, "float64")
DIGITS = Recipe("digits", (100, 150), "tanh", 50, 0.2, "float64")
MNIST = Recipe("mnist", (700, 1000), "tanh", 100, 0.05, "float32")

SETTINGS: dict[str, Settings] = {
    "smoke": _settings(
        "smoke",
        (0, 1, 2),
        TINY,
        TINY,
        (0.01, 0.1, 1.0),
        (0, 1, 2),
        (-1.0, 0.0, 1.0),
        0.2,
        tuple(_groups(TINY, (0.01, 0.2), 6, 3, (0.0, 0.5))),
        100,
        3,
    ),
    "quick": _settings(
        "quick",
        (0, 1, 2),
        SMALL_STEPS,
        DIGITS,
        (0.001, 0.01, 0.03, 0.1, 0.2, 0.4, 0.8, 1.6),
        (0, 1, 2, 5, 10, 15),
        (-1.0, -0.5, -0.2, 0.0, 0.2, 0.5, 0.8, 1.0),
        0.2,
        tuple(_groups(DIGITS, (0.01, 0.2), 30, 15, (0.0, 0.5))),
        500,
        6,
    ),
    "paper": _settings(
        "paper",
        (0, 1, 2),
        MNIST,
        MNIST,
        (0.001, 0.003, 0.01, 0.03, 0.05, 0.1, 0.2, 0.4, 0.8),
        (0, 0.1, 0.3, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50),
        (-1.0, -0.75, -0.5, -0.25, -0.1, 0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0),
        0.05,
        tuple(_groups(MNIST, (0.01, 0.05), 100, 20, (0.0, 0.25, 0.5, 0.75))),
        1000,
        10,
        reduced=("100 of 500 repeats of five updates", "3 seeds elsewhere (the paper does not say how many)"),
    ),
}
