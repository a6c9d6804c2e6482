"""Deep linear networks without biases, trained step by step with random feedback: the literal equations.

Samples are columns, as in the papers: h_0 = x, h_l = W_l h_{l−1}, ŷ = h_L, e = ŷ − y. With inputs x of a batch of b as
columns of X, layer l takes the step δW_l = −(η/b) F_l E H_{l−1}ᵀ, all layers at once (Refinetti et al. 2021, Eqs 4, 9).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from feedback_alignment.deep_linear.feedback import Matrices, direct_feedback


class DivergenceError(ArithmeticError):
    """Training left all bounds; `step` says when."""

    def __init__(self, step: int, eta: float) -> None:
        super().__init__(f"the network is not finite at step {step}: training with eta = {eta:g} diverges; lower eta")
        self.step = step


@dataclass(frozen=True, eq=False)
class Training:
    """A run from first step to last: all that the alignment matrices depend on, and the weights that they explain."""

    rule: str
    eta: float
    feedback: Matrices
    """What carries the output's error to hidden layer l, (n_l, n_L); products of the F_l for 'fa'."""
    times: Int[np.ndarray, " times"]
    weights: tuple[Float[np.ndarray, "times _rows _columns"], ...]
    """W_1 … W_L after so many steps."""
    activities: tuple[Float[np.ndarray, "steps _units batch"], ...]
    """h_0 … h_{L−1} of each step's batch, before the step."""
    errors: Float[np.ndarray, "steps n_L batch"]
    """e = ŷ − y, before the step."""
    signals: Float[np.ndarray, "steps n_L batch"]
    """What the hidden layers are taught with: e, or −y under DRTP."""
    output_signals: Float[np.ndarray, "steps n_L batch"]
    """What the output layer is taught with: e, or −y under 'drtp-target'."""
    from_zero: bool

    @property
    def layers(self) -> int:
        """L, the number of weight matrices."""
        return len(self.weights)

    @property
    def batch(self) -> int:
        """Samples in each step."""
        return self.errors.shape[2]

    def signals_of(self, layer: int) -> Float[np.ndarray, "steps n_L batch"]:
        """Return what layer `layer` is taught with at each step."""
        return self.output_signals if layer == self.layers else self.signals


def train(
    feedback: Matrices,
    inputs: Float[np.ndarray, "steps n_0 batch"],
    targets: Float[np.ndarray, "steps n_L batch"],
    eta: float,
    rule: str = "dfa",
    times: Sequence[int] | None = None,
    start: Matrices | None = None,
) -> Training:
    """Train a linear network by `rule`, one batch a step, and return its weights after `times` steps and its history.

    `feedback` holds F_1 … F_{L−1}, (n_l, n_L) or, for 'fa', (n_l, n_{l+1}); the widths are read off it. `times` is the
    end alone unless given; `start` holds W_1 … W_L, zero unless given. The history takes about steps × batch × (sum of
    widths) × 8 bytes.

    Raises ValueError for an unknown rule, shapes that do not chain, entries that are not finite, eta that is not
    positive and times that do not rise within 0 … steps; DivergenceError where training overflows.
    """
    direct = direct_feedback(feedback, rule)
    steps, n_0, batch = _check_data(inputs, targets, direct[-1].shape[1])
    if not (np.isfinite(eta) and eta > 0):
        raise ValueError(f"eta must be a positive number; got {eta!r}")
    wanted = np.array([steps] if times is None else times, dtype=np.int64)
    if wanted.size == 0 or wanted[0] < 0 or wanted[-1] > steps or (np.diff(wanted) <= 0).any():
        raise ValueError(f"times must rise strictly and lie in 0 … {steps}, the number of steps; got {times!r}")
    sizes = (n_0, *(F.shape[0] for F in direct), direct[-1].shape[1])
    W = _start(sizes, start)
    activities = tuple(np.empty((steps, units, batch)) for units in sizes[:-1])
    errors = np.empty_like(targets, dtype=np.float64)
    weights: list[Matrices] = []

    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(steps + 1):
            if t in wanted:
                if not all(np.isfinite(part).all() for part in W):
                    raise DivergenceError(t, eta)
                weights.append(tuple(part.copy() for part in W))
            if t == steps:
                break
            h = [inputs[t]]
            for part in W:
                h.append(part @ h[-1])
            y = targets[t]
            e = h[-1] - y
            if not np.isfinite(e).all():
                raise DivergenceError(t, eta)
            taught = -y if rule.startswith("drtp") else e
            at_output = -y if rule == "drtp-target" else e
            W[-1] -= eta / batch * at_output @ h[-2].T
            delta = taught
            for layer in reversed(range(len(feedback))):
                delta = feedback[layer] @ (delta if rule == "fa" else taught)
                W[layer] -= eta / batch * delta @ h[layer].T
            errors[t] = e
            for stored, activity in zip(activities, h, strict=False):
                stored[t] = activity

    return Training(
        rule=rule,
        eta=eta,
        feedback=direct,
        times=wanted,
        weights=tuple(np.stack(parts) for parts in zip(*weights, strict=True)),
        activities=activities,
        errors=errors,
        signals=-targets if rule.startswith("drtp") else errors,
        output_signals=-targets if rule == "drtp-target" else errors,
        from_zero=start is None or not any(part.any() for part in start),
    )


def _check_data(inputs: np.ndarray, targets: np.ndarray, outputs: int) -> tuple[int, int, int]:
    if inputs.ndim != 3 or targets.ndim != 3 or 0 in inputs.shape:
        raise ValueError(
            "inputs and targets must have shapes (steps, n_0, batch) and (steps, n_L, batch), none of them empty; "
            f"got {inputs.shape} and {targets.shape}"
        )
    steps, n_0, batch = inputs.shape
    if targets.shape != (steps, outputs, batch):
        raise ValueError(
            f"targets must have shape (steps, n_L, batch) = {(steps, outputs, batch)}, as inputs of shape "
            f"{inputs.shape} and feedback with {outputs} columns demand; got {targets.shape}"
        )
    for name, values in (("inputs", inputs), ("targets", targets)):
        if not np.isfinite(values).all():
            raise ValueError(f"{name} must be finite; {np.count_nonzero(~np.isfinite(values))} of its entries are not")
    return steps, n_0, batch


def _start(sizes: Sequence[int], start: Matrices | None) -> list[np.ndarray]:
    shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
    if start is None:
        return [np.zeros(shape) for shape in shapes]
    if [part.shape for part in start] != shapes:
        raise ValueError(f"start must hold W_1 … W_L of shapes {shapes}; got {[part.shape for part in start]}")
    return [np.array(part, dtype=np.float64) for part in start]
