"""What every simulated run at finite N has in common, whichever way its steps are taken."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from feedback_alignment.teacher_student.activations import activation_code
from feedback_alignment.teacher_student.frames import coordinates
from feedback_alignment.teacher_student.order_parameters import OrderParameters


class FiniteRun(ABC):
    """One run of online gradient descent from `state` with N inputs, drawing its samples from `random`.

    The pre-activations are λ = W1·x/√N. With e = ŷ − y, a step adds −η/√N F^k g'(λ^k) e x to W1^k, with W2^k in place
    of F^k for backpropagation, and −η/N g(λ^k) e to W2^k. `state` must have F for rule 'dfa', and N be at least
    K + M.
    """

    # So many numbers are drawn between two moments at which a run can be interrupted: a fraction of a second.
    NUMBERS_IN_ONE_CALL: ClassVar[int] = 20_000_000

    def __init__(
        self, state: OrderParameters, eta: float, activation: str, rule: str, N: int, random: np.random.Generator
    ) -> None:
        self.N, self.eta, self.random = N, eta, random
        self.activation = activation_code(activation)
        self.K, self.M = state.R.shape
        self.W2, self.W2_teacher = state.W2.copy(), state.W2_teacher.copy()
        self.feedback = self.W2 if rule == "bp" or state.F is None else state.F.copy()
        self.taken = 0
        self.place(coordinates(state))

    @property
    @abstractmethod
    def numbers_in_one_step(self) -> int:
        """How many random numbers a step draws."""

    @abstractmethod
    def place(self, start: Float[np.ndarray, "units units"]) -> None:
        """Set the weights from their coordinates, teacher's units first."""

    @abstractmethod
    def step(self, steps: int) -> None:
        """Take `steps` steps."""

    @abstractmethod
    def overlaps(self) -> tuple[Float[np.ndarray, "K K"], Float[np.ndarray, "K M"]]:
        """Return Q and R."""

    def approach(self, goal: int) -> bool:
        """Take some of the steps that are left until `goal` steps in all; return whether it is reached."""
        steps = min(goal - self.taken, max(1, self.NUMBERS_IN_ONE_CALL // self.numbers_in_one_step))
        if steps:
            self.step(steps)
            self.taken += steps
        return self.taken == goal
