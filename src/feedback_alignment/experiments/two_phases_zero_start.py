"""Students that start from exactly zero weights (chapter 02): Refinetti et al. 2021, Fig. 10, with its controls."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from feedback_alignment.experiments.two_phases_curves import teacher_overlaps
from feedback_alignment.experiments.two_phases_symmetry import solve_before_alike_teachers, teachers_alike
from feedback_alignment.teacher_student import OrderParameters, Trajectory, simulate, solve

TIMES = np.geomspace(1.0, 1e4, 81)
TEACHER_SEED, TEACHER_N = 0, 500


@dataclass(frozen=True)
class Case:
    """A teacher and a feedback vector; `random_overlaps` draws T of random teacher weights, otherwise T = 1."""

    name: str
    random_overlaps: bool
    teacher: tuple[float, float]
    F: tuple[float, float]

    @property
    def orthogonal(self) -> bool:
        """Whether F is orthogonal to the teacher's second layer."""
        return abs(self.F[0] * self.teacher[0] + self.F[1] * self.teacher[1]) < 1e-12

    @property
    def equal(self) -> bool:
        """Whether both feedback weights have one modulus."""
        return abs(self.F[0]) == abs(self.F[1])


CASES = (
    Case("A", True, (1.0, 1.0), (0.7, -1.3)),
    Case("B", True, (1.0, 1.0), (1.0, -1.0)),
    Case("C", True, (1.0, 1.0), (1.0, 1.0)),
    Case("D", False, (1.2, -0.8), (0.8, 1.2)),
    Case("E", False, (1.2, -0.8), (1.0, 1.0)),
    Case("F", False, (1.0, 1.0), (0.7, -1.3)),
)


def exactly(start: OrderParameters, eta: float) -> Trajectory:
    """Return the solution from zero weights before a teacher of two units, with whatever symmetry it has kept.

    Mirror images where both feedback weights have one modulus; else no preference among the teacher's units, where
    these are alike.

    Raises ValueError without feedback weights.
    """
    if start.F is None or start.F.size != 2:
        raise ValueError(f"a student of two units needs feedback weights F of shape (2,); got {start.F}")
    if abs(start.F[0]) == abs(start.F[1]):
        sign = np.sign(start.F[0] * start.F[1])
        return solve(start, TIMES, eta, "erf", "dfa", mirror=np.array([[0.0, sign], [sign, 0.0]]))
    if teachers_alike(start):
        return solve_before_alike_teachers(start, TIMES, eta, "dfa")
    return solve(start, TIMES, eta, "erf", "dfa")


def followed(case: Case, N: int, eta: float) -> Mapping[str, np.ndarray]:
    """Return ε_g at `TIMES` from zero weights, in three ways.

    `exact` keeps the symmetries that the start has, `unguarded` is the general solver, which rounding may lead away
    from them, `simulated` is one run at N inputs.
    """
    T = teacher_overlaps(TEACHER_SEED, 2, TEACHER_N) if case.random_overlaps else np.eye(2)
    start = OrderParameters.zero_start(2, T, np.array(case.teacher), np.array(case.F))
    return {
        "exact": exactly(start, eta).generalisation_error,
        "unguarded": solve(start, TIMES, eta, "erf", "dfa").generalisation_error,
        "simulated": simulate(start, TIMES, eta, "erf", "dfa", N, seed=0, threads=1).generalisation_error,
    }
