"""Online gradient descent as it is defined: weights in N dimensions, one fresh Gaussian input a step."""

import numba
import numpy as np
from jaxtyping import Float

from feedback_alignment.compilation import compiled
from feedback_alignment.teacher_student.finite_run import FiniteRun
from feedback_alignment.teacher_student.responses import response


# Freedom to add in any order makes a sum four times as fast. Compiled into its caller, which is what is kept on disk.
@numba.njit(error_model="numpy", fastmath={"reassoc"})
def dot(a: Float[np.ndarray, " N"], b: Float[np.ndarray, " N"]) -> float:
    """Scalar product."""
    total = 0.0
    for i in range(a.size):
        total += a[i] * b[i]
    return total


@compiled
def take_steps(
    random: np.random.Generator,
    weights: Float[np.ndarray, "units N"],
    W2: Float[np.ndarray, " K"],
    W2_teacher: Float[np.ndarray, " M"],
    feedback: Float[np.ndarray, " K"],
    activation: int,
    eta: float,
    steps: int,
) -> None:
    """Take `steps` steps. `weights` holds W1_teacher/√N and then W1/√N, a unit a row; it and `W2` change in place.

    For backpropagation `feedback` is `W2` itself.
    """
    units, N = weights.shape
    M = W2_teacher.size
    x, g, change = np.empty(N), np.empty(units), np.empty(units)
    for _ in range(steps):
        for i in range(N):
            x[i] = random.standard_normal()
        error = 0.0
        for m in range(M):
            error -= W2_teacher[m] * response(activation, dot(weights[m], x))[0]
        for k in range(M, units):
            g[k], change[k] = response(activation, dot(weights[k], x))
            error += W2[k - M] * g[k]
        for k in range(M, units):
            change[k] *= -eta / N * error * feedback[k - M]
            W2[k - M] -= eta / N * error * g[k]
            for i in range(N):
                weights[k, i] += change[k] * x[i]


class DirectRun(FiniteRun):
    """A run with N-dimensional weights. As inputs are isotropic, these may start along the first K + M axes."""

    @property
    def numbers_in_one_step(self) -> int:
        """One number an input."""
        return self.N

    def place(self, start: Float[np.ndarray, "units units"]) -> None:
        """Set the weights from their coordinates, teacher's units first."""
        self.weights = np.zeros((len(start), self.N))
        self.weights[:, : len(start)] = start

    def step(self, steps: int) -> None:
        """Take `steps` steps."""
        take_steps(self.random, self.weights, self.W2, self.W2_teacher, self.feedback, self.activation, self.eta, steps)

    def overlaps(self) -> tuple[Float[np.ndarray, "K K"], Float[np.ndarray, "K M"]]:
        """Return Q and R."""
        student = self.weights[self.M :]
        return student @ student.T, student @ self.weights[: self.M].T
