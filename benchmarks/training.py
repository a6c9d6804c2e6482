"""How fast networks train in lockstep, as ratios measured in one run: python benchmarks/training.py.

What bounds it, on one thread of a processor with AVX-512 and 1 MB of second-level cache: a step of ten members reaches
about half the rate of a large matrix product. Two thirds of its time are the batched products, which on matrices of
32 x 100 run at about 0.8 of that rate; a fifth is tanh, a twentieth each are the softmax and gathering the batches with
all other element-wise work. Against one network under autograd, whose step is mostly the cost of calls, this is about
twice as many network-steps per second; a single member in this form gets about 0.7 of what it gets among ten.

Forty members get about 0.8 of that each: their weights (6.5 MB) no longer stay in the cache between the forward pass
and the update. Training them in groups of ten gives the same bits and about a tenth of the time back, and gathering by
`index_select` saves three per cent: neither was thought worth its lines.

Two threads pay only where two cores are free. With another busy process on one of them, every parallel region waits for
the slower thread, and a step takes ten to a hundred times as long as on one thread.
"""

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Iterator

import torch

from feedback_alignment.networks import DFA, mlp
from feedback_alignment.networks.losses import one_hot
from feedback_alignment.networks.training import batches, step

SIZES = (196, 100, 100, 100, 10)
BATCH, SAMPLES, RATE = 32, 3200, 1e-4


def multiply_adds() -> int:
    """Multiply-adds of one network's DFA step: forward, the three products F_l e, and all weight updates."""
    layers = sum(above * below for below, above in itertools.pairwise(SIZES))
    feedback = sum(width * SIZES[-1] for width in SIZES[1:-1])
    return BATCH * (2 * layers + feedback)


def samples() -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    return torch.randn(SAMPLES, SIZES[0], generator=draw), torch.randint(SIZES[-1], (SAMPLES,), generator=draw)


def ensemble_steps(members: int) -> Iterator[None]:
    """Training steps as `networks.train` takes them: gather each member's batch, then one step of all members."""
    inputs, labels = samples()
    targets = one_hot(labels, SIZES[-1], inputs.dtype)
    network = mlp(SIZES, DFA(), range(members))
    for epoch in itertools.count():
        for chosen in torch.from_numpy(batches(network.seeds, epoch, SAMPLES, BATCH)).unbind(1):
            step(network, DFA(), inputs[chosen], targets[chosen], RATE)
            yield


def autograd_steps() -> Iterator[None]:
    """Back-propagation of one network with PyTorch's own tools and data in memory, with nothing to spare."""
    inputs, labels = samples()
    weights = [W[0].requires_grad_() for W in mlp(SIZES, DFA(), [0]).weights]
    for epoch in itertools.count():
        for chosen in torch.from_numpy(batches((0,), epoch, SAMPLES, BATCH))[0]:
            h = inputs[chosen]
            for W in weights[:-1]:
                h = torch.tanh(h @ W.T)
            loss = torch.nn.functional.cross_entropy(h @ weights[-1].T, labels[chosen])
            gradients = torch.autograd.grad(loss, weights)
            with torch.no_grad():
                for W, gradient in zip(weights, gradients, strict=True):
                    W.sub_(gradient, alpha=RATE)
            yield


def product_steps(side: int = 1024) -> Iterator[None]:
    """Products of two square matrices, side³ multiply-adds each."""
    a, b, c = torch.randn(side, side), torch.randn(side, side), torch.empty(side, side)
    while True:
        torch.mm(a, b, out=c)
        yield


def steps_per_second(steps: Iterator[None], seconds: float) -> float:
    count, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        next(steps)
        count += 1
    return count / elapsed


def measure(repeats: int, seconds: float) -> dict[str, list[float]]:
    """Rates of all competitors in turn, `repeats` rounds, so that a disturbance meets all of them alike."""
    makers: dict[str, Callable[[], Iterator[None]]] = {
        "autograd": autograd_steps,
        "product": product_steps,
        "1": lambda: ensemble_steps(1),
        "10": lambda: ensemble_steps(10),
        "40": lambda: ensemble_steps(40),
    }
    running = {name: maker() for name, maker in makers.items()}
    for steps in running.values():
        steps_per_second(steps, seconds / 4)
    rounds = [{name: steps_per_second(steps, seconds) for name, steps in running.items()} for _ in range(repeats)]
    return {name: [measured[name] for measured in rounds] for name in running}


def ratio(ours: list[float], theirs: list[float]) -> list[float]:
    """Round by round."""
    return [one / other for one, other in zip(ours, theirs, strict=True)]


def spread(values: list[float]) -> str:
    """Median, and in brackets the smallest and largest."""
    return f"{statistics.median(values):8.3g}  [{min(values):.3g}, {max(values):.3g}]"


def report(threads: int, repeats: int, seconds: float) -> None:
    torch.set_num_threads(threads)
    rates = measure(repeats, seconds)
    per_network = {members: [rate * members for rate in rates[str(members)]] for members in (1, 10, 40)}
    arithmetic = [rate * 1024**3 for rate in rates["product"]]
    reached = {
        members: [multiply_adds() * part for part in ratio(per_network[members], arithmetic)] for members in (10, 40)
    }
    print(f"\n{threads} thread{'s' * (threads > 1)}, median [smallest, largest] of {repeats} rounds")
    for label, values in (
        ("DFA, 10 members: network-steps per second", per_network[10]),
        ("  times those of one network by autograd (BP)", ratio(per_network[10], rates["autograd"])),
        ("  part of the rate of a 1024 x 1024 matrix product", reached[10]),
        ("DFA, 40 members: network-steps per second, against 10", ratio(per_network[40], per_network[10])),
        ("  part of the rate of the matrix product", reached[40]),
        ("DFA, 1 member: network-steps per second, against 10", ratio(per_network[1], per_network[10])),
        ("autograd: microseconds a step", [1e6 / rate for rate in rates["autograd"]]),
        ("matrix product: 10^9 multiply-adds per second", [rate / 1e9 for rate in arithmetic]),
    ):
        print(f"{label:58s}{spread(values)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.5, help="measured time of each competitor in each round")
    chosen = parser.parse_args()
    print(
        f"{'-'.join(map(str, SIZES))}, tanh, float32, batch {BATCH}: {multiply_adds():,} multiply-adds a network-step"
    )
    for threads in (1, 2):
        report(threads, chosen.repeats, chosen.seconds)


if __name__ == "__main__":
    main()
