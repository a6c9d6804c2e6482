"""Speed of the alignment matrices, as ratios measured in one run: `python benchmarks/deep_linear.py`.

Rivals take turns, so that whatever else the machine does falls on all alike; each figure is the median over turns.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from feedback_alignment.companion import measurements
from feedback_alignment.companion.measurements import Report
from feedback_alignment.deep_linear import Training, alignment_matrices, draw_feedback, train
from feedback_alignment.streams import generator

STEPS = (250, 500, 1000, 2000, 4000)
SIZES = (20, 40, 40, 40, 5)
TURNS = 3


def run(steps: int) -> Training:
    x = generator(0, "samples").standard_normal((steps, SIZES[0], 1))
    T = generator(0, "teacher").standard_normal((SIZES[-1], SIZES[0])) / np.sqrt(SIZES[0])
    return train(draw_feedback(SIZES, "dfa", "gaussian", 0), x, T @ x, 2e-3)


def timed(rivals: dict[tuple[str, int], Callable[[], object]]) -> dict[tuple[str, int], list[float]]:
    """Seconds per call of every rival in every turn, after one call each that fills the caches."""
    seconds: dict[tuple[str, int], list[float]] = {name: [] for name in rivals}
    for call in rivals.values():
        call()
    for _ in range(TURNS):
        for name, call in rivals.items():
            begun = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - begun)
    return seconds


def exponent(seconds: Sequence[float], steps: tuple[int, ...]) -> float:
    """The power of the number of steps with which the time grows, from the longest runs."""
    return float(np.polyfit(np.log(steps[-3:]), np.log(seconds[-3:]), 1)[0])


def main() -> None:
    into = measurements.options(__doc__).into
    report = Report("deep_linear", f"Alignment matrices of a network {'-'.join(map(str, SIZES))}, batches of 1, DFA.")
    runs = {steps: run(steps) for steps in STEPS}
    methods = ("recursion", "double sum")
    taken = timed({(method, t): partial(alignment_matrices, runs[t], method) for t in STEPS for method in methods})
    report.under("double sum / recursion")
    for t in STEPS:
        for method in methods:
            report.say(f"{t} steps", [1e3 * seconds for seconds in taken[method, t]], method, "ms")
        faster = [slow / fast for slow, fast in zip(taken["double sum", t], taken["recursion", t], strict=True)]
        report.say(f"{t} steps", faster, "double sum / recursion")
    report.under("growth: the power of the number of steps with which the time grows")
    goals = {
        "recursion": {"most": 1.2, "bound": "products of small matrices, one set a step"},
        "double sum": {"least": 1.5, "bound": "one product for each pair of steps"},
    }
    for method in methods:
        turns = zip(*(taken[method, t] for t in STEPS), strict=True)
        report.say(method, [exponent(turn, STEPS) for turn in turns], **goals[method])
    report.write(into)


if __name__ == "__main__":
    main()
