"""Convolution as a matrix against PyTorch's, its projection, its best cosine and its rank."""

from dataclasses import replace
from itertools import product
from math import prod

import numpy as np
import pytest
import torch

from feedback_alignment.deep_linear import Convolution
from feedback_alignment.streams import generator

SHAPES = [
    Convolution(i, o, kernel, image, stride, padding)
    for (i, o), kernel, image, stride, padding in product(
        ((1, 1), (2, 3)), ((3, 3), (2, 3), (1, 1)), ((6, 5),), (1, 2, 3), (0, 1, 2)
    )
]
SMALL = Convolution(2, 3, (3, 3), (6, 5))


def kernel(layer: Convolution, seed: int = 0) -> np.ndarray:
    return generator(seed, "weights").standard_normal(layer.kernel_shape)


@pytest.mark.parametrize("layer", SHAPES, ids=str)
def test_the_matrix_convolves_as_torch_does(layer: Convolution) -> None:
    H = kernel(layer)
    images = generator(1, "samples").standard_normal((4, layer.in_channels, *layer.image))
    expected = torch.conv2d(
        torch.from_numpy(images), torch.from_numpy(H), stride=layer.stride, padding=layer.padding
    ).numpy()
    found = images.reshape(4, -1) @ layer.matrix(H).T
    assert expected.shape == (4, layer.out_channels, *layer.output)
    np.testing.assert_allclose(found, expected.reshape(4, -1), atol=1e-13)


@pytest.mark.parametrize("layer", SHAPES, ids=str)
def test_the_projection_is_least_squares_over_all_kernels(layer: Convolution) -> None:
    M = generator(2, "samples").standard_normal(layer.shape)
    units = np.eye(prod(layer.kernel_shape)).reshape(-1, *layer.kernel_shape)
    basis = np.stack([layer.matrix(H).ravel() for H in units], axis=1)
    best, _, rank, _ = np.linalg.lstsq(basis, M.ravel(), rcond=None)
    np.testing.assert_allclose(layer.closest_kernel(M).ravel(), best, atol=1e-12)
    assert rank == layer.parameters
    projected = layer.matrix(layer.closest_kernel(M))
    np.testing.assert_allclose(layer.matrix(layer.closest_kernel(projected)), projected, atol=1e-14)


def test_no_kernel_has_a_larger_cosine() -> None:
    M = generator(2, "samples").standard_normal(SMALL.shape)
    bound = SMALL.best_cosine(M)

    def cosine(H: np.ndarray) -> float:
        W = SMALL.matrix(H)
        return float((W * M).sum() / np.linalg.norm(W) / np.linalg.norm(M))

    best = SMALL.closest_kernel(M)
    assert cosine(best) == pytest.approx(bound, abs=1e-15)
    assert max(cosine(best + 0.1 * kernel(SMALL, seed)) for seed in range(200)) < bound
    assert SMALL.best_cosine(SMALL.matrix(best)) == pytest.approx(1, abs=1e-15)


def test_the_share_of_random_feedback_that_a_convolution_can_take() -> None:
    squares = np.zeros((4000, 2))
    for seed, row in enumerate(squares):
        draws = generator(seed, "feedback")
        F, G = (draws.standard_normal((size, 10)) for size in SMALL.shape)
        M = F @ G.T
        row[:] = (SMALL.best_cosine(M) * np.linalg.norm(M)) ** 2, np.linalg.norm(M) ** 2
    share = squares[:, 0].mean() / squares[:, 1].mean()
    error = squares[:, 0].std() / squares[:, 1].mean() / np.sqrt(len(squares))
    assert SMALL.parameters == 54
    assert SMALL.expected_share == pytest.approx(54 / (36 * 60))
    assert share == pytest.approx(SMALL.expected_share, abs=3 * error)
    assert error < 0.02 * SMALL.expected_share


@pytest.mark.parametrize("layer", SHAPES, ids=str)
def test_rank_is_at_least_the_number_of_full_windows(layer: Convolution) -> None:
    kernels = [kernel(layer), *(np.eye(prod(layer.kernel_shape))[i].reshape(layer.kernel_shape) for i in (0, -1))]
    for H in kernels:
        assert np.linalg.matrix_rank(layer.matrix(H)) >= layer.full_windows


def test_full_windows_are_counted_and_the_bound_is_reached() -> None:
    assert SMALL.full_windows == 4 * 3
    assert replace(SMALL, padding=1).full_windows == 4 * 3
    assert replace(SMALL, stride=2).full_windows == 2 * 2
    single = Convolution(1, 1, (3, 3), (6, 5))
    corner = np.zeros(single.kernel_shape)
    corner[0, 0, 0, 0] = 1.0
    assert np.linalg.matrix_rank(single.matrix(corner)) == single.full_windows


def test_few_outputs_cannot_ask_for_a_convolution() -> None:
    outputs = SMALL.full_windows - 1
    draws = generator(0, "feedback")
    F, G = (draws.standard_normal((size, outputs)) for size in SMALL.shape)
    assert np.linalg.matrix_rank(F @ G.T) == outputs
    assert SMALL.best_cosine(F @ G.T) < 1


def test_entries_that_meet_nothing_but_padding_are_not_parameters() -> None:
    wide = Convolution(1, 1, (3, 3), (1, 1), stride=3, padding=1)
    assert wide.parameters == 1
    assert wide.closest_kernel(np.array([[2.0]])).ravel().tolist() == [0, 0, 0, 0, 2, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Convolution(0, 1, (3, 3), (5, 5)), "must be at least 1 and padding at least 0"),
        (lambda: Convolution(1, 1, (3, 3), (5, 5), padding=-1), "padding at least 0; got .* and -1"),
        (lambda: Convolution(1, 1, (3, 3), (5, 5), stride=0), "stride must be at least 1"),
        (lambda: Convolution(1, 1, (3, 3), (2, 5)), r"kernel \(3, 3\) does not fit into an image \(2, 5\)"),
        (lambda: SMALL.matrix(np.ones((3, 2, 3, 2))), r"kernel must have shape \(3, 2, 3, 3\); got \(3, 2, 3, 2\)"),
        (lambda: SMALL.closest_kernel(np.ones((2, 2))), r"shape of φ\(H\), \(36, 60\); got \(2, 2\)"),
        (lambda: SMALL.best_cosine(np.zeros(SMALL.shape)), "the matrix is zero and has no direction"),
    ],
)
def test_bad_input(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]
