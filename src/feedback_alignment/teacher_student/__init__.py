"""The dynamics of two-layer networks learning a teacher online: exact averages, equations of motion, fixed points.

Float64 throughout. Time α is the number of samples divided by N; η/√N multiplies the gradient of W1, whose
pre-activations are W1 x/√N, and η/N that of W2; ε_g = ½ E[(ŷ − y)²]. Nothing is compiled before it is first used.
"""

from feedback_alignment.teacher_student.equations_of_motion import derivative
from feedback_alignment.teacher_student.fixed_points import (
    UnstableDirections,
    jacobian,
    perfect_student,
    plateau,
    unstable_directions,
)
from feedback_alignment.teacher_student.integrals import I2, I3, I4
from feedback_alignment.teacher_student.order_parameters import OrderParameters, Trajectory, generalisation_error
from feedback_alignment.teacher_student.simulation import DivergenceError, simulate, simulate_each
from feedback_alignment.teacher_student.solver import IntegrationError, solve

__all__ = [
    "I2",
    "I3",
    "I4",
    "DivergenceError",
    "IntegrationError",
    "OrderParameters",
    "Trajectory",
    "UnstableDirections",
    "derivative",
    "generalisation_error",
    "jacobian",
    "perfect_student",
    "plateau",
    "simulate",
    "simulate_each",
    "solve",
    "unstable_directions",
]
