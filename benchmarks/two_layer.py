"""Speed of the two-layer theory, as ratios measured in one run: `python benchmarks/two_layer.py`.

Rivals take turns, so that whatever else the machine does falls on all alike; each figure is the median over turns.

What bounds a call of `derivative` for ReLU units is mostly quadratures, one for each four different units of which two
or more are students, each at a cost that does not depend on K and M. Where there are few units there are few of these
for each I4 term, and never more than one: the time per term grows with K and M towards that, and no further.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

import numba
import numpy as np

from feedback_alignment.companion import measurements
from feedback_alignment.companion.measurements import Report
from feedback_alignment.teacher_student import OrderParameters, derivative, solve
from feedback_alignment.teacher_student.equations_of_motion import Motion
from feedback_alignment.teacher_student.relu_closed_forms import prepare_four, rescale
from feedback_alignment.teacher_student.velocities import VELOCITIES

F = np.array([1.2, -0.7, 0.5, 0.9, -1.1, 0.4, 1.0, -0.6])


def start(K: int = 2, M: int = 2, N: int = 500) -> OrderParameters:
    return OrderParameters.random_start(K, np.eye(M), np.ones(M), F[:K], N=N, sigma0=1e-2, seed=1)


def timed(turns: int, **rivals: Callable[[], object]) -> dict[str, list[float]]:
    """Seconds per call of every rival in every turn, after one call each that compiles."""
    seconds: dict[str, list[float]] = {name: [] for name in rivals}
    for call in rivals.values():
        call()
    for _ in range(turns):
        for name, call in rivals.items():
            begun = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - begun)
    return seconds


def ratio(above: list[float], below: list[float]) -> list[float]:
    """Turn by turn."""
    return [one / other for one, other in zip(above, below, strict=True)]


def imports(report: Report) -> None:
    report.under("importing feedback_alignment.teacher_student")

    def python(code: str) -> str:
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()

    package = "import sys, feedback_alignment.teacher_student"
    taken = timed(5, nothing=partial(python, "import sys"), package=partial(python, package))
    beyond = [whole - start for whole, start in zip(taken["package"], taken["nothing"], strict=True)]
    report.say("beyond starting Python", beyond, unit="s", most=1.5, bound="NumPy and SciPy")
    loads = python(package + "; print(int('numba' in sys.modules))")
    report.say("compilers loaded (numba), without which nothing is compiled", float(loads), most=0)


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


def solver(report: Report) -> None:
    report.under("solve, K = M = 2, erf, to alpha = 1000, against compiled Euler steps of 1e-3")
    state, times, eta = start(), np.arange(1.0, 1001.0), 0.1
    motion = Motion(state, eta, "erf", "dfa")
    y = motion.pack(state.Q, state.R, state.W2)
    arguments = (eta, motion.feedback, motion.covariance, motion.signed)
    literal = partial(euler, y, VELOCITIES[motion.activation], *arguments, 1e-3, 1_000_000, 1000)
    ours = partial(solve, state, times, eta, "erf", "dfa")

    def packed(trajectory) -> np.ndarray:
        return np.array([motion.pack(*each) for each in zip(trajectory.Q, trajectory.R, trajectory.W2, strict=True)])

    reference = packed(solve(state, times, eta, "erf", "dfa", rtol=1e-13))
    report.say("largest error of solve along the way", float(np.abs(packed(ours()) - reference).max()), most=1e-8)
    report.say("largest error of Euler along the way", float(np.abs(literal() - reference).max()))
    taken = timed(3, solve=ours, euler=literal)
    report.say("solve", [1e3 * seconds for seconds in taken["solve"]], unit="ms")
    bound = "how often the adaptive solver asks for the velocity"
    report.say("Euler / solve", ratio(taken["euler"], taken["solve"]), least=100, bound=bound)


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


SIZES = ((1, 1), (2, 2), (4, 2), (4, 4), (8, 2), (8, 8))
"""(K, M)."""


def terms(K: int, M: int) -> int:
    """How many I4 terms a call of `derivative` has."""
    return K * (K + 1) // 2 * (K + M) * (K + M + 1) // 2


def calls(K: int, M: int) -> int:
    """How many calls are timed together."""
    return max(1, 20_000 // terms(K, M))


def motion_calls(report: Report) -> None:
    for activation in ("erf", "relu"):
        report.under(f"derivative, {activation}: compiled, per call and per I4 term, K(K+1)/2 * (K+M)(K+M+1)/2 of them")
        rivals: dict[str, Callable[[], object]] = {}
        for K, M in SIZES:
            state = start(K, M)
            motion = Motion(state, 0.1, activation, "dfa")
            y = motion.pack(state.Q, state.R, state.W2)
            arguments = (y, VELOCITIES[motion.activation], 0.1, motion.feedback, motion.covariance, motion.signed)
            rivals[f"{K} {M}"] = partial(repeated, *arguments, calls(K, M))
            rivals[f"{K} {M} from Python"] = partial(derivative, state, 0.1, activation, "dfa")
            if activation == "relu" and K > 1:
                rivals[f"{K} {M} quadratures"] = partial(quadratures, state.covariance, K, calls(K, M))
        taken = timed(7, **rivals)
        per_term = {}
        for K, M in SIZES:
            name = f"K = {K}, M = {M}"
            whole = [1e9 * seconds / calls(K, M) for seconds in taken[f"{K} {M}"]]
            per_term[K, M] = [nanoseconds / terms(K, M) for nanoseconds in whole]
            report.say(f"{name}: a call", whole, unit="ns")
            report.say(f"{name}: per term", per_term[K, M], unit="ns")
            report.say(f"{name}: a call from Python", [1e6 * s for s in taken[f"{K} {M} from Python"]], unit="µs")
            if activation == "relu" and K > 1:
                of_quadratures(report, K, M, whole, taken[f"{K} {M} quadratures"])
        bound = {"erf": "the terms", "relu": "quadratures, which only terms of four different units have"}[activation]
        growth = ratio(per_term[8, 8], per_term[2, 2])
        report.say("per term, K = M = 8 / K = M = 2", growth, most=1, bound=bound)


def of_quadratures(report: Report, K: int, M: int, whole: list[float], taken: list[float]) -> None:
    """How a call for ReLU units divides: quadratures, and terms of fewer than four different units."""
    count = quadratures(start(K, M).covariance, K, 1)
    closed = terms(K, M) - K * (K - 1) // 2 * (K + M - 2) * (K + M - 3) // 2
    spent = [1e9 * seconds / calls(K, M) for seconds in taken]
    if count:
        report.say(f"K = {K}, M = {M}: each of {count} quadratures", [each / count for each in spent], unit="ns")
    rest = statistics.median(whole) - statistics.median(spent)
    report.say(f"K = {K}, M = {M}: each of {closed} terms of fewer units", rest / closed, unit="ns")


ABOUT = "Two-layer theory, float64, DFA, η = 0.1; rivals take turns."


def main() -> None:
    into = measurements.options(__doc__).into
    report = Report("two_layer", ABOUT)
    for part in (imports, solver, motion_calls):
        part(report)
    report.write(into)


if __name__ == "__main__":
    main()
