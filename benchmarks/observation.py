"""What observing costs beside training, on the schedule of a paper-scale run: python benchmarks/observation.py.

The networks of Fig. 5 of Refinetti et al. 2021 on as many samples as MNIST has, with random numbers for pixels. A part
of an epoch and single observations are timed in turn, and the schedule says how many there are of each.
"""

import time

import torch

from feedback_alignment.companion import measurements
from feedback_alignment.companion.measurements import Report
from feedback_alignment.experiments import deep_ensembles, deep_ensembles_observations
from feedback_alignment.experiments.degeneracy_breaking_settings import SETTINGS
from feedback_alignment.networks import DFA, StepSize
from feedback_alignment.networks.losses import one_hot
from feedback_alignment.networks.training import batches

TRAIN, TEST, CLASSES = 60_000, 10_000, 10
STEPS = 150
"""Of an epoch's 1875."""


def main() -> None:
    chosen = measurements.options(__doc__, rounds=5)
    torch.set_num_threads(1)
    (settings,) = (each for each in SETTINGS["paper"].fig5 if each.name == "mnist tanh DFA")
    schedule, side, draw = settings.schedule, settings.side, torch.Generator().manual_seed(0)
    network = deep_ensembles.network(settings, side**2, CLASSES, "cpu")
    x, x_test = (torch.randn(samples, side**2, generator=draw) for samples in (TRAIN, TEST))
    y, y_test = (torch.randint(CLASSES, (samples,), generator=draw) for samples in (TRAIN, TEST))
    start = [W.clone() for W in network.weights]
    members = len(settings.seeds)
    known = deep_ensembles_observations.Known(
        x, y.expand(members, -1), x_test, y_test, slice(settings.probe_samples), start
    )
    targets, steps = one_hot(y, CLASSES, torch.float32), TRAIN // schedule.batch
    orders = batches(settings.seeds, 0, TRAIN, schedule.batch)[:, :STEPS]
    step = StepSize(schedule.learning_rate, schedule.reduction)

    def training() -> float:
        begun = time.process_time()
        network.update_many(DFA(), x, targets, torch.from_numpy(orders), step)
        return (time.process_time() - begun) / STEPS * steps * schedule.epochs

    def observing() -> float:
        begun = time.process_time()
        settings.observe(network, known, orders[:, -1])
        return (time.process_time() - begun) * len(schedule.observe_at)

    about = (
        f"{members} networks, {schedule.epochs:g} epochs of {steps} steps, {len(schedule.observe_at)} observations; "
        "processor time on one thread."
    )
    report = Report("observation", about)
    report.under("observation in a paper-scale run")
    training(), observing()
    rounds = [(training(), observing()) for _ in range(chosen.rounds)]
    report.say("training", [trained / 3600 for trained, _ in rounds], unit="h")
    report.say("observations", [seen / 3600 for _, seen in rounds], unit="h")
    share = [seen / (trained + seen) for trained, seen in rounds]
    bound = "one pass over all samples, and matching of hidden units"
    report.say("observations: part of the whole", share, most=0.1, bound=bound)
    report.write(chosen.into)


if __name__ == "__main__":
    main()
