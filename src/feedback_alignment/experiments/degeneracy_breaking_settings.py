"""What chapter 06 computes at each scale."""

from dataclasses import dataclass
from typing import Literal

from feedback_alignment.experiments.deep_ensembles import EnsembleSettings, log_spaced_epochs
from feedback_alignment.networks.training import Schedule

RULES: tuple[Literal["DFA", "BP"], ...] = ("DFA", "BP")
ACTIVATIONS = ("relu", "tanh")


@dataclass(frozen=True)
class Settings:
    """Everything that the numbers of this chapter depend on."""

    profile: str
    seeds: tuple[int, ...]
    ensembles: tuple[EnsembleSettings, ...]
    """The networks of Fig. 5: every data set, activation and rule; each ensemble is one piece of work."""
    reduced: tuple[str, ...] = ()


def on_digits(seeds: tuple[int, ...], width: int, schedule: Schedule) -> tuple[EnsembleSettings, ...]:
    """Return the ensembles of a small run: three hidden layers on the digits, in float64, one F for all members."""
    return tuple(
        EnsembleSettings(
            "digits", None, (width,) * 3, activation, rule, seeds, (0,) * len(seeds), 0.0, schedule, "float64", 200
        )
        for rule in RULES
        for activation in ACTIVATIONS
    )


def as_in_the_paper(
    images: str, activation: str, rule: Literal["DFA", "BP"], seeds: tuple[int, ...], label_noise: float = 0.0
) -> EnsembleSettings:
    """Return one ensemble of Figs 5, 6 and 11: four layers of weights on 14×14 images, one F for all members."""
    return EnsembleSettings(
        images=images,
        side=14,
        hidden=(100, 100, 100),
        activation=activation,
        rule=rule,
        seeds=seeds,
        feedback_seeds=(0,) * len(seeds),
        label_noise=label_noise,
        schedule=Schedule(1000, 32, 1e-4, "sum", log_spaced_epochs(0.1, 1000, 40)),
        dtype="float32",
        probe_samples=1000,
    )


PAPER_SEEDS = (0, 1, 2)
SETTINGS: dict[str, Settings] = {
    "smoke": Settings("smoke", (0, 1), on_digits((0, 1), 16, Schedule(4, 32, 0.003, "sum", (0, 1, 2, 4)))),
    "quick": Settings(
        "quick",
        (0, 1, 2, 3, 4),
        on_digits((0, 1, 2, 3, 4), 50, Schedule(100, 32, 0.003, "sum", log_spaced_epochs(0.5, 100, 12))),
    ),
    "paper": Settings(
        "paper",
        PAPER_SEEDS,
        tuple(
            as_in_the_paper(images, activation, rule, PAPER_SEEDS)
            for images in ("mnist", "cifar10")
            for rule in RULES
            for activation in ACTIVATIONS
        ),
        reduced=("3 of 10 seeds",),
    ),
}
