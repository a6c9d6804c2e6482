"""Equations of motion of the order parameters under online gradient descent (Refinetti et al. 2021, Eq. 27)."""

from math import isfinite
from typing import no_type_check

import numpy as np
from jaxtyping import Float, Inexact

from feedback_alignment.teacher_student.activations import activation_code, check_rule
from feedback_alignment.teacher_student.order_parameters import OrderParameters


def check_learning(state: OrderParameters, eta: float, rule: str) -> None:
    """Raise ValueError unless `rule` is known and has its feedback weights, and `eta` is finite and not negative."""
    check_rule(rule)
    if rule == "dfa" and state.F is None:
        raise ValueError("rule 'dfa' needs feedback weights: give OrderParameters its field F, of shape (K,)")
    if not (isfinite(eta) and eta >= 0):
        raise ValueError(f"eta must be a learning rate, finite and not negative; got {eta}")


class Motion:
    """The equations of motion of one teacher, activation and rule, as functions of the packed state.

    The packed state is the upper triangle of Q row by row, then R, then W2: d = K(K + 1)/2 + K M + K numbers.
    """

    def __init__(self, state: OrderParameters, eta: float, activation: str, rule: str, order: int = 2) -> None:
        from feedback_alignment.teacher_student import velocities

        check_learning(state, eta, rule)
        if order not in (1, 2):
            raise ValueError(f"order must be 1 (without the eta**2 term) or 2; got {order}")
        self.activation = activation_code(activation)
        self.order = int(order)
        self.eta = float(eta)
        self.feedback = np.array(state.F) if rule == "dfa" else np.empty(0)
        self.covariance = state.covariance
        self.signed = np.concatenate([state.W2, -state.W2_teacher])
        self.shape = state.R.shape
        self._upper = np.triu_indices(self.shape[0])
        self._velocity = velocities.VELOCITIES[self.activation]
        self._mean_squares = velocities.mean_squares

    def pack(
        self, Q: Inexact[np.ndarray, "K K"], R: Inexact[np.ndarray, "K M"], W2: Inexact[np.ndarray, " K"]
    ) -> Inexact[np.ndarray, " d"]:
        """Return the packed state (d,)."""
        return np.concatenate([Q[self._upper], R.ravel(), W2])

    def unpack(
        self, y: Inexact[np.ndarray, "*n d"]
    ) -> tuple[Inexact[np.ndarray, "*n K K"], Inexact[np.ndarray, "*n K M"], Inexact[np.ndarray, "*n K"]]:
        """Return Q, R and W2 of packed states (…, d)."""
        K, M = self.shape
        rows, columns = self._upper
        Q = np.empty((*y.shape[:-1], K, K), dtype=y.dtype)
        Q[..., rows, columns] = y[..., : rows.size]
        Q[..., columns, rows] = y[..., : rows.size]
        return Q, y[..., rows.size : rows.size + K * M].reshape(*y.shape[:-1], K, M), y[..., rows.size + K * M :]

    @no_type_check  # called too often for checks of shapes
    def velocity(self, y: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
        """Return the time derivative of the packed state."""
        dy = np.empty_like(y)
        self._velocity(y, self.order, self.eta, self.feedback, self.covariance, self.signed, dy)
        return dy

    def generalisation_errors(self, states: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        """Return ε_g of packed states."""
        return self._mean_squares(self.activation, states, self.covariance, self.signed, self.shape[0]) / 2


def derivative(
    state: OrderParameters, eta: float, activation: str, rule: str, order: int = 2
) -> tuple[Float[np.ndarray, "K K"], Float[np.ndarray, "K M"], Float[np.ndarray, " K"]]:
    """Return (dQ/dα, dR/dα, dW2/dα) in the limit of large N (Eq. 27a–c), for any K, M and T.

    `activation` is 'erf', 'relu' or 'linear'; `rule` is 'bp', whose feedback is W2, or 'dfa', whose feedback is F.
    `order` 1 drops the term in eta². ReLU units without variance get no update, as g'(0) = 0.

    Raises ValueError for an unknown activation, rule or order, for F missing with 'dfa', and for a bad eta.
    """
    motion = Motion(state, eta, activation, rule, order)
    return motion.unpack(motion.velocity(motion.pack(state.Q, state.R, state.W2)))
