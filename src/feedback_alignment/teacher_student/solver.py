"""Solving the equations of motion at requested times."""

import warnings
from math import isfinite

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from feedback_alignment.teacher_student.equations_of_motion import Motion
from feedback_alignment.teacher_student.mirror_symmetry import MirroredMotion
from feedback_alignment.teacher_student.order_parameters import OrderParameters, Trajectory

# Errors smaller than this fraction of rtol times the teacher's scale do not count: small enough for the differences
# between units that grow along the plateau, and needed where weights start at zero.
FLOOR = 1e-4
# A run to α = 1e5 takes a few thousand; more than this between two requested times means that it goes nowhere.
MOST_STEPS = 100_000
SMALLEST_RTOL = 1e-13
SUCCESS = "Integration successful."
NOT_FINITE = "the state is not finite"


class IntegrationError(RuntimeError):
    """The equations of motion could not be integrated to the end; `alpha` is the time reached."""

    def __init__(self, message: str, alpha: float) -> None:
        super().__init__(message)
        self.alpha = alpha


def check_times(alphas: ArrayLike) -> Float[np.ndarray, " times"]:
    """Return times as float64. Raises ValueError unless they are finite, not negative and strictly increasing."""
    times = np.array(alphas, dtype=np.float64)
    if times.ndim != 1 or times.size == 0:
        raise ValueError(f"alphas must be a sequence of times, of shape (n,) with n > 0; got shape {times.shape}")
    if not np.isfinite(times).all():
        raise ValueError("alphas must be finite; some of these times are not")
    if times[0] < 0:
        raise ValueError(f"alphas must not be negative: learning starts at 0; got {times[0]}")
    unsorted = np.flatnonzero(np.diff(times) <= 0)
    if unsorted.size:
        i = int(unsorted[0])
        raise ValueError(f"alphas must increase strictly; got {times[i]} before {times[i + 1]}: sort them")
    return times


def solve(
    state: OrderParameters,
    alphas: ArrayLike,
    eta: float,
    activation: str,
    rule: str,
    rtol: float = 1e-10,
    stop_below: float | None = None,
    order: int = 2,
    mirror: ArrayLike | None = None,
) -> Trajectory:
    """Solve the equations of motion (Eq. 27) from `state` at α = 0, and return the trajectory at the times `alphas`.

    `activation`, `rule`, `eta` and `order` are those of `derivative`. `rtol` bounds the error of each step relative
    to the size of the order parameters. With `stop_below` the trajectory ends at the first requested time at which
    the generalisation error is at most that. The integrator is LSODA, which switches between a method for smooth
    motion and one for stiff motion by itself, so that long runs stay cheap.

    A start that is its own mirror image (a swap of two hidden units, say) stays so, but only within rounding errors,
    which a saddle amplifies. With `mirror`, the signed permutation (K, K) that leaves the start as it is, they are
    not amplified.

    Raises ValueError for bad times, tolerances or learning settings, a `mirror` that the start does not have, and
    IntegrationError, which says at which time, where the solution leaves all bounds (too large an eta) or no step is
    small enough.
    """
    times = check_times(alphas)
    if not (isfinite(rtol) and SMALLEST_RTOL <= rtol < 1):
        raise ValueError(f"rtol must lie between {SMALLEST_RTOL:g}, about what float64 can hold, and 1; got {rtol}")
    if stop_below is not None and not (isfinite(stop_below) and stop_below >= 0):
        raise ValueError(f"stop_below must be None or a generalisation error, 0 or more; got {stop_below}")
    motion = (
        Motion(state, eta, activation, rule, order)
        if mirror is None
        else MirroredMotion(state, eta, activation, rule, order, mirror)
    )
    y = motion.pack(state.Q, state.R, state.W2)
    atol = FLOOR * rtol * _scales(motion, state)
    if stop_below is None:
        outputs = _at_once(motion, y, times, rtol, atol)
        errors = motion.generalisation_errors(outputs)
    else:
        outputs, errors = _until(stop_below, motion, y, times, rtol, atol)
    Q, R, W2 = motion.unpack(outputs)
    return Trajectory(times[: len(outputs)], Q, R, W2, errors)


