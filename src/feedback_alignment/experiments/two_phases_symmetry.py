"""Equations of motion before a teacher whose units are alike (chapter 02), kept where rounding would break the tie.

With T = 1 and equal second-layer weights the equations do not change when the teacher's units are exchanged. A student
that starts without a preference for one of them never gets one in exact arithmetic; in floating point, rounding errors
grow until it has. `teacher_student.solve` keeps the mirror symmetry of hidden units in the same way.
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from feedback_alignment.teacher_student import OrderParameters, Trajectory
from feedback_alignment.teacher_student.equations_of_motion import Motion


def teachers_alike(state: OrderParameters) -> bool:
    """Return whether the teacher's units are orthonormal and weigh the same."""
    return bool(np.array_equal(state.T, np.eye(len(state.T))) and np.ptp(state.W2_teacher) == 0)


def solve_before_alike_teachers(
    state: OrderParameters, alphas: ArrayLike, eta: float, rule: str, order: int = 2, rtol: float = 1e-10
) -> Trajectory:
    """Solve the equations of motion of erf units like `teacher_student.solve`, with R^{km} the same for all m.

    The velocity is taken at the state with R averaged over the teacher's units, and averaged itself, so that errors
    away from such states do not grow.

    Raises ValueError unless the teacher's units are alike and `state` does not prefer one, and FloatingPointError if
    the integrator fails.
    """
    from scipy.integrate import ode

    if not teachers_alike(state) or np.ptp(state.R, axis=1).any():
        raise ValueError(
            "the teacher's units must be alike, T = 1 with equal W2_teacher, and every row of R constant; "
            f"got T = {state.T.tolist()}, W2_teacher = {state.W2_teacher}, R = {state.R.tolist()}"
        )
    motion = Motion(state, eta, "erf", rule, order)
    of_R = motion.pack(np.zeros_like(state.Q), np.ones_like(state.R), np.zeros_like(state.W2))
    places = np.flatnonzero(of_R).reshape(state.R.shape)

    @no_type_check  # called too often for checks of shapes
    def averaged(y: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
        alike = y.copy()
        alike[places] = y[places].mean(axis=1, keepdims=True)
        return alike

    times = np.asarray(alphas, dtype=float)
    solver = ode(lambda _, y: averaged(motion.velocity(averaged(y))))
    solver.set_integrator("lsoda", rtol=rtol, atol=1e-4 * rtol, nsteps=100_000)
    solver.set_initial_value(motion.pack(state.Q, state.R, state.W2), 0.0)
    states = []
    for time in times:
        states.append(averaged(solver.integrate(time) if time > 0 else solver.y))
        if not solver.successful():
            raise FloatingPointError(f"the equations of motion stopped at alpha = {solver.t:g} of {time:g}")
    found = np.array(states)
    return Trajectory(times, *motion.unpack(found), motion.generalisation_errors(found))
