"""Speed of the two-layer theory, as ratios measured in one run: `python benchmarks/two_layer.py`.

Rivals take turns, so that whatever else the machine does falls on all alike; each figure is the median over turns.

What bounds a call of `derivative` for ReLU units is mostly quadratures, one for each four different units of which two
or more are students, each at a cost that does not depend on K and M. Where there are few units there are few of these
for each I4 term, and never more than one: the time per term grows with K and M towards that, and no further.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

import numba
import numpy as np

from feedback_alignment.teacher_student import OrderParameters, derivative, solve
from feedback_alignment.teacher_student.equations_of_motion import Motion
from feedback_alignment.teacher_student.relu_closed_forms import prepare_four, rescale
from feedback_alignment.teacher_student.velocities import VELOCITIES

F = np.array([1.2, -0.7, 0.5, 0.9, -1.1, 0.4, 1.0, -0.6])


def start(K: int = 2, M: int = 2, N: int = 500) -> OrderParameters:
    return OrderParameters.random_start(K, np.eye(M), np.ones(M), F[:K], N=N, sigma0=1e-2, seed=1)


def medians(turns: int, **rivals: Callable[[], object]) -> dict[str, float]:
    """Seconds per call of every rival, after one call each that compiles."""
    seconds: dict[str, list[float]] = {name: [] for name in rivals}
    for call in rivals.values():
        call()
    for _ in range(turns):
        for name, call in rivals.items():
            begun = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - begun)
    return {name: float(np.median(values)) for name, values in seconds.items()}


def say(what: str, value: float, unit: str = "", least: float | None = None, most: float | None = None) -> None:
    goal = ""
    if least is not None:
        goal = f"at least {least:g}: {'met' if value >= least else 'NOT MET'}"
    if most is not None:
        goal = f"at most {most:g}: {'met' if value <= most else 'NOT MET'}"
    print(f"  {what:<72}{value:>12.4g} {unit:<10}{goal}", flush=True)


def imports() -> None:
    print("importing feedback_alignment.teacher_student")

    def python(code: str) -> str:
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()

    package = "import sys, feedback_alignment.teacher_student"
    taken = medians(5, nothing=partial(python, "import sys"), package=partial(python, package))
    say("seconds beyond starting Python", taken["package"] - taken["nothing"], "s", most=1.5)
    loads = python(package + "; print('numba' in sys.modules)")
    print(f"  loads numba, without which nothing is compiled: {loads}")


@numba.njit(error_model="numpy")
def euler(y, velocity, eta, feedback, C, v, dt, steps, every):
    """Fixed steps of size `dt`; the states after every `every` of them."""
    dy, kept = np.empty_like(y), np.empty((steps // every, y.size))
    for i in range(steps):
        velocity(y, 2, eta, feedback, C, v, dy)
        y = y + dt * dy
        if (i + 1) % every == 0:
            kept[i // every] = y
    return kept


def solver() -> None:
    print("solve, K = M = 2, erf, to alpha = 1000, against compiled Euler steps of 1e-3")
    state, times, eta = start(), np.arange(1.0, 1001.0), 0.1
    motion = Motion(state, eta, "erf", "dfa")
    y = motion.pack(state.Q, state.R, state.W2)
    arguments = (eta, motion.feedback, motion.covariance, motion.signed)
    literal = partial(euler, y, VELOCITIES[motion.activation], *arguments, 1e-3, 1_000_000, 1000)
    ours = partial(solve, state, times, eta, "erf", "dfa")

    def packed(trajectory) -> np.ndarray:
        return np.array([motion.pack(*each) for each in zip(trajectory.Q, trajectory.R, trajectory.W2, strict=True)])

    reference = packed(solve(state, times, eta, "erf", "dfa", rtol=1e-13))
    say("largest error of solve along the way", np.abs(packed(ours()) - reference).max(), most=1e-8)
    say("largest error of Euler along the way", np.abs(literal() - reference).max())
    taken = medians(3, solve=ours, euler=literal)
    say("solve", 1e3 * taken["solve"], "ms")
    say("Euler / solve", taken["euler"] / taken["solve"], least=100)


@numba.njit(error_model="numpy")
def repeated(y, velocity, eta, feedback, C, v, times):
    dy = np.empty_like(y)
    for _ in range(times):
        velocity(y, 2, eta, feedback, C, v, dy)


@numba.njit(error_model="numpy")
def quadratures(C, K, times):
    """Do `times` times the quadratures of one call of `derivative`, and return how many these are in one."""
    n, count = len(C), 0
    scaled = rescale(C, np.empty(n))
    own, roots, given = np.empty((4, 4)), np.empty((4, 4)), np.empty((4, 4))
    for _ in range(times):
        count = 0
        for i in range(K):
            for j in range(i + 1, K):
                for k in range(j + 1, n):
                    for last in range(k + 1, n):
                        for row, first in enumerate((i, j, k, last)):
                            for column, second in enumerate((i, j, k, last)):
                                own[row, column] = scaled[first, second]
                        prepare_four(own, roots, given)
                        count += 1
    return count


def motion_calls() -> None:
    print("derivative, erf and relu: time of the compiled call, and per I4 term, K(K+1)/2 * (K+M)(K+M+1)/2 of them")
    for activation in ("erf", "relu"):
        for K, M in ((1, 1), (2, 2), (4, 2), (4, 4), (8, 2), (8, 8)):
            state = start(K, M)
            motion = Motion(state, 0.1, activation, "dfa")
            y = motion.pack(state.Q, state.R, state.W2)
            terms = K * (K + 1) // 2 * (K + M) * (K + M + 1) // 2
            calls = max(1, 20_000 // terms)
            arguments = (y, VELOCITIES[motion.activation], 0.1, motion.feedback, motion.covariance, motion.signed)
            rivals = {
                "call": partial(repeated, *arguments, calls),
                "public": partial(derivative, state, 0.1, activation, "dfa"),
            }
            if activation == "relu":
                rivals["quadratures"] = partial(quadratures, state.covariance, K, calls)
            taken = medians(7, **rivals)
            nanoseconds = 1e9 * taken["call"] / calls
            print(
                f"  {activation:<5} K = {K}, M = {M}: {nanoseconds:>12.0f} ns, {nanoseconds / terms:>8.1f} ns a term;"
                f" from Python {1e6 * taken['public']:.0f} us"
            )
            if activation == "relu" and K > 1:
                count = quadratures(state.covariance, K, 1)
                closed = terms - K * (K - 1) // 2 * (K + M - 2) * (K + M - 3) // 2
                spent = 1e9 * taken["quadratures"] / calls
                print(
                    f"        of these {count} quadratures of {spent / count:.0f} ns each;"
                    f" the rest is {(nanoseconds - spent) / closed:.0f} ns for each of {closed} terms of fewer units"
                )


if __name__ == "__main__":
    for part in (imports, solver, motion_calls):
        part()
