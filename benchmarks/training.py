"""How fast networks train, as ratios measured in one run: python benchmarks/training.py.

Each network takes its steps alone, in a compiled loop, so that its weights (0.16 MB here) stay in its core's own cache
from the forward pass to the update and from step to step; networks are shared out between threads. Hence as many
network-steps a second with 40 members as with 10, and one member alone is slower only by the copying of its weights
in and out and by leaving the other threads without work.

What bounds it: a step is half to two thirds arithmetic in the products, which run about as fast on matrices of 32 x 100
as a large product does, because nothing is packed first. The rest goes over the activities, a few bytes for each
operation: gathering the batch and turning it round, tanh, slopes, softmax. On one thread of a processor with AVX2 that
is half of the rate of a large product or a little more; on two threads the large product loses more than the networks
do. The literal steps of the same ensemble, in batched products, take two to three times as long.

The two loops over one network, by autograd, run on one thread, which suits such small products best. Where another
process keeps one of two cores busy, torch's own parallel regions wait for the slower thread: the literal steps and the
large product then measure the disturbance rather than themselves, and the ratios of one thread are the ones to read.
"""

import itertools
import time
from collections.abc import Callable, Iterator

import torch

from feedback_alignment.companion import measurements
from feedback_alignment.companion.measurements import Report
from feedback_alignment.networks import DFA, mlp
from feedback_alignment.networks.ensemble import StepSize
from feedback_alignment.networks.losses import one_hot
from feedback_alignment.networks.training import batches

SIZES = (196, 100, 100, 100, 10)
BATCH, SAMPLES, RATE = 32, 3200, 1e-4
ALONE = ("autograd", "usual")
"""Competitors that run on one thread whatever the others have."""
BOUND = "arithmetic in the products, and passes over the activities"


def multiply_adds() -> int:
    """Multiply-adds of one network's DFA step: forward, the three products F_l e, and all weight updates."""
    layers = sum(above * below for below, above in itertools.pairwise(SIZES))
    feedback = sum(width * SIZES[-1] for width in SIZES[1:-1])
    return BATCH * (2 * layers + feedback)


def samples() -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    return torch.randn(SAMPLES, SIZES[0], generator=draw), torch.randint(SIZES[-1], (SAMPLES,), generator=draw)


def ensemble_steps(members: int) -> Iterator[int]:
    """Training as `networks.train` does it: an epoch's orders, then all its steps in one call."""
    inputs, labels = samples()
    targets = one_hot(labels, SIZES[-1], inputs.dtype)
    network = mlp(SIZES, DFA(), range(members))
    for epoch in itertools.count():
        orders = torch.from_numpy(batches(network.seeds, epoch, SAMPLES, BATCH))
        network.update_many(DFA(), inputs, targets, orders, StepSize(RATE, "sum"))
        yield orders.shape[1] * members


def literal_steps(members: int) -> Iterator[int]:
    """The same steps one by one, all members in batched products."""
    inputs, labels = samples()
    targets = one_hot(labels, SIZES[-1], inputs.dtype)
    network = mlp(SIZES, DFA(), range(members))
    for epoch in itertools.count():
        for chosen in torch.from_numpy(batches(network.seeds, epoch, SAMPLES, BATCH)).unbind(1):
            network.update(DFA(), inputs[chosen], targets[chosen], StepSize(RATE, "sum"))
            yield members


def usual_steps() -> Iterator[int]:
    """DFA of one network as it is usually written: modules, a DataLoader, autograd within each layer, an optimiser."""
    network = mlp(SIZES, DFA(), [0])
    layers = [torch.nn.Linear(below, above, bias=False) for below, above in itertools.pairwise(SIZES)]
    with torch.no_grad():
        for layer, W in zip(layers, network.weights, strict=True):
            layer.weight.copy_(W[0])
    optimiser = torch.optim.SGD([layer.weight for layer in layers], lr=RATE)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*samples()), BATCH, shuffle=True)
    while True:
        for x, labels in loader:
            activities = [x]
            for layer in layers[:-1]:
                activities.append(torch.tanh(layer(activities[-1].detach())))
            logits = layers[-1](activities[-1].detach())
            loss = torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
            (e,) = torch.autograd.grad(loss, logits, retain_graph=True)
            optimiser.zero_grad()
            signals = [e @ F[0].T for F in network.feedback]
            torch.autograd.backward([loss, *activities[1:]], [None, *signals])
            optimiser.step()
            yield 1


