"""Online gradient descent at finite N, exactly, at a cost a step that does not depend on N.

All weights lie in a frame of K + M orthonormal directions. What a step needs of a Gaussian input x are its components
z ~ N(0, 1) along the frame, which give the pre-activations, and the length ρ of the rest of x, ρ² ~ χ² with as many
degrees of freedom as there are directions left. The step adds to each student's weights a multiple of x: of z in the
frame, and of ρ along one new direction, that of the rest of x. So the order parameters at finite N are a Markov chain
of a few numbers, with the law that N-dimensional weights would give them.

The frame takes in `GROWTH` new directions, one a step; then a rotation of all directions but the teacher's M makes the
students' coordinates triangular again, and they fit into K + M directions as before. (Rotating at every step would cost
about as much as the error functions; a larger frame costs more draws.) Reflections keep lengths and angles to
rounding, and Q = X Xᵀ is positive semi-definite whatever the rounding.
"""

import math

import numpy as np
from jaxtyping import Float, UInt64

from feedback_alignment.compilation import compiled
from feedback_alignment.teacher_student.finite_run import FiniteRun
from feedback_alignment.teacher_student.random_numbers import chi_square, normal, stream_of
from feedback_alignment.teacher_student.responses import responses

GROWTH = 3


@compiled
def make_triangular(X: Float[np.ndarray, "K width"], M: int) -> None:
    """Rotate all directions but the first M so that row k of `X` ends at direction M + k, its last entry not negative.

    One Householder reflection a row: with the row's rest x = (x_0, …) and r = ‖x‖, every later row w becomes
    (x·w/r, w_i − x_i (w_0 ± x·w/r)/(x_0 ± r)), where ± is the sign of x_0, so that nothing cancels.
    """
    K, width = X.shape
    for j in range(K):
        first = M + j
        beyond = 0.0
        for i in range(first + 1, width):
            beyond += X[j, i] * X[j, i]
        x = X[j, first]
        if beyond == 0.0 and x >= 0.0:
            continue
        length = math.sqrt(x * x + beyond)
        signed = math.copysign(length, x)
        for k in range(j + 1, K):
            along = x * X[k, first]
            for i in range(first + 1, width):
                along += X[j, i] * X[k, i]
            factor = (X[k, first] + along / signed) / (x + signed)
            X[k, first] = along / length
            for i in range(first + 1, width):
                X[k, i] -= factor * X[j, i]
        X[j, first] = length
        for i in range(first + 1, width):
            X[j, i] = 0.0


@compiled
def take_steps(
    stream: UInt64[np.ndarray, " 4"],
    teacher: Float[np.ndarray, "M M"],
    X: Float[np.ndarray, "K width"],
    W2: Float[np.ndarray, " K"],
    W2_teacher: Float[np.ndarray, " M"],
    feedback: Float[np.ndarray, " K"],
    activation: int,
    eta: float,
    N: int,
    grown: int,
    steps: int,
) -> int:
    """Take `steps` steps and return how many new directions the frame then has; `grown` is how many it has before.

    `teacher` and `X` are the coordinates of W1_teacher/√N and W1/√N; `X` and `W2` change in place. For backpropagation
    `feedback` is `W2` itself. A step draws the components in order, then ρ².
    """
    K, width = X.shape
    M = W2_teacher.size
    growth = width - M - K
    z, u, g, slope = np.empty(width), np.empty(M + K), np.empty(M + K), np.empty(M + K)
    rest = 0.0
    for _ in range(steps):
        size = M + K + grown
        for i in range(size):
            z[i] = normal(stream)
        if growth > 0:
            rest = math.sqrt(chi_square(stream, N - size))
        for m in range(M):
            total = 0.0
            for i in range(m + 1):
                total += teacher[m, i] * z[i]
            u[m] = total
        for k in range(K):
            total = 0.0
            for i in range(size):
                total += X[k, i] * z[i]
            u[M + k] = total
        responses(activation, u, g, slope)
        error = 0.0
        for m in range(M):
            error -= W2_teacher[m] * g[m]
        for k in range(K):
            error += W2[k] * g[M + k]
        rate = -eta / N * error
        for k in range(K):
            change = rate * feedback[k] * slope[M + k]
            W2[k] += rate * g[M + k]
            for i in range(size):
                X[k, i] += change * z[i]
            if growth > 0:
                X[k, size] = change * rest
        if growth > 0:
            grown += 1
            if grown == growth:
                make_triangular(X, M)
                grown = 0
    return grown


class ProjectedRun(FiniteRun):
    """A run in a frame of K + M directions and up to `GROWTH` new ones, but never more than N."""

    @property
    def numbers_in_one_step(self) -> int:
        """The components in the frame, and the length of the rest."""
        return self.K + self.M + GROWTH + 1

    def place(self, start: Float[np.ndarray, "units units"]) -> None:
        """Set the weights from their coordinates, teacher's units first."""
        units = self.K + self.M
        self.stream = stream_of(self.random)
        self.teacher = np.ascontiguousarray(start[: self.M, : self.M])
        self.X = np.zeros((self.K, min(units + GROWTH, self.N)))
        self.X[:, :units] = start[self.M :]
        self.grown = 0

    def step(self, steps: int) -> None:
        """Take `steps` steps."""
        self.grown = take_steps(
            self.stream, self.teacher, self.X, self.W2, self.W2_teacher, self.feedback, self.activation, self.eta,
            self.N, self.grown, steps,
        )  # fmt: skip

    def overlaps(self) -> tuple[Float[np.ndarray, "K K"], Float[np.ndarray, "K M"]]:
        """Return Q and R."""
        return self.X @ self.X.T, self.X[:, : self.M] @ self.teacher.T
