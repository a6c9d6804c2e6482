"""Coordinates of all weight vectors in an orthonormal frame of the K + M directions that contain them.

Inputs are isotropic, so a run's law depends on the weights through their overlaps alone, and any frame will do. This
one is triangular: the teacher's units lie along the first M directions, the students' rests along the next K.
"""

import numpy as np
from jaxtyping import Float

from feedback_alignment.teacher_student.order_parameters import OrderParameters


def coordinates(state: OrderParameters) -> Float[np.ndarray, "units units"]:
    """Return the coordinates of W1_teacher/√N (M rows) and W1/√N (K rows), a lower triangular matrix L of side M + K.

    L Lᵀ = [[T, Rᵀ], [R, Q]] to rounding, unit by unit however different their sizes, and whatever the rank: the
    diagonal is not negative, and units without variance have rows of zeros.
    """
    joint = np.block([[state.T, state.R.T], [state.R, state.Q]])
    sizes = np.sqrt(np.clip(np.diag(joint), 0, None))
    scale = np.where(sizes > 0, sizes, 1.0)
    values, axes = np.linalg.eigh(joint / np.outer(scale, scale))
    root = sizes[:, None] * axes * np.sqrt(np.clip(values, 0, None))
    _, upper = np.linalg.qr(root.T)
    triangular = upper.T
    return triangular * np.where(np.diag(triangular) < 0, -1.0, 1.0)
