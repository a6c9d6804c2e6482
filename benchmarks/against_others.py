"""This package beside biotorch, on one task: `python benchmarks/against_others.py`.

Gradients of equal networks on one batch, the accuracy that equal training on digits reaches, and the time of a step.
biotorch is not among the project's dependencies: `python -m pip install --no-deps biotorch==0.0.16`.
"""

import itertools
import sys
import time
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from feedback_alignment.companion import measurements
from feedback_alignment.companion.measurements import Report
from feedback_alignment.experiments import biotorch_networks as theirs
from feedback_alignment.networks import Perceptrons, Schedule, StepSize, accuracy, data, mlp, train
from feedback_alignment.networks.losses import one_hot
from feedback_alignment.networks.training import batches

SIZES = (64, 100, 100, 10)
BATCH, RATE = 32, 0.1
NAMES = {"backpropagation": "BP", "fa": "FA", "dfa": "DFA", "usf": "signs of the weights (uSF)"}
"""What the page calls biotorch's modes."""


class Digits:
    """scikit-learn's digits as vectors, standardised by the training set's mean and deviation."""

    def __init__(self, dtype: torch.dtype) -> None:
        images = data.standardise(data.load("digits"), per_channel=False)
        self.inputs = torch.from_numpy(images.train_inputs).flatten(1).to(dtype)
        self.labels = torch.from_numpy(images.train_labels)
        self.test_inputs = torch.from_numpy(images.test_inputs).flatten(1).to(dtype)
        self.test_labels = torch.from_numpy(images.test_labels)


def pair(mode: str, seeds: range, dtype: torch.dtype) -> tuple[list[nn.Module], Perceptrons]:
    """biotorch's networks of these seeds, and the same ones as an ensemble."""
    networks = [theirs.biotorch_network(SIZES, mode, seed, dtype) for seed in seeds]
    return networks, theirs.as_ensemble([theirs.linear_layers(each) for each in networks], mode)


def gradients(report: Report, mode: str, seeds: range) -> None:
    """Largest difference of any gradient on a batch, against the largest entry of that gradient; one value a seed."""
    digits = Digits(torch.float64)
    networks, ensemble = pair(mode, seeds, torch.float64)
    order = torch.from_numpy(batches(ensemble.seeds, 0, len(digits.labels), BATCH))[:, 0]
    ours = theirs.mean_gradients(ensemble, mode, digits.inputs[order], digits.labels[order])
    differences: dict[str, list[float]] = {"weights": [], "biases": []}
    for member, network in enumerate(networks):
        theirs.descend(network, mode, torch.optim.SGD(network.parameters(), 0.0), *batch(digits, order[member]))
        for name, attribute in (("weights", "weight"), ("biases", "bias")):
            found = [getattr(layer, attribute).grad for layer in theirs.linear_layers(network)]
            differences[name].append(
                max(relative(mine[name][member], other) for mine, other in zip(ours, found, strict=True))
            )
    for name, values in differences.items():
        report.say(NAMES[mode], values, name)


def relative(ours: Tensor, other: Tensor) -> float:
    return float((ours - other).abs().max() / other.abs().max())


def batch(digits: Digits, order: Tensor) -> tuple[Tensor, Tensor]:
    return digits.inputs[order], digits.labels[order]


def accuracies(report: Report, mode: str, seeds: range, epochs: int) -> None:
    """Test accuracy after the same training: biotorch, its start in this package, and this package's own start."""
    digits = Digits(torch.float64)
    networks, ensemble = pair(mode, seeds, torch.float64)
    for epoch in range(epochs):
        orders = torch.from_numpy(batches(ensemble.seeds, epoch, len(digits.labels), BATCH))
        for network, order in zip(networks, orders, strict=True):
            optimiser = torch.optim.SGD(network.parameters(), RATE)
            for chosen in order:
                theirs.descend(network, mode, optimiser, *batch(digits, chosen))
    own = mlp(SIZES, theirs.RULES[mode], ensemble.seeds, bias=True, dtype=torch.float64)
    reached = {
        "biotorch": [tested(network.eval(), digits) for network in networks],
        "this package, the same start": trained(ensemble, mode, digits, epochs),
        "this package, its own start": trained(own, mode, digits, epochs),
    }
    for column, values in reached.items():
        report.say(NAMES[mode], [100 * value for value in values], column, "%")


