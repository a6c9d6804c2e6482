"""How near a convolution can come to a matrix of low rank, such as F_l F_{l-1}ᵀ with its rank of at most n_L."""

import numpy as np
from jaxtyping import Float

from feedback_alignment.deep_linear.convolution import Convolution

Kernel = Float[np.ndarray, "out_channels in_channels height width"]


def low_rank_cosine(layer: Convolution, H: Kernel, rank: int) -> float:
    """Return the largest cosine of φ(H) with a matrix of `rank`, √(Σ_{i≤rank} σ_i² / Σ_i σ_i²) (Eckart and Young).

    Raises ValueError for a kernel of another shape than the layer's, and for H = 0.
    """
    squares = np.linalg.svd(layer.matrix(H), compute_uv=False) ** 2
    if squares.sum() == 0:
        raise ValueError("the kernel is zero and has no direction")
    return float(np.sqrt(squares[:rank].sum() / squares.sum()))


def towards_low_rank(layer: Convolution, H: Kernel, rank: int, rounds: int) -> Kernel:
    """Return a kernel whose matrix is nearer to the matrices of `rank` than that of H, found in so many rounds.

    Each round takes the nearest matrix of that rank, and the convolution nearest to it. Neither step can lower the
    cosine, so what comes out is a lower bound on the best one. The norm of H is kept.

    Raises ValueError for a kernel of another shape than the layer's.
    """
    size = np.linalg.norm(H)
    for _ in range(rounds):
        U, values, V = np.linalg.svd(layer.matrix(H), full_matrices=False)
        H = layer.closest_kernel((U[:, :rank] * values[:rank]) @ V[:rank])
        H = H * (size / np.linalg.norm(H))
    return H
