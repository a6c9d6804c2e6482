"""What chapter 07 computes at each scale."""

from dataclasses import dataclass, replace

from feedback_alignment.experiments.deep_ensembles import EnsembleSettings, log_spaced_epochs
from feedback_alignment.experiments.degeneracy_breaking_settings import (
    ACTIVATIONS,
    OWN,
    PAPER_SEEDS,
    as_in_the_paper,
    on_digits,
)
from feedback_alignment.networks.training import Schedule

LATE = (1100.0, 1200.0, 1350.0, 1500.0, 1650.0, 1800.0, 2000.0, 2200.0, 2400.0, 2700.0, 3000.0)
"""Epochs of Fig. 7 after those of the other figures."""
NOISY_EPOCHS = 183.0
"""Fig. 11's networks with label noise train for so long, and not for 1000 epochs; one of the others' observations."""


@dataclass(frozen=True)
class Settings:
    """Everything that the numbers of this chapter depend on. Each ensemble is one piece of work."""

    profile: str
    seeds: tuple[int, ...]
    noisy: tuple[EnsembleSettings, ...]
    """The networks of Fig. 11, for every data set, activation and share of noisy labels; without noise, of Fig. 6."""
    layerwise: EnsembleSettings
    """The networks of Fig. 7: one of `noisy`, which may train for longer than the others."""
    own: tuple[EnsembleSettings, ...]
    """Those of Fig. 6 once more, with a feedback of its own for every member."""
    reduced: tuple[str, ...] = ()

    @property
    def ensembles(self) -> tuple[EnsembleSettings, ...]:
        """All of them, each once: those that other chapters have as well first, then Fig. 7's."""
        plain = tuple(each for each in self.noisy if not each.label_noise)
        return tuple(dict.fromkeys((*plain, *self.own, self.layerwise, *self.noisy)))

    @property
    def groups(self) -> dict[str, tuple[EnsembleSettings, ...]]:
        """The ensembles by what they are for, in words that follow 'ensembles'."""
        return {
            "of Fig. 6": tuple(each for each in self.noisy if not each.label_noise),
            "of Fig. 7": (self.layerwise,),
            "of Fig. 11 with label noise": tuple(each for each in self.noisy if each.label_noise),
            "with a feedback for each member": self.own,
        }


def as_in_fig7(seeds: tuple[int, ...]) -> EnsembleSettings:
    """Return the ensemble of Fig. 7: as in Fig. 11, and on to 3000 epochs."""
    short = as_in_the_paper("cifar10", "relu", "DFA", seeds, 0.1)
    schedule = replace(short.schedule, epochs=3000, observe_at=(*short.schedule.observe_at, *LATE))
    return replace(short, schedule=schedule)


def _as_in_fig11(images: str, activation: str, noise: float) -> EnsembleSettings:
    if (images, activation, noise) == ("cifar10", "relu", 0.1):
        return as_in_fig7(PAPER_SEEDS)
    whole = as_in_the_paper(images, activation, "DFA", PAPER_SEEDS, noise)
    if not noise:
        return whole
    times = tuple(epoch for epoch in whole.schedule.observe_at if epoch <= NOISY_EPOCHS)
    return replace(whole, schedule=replace(whole.schedule, epochs=NOISY_EPOCHS, observe_at=times))


def _on_digits(
    profile: str, seeds: tuple[int, ...], width: int, noises: tuple[float, ...], schedules: dict[str, Schedule]
) -> Settings:
    plain = {act: on_digits(act, "DFA", seeds, width, schedules[act]) for act in ACTIVATIONS}
    noisy = tuple(replace(plain[act], label_noise=noise) for noise in noises for act in ACTIVATIONS)
    layerwise = replace(plain["tanh"], label_noise=noises[-1])
    own = tuple(on_digits(act, OWN, seeds, width, schedules[act]) for act in ACTIVATIONS)
    return Settings(profile, seeds, noisy, layerwise, own)


def _rates(epochs: float, observe_at: tuple[float, ...]) -> dict[str, Schedule]:
    """Return a schedule for each activation on the digits: ReLU networks learn noise at small rates only."""
    rates = {"relu": 0.002, "tanh": 0.02}
    return {act: Schedule(epochs, 32, rate, "sum", observe_at) for act, rate in rates.items()}


SETTINGS: dict[str, Settings] = {
    "smoke": _on_digits("smoke", (0, 1, 2), 16, (0.0, 0.5), _rates(4, (0, 1, 2, 4))),
    "quick": _on_digits("quick", (0, 1, 2), 40, (0.0, 0.5), _rates(100, log_spaced_epochs(0.5, 100, 12))),
    "paper": Settings(
        "paper",
        PAPER_SEEDS,
        tuple(
            _as_in_fig11(images, activation, noise)
            for noise in (0.0, 0.1, 0.5, 0.9)
            for images in ("mnist", "cifar10")
            for activation in ACTIVATIONS
        ),
        as_in_fig7(PAPER_SEEDS),
        tuple(
            as_in_the_paper(images, activation, OWN, PAPER_SEEDS)
            for images in ("mnist", "cifar10")
            for activation in ACTIVATIONS
        ),
        reduced=("3 of 10 seeds", f"Fig. 11's networks with label noise: {NOISY_EPOCHS:.0f} of 1000 epochs"),
    ),
}
