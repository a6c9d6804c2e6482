"""Where direct feedback alignment takes a deep linear network that learns y = T x by gradient flow from zero weights.

For white inputs and left-orthogonal feedback everything falls apart into the singular modes of T, and the symmetric
part of the alignment matrices fixes the rest: A_l + A_lᵀ = A_{l−1} A_{l−1}ᵀ leaves a_l = a_{l−1}²/2 in each mode.
"""

import numpy as np
from jaxtyping import Float


def converged_values(singular_values: Float[np.ndarray, " modes"], layers: int) -> Float[np.ndarray, "layers modes"]:
    """Return the singular values of A_1 … A_L after convergence, one column for each singular value s of T.

    a_l = 2 (a_1/2)^(2^(l−1)), whose product over all layers is s: a_1 = 2 (s/2^L)^(1/(2^L − 1)).

    Raises ValueError for singular values that are not positive and for fewer than two layers.
    """
    s = np.asarray(singular_values, dtype=np.float64)
    if s.ndim != 1 or not (s > 0).all():
        raise ValueError(f"singular_values must be a row of positive numbers; got {singular_values!r}")
    first = 2 * (s / 2**layers) ** converged_conditioning_exponent(1, layers)
    return np.stack([2 * (first / 2) ** 2 ** (layer - 1) for layer in range(1, layers + 1)])


def converged_conditioning_exponent(layer: int, layers: int) -> float:
    """Return 2^(l−1)/(2^L − 1), the power of cond(T) that is cond(A_l) after convergence.

    At the start of training, while e = −y still, the power is 2^(l−1): learning divides it by 2^L − 1.

    Raises ValueError for a layer outside 1 … L and for fewer than two layers.
    """
    if layers < 2 or not 1 <= layer <= layers:
        raise ValueError(f"layer must lie in 1 … L with L at least 2; got {layer} of {layers}")
    return 2 ** (layer - 1) / (2**layers - 1)