def _scales(motion: Motion, state: OrderParameters) -> Float[np.ndarray, " d"]:
    """Return the size of each packed order parameter when the student has learned, or as it starts."""
    K, M = motion.shape
    overlap = max(np.abs(state.T).max(), np.abs(state.Q).max()) or 1.0
    weight = max(np.abs(state.W2_teacher).max(), np.abs(state.W2).max()) or 1.0
    return motion.pack(np.full((K, K), overlap), np.full((K, M), overlap), np.full(K, weight))


class _Velocity:
    """The velocity as LSODA asks for it, which remembers the last place."""

    def __init__(self, motion: Motion, y: Float[np.ndarray, " d"]) -> None:
        self._motion = motion
        self.time, self.point = 0.0, y

    def __call__(self, time: float, point: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
        self.time, self.point = time, point.copy()
        return self._motion.velocity(point)


def _at_once(
    motion: Motion,
    y: Float[np.ndarray, " d"],
    times: Float[np.ndarray, " times"],
    rtol: float,
    atol: Float[np.ndarray, " d"],
) -> Float[np.ndarray, "times d"]:
    """Return the packed states at `times`, from `y` at time 0, by LSODA.

    SciPy's oldest interface is the one whose loop over the requested times is compiled. With a thousand times that
    makes it tens of times as fast as asking for one after the other, and the numbers are the same.
    """
    from scipy.integrate import ODEintWarning, odeint

    velocity = _Velocity(motion, y)
    with warnings.catch_warnings(), np.errstate(over="ignore", invalid="ignore"):
        warnings.simplefilter("ignore", ODEintWarning)  # its message comes with `found`
        states, found = odeint(
            velocity,
            y,
            np.append(0.0, times[times > 0]),
            rtol=rtol,
            atol=atol,
            mxstep=MOST_STEPS,
            tfirst=True,
            full_output=True,
        )
    if found["message"] != SUCCESS:
        raise _failure(motion, velocity, times[-1], found["message"])
    if not np.isfinite(states).all():
        raise _failure(motion, velocity, times[-1], NOT_FINITE)
    return states[states.shape[0] - times.size :]


def _until(
    level: float,
    motion: Motion,
    y: Float[np.ndarray, " d"],
    times: Float[np.ndarray, " times"],
    rtol: float,
    atol: Float[np.ndarray, " d"],
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, " n"]]:
    """Return the same states as `_at_once` up to the first whose error is at most `level`, and the errors of all.

    To go on beyond the last one wanted would be dear: where a student has learned, rounding errors keep steps small.
    """
    from scipy.integrate import ode

    velocity = _Velocity(motion, y)
    solver = ode(velocity)
    solver.set_integrator("lsoda", rtol=rtol, atol=atol, nsteps=MOST_STEPS)
    solver.set_initial_value(y, 0.0)
    states, errors = [], []
    with warnings.catch_warnings(record=True) as caught, np.errstate(over="ignore", invalid="ignore"):
        warnings.simplefilter("always")
        for time in times:
            if time > 0:
                y = solver.integrate(time)
                if not solver.successful():
                    raise _failure(motion, velocity, times[-1], "; ".join(str(warning.message) for warning in caught))
                if not np.isfinite(y).all():
                    raise _failure(motion, velocity, times[-1], NOT_FINITE)
            states.append(y.copy())
            errors.append(float(motion.generalisation_errors(y[np.newaxis])[0]))
            if errors[-1] <= level:
                break
    return np.array(states), np.array(errors)


def _failure(motion: Motion, velocity: _Velocity, end: float, said: str) -> IntegrationError:
    Q, _, W2 = motion.unpack(velocity.point)
    return IntegrationError(
        f"the equations of motion could not be integrated beyond alpha = {velocity.time:.6g} of {end:g}: there Q "
        f"reaches {np.abs(Q).max():.3g} and W2 {np.abs(W2).max():.3g}. If they grow without bound, lower "
        f"eta = {motion.eta:g}. The integrator says: {said}",
        float(velocity.time),
    )