def autograd_steps() -> Iterator[int]:
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
            yield 1


def product_steps(side: int = 1024) -> Iterator[int]:
    """Products of two square matrices, side³ multiply-adds each."""
    a, b, c = torch.randn(side, side), torch.randn(side, side), torch.empty(side, side)
    while True:
        torch.mm(a, b, out=c)
        yield 1


def steps_per_second(steps: Iterator[int], seconds: float) -> float:
    """Rate of a loop that says each time how many steps it has taken, of all networks together."""
    count, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        count += next(steps)
    return count / elapsed


def measured_on(threads: int, steps: Iterator[int], seconds: float) -> float:
    torch.set_num_threads(threads)
    return steps_per_second(steps, seconds)


def measure(threads: int, repeats: int, seconds: float) -> dict[str, list[float]]:
    """Rates of all competitors in turn, `repeats` rounds, so that a disturbance meets all of them alike."""
    makers: dict[str, Callable[[], Iterator[int]]] = {
        "autograd": autograd_steps,
        "usual": usual_steps,
        "product": product_steps,
        "literal": lambda: literal_steps(10),
        "1": lambda: ensemble_steps(1),
        "10": lambda: ensemble_steps(10),
        "40": lambda: ensemble_steps(40),
    }
    running = {name: maker() for name, maker in makers.items()}
    for name, steps in running.items():
        measured_on(1 if name in ALONE else threads, steps, seconds / 4)
    rounds = [
        {name: measured_on(1 if name in ALONE else threads, steps, seconds) for name, steps in running.items()}
        for _ in range(repeats)
    ]
    return {name: [measured[name] for measured in rounds] for name in running}


def ratio(ours: list[float], theirs: list[float]) -> list[float]:
    """Round by round."""
    return [one / other for one, other in zip(ours, theirs, strict=True)]


def compare(report: Report, threads: int, repeats: int, seconds: float) -> None:
    """Say the ratios; the goals are those of two free cores."""
    rates = measure(threads, repeats, seconds)
    arithmetic = [rate * 1024**3 for rate in rates["product"]]
    reached = {members: [multiply_adds() * r for r in ratio(rates[members], arithmetic)] for members in ("10", "40")}
    report.under(f"{threads} thread{'s' * (threads > 1)}")
    for row, values, unit, more in (
        ("network-steps", rates["10"], "a second", {}),
        ("times one network by autograd (BP)", ratio(rates["10"], rates["autograd"]), "", {"least": 4}),
        ("times one network by DataLoader and autograd", ratio(rates["10"], rates["usual"]), "", {"least": 10}),
        ("times the literal steps of 10 members", ratio(rates["10"], rates["literal"]), "", {}),
        ("part of the rate of a 1024 x 1024 matrix product", reached["10"], "", {"least": 0.6}),
    ):
        goal = more if threads == 2 else {}
        report.say(f"DFA, 10 members: {row}", values, unit=unit, bound=BOUND if more else "", **goal)
    cache = "the cache of each core, which holds one member"
    goal = {"least": 0.98} if threads == 2 else {}
    report.say("DFA, 40 members / 10 members, steps a second", ratio(rates["40"], rates["10"]), bound=cache, **goal)
    report.say("DFA, 40 members: part of the rate of the matrix product", reached["40"])
    alone = "copies of the weights, and threads without work"
    report.say("DFA, 1 member / 10 members, steps a second", ratio(rates["1"], rates["10"]), bound=alone)
    report.say("autograd: a step", [1e6 / rate for rate in rates["autograd"]], unit="µs")
    report.say("matrix product: multiply-adds", [rate / 1e9 for rate in arithmetic], unit="billions a second")


def main() -> None:
    chosen = measurements.options(__doc__, repeats=7, seconds=0.5)
    about = (
        f"{'-'.join(map(str, SIZES))}, tanh, float32, batch {BATCH}: {multiply_adds():,} multiply-adds a network-step."
    )
    report = Report("training", about)
    for threads in (1, 2):
        compare(report, threads, chosen.repeats, chosen.seconds)
    report.write(chosen.into)


if __name__ == "__main__":
    main()
