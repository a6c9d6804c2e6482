"""Speed of the alignment matrices, as ratios measured in one run: `python benchmarks/deep_linear.py`.

Rivals take turns, so that whatever else the machine does falls on all alike; each figure is the median over turns.
"""

import time
from collections.abc import Callable
from functools import partial

import numpy as np

from feedback_alignment.deep_linear import Training, alignment_matrices, draw_feedback, train
from feedback_alignment.streams import generator

STEPS = (250, 500, 1000, 2000, 4000)
SIZES = (20, 40, 40, 40, 5)
TURNS = 3


def run(steps: int) -> Training:
    x = generator(0, "samples").standard_normal((steps, SIZES[0], 1))
    T = generator(0, "teacher").standard_normal((SIZES[-1], SIZES[0])) / np.sqrt(SIZES[0])
    return train(draw_feedback(SIZES, "dfa", "gaussian", 0), x, T @ x, 2e-3)


def medians(rivals: dict[tuple[str, int], Callable[[], object]]) -> dict[tuple[str, int], float]:
    """Seconds per call of every rival, after one call each that fills the caches."""
    seconds: dict[tuple[str, int], list[float]] = {name: [] for name in rivals}
    for call in rivals.values():
        call()
    for _ in range(TURNS):
        for name, call in rivals.items():
            begun = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - begun)
    return {name: float(np.median(values)) for name, values in seconds.items()}


def exponent(seconds: list[float], steps: tuple[int, ...]) -> float:
    """The power of the number of steps with which the time grows, from the longest runs."""
    return float(np.polyfit(np.log(steps[-3:]), np.log(seconds[-3:]), 1)[0])


def verdict(value: float, low: float, high: float) -> str:
    return f"between {low:g} and {high:g}: {'met' if low <= value <= high else 'NOT MET'}"


def main() -> None:
    print(f"alignment matrices of a network {SIZES}, batches of 1")
    runs = {steps: run(steps) for steps in STEPS}
    methods = ("recursion", "double sum")
    taken = medians({(method, t): partial(alignment_matrices, runs[t], method) for t in STEPS for method in methods})
    print(f"  {'steps':>8} {'recursion (ms)':>16} {'double sum (ms)':>16} {'ratio':>8}")
    for t in STEPS:
        fast, slow = (taken[method, t] for method in methods)
        print(f"  {t:8d} {1e3 * fast:16.1f} {1e3 * slow:16.1f} {slow / fast:8.2f}")
    for method, low, high in (("recursion", 0.8, 1.2), ("double sum", 1.5, 2.2)):
        power = exponent([taken[method, t] for t in STEPS], STEPS)
        print(f"  {method}: time grows as steps^{power:.2f}, {verdict(power, low, high)}", flush=True)


if __name__ == "__main__":
    main()
