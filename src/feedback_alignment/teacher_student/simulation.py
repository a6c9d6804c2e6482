"""Simulation of online gradient descent at finite N, in two ways that have the same law, over many runs at once."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from threading import Event

import numpy as np
from jaxtyping import Int
from numpy.typing import ArrayLike

from feedback_alignment.streams import generator
from feedback_alignment.teacher_student.activations import activation_code
from feedback_alignment.teacher_student.equations_of_motion import check_learning
from feedback_alignment.teacher_student.order_parameters import OrderParameters, Trajectory
from feedback_alignment.teacher_student.solver import check_times

METHODS = ("direct", "projected")


class DivergenceError(ArithmeticError):
    """A simulated run left all bounds; `run` says which, `alpha` by when."""

    def __init__(self, run: int, alpha: float, eta: float) -> None:
        super().__init__(
            f"run {run} has weights that are not finite at alpha = {alpha:g}: "
            f"learning with eta = {eta:g} diverges; lower eta"
        )
        self.run, self.alpha = run, alpha


def simulate(
    state: OrderParameters,
    alphas: ArrayLike,
    eta: float,
    activation: str,
    rule: str,
    N: int,
    seed: int,
    method: str = "projected",
    runs: int | None = None,
    threads: int | None = None,
) -> Trajectory:
    """Simulate online gradient descent with N inputs from `state` at α = 0; return what it is at the times `alphas`.

    Times are rounded to whole steps, α = steps / N, and returned so. `activation`, `rule` and `eta` are those of
    `derivative`. `method` 'direct' carries N-dimensional weights; 'projected' carries their coordinates in a frame that
    moves with them, which has the same law, and takes a time a step that does not depend on N.

    With `runs` = r the arrays have a leading axis of r independent runs, computed on `threads` cores (all that may be
    used, if None). Run i draws from the stream (seed, 'samples', i): it is the same whatever r, the number of threads
    and the times asked for, and without `runs` it is run 0.

    Raises ValueError for bad times or learning settings, an unknown method, N < K + M, runs or threads below 1, F
    missing with 'dfa'; TypeError for counts that are not integers; DivergenceError if weights do not stay finite.
    """
    if runs is not None:
        check_count("runs", runs)
    many = simulate_each([state] * (runs or 1), alphas, eta, activation, rule, N, seed, method, threads)
    if runs is not None:
        return many
    return Trajectory(many.alpha, many.Q[0], many.R[0], many.W2[0], many.generalisation_error[0])


def simulate_each(
    states: Sequence[OrderParameters],
    alphas: ArrayLike,
    eta: float,
    activation: str,
    rule: str,
    N: int,
    seed: int,
    method: str = "projected",
    threads: int | None = None,
) -> Trajectory:
    """Simulate one run from each of `states`, which may differ in everything but K and M; otherwise like `simulate`.

    The arrays of the trajectory have a leading axis of runs, in the order of `states`.

    Raises what `simulate` does, and ValueError for no states or states of different K or M.
    """
    times = check_times(alphas)
    if not states:
        raise ValueError("states must hold one state a run; got none")
    K, M = states[0].R.shape
    for i, state in enumerate(states):
        check_learning(state, eta, rule)
        if state.R.shape != (K, M):
            raise ValueError(f"states must share (K, M) = {(K, M)}, that of the first; state {i} has {state.R.shape}")
    activation_code(activation)
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(map(repr, METHODS))}; got {method!r}")
    check_count("N", N)
    if K + M > N:
        raise ValueError(f"N must be at least K + M = {K + M}, the directions that weights span; got {N}")
    if threads is not None:
        check_count("threads", threads)
    goals = np.rint(times * N).astype(np.int64)
    runs, shape = len(states), (len(states), len(goals))
    trajectory = Trajectory(
        goals / N, np.empty((*shape, K, K)), np.empty((*shape, K, M)), np.empty((*shape, K)), np.empty(shape)
    )

    def compute(run: int, cancelled: Event) -> None:
        random = generator(seed, "samples", run)
        _follow(trajectory, run, states[run], goals, float(eta), activation, rule, int(N), method, random, cancelled)

    _spread(compute, runs, min(runs, threads or _usable_cores()))
    return trajectory


def check_count(name: str, value: int) -> None:
    """Raise TypeError unless `value` is an integer, and ValueError if it is below 1."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer; got {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1; got {value}")


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _spread(compute: Callable[[int, Event], None], runs: int, threads: int) -> None:
    """Call `compute(run, cancelled)` for every run, on `threads` threads; set `cancelled` for the rest if one fails."""
    cancelled = Event()
    if threads == 1:
        for run in range(runs):
            compute(run, cancelled)
        return
    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(compute, run, cancelled) for run in range(runs)]
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
        except BaseException:
            cancelled.set()
            pool.shutdown(cancel_futures=True)
            raise


def _follow(
    trajectory: Trajectory,
    run: int,
    state: OrderParameters,
    goals: Int[np.ndarray, " times"],
    eta: float,
    activation: str,
    rule: str,
    N: int,
    method: str,
    random: np.random.Generator,
    cancelled: Event,
) -> None:
    """Simulate one run and write what it is after each of `goals` steps into its place in `trajectory`."""
    from feedback_alignment.teacher_student import velocities
    from feedback_alignment.teacher_student.direct_simulation import DirectRun
    from feedback_alignment.teacher_student.projected_simulation import ProjectedRun

    simulated = {"direct": DirectRun, "projected": ProjectedRun}[method](state, eta, activation, rule, N, random)
    covariance, signed, K = state.covariance, np.concatenate([state.W2, -state.W2_teacher]), len(state.W2)
    for i, goal in enumerate(goals):
        while not simulated.approach(int(goal)):
            if cancelled.is_set():
                return
        with np.errstate(over="ignore", invalid="ignore"):
            Q, R = simulated.overlaps()
        if not (np.isfinite(Q).all() and np.isfinite(R).all() and np.isfinite(simulated.W2).all()):
            raise DivergenceError(run, goal / N, eta)
        covariance[:K, :K], covariance[:K, K:], covariance[K:, :K] = Q, R, R.T
        signed[:K] = simulated.W2
        trajectory.Q[run, i], trajectory.R[run, i], trajectory.W2[run, i] = Q, R, simulated.W2
        trajectory.generalisation_error[run, i] = velocities.mean_square(simulated.activation, covariance, signed) / 2
