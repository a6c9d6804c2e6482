"""What chapter 10 computes at each scale."""

from dataclasses import dataclass, replace

from feedback_alignment.experiments.best_practices_settings import PRACTICES as ALL_PRACTICES
from feedback_alignment.experiments.convolution_limits import ConvolutionLimits, Place, of_networks
from feedback_alignment.experiments.convolutional_networks import AT_ONE_RATE, TEACHERS, ConvolutionalNetworks, Teacher
from feedback_alignment.experiments.convolutions_printed import TEST
from feedback_alignment.experiments.filter_images import FilterImages
from feedback_alignment.experiments.kept_pieces import Work
from feedback_alignment.experiments.vgg_networks import VGG_TEACHERS, VggNetworks
from feedback_alignment.networks.activation_maximisation import Ascent
from feedback_alignment.networks.architectures import VGG16
from feedback_alignment.networks.training import Schedule

PRACTICES = tuple(practice for practice in ALL_PRACTICES if practice.name in TEST)
"""The rows of Table 4, in its order."""
NEVER_TRAINED = tuple(range(100, 124))
"""Seeds of the untrained networks that the images of filters are held against."""
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
    filters: tuple[FilterImages, ...]
    """What the filters of the second convolution respond to."""
    vgg: tuple[VggNetworks, ...]
    """Networks like VGG under each teacher."""
    reduced: tuple[str, ...] = ()

    @property
    def networks(self) -> tuple[ConvolutionalNetworks, ...]:
        """All networks."""
        return (*self.table, *self.others)

    @property
    def works(self) -> tuple[Work, ...]:
        """All pieces of work in the order in which they are done."""
        return (self.limits, *self.networks, *self.filters, *self.vgg)

    @property
    def groups(self) -> dict[str, tuple[Work, ...]]:
        """The pieces by what they are for, in words that follow 'pieces'."""
        return {
            "on limits": (self.limits,),
            "of Table 4": self.table,
            "under other teachers": self.others,
            "of Fig. 3": self.filters,
            "of VGG": self.vgg,
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


def images_of_filters(
    base: ConvolutionalNetworks, one_rate: float, filters: int, ascent: Ascent
) -> tuple[FilterImages, ...]:
    """Return what the second convolution of `base` responds to under BP and DFA, and that of untrained networks."""
    untrained = replace(base, seeds=NEVER_TRAINED, schedule=replace(base.schedule, epochs=0, observe_at=(0,)))
    ensembles = (untrained, taught_by(base, "BP", one_rate), base)
    return tuple(FilterImages(each, 2, filters, ascent) for each in ensembles)


def like_vgg(base: VggNetworks, ratio: float) -> tuple[VggNetworks, ...]:
    """Return `base` under each teacher; `ratio` is that of the hidden layers' rate to the outputs' under DFA."""
    return tuple(
        replace(base, teacher=teacher, hidden_error_scale=ratio if teacher == "DFA" else 1.0)
        for teacher in VGG_TEACHERS
    )


def _settings(
    profile: str,
    bases: tuple[ConvolutionalNetworks, ...],
    as_released: tuple[str, ...],
    others: tuple[Teacher, ...],
    one_rate: float,
    limits: ConvolutionLimits,
    filters: tuple[FilterImages, ...],
    vgg: tuple[VggNetworks, ...],
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
        filters,
        vgg,
        reduced,
    )


LAUNAY = of_networks(("CNN, 10 classes",))
ON_DIGITS = (Place("digits 2", 8, 3, 1, (4, 8, 8)), Place("digits 3", 8, 3, 1, (8, 4, 4)))

SMALLEST = on_digits((0, 1), (2, 2, 2), Schedule(1, 256, 0.1, "mean", (1,)))
SMALL = on_digits((0, 1, 2), (4, 8, 8), Schedule(1, 16, 0.1, "mean", (1,)))
FEWER_EPOCHS = replace(
    as_in_the_paper(0), seeds=(0, 1, 2), schedule=replace(as_in_the_paper(0).schedule, epochs=10, observe_at=(10,))
)

VGG16_ON_CIFAR10 = VggNetworks(
    "cifar10",
    VGG16,
    (512,),
    "BP",
    (0,),
    10_000,
    2_000,
    Schedule(10, 128, 1e-2, "mean", tuple(range(11))),
    momentum=0.9,
    patience=5,
    hidden_error_scale=1.0,
    dtype="float32",
    probe_samples=128,
)
VGG_ON_DIGITS = replace(
    VGG16_ON_CIFAR10,
    images="digits",
    groups=((2, 4), (2, 8)),
    hidden=(16,),
    seeds=(0, 1),
    samples=1200,
    validation=200,
    schedule=Schedule(2, 32, 2e-2, "mean", (0, 1, 2)),
    dtype="float64",
    probe_samples=64,
)
VGG_SMALLEST = replace(
    VGG_ON_DIGITS,
    groups=((1, 2), (1, 4)),
    samples=256,
    validation=100,
    schedule=Schedule(1, 128, 2e-2, "mean", (0, 1)),
)

SETTINGS: dict[str, Settings] = {
    "smoke": _settings(
        "smoke",
        (SMALLEST,),
        (PRACTICES[2].name,),
        OTHERS,
        0.3,
        ConvolutionLimits(ON_DIGITS, 10, 2, 1),
        images_of_filters(SMALLEST, 0.3, 2, Ascent(10, 0.1)),
        like_vgg(VGG_SMALLEST, 0.1),
    ),
    "quick": _settings(
        "quick",
        (SMALL,),
        (PRACTICES[0].name,),
        OTHERS,
        0.3,
        ConvolutionLimits((*ON_DIGITS, *LAUNAY), 10, 4, 2),
        images_of_filters(SMALL, 0.3, 8, Ascent(30, 0.1)),
        like_vgg(VGG_ON_DIGITS, 0.1),
    ),
    "paper": _settings(
        "paper",
        tuple(as_in_the_paper(seed) for seed in range(3)),
        tuple(TEST),
        OTHERS,
        0.064,
        ConvolutionLimits((*LAUNAY, *of_networks(("VGG-16, 32 px, 10 classes",))), 10, 8, 3),
        images_of_filters(FEWER_EPOCHS, 0.064, 16, Ascent(100, 0.1)),
        like_vgg(VGG16_ON_CIFAR10, 0.1),
        (
            "3 of 10 seeds",
            "VGG-16 on 10,000 images for 10 epochs, 1 seed",
            "Fig. 3 is of the network of Table 4 after 10 of 50 epochs",
        ),
    ),
}
