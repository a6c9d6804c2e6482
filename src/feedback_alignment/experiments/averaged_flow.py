"""Fixed points of FA averaged over a few samples, in networks small enough to find them and all of their eigenvalues.

Two layers, h = tanh(W1 x), output W2 h, half the squared error, mean over samples. Chu and Bacho 2024, Section 2.2.3,
say that fixed points of FA are extrema of the loss; for one sample they are (if R has full column rank), for an average
they need not be.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from jaxtyping import Float64

from feedback_alignment import streams
from feedback_alignment.experiments.dataset_parts import variable

if TYPE_CHECKING:
    from feedback_alignment.companion.monitor import Monitor, Quiet
    from feedback_alignment.companion.piece_files import TimedCheckpoint

Vector = Float64[np.ndarray, " weights"]
FOUND = 1e-10
"""A root is found where no component of the field is larger."""


@dataclass(frozen=True)
class Problem:
    """Samples and feedback of one small network."""

    x: Float64[np.ndarray, "inputs samples"]
    y: Float64[np.ndarray, "outputs samples"]
    R: Float64[np.ndarray, "hidden outputs"]
    """Feedback, in the place of W2ᵀ."""

    @classmethod
    def drawn(cls, seed: int, inputs: int, hidden: int, outputs: int, samples: int, noise: float) -> "Problem":
        """Draw standard normal inputs and feedback, and targets by a teacher of the same sizes plus normal noise.

        Raises ValueError for sizes below 1.
        """
        if min(inputs, hidden, outputs, samples) < 1:
            raise ValueError(
                "a network needs at least one input, hidden unit, output and sample; "
                f"got {inputs}, {hidden}, {outputs} and {samples}"
            )
        x = streams.generator(seed, "samples").standard_normal((inputs, samples))
        draw = streams.generator(seed, "teacher")
        y = draw.standard_normal((outputs, hidden)) @ np.tanh(draw.standard_normal((hidden, inputs)) @ x)
        y += noise * streams.generator(seed, "targets").standard_normal(y.shape)
        return cls(x, y, streams.generator(seed, "feedback", 1).standard_normal((hidden, outputs)))

    @property
    def weights(self) -> int:
        """How many weights the network has."""
        hidden: int = self.R.shape[0]
        return hidden * (len(self.x) + len(self.y))

    def split(self, w: Vector) -> tuple[Float64[np.ndarray, "hidden inputs"], Float64[np.ndarray, "outputs hidden"]]:
        """Return W1 and W2 of all weights in one vector."""
        hidden, inputs = self.R.shape[0], len(self.x)
        return w[: hidden * inputs].reshape(hidden, inputs), w[hidden * inputs :].reshape(-1, hidden)

    def loss(self, w: Vector) -> float:
        """Return the mean over samples of ‖e‖²/2."""
        W1, W2 = self.split(w)
        e = W2 @ np.tanh(W1 @ self.x) - self.y
        return float(np.square(e).sum() / 2 / self.x.shape[1])

    def field(self, w: Vector, feedback: Float64[np.ndarray, "hidden outputs"] | None = None) -> Vector:
        """Return dw/dt: minus FA's averaged update, with W2ᵀ for `feedback` minus the gradient of the loss."""
        W1, W2 = self.split(w)
        h = np.tanh(W1 @ self.x)
        e = W2 @ h - self.y
        d = ((self.R if feedback is None else feedback) @ e) * (1 - h * h)
        flow: Vector = -np.concatenate([(d @ self.x.T).ravel(), (e @ h.T).ravel()]) / self.x.shape[1]
        return flow

    def gradient(self, w: Vector) -> Vector:
        """Return the gradient of the loss."""
        return -self.field(w, self.split(w)[1].T)

    def jacobian(self, w: Vector) -> Float64[np.ndarray, "weights weights"]:
        """Return the derivative of FA's field, column by column along the unit vectors."""
        W1, W2 = self.split(w)
        h = np.tanh(W1 @ self.x)
        slope, e = 1 - h * h, W2 @ h - self.y
        d = self.R @ e
        columns = []
        for unit in np.eye(self.weights):
            V1, V2 = self.split(unit)
            dh = slope * (V1 @ self.x)
            de = V2 @ h + W2 @ dh
            dd = (self.R @ de) * slope - 2 * d * h * dh
            columns.append(np.concatenate([(dd @ self.x.T).ravel(), (de @ h.T + e @ dh.T).ravel()]))
        derivative: Float64[np.ndarray, "weights weights"] = -np.array(columns).T / self.x.shape[1]
        return derivative


def settled(problem: Problem, start: Vector, time: float) -> Vector | None:
    """Follow FA's flow for a while, then look for the root nearby; None where there is none.

    The root is the one that Newton's method goes to from where the flow has come.
    """
    from scipy.integrate import solve_ivp
    from scipy.optimize import root

    flow = solve_ivp(
        lambda t, w: problem.field(w),
        (0, time),
        start,
        "LSODA",
        jac=lambda t, w: problem.jacobian(w),
        rtol=1e-8,
        atol=1e-10,
    )
    w: Vector = root(problem.field, flow.y[:, -1], jac=problem.jacobian, tol=1e-14).x
    return w if np.abs(problem.field(w)).max() < FOUND else None


@dataclass(frozen=True)
class FixedPoints:
    """One search a seed: where FA's flow settles from small weights, its eigenvalues, and BP's gradient there."""

    seeds: tuple[int, ...]
    inputs: int
    hidden: int
    outputs: int
    samples: int
    noise: float
    """Standard deviation of what the targets have beside a teacher's."""
    start: float
    """Size of the initial weights."""
    time: float
    """How long the flow is followed."""
    kind: str = "fixed points of the averaged flow, 1"

    @property
    def name(self) -> str:
        """The sizes."""
        return f"fixed points {self.inputs}-{self.hidden}-{self.outputs} seeds {self.seeds[0]} to {self.seeds[-1]}"

    def compute(
        self, device: str, progress: "Monitor | Quiet", checkpoint: "TimedCheckpoint | None"
    ) -> tuple[xr.Dataset, dict[str, str]]:
        """Search, and return residual, largest real part, gradient and loss at each root; NaN where there is none."""
        progress.begin(self.name, len(self.seeds), 0)
        found = np.full((4, len(self.seeds)), np.nan)
        for index, seed in enumerate(self.seeds):
            problem = Problem.drawn(seed, self.inputs, self.hidden, self.outputs, self.samples, self.noise)
            draw = streams.generator(seed, "weights")
            w = settled(problem, self.start * draw.standard_normal(problem.weights), self.time)
            if w is not None:
                found[:, index] = (
                    np.abs(problem.field(w)).max(),
                    np.linalg.eigvals(problem.jacobian(w)).real.max(),
                    np.linalg.norm(problem.gradient(w)),
                    problem.loss(w),
                )
            progress.checkpoint_due()
            progress.advance()
        names = {
            "root_residual": "largest component of FA's averaged update at the root",
            "root_real_part": "largest real part of an eigenvalue of FA's flow at the root",
            "root_gradient": "norm of the gradient of the loss at the root",
            "root_loss": "loss at the root",
        }
        return xr.Dataset(
            {
                name: variable("network", values, words)
                for (name, words), values in zip(names.items(), found, strict=True)
            },
            coords={"network": ("network", list(self.seeds), {"long_name": "seed"})},
        ), {}
