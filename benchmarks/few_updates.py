"""Five updates by FA, many times over: one ensemble against a loop, as ratios: python benchmarks/few_updates.py.

Two sizes: the network of Chu and Bacho 2024 on MNIST's 784 pixels, where a step is almost all arithmetic, and a small
one on 64 pixels, where members share the cost of calls. Both go step by step, as `few_updates` does.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from feedback_alignment.companion import measurements
from feedback_alignment.companion.measurements import Report
from feedback_alignment.networks import FA, Perceptrons, ScaledNormal, Signs, StepSize, mlp
from feedback_alignment.networks.losses import one_hot

STEP = StepSize(0.05, "mean")
UPDATES = 5


@dataclass(frozen=True)
class Size:
    """One network, how many repeats are measured, and the samples of a batch."""

    name: str
    sizes: tuple[int, ...]
    repeats: int
    batch: int
    bound: str


SIZES = (
    Size("Chu and Bacho's network", (784, 700, 1000, 10), 20, 100, "arithmetic"),
    Size("a small one", (64, 60, 80, 10), 500, 20, "calls, which members share"),
)


def made(size: Size, seeds: range) -> Perceptrons:
    return mlp(size.sizes, FA(), seeds, initialisation=ScaledNormal(0.05), feedback=Signs(1.0))


def samples(size: Size) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    labels = torch.randint(10, (size.repeats, size.batch), generator=draw)
    return torch.rand((size.repeats, size.batch, size.sizes[0]), generator=draw), one_hot(labels, 10, torch.float32)


def ensemble(size: Size) -> Callable[[], None]:
    network, (inputs, targets) = made(size, range(size.repeats)), samples(size)

    def run() -> None:
        for _ in range(UPDATES):
            network.update(FA(), inputs, targets, STEP)

    return run


def loop(size: Size) -> Callable[[], None]:
    networks, (inputs, targets) = [made(size, range(s, s + 1)) for s in range(size.repeats)], samples(size)

    def run() -> None:
        for index, network in enumerate(networks):
            for _ in range(UPDATES):
                network.update(FA(), inputs[index : index + 1], targets[index : index + 1], STEP)

    return run


def seconds(run: Callable[[], None]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def compare(report: Report, size: Size, rounds: int) -> None:
    together, apart = ensemble(size), loop(size)
    together()
    apart()
    ratios = [seconds(apart) / seconds(together) for _ in range(rounds)]
    report.say(f"{size.name}, {size.repeats} repeats: the loop's time / the ensemble's", ratios, bound=size.bound)


def main() -> None:
    chosen = measurements.options(__doc__, rounds=7)
    torch.set_num_threads(1)
    report = Report("few_updates", f"{UPDATES} updates by FA, float32, one thread, processor time.")
    report.under("one ensemble against a loop")
    for size in SIZES:
        compare(report, size, chosen.rounds)
    report.write(chosen.into)


if __name__ == "__main__":
    main()
