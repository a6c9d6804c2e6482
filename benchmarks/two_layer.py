"""Speed of the two-layer theory, as ratios measured in one run: `python benchmarks/two_layer.py`.

Rivals take turns, so that whatever else the machine does falls on all alike; each figure is the median over turns.
"""

import math
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import FunctionType

import numba
import numpy as np

from feedback_alignment.teacher_student import OrderParameters, derivative, direct_simulation, solve
from feedback_alignment.teacher_student.activations import activation_code
from feedback_alignment.teacher_student.direct_simulation import DirectRun
from feedback_alignment.teacher_student.equations_of_motion import Motion
from feedback_alignment.teacher_student.projected_simulation import ProjectedRun, take_steps
from feedback_alignment.teacher_student.simulation import simulate
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
            public = partial(derivative, state, 0.1, activation, "dfa")
            taken = medians(7, call=partial(repeated, *arguments, calls), public=public)
            nanoseconds = 1e9 * taken["call"] / calls
            print(
                f"  {activation:<5} K = {K}, M = {M}: {nanoseconds:>12.0f} ns, {nanoseconds / terms:>8.1f} ns a term;"
                f" from Python {1e6 * taken['public']:.0f} us"
            )


def per_step(turns: int, runs: dict[str, tuple[str, int, int, str, int]]) -> dict[str, float]:
    """Nanoseconds a step of simulations given as (method, K, N, activation, steps)."""
    rivals = {
        name: partial(simulate, start(K), [steps / N], 0.1, activation, "dfa", N, 0, method, threads=1)
        for name, (method, K, N, activation, steps) in runs.items()
    }
    return {name: 1e9 * seconds / runs[name][-1] for name, seconds in medians(turns, **rivals).items()}


@numba.njit(error_model="numpy")
def dot_in_order(a, b):
    total = 0.0
    for i in range(a.size):
        total += a[i] * b[i]
    return total


def direct_in_order() -> float:
    """Nanoseconds a step of 'direct', N = 500, erf, K = 2, where the compiler may not reorder sums."""
    body = direct_simulation.take_steps.py_func
    plain = numba.njit(error_model="numpy")(FunctionType(body.__code__, {**body.__globals__, "dot": dot_in_order}))
    run = DirectRun(start(), 0.1, "erf", "dfa", 500, np.random.Generator(np.random.PCG64DXSM(0)))
    call = partial(
        plain, run.random, run.weights, run.W2, run.W2_teacher, run.feedback, activation_code("erf"), 0.1, 5_000
    )
    return medians(15, call=call)["call"] * 1e9 / 5_000


def simulation() -> None:
    print("simulation on one core, M = 2: nanoseconds a step")
    for K, activation in ((2, "erf"), (2, "relu"), (3, "relu"), (8, "erf")):
        taken = per_step(
            15,
            {
                "direct": ("direct", K, 500, activation, 5_000),
                "projected": ("projected", K, 500, activation, 100_000),
                "small": ("projected", K, 100, activation, 100_000),
                "large": ("projected", K, 10**6, activation, 100_000),
            },
        )
        name = f"{activation}, K = {K}"
        say(f"{name}: direct, N = 500", taken["direct"], "ns")
        say(f"{name}: projected, N = 500", taken["projected"], "ns")
        say(f"{name}: direct / projected, N = 500", taken["direct"] / taken["projected"], least=30)
        say(f"{name}: projected, N = 1e6 / N = 100", taken["large"] / taken["small"], most=1.3)
    say("erf, K = 2: direct with sums in the order of the inputs, N = 500", direct_in_order(), "ns")


@numba.njit
def flat_response(activation, x):
    return x, 1.0


@numba.njit
def constant_chi_square(random, degrees):
    return degrees


@numba.njit
def leave_as_it_is(X, M):
    return None


@numba.njit
def draw_normals(random, count):
    total = 0.0
    for _ in range(count):
        total += random.standard_normal()
    return total


def stages() -> None:
    print("what bounds a projected step, erf, N = 500: nanoseconds that it is shorter without a stage")
    without = {
        "error functions and exponentials": {"response": flat_response},
        "rotations": {"make_triangular": leave_as_it_is},
        "chi-square": {"chi_square": constant_chi_square},
    }
    body = take_steps.py_func
    for K in (2, 8):
        kernels = {"whole": take_steps}
        for stage, change in without.items():
            shorter = FunctionType(body.__code__, {**body.__globals__, **change})
            kernels[stage] = numba.njit(error_model="numpy")(shorter)

        def call(kernel, K=K) -> None:
            run = ProjectedRun(start(K), 0.1, "erf", "dfa", 500, np.random.Generator(np.random.PCG64DXSM(0)))
            weights = (run.teacher, run.X, run.W2, run.W2_teacher, run.feedback)
            kernel(run.random, *weights, run.activation, 0.1, 500, 0, 100_000)

        rivals = {name: partial(call, kernel) for name, kernel in kernels.items()}
        normals = (K + 2 + 1) * 100_000  # M = 2, and one more on average while the frame grows by three
        rivals["normals"] = partial(draw_normals, np.random.Generator(np.random.PCG64DXSM(0)), normals)
        taken = {name: seconds * 1e4 for name, seconds in medians(15, **rivals).items()}
        say(f"K = {K}: whole step", taken["whole"], "ns")
        for stage in without:
            say(f"K = {K}: {stage}", taken["whole"] - taken[stage], "ns")
        say(f"K = {K}: Gaussian components (drawn alone)", taken["normals"], "ns")


@numba.njit(nogil=True)
def square_roots(count):
    total = 0.0
    for i in range(count):
        total = math.sqrt(total + i)
    return total


def cores() -> None:
    print("32 projected runs of 200,000 steps, erf, K = M = 2")
    many = partial(simulate, start(), [400.0], 0.1, "erf", "dfa", 500, 0, runs=32)
    taken = medians(5, one=partial(many, threads=1), two=partial(many, threads=2))
    say("one core / two cores", taken["one"] / taken["two"], least=1.8)

    def roots(threads: int) -> None:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(square_roots, [10_000_000] * 8))

    taken = medians(5, one=partial(roots, 1), two=partial(roots, 2))
    say("the same for a loop of square roots: what the machine gives at the moment", taken["one"] / taken["two"])


if __name__ == "__main__":
    for part in (imports, solver, motion_calls, simulation, stages, cores):
        part()
