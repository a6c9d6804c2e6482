"""Weight and gradient alignment, conditioning, and strong weight alignment under ideal and random feedback."""

import numpy as np
import pytest
import torch
from literal_sums import trained

from feedback_alignment.deep_linear import (
    aligned_weights,
    condition_numbers,
    draw_feedback,
    expected_misalignment,
    gradient_alignment,
    least_cosine,
    weight_alignment,
)
from feedback_alignment.streams import generator


def strongly_aligned(feedback: tuple[np.ndarray, ...], inputs: int = 7) -> tuple[np.ndarray, ...]:
    """Weights with A_l = 1 for l ≥ 2 and any first layer (Eq. 16)."""
    n_L = feedback[-1].shape[1]
    matrices = (np.ones((1, n_L, inputs)), *(np.eye(n_L)[None] for _ in feedback))
    return tuple(part[0] for part in aligned_weights(matrices, feedback))


def test_gradient_alignment_against_autograd() -> None:
    run = trained(4, "drtp", steps=40, eta=3e-4)
    W = tuple(part[-1] for part in run.weights)
    e = generator(0, "test errors").standard_normal((4, 3))
    y = generator(1, "test errors").standard_normal((4, 3))
    found = gradient_alignment(W, run.feedback, e, -y)
    assert found.shape == (3, 3)
    for n in range(3):
        for layer, F in enumerate(run.feedback, start=1):
            h = torch.zeros(W[layer - 1].shape[0], dtype=torch.float64, requires_grad=True)
            output = h
            for part in W[layer:]:
                output = torch.from_numpy(part) @ output
            (output @ torch.from_numpy(e[:, n])).backward()
            assert h.grad is not None
            expected = torch.cosine_similarity(torch.from_numpy(-F @ y[:, n]), h.grad, dim=0, eps=0.0)
            assert found[layer - 1, n] == pytest.approx(expected.item(), abs=1e-14)


def test_weight_alignment_is_the_cosine_of_equation_19() -> None:
    run = trained(4)
    W, F = tuple(part[-1] for part in run.weights), run.feedback
    found = weight_alignment(W, F)
    for value, part, target in zip(found, W[1:], (F[1] @ F[0].T, F[2] @ F[1].T, F[2].T), strict=True):
        expected = np.trace(part.T @ target) / np.linalg.norm(part) / np.linalg.norm(target)
        assert value == pytest.approx(expected, abs=1e-15)


def test_no_direction_is_not_a_number() -> None:
    run = trained(3, steps=2, times=(0,))
    W = tuple(part[0] for part in run.weights)
    assert np.isnan(weight_alignment(W, run.feedback)).all()
    assert np.isnan(gradient_alignment(W, run.feedback, np.ones((4, 2)))).all()


@pytest.mark.parametrize("layers", [2, 3, 6])
def test_strong_alignment_gives_gradients_exactly_for_left_orthogonal_feedback(layers: int) -> None:
    F = draw_feedback((7, *[9] * (layers - 1), 4), "dfa", "orthonormal", 0)
    W = strongly_aligned(F)
    np.testing.assert_allclose(weight_alignment(W, F), 1, atol=1e-14)
    e = generator(0, "test errors").standard_normal((4, 5))
    np.testing.assert_allclose(gradient_alignment(W, F, e), 1, atol=1e-14)


@pytest.mark.parametrize(("kind", "kurtosis"), [("gaussian", 3.0), ("uniform", 9 / 5)])
def test_strong_alignment_under_random_feedback_misses_by_the_expected_amount(kind: str, kurtosis: float) -> None:
    widths, n_L, draws = (7, 300, 200, 400, 5), 5, 300
    missed = []
    for seed in range(draws):
        F = draw_feedback(widths, "dfa", kind, seed)
        e = generator(seed, "test errors").standard_normal((n_L, 10))
        missed.append(1 - gradient_alignment(strongly_aligned(F), F, e).mean(axis=1))
    mean, error = np.mean(missed, axis=0), np.std(missed, axis=0) / np.sqrt(draws)
    for layer in (1, 2):
        expected = expected_misalignment(n_L, widths[layer + 1 : -1], kurtosis)
        # The next order in 1/width is about n_L/width = 2.5 % of the value.
        assert mean[layer - 1] == pytest.approx(expected, abs=3 * error[layer - 1] + 0.025 * expected)
    assert mean[2] == pytest.approx(0, abs=1e-14)  # nothing lies between the last hidden layer and the output


def test_one_output_is_never_missed() -> None:
    assert expected_misalignment(1, (10, 20), 3.0) == pytest.approx(0)
    assert expected_misalignment(5, (), 3.0) == 0
    assert expected_misalignment(5, (10, 20)) == pytest.approx(4 * (1 / 20 + 1 / 40))


def test_condition_numbers() -> None:
    matrices = (np.stack([np.diag([1.0, 2.0]), np.zeros((2, 2))]), np.stack([np.eye(2), np.diag([3.0, 0.0])]))
    found = condition_numbers(matrices)
    np.testing.assert_allclose(found[0], [2, 1])
    assert not np.isfinite(found[1]).any()


@pytest.mark.parametrize("condition", [1.0, 2.0, 50.0])
def test_least_cosine_is_a_bound_that_is_reached(condition: float) -> None:
    A = np.diag([1.0, np.sqrt(condition), condition])
    e = generator(0, "test errors").standard_normal((3, 2000))
    cosines = (e * (A @ e)).sum(axis=0) / np.linalg.norm(e, axis=0) / np.linalg.norm(A @ e, axis=0)
    bound = least_cosine(condition)
    assert cosines.min() >= bound - 1e-15
    worst = np.array([np.sqrt(condition), 0, 1])
    assert worst @ A @ worst / np.linalg.norm(worst) / np.linalg.norm(A @ worst) == pytest.approx(bound, abs=1e-15)


F = draw_feedback((7, 6, 5, 4), "dfa", "gaussian", 0)
W = strongly_aligned(F)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: weight_alignment(W[:2], F), "2 feedback matrices go with 3 of weights; got 2"),
        (lambda: weight_alignment(W, F[::-1]), r"F_1 must have shape \(6, 4\) and W_2 6 columns; got \(5, 4\) and 6"),
        (lambda: gradient_alignment((W[0], W[0], W[2]), F, np.ones((4, 1))), "W_2 6 columns; got .* and 7"),
        (lambda: gradient_alignment(W, F, np.ones((3, 1))), r"errors must have shape .* n_L = 4; got \(3, 1\)"),
        (lambda: gradient_alignment(W, F, np.ones((4, 1)), np.ones(4)), r"signals must have shape .* got \(4,\)"),
        (lambda: least_cosine(0.5), "a condition number is at least 1; got 0.5"),
        (lambda: least_cosine(np.nan), "a condition number is at least 1; got nan"),
        (lambda: expected_misalignment(0, (5,)), "n_L and the widths must be at least 1"),
        (lambda: expected_misalignment(2, (5, 0)), "n_L and the widths must be at least 1"),
        (lambda: expected_misalignment(2, (5,), 0.5), "a kurtosis is at least 1"),
    ],
)
def test_bad_input(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]
