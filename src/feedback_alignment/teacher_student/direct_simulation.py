"""Online gradient descent as it is defined: weights in N dimensions, one fresh Gaussian input a step."""

import numpy as np
from jaxtyping import Float

from feedback_alignment.teacher_student.compilation import compiled
from feedback_alignment.teacher_student.finite_run import FiniteRun
from feedback_alignment.teacher_student.responses import response


@compiled
def take_steps(
    random: np.random.Generator,
    weights: Float[np.ndarray, "N units"],
    W2: Float[np.ndarray, " K"],
    W2_teacher: Float[np.ndarray, " M"],
    feedback: Float[np.ndarray, " K"],
    activation: int,
    eta: float,
    steps: int,
) -> None:
    """Take `steps` steps. `weights` holds W1_teacher/√N and then W1/√N, a unit a column; it and `W2` change in place.

    For backpropagation `feedback` is `W2` itself. The sums over inputs run beside the draws, which take longer.
    """
    N, units = weights.shape
    M = W2_teacher.size
    x, u, g, change = np.empty(N), np.empty(units), np.empty(units), np.empty(units)
    for _ in range(steps):
        u[:] = 0.0
        for i in range(N):
            x[i] = random.standard_normal()
            for a in range(units):
                u[a] += weights[i, a] * x[i]
        error = 0.0
        for m in range(M):
            error -= W2_teacher[m] * response(activation, u[m])[0]
        for k in range(M, units):
            g[k], change[k] = response(activation, u[k])
            error += W2[k - M] * g[k]
        for k in range(M, units):
            change[k] *= -eta / N * error * feedback[k - M]
            W2[k - M] -= eta / N * error * g[k]
        for i in range(N):
            for k in range(M, units):
                weights[i, k] += change[k] * x[i]


class DirectRun(FiniteRun):
    """A run with N-dimensional weights. As inputs are isotropic, these may start along the first K + M axes."""

    @property
    def numbers_in_one_step(self) -> int:
        """One number an input."""
        return self.N

    def place(self, start: Float[np.ndarray, "units units"]) -> None:
        """Set the weights from their coordinates, teacher's units first."""
        self.weights = np.zeros((self.N, len(start)))
        self.weights[: len(start)] = start.T

    def step(self, steps: int) -> None:
        """Take `steps` steps."""
        take_steps(
            self.random, self.weights, self.W2, self.W2_teacher, self.feedback, self.activation, self.eta, steps
        )

    def overlaps(self) -> tuple[Float[np.ndarray, "K K"], Float[np.ndarray, "K M"]]:
        """Return Q and R."""
        student = self.weights[:, self.M :].T
        return student @ student.T, student @ self.weights[:, : self.M]