def tested(network: nn.Module, digits: Digits) -> float:
    with torch.no_grad():
        return float((network(digits.test_inputs).argmax(-1) == digits.test_labels).double().mean())


def trained(ensemble: Perceptrons, mode: str, digits: Digits, epochs: int) -> list[float]:
    schedule = Schedule(epochs, BATCH, RATE, "mean", observe_at=(epochs,))
    rule = theirs.RULES[mode]
    seen = train(
        ensemble,
        rule,
        digits.inputs,
        digits.labels,
        schedule,
        lambda network, _: {"accuracy": accuracy(network, digits.test_inputs, digits.test_labels)},
    )
    return [float(value) for value in seen["accuracy"][-1]]


def biotorch_steps(mode: str) -> Callable[[], int]:
    """An epoch of one network of biotorch, data in memory; says how many steps that was."""
    digits, network = Digits(torch.float32), theirs.biotorch_network(SIZES, mode, 0, torch.float32)
    optimiser, epochs = torch.optim.SGD(network.parameters(), RATE), itertools.count()

    def run() -> int:
        orders = torch.from_numpy(batches((0,), next(epochs), len(digits.labels), BATCH))[0]
        for chosen in orders:
            theirs.descend(network, mode, optimiser, *batch(digits, chosen))
        return len(orders)

    return run


def our_steps(mode: str, members: int) -> Callable[[], int]:
    """An epoch of an ensemble, as `train` takes it; says how many steps of one network that was."""
    digits, rule = Digits(torch.float32), theirs.RULES[mode]
    network, epochs = mlp(SIZES, rule, range(members), bias=True), itertools.count()
    targets = one_hot(digits.labels, SIZES[-1], torch.float32)

    def run() -> int:
        orders = torch.from_numpy(batches(network.seeds, next(epochs), len(digits.labels), BATCH))
        network.update_many(rule, digits.inputs, targets, orders, StepSize(RATE, "mean"))
        return orders.shape[1] * members

    return run


def seconds_per_step(run: Callable[[], int]) -> float:
    start = time.process_time()
    return 1 / (run() / (time.process_time() - start))


def times(report: Report, mode: str, rounds: int) -> None:
    """Time of a step of one network, and how many times longer biotorch takes; rivals take turns, an epoch each."""
    rivals = {"biotorch": biotorch_steps(mode), "1 member": our_steps(mode, 1), "10 members": our_steps(mode, 10)}
    for run in rivals.values():
        run()
    taken = [{name: seconds_per_step(run) for name, run in rivals.items()} for _ in range(rounds)]
    report.say(NAMES[mode], [1e6 * one["biotorch"] for one in taken], "biotorch, a step", "µs")
    for name in ("1 member", "10 members"):
        report.say(NAMES[mode], [one["biotorch"] / one[name] for one in taken], f"biotorch / this package, {name}")


def main() -> None:
    chosen = measurements.options(__doc__, seeds=10, epochs=20, rounds=15)
    try:
        theirs.bio_module()
    except ModuleNotFoundError as missing:
        sys.exit(str(missing))
    warnings.filterwarnings("ignore", message=theirs.HOOK_WARNING, category=FutureWarning)
    torch.set_num_threads(1)
    about = (
        f"Networks {'-'.join(map(str, SIZES))} with tanh and biases on the digits of scikit-learn, batches of {BATCH}, "
        f"η = {RATE:g} on the mean cross entropy. Gradients: float64, {chosen.seeds} networks, one batch each. "
        f"Accuracy: float64, {chosen.seeds} networks, {chosen.epochs} epochs. "
        f"Times: float32, one thread, processor time, {chosen.rounds} rounds."
    )
    report = Report("against_others", about, ["biotorch"])
    seeds = range(chosen.seeds)
    report.under("gradient")
    for mode in theirs.RULES:
        gradients(report, mode, seeds)
    report.under("accuracy")
    for mode in theirs.RULES:
        accuracies(report, mode, seeds, chosen.epochs)
    report.under("time")
    for mode in theirs.RULES:
        times(report, mode, chosen.rounds)
    report.write(chosen.into)


if __name__ == "__main__":
    main()
