"""What chapter 10 computes at each scale."""

from dataclasses import dataclass, replace

from feedback_alignment.experiments.best_practices_settings import PRACTICES as ALL_PRACTICES
from feedback_alignment.experiments.convolution_limits import ConvolutionLimits, Place, of_networks
from feedback_alignment.experiments.convolutional_networks import AT_ONE_RATE, TEACHERS, ConvolutionalNetworks, Teacher
from feedback_alignment.experiments.convolutions_printed import TEST
from feedback_alignment.experiments.kept_pieces import Work
from feedback_alignment.networks.training import Schedule

PRACTICES = tuple(practice for practice in ALL_PRACTICES if practice.name in TEST)
"""The rows of Table 4, in its order."""
OTHERS: tuple[Teacher, ...] = tuple(teacher for teacher in TEACHERS if teacher not in ("DFA", "released"))
"""Teachers beside those of Table 4."""


@dataclass(frozen=True)
class Settings:
    """Everything that the numbers of this chapter depend on."""

    profile: str
    seeds: tuple[int, ...]
    table: tuple[ConvolutionalNetworks, ...]
    """The rows of Table 4, as stated and as released."""
    others: tuple[ConvolutionalNetworks, ...]
    """The first row under other teachers."""
    limits: ConvolutionLimits
    reduced: tuple[str, ...] = ()

    @property
    def networks(self) -> tuple[ConvolutionalNetworks, ...]:
        """All networks."""
        return (*self.table, *self.others)

    @property
    def works(self) -> tuple[Work, ...]:
        """All pieces of work in the order in which they are done."""
        return (self.limits, *self.networks)

    @property
    def groups(self) -> dict[str, tuple[Work, ...]]:
        """The pieces by what they are for, in words that follow 'pieces'."""
        return {
            "on limits": (self.limits,),
            "of Table 4": self.table,
            "under other teachers": self.others,
        }


def taught_by(base: ConvolutionalNetworks, teacher: Teacher, one_rate: float) -> ConvolutionalNetworks:
    """Return the networks of `base` under another teacher; under one that needs one rate for all layers, with that."""
    if teacher not in AT_ONE_RATE:
        return replace(base, teacher=teacher)
    return replace(
        base, teacher=teacher, hidden_error_scale=1.0, schedule=replace(base.schedule, learning_rate=one_rate)
    )


def as_in_the_paper(seed: int) -> ConvolutionalNetworks:
    """Return the first row of Table 4, one member."""
    return ConvolutionalNetworks(
        images="cifar10",
        hidden=(128,),
        practice=PRACTICES[0],
        seeds=(seed,),
        hidden_error_scale=128,
        schedule=Schedule(50, 128, 5e-4, "mean", (1, 10, 50)),
        last_epoch_parts=10,
        dtype="float32",
        probe_samples=128,
        channels=(32, 64, 64),
        kernel=5,
        pools=((3, 2),) * 3,
        teacher="DFA",
    )


def on_digits(seeds: tuple[int, ...], channels: tuple[int, int, int], schedule: Schedule) -> ConvolutionalNetworks:
    """Return small networks on the digits, in float64; with so few pixels the first convolution does not pool."""
    return ConvolutionalNetworks(
        "digits",
        (32,),
        PRACTICES[0],
        seeds,
        schedule.batch,
        schedule,
        2,
        "float64",
        128,
        channels,
        3,
        ((1, 1), (2, 2), (2, 2)),
        "DFA",
    )


def _settings(
    profile: str,
    bases: tuple[ConvolutionalNetworks, ...],
    as_released: tuple[str, ...],
    others: tuple[Teacher, ...],
    one_rate: float,
    limits: ConvolutionLimits,
    reduced: tuple[str, ...] = (),
) -> Settings:
    table = [replace(base, practice=practice) for base in bases for practice in PRACTICES]
    table += [replace(each, teacher="released") for each in table if each.practice.name in as_released]
    return Settings(
        profile,
        tuple(seed for base in bases for seed in base.seeds),
        tuple(table),
        tuple(taught_by(base, teacher, one_rate) for base in bases for teacher in others),
        limits,
        reduced,
    )


LAUNAY = of_networks(("CNN, 10 classes",))
ON_DIGITS = (Place("digits 2", 8, 3, 1, (4, 8, 8)), Place("digits 3", 8, 3, 1, (8, 4, 4)))

SETTINGS: dict[str, Settings] = {
    "smoke": _settings(
        "smoke",
        (on_digits((0, 1), (2, 2, 2), Schedule(1, 256, 0.1, "mean", (1,))),),
        (PRACTICES[2].name,),
        OTHERS,
        0.3,
        ConvolutionLimits(ON_DIGITS, 10, 2, 1),
    ),
    "quick": _settings(
        "quick",
        (on_digits((0, 1, 2), (4, 8, 8), Schedule(1, 16, 0.1, "mean", (1,))),),
        (PRACTICES[0].name, PRACTICES[2].name),
        OTHERS,
        0.3,
        ConvolutionLimits((*ON_DIGITS, *LAUNAY), 10, 4, 2),
    ),
    "paper": _settings(
        "paper",
        tuple(as_in_the_paper(seed) for seed in range(3)),
        tuple(TEST),
        OTHERS,
        0.064,
        ConvolutionLimits((*LAUNAY, *of_networks(("VGG-16, 32 px, 10 classes",))), 10, 8, 3),
        ("3 of 10 seeds", "VGG-16 is not trained, and Fig. 3 is not drawn"),
    ),
}
