"""Deep linear networks under random feedback: alignment to machine precision, conditioning, convolution as a matrix.

Float64 NumPy, literal. Samples are columns; layers count from 1 to L; W_l is (n_l, n_{l−1}), F_l is (n_l, n_L) or, for
feedback alignment, (n_l, n_{l+1}); the learning rate multiplies the batch's mean.
"""

from feedback_alignment.deep_linear.alignment import (
    METHODS,
    aligned_weights,
    alignment_matrices,
    identity_residuals,
    symmetric_part,
)
from feedback_alignment.deep_linear.convolution import Convolution
from feedback_alignment.deep_linear.feedback import KINDS, RULES, direct_feedback, draw_feedback
from feedback_alignment.deep_linear.gradient_flow import converged_conditioning_exponent, converged_values
from feedback_alignment.deep_linear.observables import (
    condition_numbers,
    expected_misalignment,
    gradient_alignment,
    least_cosine,
    weight_alignment,
)
from feedback_alignment.deep_linear.target_projection import (
    conditioning_exponent,
    growth_coefficients,
    growth_exponent,
    inputs_with_second_moment,
    leading_coefficient,
    leading_order_matrix,
    target_projection_matrices,
)
from feedback_alignment.deep_linear.training import DivergenceError, Training, train

__all__ = [
    "KINDS",
    "METHODS",
    "RULES",
    "Convolution",
    "DivergenceError",
    "Training",
    "aligned_weights",
    "alignment_matrices",
    "condition_numbers",
    "conditioning_exponent",
    "converged_conditioning_exponent",
    "converged_values",
    "direct_feedback",
    "draw_feedback",
    "expected_misalignment",
    "gradient_alignment",
    "growth_coefficients",
    "growth_exponent",
    "identity_residuals",
    "inputs_with_second_moment",
    "leading_coefficient",
    "leading_order_matrix",
    "least_cosine",
    "symmetric_part",
    "target_projection_matrices",
    "train",
    "weight_alignment",
]
