import numpy as np
import pytest

from feedback_alignment.deep_linear import Convolution
from feedback_alignment.deep_linear.low_rank_convolution import low_rank_cosine, towards_low_rank

LAYER = Convolution(1, 1, (3, 3), (6, 5), padding=1)


def test_no_matrix_of_the_rank_is_nearer():
    """Against the nearest of the rank, by its cosine written out, and against many random ones."""
    draw = np.random.default_rng(0)
    H = draw.standard_normal(LAYER.kernel_shape)
    phi = LAYER.matrix(H)
    U, values, V = np.linalg.svd(phi)
    M = (U[:, :3] * values[:3]) @ V[:3]
    found = low_rank_cosine(LAYER, H, 3)
    assert found == pytest.approx(np.sum(M * phi) / np.linalg.norm(M) / np.linalg.norm(phi), rel=1e-12)
    for _ in range(20):
        other = draw.standard_normal((30, 3)) @ draw.standard_normal((3, 30))
        assert np.sum(other * phi) / np.linalg.norm(other) / np.linalg.norm(phi) < found


def test_rounds_never_lower_the_cosine():
    H = np.random.default_rng(1).standard_normal(LAYER.kernel_shape)
    cosines = [low_rank_cosine(LAYER, H, 4)]
    for _ in range(6):
        H = towards_low_rank(LAYER, H, 4, 1)
        cosines.append(low_rank_cosine(LAYER, H, 4))
    assert (np.diff(cosines) > -1e-12).all()
    assert cosines[-1] > cosines[0] + 0.05
    assert np.linalg.norm(H) == pytest.approx(
        np.linalg.norm(np.random.default_rng(1).standard_normal(LAYER.kernel_shape))
    )


def test_filters_of_one_kernel_reach_what_the_kernel_alone_reaches():
    """With H = a bᵀ ⊗ k all singular values of φ(k) are stretched by |a||b|: many channels have the cosine of one."""
    draw = np.random.default_rng(2)
    k = draw.standard_normal((3, 3))
    H = np.einsum("o,i,ab->oiab", draw.standard_normal(2), draw.standard_normal(3), k)
    many = Convolution(3, 2, (3, 3), (6, 5), padding=1)
    assert low_rank_cosine(many, H, 4) == pytest.approx(low_rank_cosine(LAYER, k[None, None], 4), rel=1e-12)


def test_a_kernel_of_zeros_is_refused():
    with pytest.raises(ValueError, match="the kernel is zero and has no direction"):
        low_rank_cosine(LAYER, np.zeros(LAYER.kernel_shape), 2)
