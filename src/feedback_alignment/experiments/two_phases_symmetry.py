"""Equations of motion kept on a symmetric set (chapter 02), which rounding would otherwise leave.

An erf student that starts with a symmetry keeps it for ever in exact arithmetic. In floating point it does not: its
fixed points are saddles, and rounding errors grow until the symmetry is lost.
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from feedback_alignment.teacher_student import OrderParameters, Trajectory
from feedback_alignment.teacher_student.equations_of_motion import Motion

Overlaps = tuple[Float[np.ndarray, "K K"], Float[np.ndarray, "K M"], Float[np.ndarray, " K"]]
Projection = Callable[[Overlaps], Overlaps]
"""What maps Q, R, W2 to the nearest state that has a symmetry."""


def onto_mirror_images(F: Float[np.ndarray, " K"]) -> Projection:
    """Return the projection onto states whose two units are images of each other, up to the sign between their F.

    Raises ValueError unless F has two entries of one modulus.
    """
    if F.shape != (2,) or abs(F[0]) != abs(F[1]):
        raise ValueError(f"only two units with feedback of one modulus can be mirror images; got F = {F}")
    swap = np.sign(F[0] * F[1]) * np.array([[0.0, 1.0], [1.0, 0.0]])

    def project(overlaps: Overlaps) -> Overlaps:
        Q, R, W2 = overlaps
        return (Q + swap @ Q @ swap) / 2, (R + swap @ R) / 2, (W2 + swap @ W2) / 2

    return project


def onto_alike_teachers(overlaps: Overlaps) -> Overlaps:
    """Return the state in which each student unit overlaps equally with all teacher units."""
    Q, R, W2 = overlaps
    return Q, np.broadcast_to(R.mean(axis=1, keepdims=True), R.shape), W2


def kept_from_zero(state: OrderParameters) -> list[Projection]:
    """Return the symmetries that a student keeps if it starts from zero weights: one, both or none of the two above."""
    kept = []
    if state.F is not None and state.F.size == 2 and abs(state.F[0]) == abs(state.F[1]):
        kept.append(onto_mirror_images(state.F))
    if np.array_equal(state.T, np.eye(len(state.T))) and np.ptp(state.W2_teacher) == 0:
        kept.append(onto_alike_teachers)
    return kept


def solve_symmetric(
    state: OrderParameters,
    alphas: ArrayLike,
    eta: float,
    rule: str,
    kept: Sequence[Projection],
    order: int = 2,
    rtol: float = 1e-10,
) -> Trajectory:
    """Solve the equations of motion of erf units like `teacher_student.solve`, on the set that the projections keep.

    The velocity is taken at the projected state and projected itself, so that errors away from the set do not grow.

    Raises FloatingPointError if the integrator fails.
    """
    from scipy.integrate import ode

    motion = Motion(state, eta, "erf", rule, order)

    def projected(y: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
        overlaps = motion.unpack(y)
        for project in kept:
            overlaps = project(overlaps)
        return motion.pack(*overlaps)

    times = np.asarray(alphas, dtype=float)
    solver = ode(lambda _, y: projected(motion.velocity(projected(y))))
    solver.set_integrator("lsoda", rtol=rtol, atol=1e-4 * rtol, nsteps=100_000)
    solver.set_initial_value(motion.pack(state.Q, state.R, state.W2), 0.0)
    states = []
    for time in times:
        states.append(projected(solver.integrate(time) if time > 0 else solver.y))
        if not solver.successful():
            raise FloatingPointError(f"the symmetric equations of motion stopped at alpha = {solver.t:g} of {time:g}")
    Q, R, W2 = motion.unpack(np.array(states))
    return Trajectory(times, Q, R, W2, np.array([motion.generalisation_error(y) for y in states]))
