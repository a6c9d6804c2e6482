"""How fast convolutional networks train in lockstep, as ratios measured in one run: python benchmarks/convolutions.py.

The competitor is back-propagation by PyTorch's own modules and autograd, one network after the other, with data in
memory. Two sizes: the network of Launay et al. 2019 on images of 32 x 32 pixels, where a step is almost all arithmetic,
and a small one on 8 x 8, where members share the cost of calls and an ensemble takes about twice as many steps.

At 32 x 32 on one thread a grouped convolution costs what single ones do: under DFA an ensemble keeps pace with the
loop, under BP it takes about 0.85 of its steps, for autograd forms the gradients of a convolution's weights and inputs
in one call, and the general path, which must allow any signal in between, in two.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from feedback_alignment.companion import measurements
from feedback_alignment.companion.measurements import Report
from feedback_alignment.networks import BP, DFA, Rule, StepSize, cnn
from feedback_alignment.networks.losses import one_hot

STEP = StepSize(1e-4, "mean")


@dataclass(frozen=True)
class Size:
    """One architecture: 5 x 5 filters, tanh, pooling by 3 with stride 2, one hidden layer, ten outputs."""

    name: str
    image: tuple[int, int, int]
    channels: tuple[int, ...]
    hidden: int
    members: int
    batch: int
    bound: str


SIZES = (
    Size("Launay's network, 32 x 32", (3, 32, 32), (32, 64, 64), 128, 4, 32, "arithmetic of the convolutions"),
    Size("a small one, 8 x 8", (1, 8, 8), (8,), 32, 10, 32, "calls, which members share"),
)


def ensemble(size: Size, rule: Rule) -> Callable[[], None]:
    network = cnn(size.image, size.channels, (size.hidden,), 10, rule, range(size.members))
    inputs, targets = samples(size)
    return lambda: network.update(rule, inputs, targets, STEP)


def loop(size: Size) -> Callable[[], None]:
    def single() -> nn.Sequential:
        below, layers, side = size.image[0], [], size.image[1]
        for channels in size.channels:
            layers += [nn.Conv2d(below, channels, 5, padding=2), nn.Tanh(), nn.MaxPool2d(3, 2)]
            below, side = channels, (side - 3) // 2 + 1
        return nn.Sequential(
            *layers, nn.Flatten(), nn.Linear(below * side * side, size.hidden), nn.Tanh(), nn.Linear(size.hidden, 10)
        )

    networks = [single() for _ in range(size.members)]
    parameters = [list(network.parameters()) for network in networks]
    inputs, targets = samples(size)
    labels = targets.argmax(-1)

    def step() -> None:
        for network, own, x, y in zip(networks, parameters, inputs, labels, strict=True):
            gradients = torch.autograd.grad(nn.functional.cross_entropy(network(x), y), own)
            with torch.no_grad():
                for parameter, gradient in zip(own, gradients, strict=True):
                    parameter.sub_(gradient, alpha=STEP.rates[0])

    return step


def samples(size: Size) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    labels = torch.randint(10, (size.members, size.batch), generator=draw)
    inputs = torch.randn((size.members, size.batch, *size.image), generator=draw)
    return inputs, one_hot(labels, 10, torch.float32)


def steps_per_second(step: Callable[[], None], seconds: float) -> float:
    count, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        step()
        count += 1
    return count / elapsed


def compare(report: Report, size: Size, repeats: int, seconds: float) -> None:
    running = {"loop": loop(size), "BP": ensemble(size, BP()), "DFA": ensemble(size, DFA())}
    for step in running.values():
        step()
    rounds = [{name: steps_per_second(step, seconds) for name, step in running.items()} for _ in range(repeats)]
    report.under(f"{size.name}, {size.members} members, batch {size.batch}, against a loop over single networks")
    report.say("loop, BP: network-steps", [size.members * one["loop"] for one in rounds], unit="a second")
    for rule in ("BP", "DFA"):
        report.say(f"ensemble, {rule}: times the loop", [one[rule] / one["loop"] for one in rounds], bound=size.bound)


def main() -> None:
    chosen = measurements.options(__doc__, repeats=7, seconds=1.0)
    torch.set_num_threads(1)
    report = Report("convolutions", "Convolutional networks, float32, one thread; the competitors take turns.")
    for size in SIZES:
        compare(report, size, chosen.repeats, chosen.seconds)
    report.write(chosen.into)


if __name__ == "__main__":
    main()
