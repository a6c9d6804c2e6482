"""What chapter 06 computes at each scale."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from feedback_alignment.experiments.deep_ensembles import EnsembleSettings, log_spaced_epochs
from feedback_alignment.experiments.degeneracy_breaking_variants import PretrainedEnsemble, TurnedEnsemble
from feedback_alignment.networks.training import Schedule

ACTIVATIONS = ("relu", "tanh")
OWN = "DFA, own F"
"""DFA with a feedback of its own for every member; plain 'DFA' has one for all."""
TEACHINGS = ("DFA", "BP", OWN)


@dataclass(frozen=True)
class Settings:
    """Everything that the numbers of this chapter depend on. Each ensemble is one piece of work."""

    profile: str
    seeds: tuple[int, ...]
    fig5: tuple[EnsembleSettings, ...]
    """The networks of Fig. 5, for every data set, activation and rule, and DFA with members' own F."""
    base: EnsembleSettings
    """A small ensemble; the following differ from it in one thing."""
    turned: tuple[TurnedEnsemble, ...]
    """Feedback turned towards the weights."""
    pretrained: tuple[PretrainedEnsemble, ...]
    """Starts made by BP."""
    widths: tuple[EnsembleSettings, ...]
    """Layers of different width, that of the base among them."""
    reduced: tuple[str, ...] = ()

    @property
    def ensembles(self) -> tuple[EnsembleSettings, ...]:
        """All of them, each once, those of the paper first."""
        return tuple(dict.fromkeys((*self.fig5, self.base, *self.turned, *self.pretrained, *self.widths)))

    @property
    def groups(self) -> dict[str, tuple[EnsembleSettings, ...]]:
        """The ensembles by what they are for, in words that follow 'ensembles'."""
        return {
            "of Fig. 5": self.fig5,
            "with turned feedback": self.turned,
            "after BP": self.pretrained,
            "of different width": self.widths,
        }


def teaching(settings: EnsembleSettings) -> str:
    """Return which of `TEACHINGS` an ensemble learns by."""
    return OWN if len(set(settings.feedback_seeds)) > 1 else settings.rule


def as_in_the_paper(
    images: str, activation: str, teaching: str, seeds: tuple[int, ...], label_noise: float = 0.0
) -> EnsembleSettings:
    """Return one ensemble of Figs 5, 6 and 11: four layers of weights on 14×14 images."""
    return EnsembleSettings(
        images=images,
        side=14,
        hidden=(100, 100, 100),
        activation=activation,
        rule=_rule(teaching),
        seeds=seeds,
        feedback_seeds=_feedback_seeds(teaching, seeds),
        label_noise=label_noise,
        schedule=Schedule(1000, 32, 1e-4, "sum", log_spaced_epochs(0.1, 1000, 40)),
        dtype="float32",
        probe_samples=1000,
    )


def on_digits(
    activation: str, teaching: str, seeds: tuple[int, ...], width: int, schedule: Schedule
) -> EnsembleSettings:
    """Return a small ensemble: three hidden layers of equal width on the digits, in float64."""
    return EnsembleSettings(
        images="digits",
        side=None,
        hidden=(width,) * 3,
        activation=activation,
        rule=_rule(teaching),
        seeds=seeds,
        feedback_seeds=_feedback_seeds(teaching, seeds),
        label_noise=0.0,
        schedule=schedule,
        dtype="float64",
        probe_samples=200,
    )


def turned(base: EnsembleSettings, shares: Sequence[float]) -> tuple[TurnedEnsemble, ...]:
    """Return `base` with its feedback turned by each share of the angle, towards initial and current weights."""
    kinds: tuple[Literal["initial", "current"], ...] = ("initial", "current")
    return tuple(TurnedEnsemble(**vars(base), towards=kind, share=share) for kind in kinds for share in shares)


def pretrained(base: EnsembleSettings, epochs: Sequence[float]) -> tuple[PretrainedEnsemble, ...]:
    """Return `base` after each of so many epochs of BP."""
    return tuple(PretrainedEnsemble(**vars(base), pretraining_epochs=count) for count in epochs)


def _rule(teaching: str) -> str:
    return "BP" if teaching == "BP" else "DFA"


def _feedback_seeds(teaching: str, seeds: tuple[int, ...]) -> tuple[int, ...]:
    return seeds if teaching == OWN else (0,) * len(seeds)


def _small(
    profile: str, seeds: tuple[int, ...], width: int, schedule: Schedule, extra: Schedule, shares: tuple[float, ...]
) -> Settings:
    base = on_digits("tanh", "DFA", seeds, width, extra)
    return Settings(
        profile,
        seeds,
        tuple(on_digits(act, how, seeds, width, schedule) for how in TEACHINGS for act in ACTIVATIONS),
        base,
        turned(base, shares),
        pretrained(base, (1, 10)),
        tuple(on_digits("tanh", "DFA", seeds, each, extra) for each in (width // 4, width // 2, width)),
    )


PAPER_SEEDS = (0, 1, 2)
DIGITS_SEEDS = tuple(range(10))
PAPER_DIGITS = on_digits(
    "tanh", "DFA", DIGITS_SEEDS, 100, Schedule(100, 32, 0.003, "sum", (0, 1, 2, 5, 10, 20, 50, 100))
)

SETTINGS: dict[str, Settings] = {
    "smoke": _small(
        "smoke",
        (0, 1, 2),
        16,
        Schedule(4, 32, 0.003, "sum", (0, 1, 2, 4)),
        Schedule(1, 32, 0.01, "sum", (0, 1)),
        (1,),
    ),
    "quick": _small(
        "quick",
        (0, 1, 2),
        40,
        Schedule(50, 32, 0.003, "sum", log_spaced_epochs(0.5, 50, 7)),
        Schedule(15, 32, 0.01, "sum", (0, 2, 5, 15)),
        (0.5, 1),
    ),
    "paper": Settings(
        "paper",
        PAPER_SEEDS,
        tuple(
            as_in_the_paper(images, activation, how, PAPER_SEEDS)
            for how_many in (TEACHINGS[:2], TEACHINGS[2:])
            for images in ("mnist", "cifar10")
            for how in how_many
            for activation in ACTIVATIONS
        ),
        PAPER_DIGITS,
        turned(PAPER_DIGITS, (0.25, 0.5, 0.75, 1)),
        pretrained(PAPER_DIGITS, (0.5, 1, 2, 5, 10, 30)),
        tuple(
            on_digits("tanh", "DFA", DIGITS_SEEDS, width, PAPER_DIGITS.schedule) for width in (30, 55, 100, 170, 300)
        ),
        reduced=("3 of 10 seeds",),
    ),
}
