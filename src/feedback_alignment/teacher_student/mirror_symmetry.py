"""Motion that keeps a mirror symmetry of the hidden units, whatever the rounding.

Two hidden units with feedback of equal size that start as mirror images stay so for ever, on a saddle that rounding
errors would leave: an integrator then seems to learn what the equations do not. Here the motion is that of the
nearest symmetric state, so that what rounding adds does not grow.
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from feedback_alignment.teacher_student.equations_of_motion import Motion
from feedback_alignment.teacher_student.order_parameters import OrderParameters


class MirroredMotion(Motion):
    """The equations of motion on the states that a mirror leaves as they are.

    `mirror` (K, K) is a signed permutation S of the hidden units that is its own inverse: unit k is the image of unit
    l, with its weights times S_kl = ±1. The sign −1 needs odd units, erf or linear.
    """

    def __init__(
        self, state: OrderParameters, eta: float, activation: str, rule: str, order: int, mirror: ArrayLike
    ) -> None:
        super().__init__(state, eta, activation, rule, order)
        S = np.array(mirror, dtype=np.float64)
        K = self.shape[0]
        if S.shape != (K, K):
            raise ValueError(f"mirror must have shape (K, K) = ({K}, {K}); got {S.shape}")
        if not (np.isin(S, (-1, 0, 1)).all() and np.array_equal(S, S.T) and np.array_equal(S @ S, np.eye(K))):
            raise ValueError("mirror must be a symmetric matrix with one 1 or -1 in each row and zeros elsewhere")
        if activation == "relu" and (S < 0).any():
            raise ValueError("mirror must not hold -1 for 'relu': max(0, -x) is not -max(0, x)")
        kept = {"Q": (state.Q, S @ state.Q @ S), "R": (state.R, S @ state.R), "W2": (state.W2, S @ state.W2)}
        if rule == "dfa" and state.F is not None:
            kept["F"] = (state.F, S @ state.F)
        for name, (values, image) in kept.items():
            if not np.array_equal(values, image):
                apart = np.abs(values - image).max()
                raise ValueError(f"{name} must be its own mirror image; it differs by {apart:.3g}")
        Q, R, W2 = self.unpack(1 + np.arange(float(len(self.pack(state.Q, state.R, state.W2)))))
        image = self.pack(S @ Q @ S, S @ R, S @ W2)
        self._places, self._signs = np.abs(image).astype(int) - 1, np.sign(image)

    @no_type_check
    def _symmetric(self, y: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
        return (y + self._signs * y[self._places]) / 2

    @no_type_check  # called too often for checks of shapes
    def velocity(self, y: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
        """Return the time derivative of the nearest symmetric state, which is symmetric itself."""
        return self._symmetric(super().velocity(self._symmetric(y)))
