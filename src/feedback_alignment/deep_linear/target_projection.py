"""Direct random target projection in a deep linear network, solved: e = −y in every layer, y = T x, averaged inputs.

Refinetti et al. 2021, SM D, with its Eqs 53 and 55–57 corrected. Each step sees the whole distribution, E[xxᵀ] = Σ_x,
and S = T Σ_x² Tᵀ. Everything starts from zero.
"""

from fractions import Fraction

import numpy as np
from jaxtyping import Float

from feedback_alignment.deep_linear.feedback import Matrices


def growth_coefficients(layers: int, steps: int) -> tuple[int, ...]:
    """Return a_1 … a_L, exact: a_1 = t and a_l(t) = Σ_{s<t} a_1(s) … a_{l−1}(s).

    A_l after t steps is η^(2^(l−1)) a_l(t) times a matrix that does not depend on time; a_2 = t(t − 1)/2 and
    a_3 = t(t − 1)(t − 2)(3t − 1)/24.

    Raises ValueError for fewer than one layer or negative steps.
    """
    if layers < 1 or steps < 0:
        raise ValueError(f"layers must be at least 1 and steps at least 0; got {layers} and {steps}")
    a = [0] * layers
    for _ in range(steps):
        product, grown = 1, []
        for value in a:
            grown.append(value + product)
            product *= value
        a = grown
    return tuple(a)


def leading_coefficient(layer: int) -> Fraction:
    """Return c_l of a_l(t) ≃ c_l t^(2^(l−1)), which is 2 · 2^(−2^(l−1)) for l ≥ 2 and 1 for the first layer.

    Raises ValueError for a layer below 1.
    """
    return Fraction(2, 2 ** growth_exponent(layer))


def growth_exponent(layer: int) -> int:
    """Return 2^(l−1), the power of time with which ‖W_l‖ and ‖A_l‖ grow.

    Raises ValueError for a layer below 1.
    """
    if layer < 1:
        raise ValueError(f"layer must be at least 1; got {layer}")
    return 2 ** (layer - 1)


def conditioning_exponent(layer: int) -> int:
    """Return 2^(l−2), the power of cond(S) that is cond(A_l) for left-orthogonal feedback, l ≥ 2.

    To first order in Σ̃_y and Σ̃_x it is the factor of corrected Eq. 57, A_l − 1 ∝ 2^(l−2) (Σ̃_y + 2 T Σ̃_x Tᵀ).

    Raises ValueError for a layer below 2.
    """
    if layer < 2:
        raise ValueError(f"layer must be at least 2; got {layer}")
    return 2 ** (layer - 2)


def target_projection_matrices(
    T: Float[np.ndarray, "n_L n_0"],
    second_moment: Float[np.ndarray, "n_0 n_0"],
    feedback: Matrices,
    eta: float,
    steps: int,
) -> Matrices:
    """Return A_1 … A_L after so many steps, exact for any feedback F_1 … F_{L−1}, (n_l, n_L) each.

    A_1 = η t T Σ_x, and A_l = η^(2^(l−1)) a_l(t) K_l with K_2 = S and K_{l+1} = K_l F_{l−1}ᵀF_{l−1} K_l.
    Left-orthogonal feedback leaves K_l = S^(2^(l−2)) (Eqs 53, 55 and 56, corrected).

    Raises ValueError for shapes that do not chain, a second moment that is not symmetric, and as growth_coefficients.
    """
    n_L, n_0 = T.shape
    if second_moment.shape != (n_0, n_0) or not np.allclose(second_moment, second_moment.T, rtol=1e-12, atol=0):
        raise ValueError(f"second_moment must be a symmetric matrix of shape {(n_0, n_0)}, as T has {n_0} columns")
    if any(F.shape[1] != n_L for F in feedback):
        raise ValueError(f"each F_l must have n_L = {n_L} columns, as T has rows; got {[F.shape for F in feedback]}")
    layers = len(feedback) + 1
    K = T @ second_moment @ second_moment @ T.T
    found = [T @ second_moment]
    for layer in range(2, layers + 1):
        found.append(K)
        gram = feedback[layer - 2].T @ feedback[layer - 2]
        K = K @ gram @ K
    sizes = growth_coefficients(layers, steps)
    powers = (float(eta) ** growth_exponent(layer) for layer in range(1, layers + 1))
    return tuple(power * float(a) * K for power, a, K in zip(powers, sizes, found, strict=True))


def leading_order_matrix(
    T: Float[np.ndarray, "n_L n_0"], second_moment: Float[np.ndarray, "n_0 n_0"], layer: int, eta: float, steps: int
) -> Float[np.ndarray, "n_L n_L"]:
    """Return A_l, l ≥ 2, at late times and for left-orthogonal feedback: 2 (ηt/2)^(2^(l−1)) S^(2^(l−2)).

    Eq. 56, corrected; its relative error falls as 1/t.

    Raises ValueError for a layer below 2.
    """
    power = conditioning_exponent(layer)
    S = T @ second_moment @ second_moment @ T.T
    return 2 * (eta * steps / 2) ** growth_exponent(layer) * np.linalg.matrix_power(S, power)


def inputs_with_second_moment(second_moment: Float[np.ndarray, "n_0 n_0"]) -> Float[np.ndarray, "n_0 n_0"]:
    """Return n_0 samples as columns of X with X Xᵀ / n_0 = Σ_x exactly: a batch that stands for the distribution.

    Raises ValueError unless the second moment is symmetric and positive semi-definite.
    """
    values, vectors = np.linalg.eigh(second_moment)
    if not np.allclose(second_moment, second_moment.T, rtol=1e-12, atol=0) or values.min() < -1e-12 * values.max():
        raise ValueError("second_moment must be symmetric and positive semi-definite")
    return np.sqrt(len(values)) * (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
