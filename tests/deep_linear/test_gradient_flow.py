"""Alignment matrices after convergence: the closed form against training in smaller and smaller steps."""

import numpy as np
import pytest

from feedback_alignment.deep_linear import (
    alignment_matrices,
    converged_conditioning_exponent,
    converged_values,
    draw_feedback,
    inputs_with_second_moment,
    train,
)
from feedback_alignment.streams import generator


def trained_values(T: np.ndarray, layers: int, eta: float) -> tuple[np.ndarray, float]:
    X = inputs_with_second_moment(np.eye(T.shape[1]))
    steps = int(60 / eta)
    x, y = (np.broadcast_to(part, (steps, *part.shape)) for part in (X, T @ X))
    F = draw_feedback((T.shape[1], *[6] * (layers - 1), len(T)), "dfa", "orthonormal", 0)
    run = train(F, x, y, eta)
    values = [np.linalg.svd(A[-1], compute_uv=False) for A in alignment_matrices(run)]
    return np.stack(values), float(np.abs(run.errors[-1]).max())


@pytest.mark.parametrize("layers", [2, 3, 4])
def test_training_converges_to_the_closed_form_as_steps_shrink(layers: int) -> None:
    T = generator(0, "teacher").standard_normal((3, 8)) / np.sqrt(8)
    expected = converged_values(np.linalg.svd(T, compute_uv=False), layers)
    distances = []
    for eta in (0.04, 0.02, 0.01):
        values, error = trained_values(T, layers, eta)
        assert error < 1e-8
        distances.append(np.abs(values / expected - 1).max())
    assert distances[-1] < 0.02
    # First order in eta: halving it halves the distance, up to the next order.
    np.testing.assert_allclose(np.array(distances[:-1]) / distances[1:], 2, rtol=0.1)


@pytest.mark.parametrize("layers", [2, 3, 6])
def test_the_closed_form_multiplies_to_the_map_and_halves_squares(layers: int) -> None:
    s = np.array([3.0, 1.0, 0.2])
    a = converged_values(s, layers)
    np.testing.assert_allclose(a.prod(axis=0), s, rtol=1e-13)
    np.testing.assert_allclose(a[1:], a[:-1] ** 2 / 2, rtol=1e-13)
    for layer in range(1, layers + 1):
        power = converged_conditioning_exponent(layer, layers)
        assert a[layer - 1, 0] / a[layer - 1, -1] == pytest.approx(15**power, rel=1e-13)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: converged_values(np.array([1.0, 0.0]), 3), "singular_values must be a row of positive numbers"),
        (lambda: converged_values(np.ones((2, 2)), 3), "singular_values must be a row of positive numbers"),
        (lambda: converged_values(np.ones(2), 1), "L at least 2; got 1 of 1"),
        (lambda: converged_conditioning_exponent(4, 3), "layer must lie in 1 … L"),
        (lambda: converged_conditioning_exponent(0, 3), "layer must lie in 1 … L"),
    ],
)
def test_bad_input(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]
