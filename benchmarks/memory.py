"""Memory of feedback, shared or a matrix for each layer, and of a long run: python benchmarks/memory.py.

The sizes are those of Launay et al. 2019, Table 1, with signals that enter after pooling.
"""

import torch

from feedback_alignment.companion import measurements
from feedback_alignment.companion.measurements import Report
from feedback_alignment.experiments.feedback_memory_counts import NETWORKS
from feedback_alignment.networks import DFA, StepSize, mlp
from feedback_alignment.networks.feedback_memory import (
    counted_bytes,
    draw_matrices,
    held_bytes,
    layer_sizes,
    peak_bytes,
    peak_resident_bytes,
)
from feedback_alignment.networks.losses import one_hot
from feedback_alignment.networks.training import batches

HELD = ("FC, 10 classes", "CNN, 10 classes", "VGG-16, 32 px, 10 classes")
"""Networks whose feedback is drawn. That of the others is counted."""
MEGABYTE = 1e6


def feedback(report: Report) -> None:
    report.under("feedback of DFA: a matrix for each layer / one matrix for all of them")
    for name, (shape, blocks) in NETWORKS.items():
        sizes = layer_sizes(shape, blocks)
        counted = counted_bytes(sizes.injected, sizes.outputs)
        bound = "the widest layer against the sum of all"
        report.say(f"{name}, counted", counted["naive"] / counted["shared"], bound=bound)
        if name in HELD:
            held = {scheme: held_bytes(draw_matrices(scheme, sizes.injected, sizes.outputs)) for scheme in counted}
            report.say(f"{name}, memory that is held", held["naive"] / held["shared"], bound=bound)
    name = "VGG-16, 224 px, 10 classes"
    sizes = layer_sizes(NETWORKS[name][0], NETWORKS[name][1])
    grown = {scheme: peak_bytes(scheme, sizes.injected, sizes.outputs) for scheme in ("naive", "shared")}
    bound = "what drawing needs for a moment"
    report.say(f"{name}, growth of a process", grown["naive"] / grown["shared"], bound=bound)


def long_run(report: Report, epochs: int) -> None:
    """Ten networks for a few epochs, after which every buffer is there, and for many more."""
    report.under(f"growth of a process that trains 10 networks for {epochs} further epochs")
    network, draw = mlp((196, 100, 100, 100, 10), DFA(), range(10)), torch.Generator().manual_seed(0)
    inputs, labels = torch.randn(3200, 196, generator=draw), torch.randint(10, (3200,), generator=draw)
    targets = one_hot(labels, 10, torch.float32)
    before = 0
    for epoch in range(5 + epochs):
        if epoch == 5:
            before = peak_resident_bytes()
        orders = torch.from_numpy(batches(network.seeds, epoch, len(labels), 32))
        network.update_many(DFA(), inputs, targets, orders, StepSize(1e-4, "sum"))
    grown = (peak_resident_bytes() - before) / MEGABYTE
    report.say("DFA, 196-100-100-100-10", grown, unit="MB", most=1, bound="nothing is kept from step to step")


def main() -> None:
    chosen = measurements.options(__doc__, epochs=50)
    torch.set_num_threads(1)
    report = Report("memory", "Feedback in float32, one network; ratios of bytes.")
    long_run(report, chosen.epochs)
    feedback(report)
    report.write(chosen.into)


if __name__ == "__main__":
    main()
