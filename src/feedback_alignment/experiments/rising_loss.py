"""A fixed point of FA that is dynamically stable although FA's update first points up the loss.

Chu and Bacho 2024 call a point stable if no update raises the loss (Eq. 7). An update may raise the loss for a while
and still lead back: the flow of the error, de/dt = −W2 F e − …, decays if all eigenvalues of W2 F have positive real
parts, while the loss falls at once only if its symmetric part is positive. For W2 F = [[1, 3], [0, 1]] the two differ.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from jaxtyping import Float64

from feedback_alignment.experiments.dataset_parts import variable

if TYPE_CHECKING:
    from feedback_alignment.companion.monitor import Monitor, Quiet
    from feedback_alignment.companion.piece_files import TimedCheckpoint

Matrix = Float64[np.ndarray, "2 2"]
W2 = np.array([[1.0, 3.0], [0.0, 1.0]])
F = np.eye(2)


def field(W1: Matrix, W2: Matrix, target: Matrix) -> tuple[Matrix, Matrix]:
    """Return FA's averaged update of a linear network with white inputs that is to become `target`."""
    E = W2 @ W1 - target
    return -F @ E, -E @ W1.T


def jacobian_at_solution(W1: Matrix, W2: Matrix) -> Float64[np.ndarray, "8 8"]:
    """Return the derivative of FA's field by the entries of W1 and W2, row by row, where W2 W1 is the target."""
    columns = []
    for unit in np.eye(8):
        V1, V2 = unit.reshape(2, 2, 2)
        dE = V2 @ W1 + W2 @ V1
        columns.append(np.concatenate([(-F @ dE).ravel(), (-dE @ W1.T).ravel()]))
    return np.array(columns).T


def alignment(W1: Matrix, W2: Matrix, target: Matrix) -> float:
    """Return the cosine between FA's and BP's update of W1."""
    E = W2 @ W1 - target
    ours, true = F @ E, W2.T @ E
    return float((ours * true).sum() / np.linalg.norm(ours) / np.linalg.norm(true))


@dataclass(frozen=True)
class RisingLoss:
    """The flow from a small step off a solution, in a direction in which FA's update points up the loss."""

    lower: float
    """The entry of W1 = lower · identity."""
    push: float
    """How far from the solution."""
    times: tuple[float, ...]
    kind: str = "rising loss, 1"

    @property
    def name(self) -> str:
        """The push."""
        return f"rising loss {self.push:g}"

    def compute(
        self, device: str, progress: "Monitor | Quiet", checkpoint: "TimedCheckpoint | None"
    ) -> tuple[xr.Dataset, dict[str, str]]:
        """Follow the flow; return loss and alignment over time, and the eigenvalues' real parts at the solution."""
        from scipy.integrate import solve_ivp

        W1 = self.lower * np.eye(2)
        target = W2 @ W1
        off = W1 + self.push * np.linalg.solve(W2, np.array([[1.0, 0.0], [-1.0, 0.0]]))

        def flow(t: float, w: np.ndarray) -> np.ndarray:
            return np.concatenate([V.ravel() for V in field(w[:4].reshape(2, 2), w[4:].reshape(2, 2), target)])

        start = np.concatenate([off.ravel(), W2.ravel()])
        path = solve_ivp(flow, (0, self.times[-1]), start, t_eval=self.times, rtol=1e-10, atol=1e-14).y.T
        pairs = [(w[:4].reshape(2, 2), w[4:].reshape(2, 2)) for w in path]
        losses = np.array([np.square(upper @ lower - target).sum() / 2 for lower, upper in pairs])
        cosines = np.array([alignment(lower, upper, target) for lower, upper in pairs])
        parts = np.sort(np.linalg.eigvals(jacobian_at_solution(W1, W2)).real)
        return xr.Dataset(
            {
                "rising_loss": variable("flow_time", losses, "loss of the flow that starts off the solution"),
                "rising_alignment": variable("flow_time", cosines, "cosine between FA's and BP's update of W1"),
                "rising_real_part": variable("mode", parts, "real part of an eigenvalue of FA's flow at the solution"),
            },
            coords={"flow_time": list(self.times), "mode": list(range(8))},
        ), {}
