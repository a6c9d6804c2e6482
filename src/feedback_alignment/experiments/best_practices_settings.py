"""What chapter 09 computes at each scale."""

from dataclasses import dataclass, replace

from feedback_alignment.experiments.feedback_memory_counts import NETWORKS, FeedbackMemoryCounts
from feedback_alignment.experiments.kept_pieces import Work
from feedback_alignment.experiments.launay_networks import LaunayNetworks, Practice
from feedback_alignment.experiments.released_start import NetworksFromReleasedStart
from feedback_alignment.networks.training import Schedule

PRACTICES = (
    Practice("norm"),
    Practice("no norm", feedback_scale=1.0),
    Practice("norm + BN", batch_norm=True),
    Practice("norm + |x|", "abs"),
    Practice("norm + ReLU", "relu"),
    Practice("norm + lReLU(-0.5)", "leaky_relu(-0.5)"),
    Practice("norm + lReLU(0.01)", "leaky_relu(0.01)"),
    Practice("norm + DO(0.5)", dropout=0.5),
    Practice("norm + DO(0.1)", dropout=0.1),
)
"""The rows of Table 2, in its order."""
SLOWER = ("norm + |x|", "norm + lReLU(-0.5)")
"""Practices that the paper trains with a fifth of the others' learning rate."""
SLOWER_BY = 5
SMALL_NETWORKS = tuple(name for name in NETWORKS if "224" not in name)


@dataclass(frozen=True)
class Settings:
    """Everything that the numbers of this chapter depend on."""

    profile: str
    seeds: tuple[int, ...]
    table: tuple[LaunayNetworks, ...]
    """The rows of Table 2, each in one ensemble or in several with other members."""
    ratios: tuple[LaunayNetworks, ...]
    """The first row once more, with other ratios of hidden to output learning rate."""
    starts: tuple[NetworksFromReleasedStart, ...]
    """Rows of Table 2 once more, from the weights that the released code starts with; the first row among them."""
    memory: FeedbackMemoryCounts
    reduced: tuple[str, ...] = ()

    @property
    def works(self) -> tuple[Work, ...]:
        """All pieces of work in the order in which they are done."""
        return (self.memory, *self.table, *self.ratios, *self.starts)

    @property
    def groups(self) -> dict[str, tuple[Work, ...]]:
        """The pieces by what they are for, in words that follow 'pieces'."""
        return {
            "of Table 1": (self.memory,),
            "of Table 2": self.table,
            "with other ratios of rates": self.ratios,
            "from the released start": self.starts,
        }


def rows(base: LaunayNetworks) -> tuple[LaunayNetworks, ...]:
    """Return the networks of `base` under each practice of Table 2, with the learning rates in its proportion."""
    rate = base.schedule.learning_rate
    if isinstance(rate, tuple):
        raise ValueError(f"the practices need one learning rate for all members; got {rate}")
    slow = replace(base.schedule, learning_rate=rate / SLOWER_BY)
    return tuple(
        replace(base, practice=practice, schedule=slow if practice.name in SLOWER else base.schedule)
        for practice in PRACTICES
    )


def as_in_the_paper(seeds: tuple[int, ...]) -> LaunayNetworks:
    """Return the first row of Table 2."""
    return LaunayNetworks(
        images="cifar10",
        hidden=(800, 800, 800),
        practice=PRACTICES[0],
        seeds=seeds,
        hidden_error_scale=128,
        schedule=Schedule(50, 128, 5e-4, "mean", (1, 3, 10, 25, 50)),
        last_epoch_parts=10,
        dtype="float32",
        probe_samples=128,
    )


def on_digits(seeds: tuple[int, ...], width: int, schedule: Schedule, ratio: float) -> LaunayNetworks:
    """Return small networks on the digits, in float64."""
    return LaunayNetworks("digits", (width,) * 3, PRACTICES[0], seeds, ratio, schedule, 4, "float64", 128)


def _settings(
    profile: str,
    bases: tuple[LaunayNetworks, ...],
    ratios: tuple[float, ...],
    in_process: tuple[str, ...],
    drawn: tuple[str, ...],
    from_released_start: tuple[Practice, ...] = PRACTICES[:1],
) -> Settings:
    """Return the settings whose members are those of all `bases`, each an ensemble of its own in every row."""
    table = tuple(row for base in bases for row in rows(base))
    return Settings(
        profile,
        tuple(seed for base in bases for seed in base.seeds),
        table,
        tuple(replace(base, hidden_error_scale=ratio) for base in bases for ratio in ratios),
        tuple(NetworksFromReleasedStart.like(row) for row in table if row.practice in from_released_start),
        FeedbackMemoryCounts(drawn, in_process),
    )


SETTINGS: dict[str, Settings] = {
    "smoke": _settings(
        "smoke", (on_digits((0, 1), 12, Schedule(2, 256, 0.01, "mean", (1, 2)), 64),), (1.0,), (), SMALL_NETWORKS[:2]
    ),
    "quick": _settings(
        "quick",
        (on_digits((0, 1, 2), 40, Schedule(14, 64, 0.01, "mean", (1, 4, 14)), 64),),
        (1.0, 8.0, 512.0),
        (),
        SMALL_NETWORKS,
    ),
    "paper": replace(
        _settings(
            "paper",
            (as_in_the_paper((0,)), as_in_the_paper((1,))),
            (1.0, 11.3, 1200.0),
            (*SMALL_NETWORKS[2:], "VGG-16, 224 px, 10 classes"),
            (*SMALL_NETWORKS, "VGG-16, 224 px, 10 classes"),
            PRACTICES,
        ),
        reduced=("2 of 10 seeds",),
    ),
}
