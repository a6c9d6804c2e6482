"""Fixed points of the equations of motion for erf units: the symmetric plateau, perfect students, and their stability.

With the paper's conventions (Refinetti et al. 2021, SM B; its Eq. 31 is corrected here for K ≠ 2).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from jaxtyping import Complex, Float
from numpy.typing import ArrayLike

from feedback_alignment.teacher_student.equations_of_motion import Motion
from feedback_alignment.teacher_student.order_parameters import OrderParameters, check_count


def plateau(K: int, M: int | None = None, F: ArrayLike | None = None) -> OrderParameters:
    """Return the symmetric plateau of erf units at order 1 in eta, for T = 1 and teacher weights 1.

    Every student unit overlaps equally with every teacher unit: with s_k the sign of F^k (1 without F), and M = K
    unless given, Q^{kl} = s_k s_l / (2M − 1), R^{km} = s_k / √(M(2M − 1)), W2^k = s_k M / K. The equations fix only
    Σ_k s_k W2^k = M: this is the member of a family of dimension K − 1 in which all units weigh the same. Corrects
    Eq. 31, whose r and w2 hold for K = 2 only.

    Raises ValueError for K or M below 1 and for F that has no sign in some entry.
    """
    check_count("K", K)
    M = K if M is None else M
    check_count("M", M)
    signs = np.ones(K)
    if F is not None:
        signs = np.sign(np.asarray(F, dtype=np.float64))
        if signs.shape != (K,) or not np.isin(signs, (-1, 1)).all():
            raise ValueError(f"F must have shape (K,) = ({K},) and no entry without a sign; got {F!r}")
    return OrderParameters(
        Q=np.outer(signs, signs) / (2 * M - 1),
        R=np.outer(signs, np.ones(M)) / sqrt(M * (2 * M - 1)),
        T=np.eye(M),
        W2=signs * M / K,
        W2_teacher=np.ones(M),
        F=F,  # type: ignore[arg-type]
    )


def perfect_student(
    T: ArrayLike,
    W2_teacher: ArrayLike,
    permutation: Sequence[int] | None = None,
    signs: ArrayLike | None = None,
    F: ArrayLike | None = None,
) -> OrderParameters:
    """Return the student with K = M erf units that computes what its teacher does: a global minimum of the error.

    Student unit k copies teacher unit permutation[k], with both its weights multiplied by signs[k] (±1): the 2^K K!
    degenerate minima between which feedback alignment chooses. T is (M, M), W2_teacher (M,), F (M,).

    Raises ValueError where `permutation` or `signs` are not such, and as OrderParameters does.
    """
    overlaps, weights = np.array(T, dtype=np.float64), np.array(W2_teacher, dtype=np.float64)
    M = weights.size
    order = np.arange(M) if permutation is None else np.array(permutation)
    if sorted(order.tolist()) != list(range(M)):
        raise ValueError(f"permutation must hold each of 0 … {M - 1} once; got {permutation!r}")
    side = np.ones(M) if signs is None else np.array(signs, dtype=np.float64)
    if side.shape != (M,) or not np.isin(side, (-1, 1)).all():
        raise ValueError(f"signs must be {M} numbers, each 1 or -1; got {signs!r}")
    checked = OrderParameters(overlaps, overlaps, overlaps, weights, weights, F)  # type: ignore[arg-type]
    return OrderParameters(
        Q=side[:, None] * checked.T[np.ix_(order, order)] * side,
        R=side[:, None] * checked.T[order],
        T=checked.T,
        W2=side * weights[order],
        W2_teacher=weights,
        F=checked.F,
    )


def jacobian(
    state: OrderParameters, eta: float, activation: str, rule: str, order: int = 1
) -> Float[np.ndarray, "d d"]:
    """Return the derivative of the equations of motion with respect to the packed state, d = K(K + 1)/2 + K M + K.

    Rows and columns count the upper triangle of Q row by row, then R, then W2. Differences of fourth order; the error
    is about 1e-11 of the largest entry. At order 1 the entries are proportional to eta.

    Raises ValueError as `derivative` does, and for 'relu', whose equations have no derivative where units are
    collinear, as at every one of its perfect students.
    """
    if activation == "relu":
        raise ValueError("activation must be 'erf' or 'linear': the motion of collinear ReLU units has no derivative")
    motion = Motion(state, eta, activation, rule, order)
    y = motion.pack(state.Q, state.R, state.W2)
    columns = []
    for i, value in enumerate(y):
        step = 1e-3 * max(1.0, abs(value))
        shift = np.zeros_like(y)
        shift[i] = step
        near = motion.velocity(y + shift) - motion.velocity(y - shift)
        far = motion.velocity(y + 2 * shift) - motion.velocity(y - 2 * shift)
        columns.append((8 * near - far) / (12 * step))
    return np.stack(columns, axis=1)


@dataclass(frozen=True, eq=False)
class UnstableDirections:
    """Directions in which a fixed point is left: perturbations grow as exp(rate · α).

    `rates` are eigenvalues of the Jacobian with positive real part, largest first; Q, R, W2 hold the eigenvectors'
    parts, each eigenvector of unit length in the packed state. A complex pair spirals.
    """

    rates: Complex[np.ndarray, " directions"]
    Q: Complex[np.ndarray, "directions K K"]
    R: Complex[np.ndarray, "directions K M"]
    W2: Complex[np.ndarray, "directions K"]


def unstable_directions(
    state: OrderParameters, eta: float, activation: str, rule: str, order: int = 1, threshold: float = 1e-6
) -> UnstableDirections:
    """Return the directions in which perturbations of the fixed point `state` grow; none if it is linearly stable.

    Rates count as positive above `threshold` times the largest modulus: the plateau is one of a family of fixed
    points, along which the rate is zero, and rounding moves degenerate zeros by about the root of its size. The
    Jacobian is that of the order parameters, so it also holds directions that no weights can take at first order (Q
    below what R demands).

    Raises ValueError as `jacobian` does.
    """
    motion = Motion(state, eta, activation, rule, order)
    rates, vectors = np.linalg.eig(jacobian(state, eta, activation, rule, order))
    growing = np.flatnonzero(rates.real > threshold * np.abs(rates).max())
    growing = growing[np.argsort(-rates.real[growing], kind="stable")]
    rates, vectors = rates[growing].astype(np.complex128), vectors.T[growing].astype(np.complex128)
    # Rounding splits equal rates into pairs that seem to spiral; both parts of such a vector are directions themselves.
    equal = np.abs(rates.imag) < threshold * np.abs(rates)
    vectors[equal] = np.where(rates.imag[equal, None] < 0, vectors[equal].imag, vectors[equal].real)
    vectors[equal] /= np.linalg.norm(vectors[equal], axis=1, keepdims=True)
    rates[equal] = rates[equal].real
    Q, R, W2 = motion.unpack(vectors)
    return UnstableDirections(rates, Q, R, W2)
