"""Gradient alignment foretold from second moments of inputs and targets, before any training.

For left-orthogonal feedback, and inputs whose moment leaves the modes of T uncoupled, A_l ∝ S^(2^(l−2)) early in the
training of a linear network, with S = T Σx² Tᵀ, and A_l ∝ (T Tᵀ)^(2^(l−2) / (2^L − 1)) at its end.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.special import ellipe, ellipkm1

from feedback_alignment.deep_linear import converged_conditioning_exponent
from feedback_alignment.experiments import conditioning_linear
from feedback_alignment.experiments.alignment_products import mean_over_samples
from feedback_alignment.experiments.conditioning_linear import Stack

Moments = tuple[Stack, Stack, Stack]
"""E[xxᵀ], E[yxᵀ] and E[yyᵀ] of each member."""


def condition_cosine(condition: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
    """Return the cosine of a positive definite 2×2 matrix of such condition with the identity: its weight alignment."""
    return np.asarray((1 + condition) / np.sqrt(2 * (1 + condition**2)))


def isotropic_cosine(condition: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
    """Return the mean cosine of e with A e over all directions in the plane, for positive definite A of condition 1/r.

    It is (2/π) (r K(1 − r²) + E(1 − r²)) / (1 + r) with the complete elliptic integrals K and E of that parameter.
    """
    r = 1 / np.asarray(condition, dtype=float)
    return np.asarray(2 / np.pi * (r * ellipkm1(r**2) + ellipe(1 - r**2)) / (1 + r))


def least_squares_map(input_moment: Stack, cross_moment: Stack) -> Stack:
    """Return T = E[yxᵀ] E[xxᵀ]⁺, what a linear network has learned at the end."""
    found: np.ndarray = cross_moment @ np.linalg.pinv(input_moment, hermitian=True)
    return found


def power(matrix: Stack, exponent: float) -> Stack:
    """Return a symmetric positive semi-definite matrix to a positive power."""
    values, vectors = np.linalg.eigh(matrix)
    found: np.ndarray = (vectors * np.clip(values, 0, None)[..., None, :] ** exponent) @ vectors.swapaxes(-1, -2)
    return found


def errors_with_moment(second_moment: Stack, directions: Float[np.ndarray, "samples outputs"]) -> Stack:
    """Return errors (members, samples, outputs) of the given second moment, made of isotropic draws `directions`."""
    errors: np.ndarray = directions @ power(second_moment, 0.5)
    return errors


def alignment_of_matrices(
    A: Sequence[Stack], grams: Sequence[Stack], errors: Float[np.ndarray, "members samples outputs"]
) -> Float[np.ndarray, "members layers"]:
    """Return gradient alignment in each hidden layer and in all of them together, mean over `errors`."""
    return mean_over_samples(conditioning_linear.gradient_products(A, grams, errors).cosines())


def alignment_of_final_law(
    squared_map: Stack, second_moment: Stack, directions: Float[np.ndarray, "samples outputs"], layers: int
) -> Float[np.ndarray, "members layers"]:
    """Return gradient alignment for A_l = (T Tᵀ)^(2^(l−2) / (2^L − 1)) and left-orthogonal feedback.

    `squared_map` is T Tᵀ up to a factor, and `second_moment` that of the errors.
    """
    members, outputs = len(squared_map), squared_map.shape[-1]
    A = [np.zeros((members, outputs, 1))]
    A += [power(squared_map, converged_conditioning_exponent(layer, layers) / 2) for layer in range(2, layers + 1)]
    grams = [np.broadcast_to(np.eye(outputs), squared_map.shape)] * (layers - 1)
    return alignment_of_matrices(A, grams, errors_with_moment(second_moment, directions))


def second_moment_of_errors(T: Stack, moments: Moments) -> Stack:
    """Return E[e eᵀ] of e = T x − y."""
    input_moment, cross_moment, target_moment = moments
    crossed = T @ cross_moment.swapaxes(-1, -2)
    found: np.ndarray = T @ input_moment @ T.swapaxes(-1, -2) - crossed - crossed.swapaxes(-1, -2) + target_moment
    return found


def learned_map(A: Sequence[Stack], grams: Sequence[Stack]) -> Stack:
    """Return what a linear network computes, W_L … W_1, from its alignment matrices."""
    return conditioning_linear.maps(A, grams)[-1]


def trained_on_moments(moments: Moments, grams: Sequence[Stack], rate: float, steps: int) -> list[Stack]:
    """Return A_1 … A_L after `steps` steps on the whole distribution; `rate` multiplies the mean over it."""
    input_moment, cross_moment, _ = moments
    members, outputs, inputs = cross_moment.shape
    A = conditioning_linear.zero_matrices(members, inputs, outputs, len(grams) + 1)
    for _ in range(steps):
        conditioning_linear.step(A, grams, input_moment, cross_moment, rate)
    return A
