"""Speed of the simulations at finite N, as ratios measured in one run: `python benchmarks/simulation.py`.

What bounds a step of 'projected' at K = M = 2: Gaussian numbers, about K + M + 2 of them against the N of 'direct';
then in about equal parts the chi-square number, the error functions and the rotations. The rotations grow as K², the
others as K. At K = 8 they are nearly half of the step, and thirty times 'direct' is out of reach at N = 500: that is
bound by its N Gaussian numbers, which do not depend on K, so that it is hardly slower than at K = 2.

'direct' takes its numbers from NumPy's generator and its error functions one by one, as the oracle that it is; `stages`
says what the numbers cost either way.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import FunctionType

import numba
import numpy as np
from two_layer import ratio, start, timed

from feedback_alignment.companion import measurements
from feedback_alignment.companion.measurements import Report
from feedback_alignment.teacher_student import direct_simulation
from feedback_alignment.teacher_student.activations import activation_code
from feedback_alignment.teacher_student.direct_simulation import DirectRun
from feedback_alignment.teacher_student.projected_simulation import ProjectedRun, take_steps
from feedback_alignment.teacher_student.random_numbers import normal, stream_of
from feedback_alignment.teacher_student.simulation import simulate


def per_step(turns: int, runs: dict[str, tuple[str, int, int, str, int]]) -> dict[str, list[float]]:
    """Nanoseconds a step, in every turn, of simulations given as (method, K, N, activation, steps)."""
    rivals = {
        name: partial(simulate, start(K), [steps / N], 0.1, activation, "dfa", N, 0, method, threads=1)
        for name, (method, K, N, activation, steps) in runs.items()
    }
    return {name: [1e9 * s / runs[name][-1] for s in seconds] for name, seconds in timed(turns, **rivals).items()}


@numba.njit(error_model="numpy")
def dot_in_order(a, b):
    total = 0.0
    for i in range(a.size):
        total += a[i] * b[i]
    return total


def direct_in_order() -> list[float]:
    """Nanoseconds a step, in every turn, of 'direct', N = 500, erf, K = 2, where the compiler may not reorder sums."""
    body = direct_simulation.take_steps.py_func
    plain = numba.njit(error_model="numpy")(FunctionType(body.__code__, {**body.__globals__, "dot": dot_in_order}))
    run = DirectRun(start(), 0.1, "erf", "dfa", 500, np.random.Generator(np.random.PCG64DXSM(0)))
    call = partial(
        plain, run.random, run.weights, run.W2, run.W2_teacher, run.feedback, activation_code("erf"), 0.1, 5_000
    )
    return [seconds * 1e9 / 5_000 for seconds in timed(15, call=call)["call"]]


def simulation(report: Report) -> None:
    report.under("simulation on one core, M = 2: time of a step")
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
        report.say(f"{name}: direct, N = 500", taken["direct"], unit="ns")
        report.say(f"{name}: projected, N = 500", taken["projected"], unit="ns")
        bound = "Gaussian numbers" if K < 8 else "rotations, which grow as K²"
        faster = ratio(taken["direct"], taken["projected"])
        report.say(f"{name}: direct / projected, N = 500", faster, least=30, bound=bound)
        growth = ratio(taken["large"], taken["small"])
        report.say(f"{name}: projected, N = 1e6 / N = 100", growth, most=1.3, bound="the same numbers at any N")
    report.say("erf, K = 2: direct with sums in the order of the inputs, N = 500", direct_in_order(), unit="ns")


@numba.njit
def flat_responses(activation, u, g, slope):
    for i in range(u.size):
        g[i], slope[i] = u[i], 1.0


@numba.njit
def constant_chi_square(stream, degrees):
    return degrees


@numba.njit
def leave_as_it_is(X, M):
    return None


@numba.njit
def numbers_of_numpy(random, count):
    total = 0.0
    for _ in range(count):
        total += random.standard_normal()
    return total


@numba.njit
def numbers_of_ours(stream, count):
    total = 0.0
    for _ in range(count):
        total += normal(stream)
    return total


def stages(report: Report) -> None:
    report.under("what bounds a projected step, erf, N = 500: how much shorter it is without a stage")
    without = {
        "error functions and exponentials": {"responses": flat_responses},
        "rotations": {"make_triangular": leave_as_it_is},
        "chi-square": {"chi_square": constant_chi_square},
    }
    body = take_steps.py_func
    random = np.random.Generator(np.random.PCG64DXSM(0))
    for K in (2, 8):
        kernels = {"whole": take_steps}
        for stage, change in without.items():
            shorter = FunctionType(body.__code__, {**body.__globals__, **change})
            kernels[stage] = numba.njit(error_model="numpy")(shorter)

        def call(kernel, K=K) -> None:
            run = ProjectedRun(start(K), 0.1, "erf", "dfa", 500, random)
            weights = (run.teacher, run.X, run.W2, run.W2_teacher, run.feedback)
            kernel(run.stream, *weights, run.activation, 0.1, 500, 0, 100_000)

        rivals = {name: partial(call, kernel) for name, kernel in kernels.items()}
        count = (K + 2 + 1) * 100_000  # M = 2, and one more on average while the frame grows by three
        rivals["ours"] = partial(numbers_of_ours, stream_of(random), count)
        rivals["numpy"] = partial(numbers_of_numpy, random, count)
        taken = {name: [s * 1e4 for s in seconds] for name, seconds in timed(15, **rivals).items()}
        report.say(f"K = {K}: whole step", taken["whole"], unit="ns")
        for stage in without:
            shorter_by = [whole - rest for whole, rest in zip(taken["whole"], taken[stage], strict=True)]
            report.say(f"K = {K}: {stage}", shorter_by, unit="ns")
        report.say(f"K = {K}: Gaussian components (drawn alone)", taken["ours"], unit="ns")
        report.say(f"K = {K}: the same by NumPy's generator, as 'direct' draws them", taken["numpy"], unit="ns")


@numba.njit(nogil=True)
def square_roots(count):
    total = 0.0
    for i in range(count):
        total = math.sqrt(total + i)
    return total


def cores(report: Report) -> None:
    report.under("32 projected runs of 200,000 steps, erf, K = M = 2")
    many = partial(simulate, start(), [400.0], 0.1, "erf", "dfa", 500, 0, runs=32)
    taken = timed(5, one=partial(many, threads=1), two=partial(many, threads=2))
    bound = "arithmetic of independent runs; a second core that is free"
    report.say("one core / two cores", ratio(taken["one"], taken["two"]), least=1.8, bound=bound)

    def roots(threads: int) -> None:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(square_roots, [10_000_000] * 8))

    taken = timed(5, one=partial(roots, 1), two=partial(roots, 2))
    report.say("the same for a loop of square roots: what the machine gives", ratio(taken["one"], taken["two"]))


def main() -> None:
    into = measurements.options(__doc__).into
    report = Report("simulation", "Simulations at finite N, DFA, η = 0.1, M = 2; rivals take turns.")
    for part in (simulation, stages, cores):
        part(report)
    report.write(into)


if __name__ == "__main__":
    main()
