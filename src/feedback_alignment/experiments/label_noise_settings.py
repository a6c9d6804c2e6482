"""What chapter 08 computes at each scale."""

from dataclasses import dataclass
from typing import Any

from feedback_alignment.experiments.deep_ensembles import log_spaced_epochs
from feedback_alignment.experiments.label_noise_ensembles import NoisyEnsemble
from feedback_alignment.networks.training import Schedule

CHANCES = (2, 5, 10)
"""Levels of weight alignment at which an onset is read, in standard deviations of a random layer's cosine."""
NOISES = (0.0, 0.1, 0.2, 0.5, 0.9, 1.0)
"""Shares of noisy labels in Fig. 9, and all."""
GRADIENT_LEVEL = 0.2
"""Level of gradient alignment at which its onset is read."""


@dataclass(frozen=True)
class Settings:
    """Everything that the numbers of this chapter depend on. Each ensemble is one piece of work."""

    profile: str
    seeds: tuple[int, ...]
    noisy: tuple[NoisyEnsemble, ...]
    """The networks of Fig. 9, for every share of noisy labels; this book adds the share 1, where all is noise."""
    controls: tuple[NoisyEnsemble, ...]
    """The same with labels shuffled, with softened targets, and with silent outputs at the start."""
    levels: tuple[float, ...]
    """Levels of weight alignment at which onsets are read, ascending; conclusions are drawn at the middle one."""
    reduced: tuple[str, ...] = ()

    @property
    def ensembles(self) -> tuple[NoisyEnsemble, ...]:
        """All of them, those of the figure first."""
        return (*self.noisy, *self.controls)

    @property
    def groups(self) -> dict[str, tuple[NoisyEnsemble, ...]]:
        """The ensembles by what they are for, in words that follow 'ensembles'."""
        return {"of Fig. 9 and of noise alone": self.noisy, "beside them": self.controls}


def variant(settings: NoisyEnsemble) -> str:
    """Return which kind an ensemble is of: 'drawn', 'shuffled', 'softened' or 'silent start'."""
    return "silent start" if settings.start == "silent" else settings.corruption


def _levels(width: int) -> tuple[float, ...]:
    """Return multiples of 1/width, the standard deviation of a layer's weight alignment before training."""
    return tuple(each / width for each in CHANCES)


def _settings(
    profile: str, common: dict[str, Any], width: int, noises: tuple[float, ...], reduced: tuple[str, ...] = ()
) -> Settings:
    def one(noise: float, corruption: Any = "drawn", start: Any = "as drawn") -> NoisyEnsemble:
        return NoisyEnsemble(
            **common,
            hidden=(width, width),
            activation="relu",
            rule="DFA",
            feedback_seeds=(0,) * len(common["seeds"]),
            label_noise=noise,
            corruption=corruption,
            start=start,
        )

    return Settings(
        profile,
        common["seeds"],
        tuple(one(noise) for noise in noises),
        (one(0.9, "shuffled"), one(0.9, "softened"), one(0.0, start="silent"), one(0.9, start="silent")),
        _levels(width),
        reduced,
    )


def _on_digits(
    profile: str, seeds: tuple[int, ...], width: int, noises: tuple[float, ...], schedule: Schedule
) -> Settings:
    common = {
        "images": "digits",
        "side": None,
        "seeds": seeds,
        "schedule": schedule,
        "dtype": "float64",
        "probe_samples": 200,
    }
    return _settings(profile, common, width, noises)


def _on_cifar10() -> Settings:
    common = {
        "images": "cifar10",
        "side": 14,
        "seeds": (0, 1, 2, 3, 4),
        "schedule": Schedule(60, 32, 1e-4, "sum", log_spaced_epochs(0.1, 60, 28)),
        "dtype": "float32",
        "probe_samples": 1000,
    }
    return _settings("paper", common, 100, NOISES, ("5 of 10 seeds",))


SETTINGS: dict[str, Settings] = {
    "smoke": _on_digits("smoke", (0, 1, 2), 16, (0.0, 0.9, 1.0), Schedule(4, 32, 0.004, "sum", (0, 0.5, 1, 2, 4))),
    "quick": _on_digits(
        "quick",
        (0, 1, 2, 3),
        50,
        NOISES,
        Schedule(18, 32, 0.004, "sum", log_spaced_epochs(0.1, 18, 17)),
    ),
    "paper": _on_cifar10(),
}
