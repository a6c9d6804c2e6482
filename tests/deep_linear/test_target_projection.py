"""Direct random target projection: the solved dynamics against simulation, and Eqs 50–57 as printed and corrected.

Equation numbers are those of Refinetti et al. 2021, SM D. Inputs are a batch whose second moment is exactly Σ_x.
"""

from fractions import Fraction

import numpy as np
import pytest

from feedback_alignment.deep_linear import (
    Training,
    alignment_matrices,
    condition_numbers,
    conditioning_exponent,
    draw_feedback,
    growth_coefficients,
    growth_exponent,
    inputs_with_second_moment,
    leading_coefficient,
    leading_order_matrix,
    target_projection_matrices,
    train,
)
from feedback_alignment.streams import generator

ETA = 0.01


def problem(size: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """T (3 × 5) and Σ_x, neither of them special; `size` scales their distance from orthonormal rows and from 1."""
    draws = generator(5, "teacher")
    T = np.eye(3, 5) + size * draws.standard_normal((3, 5))
    root = np.eye(5) + size * draws.standard_normal((5, 5))
    return T, root @ root.T


def simulate(layers: int, kind: str, times: list[int]) -> Training:
    T, second_moment = problem()
    X = inputs_with_second_moment(second_moment)
    F = draw_feedback((5, *[8] * (layers - 1), 3), "drtp-target", kind, 0)
    x, y = (np.broadcast_to(part, (times[-1], *part.shape)) for part in (X, T @ X))
    return train(F, x, y, ETA, "drtp-target", times)


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def test_the_batch_has_exactly_the_second_moment() -> None:
    _, second_moment = problem()
    X = inputs_with_second_moment(second_moment)
    np.testing.assert_allclose(X @ X.T / X.shape[1], second_moment, atol=1e-14)


@pytest.mark.parametrize("kind", ["gaussian", "uniform", "orthonormal"])
def test_the_solution_is_exact_for_any_feedback(kind: str) -> None:
    T, second_moment = problem()
    times = [1, 2, 10, 60]
    run = simulate(6, kind, times)
    for t, *found in zip(times, *alignment_matrices(run), strict=True):
        expected = target_projection_matrices(T, second_moment, run.feedback, ETA, t)
        for A, B in zip(found, expected, strict=True):
            np.testing.assert_allclose(A, B, rtol=0, atol=5e-14 * np.abs(B).max())


def test_equations_51_52_54_and_the_corrected_53_and_55() -> None:
    T, second_moment = problem()
    S = T @ second_moment @ second_moment @ T.T
    run = simulate(4, "gaussian", list(range(8)))
    F1, F2, F3 = run.feedback
    W1, W2, W3, _ = run.weights
    # Steps are differences of weights up to seven times as large, whose rounding of a few 1e-16 grows by as much.
    for t in range(7):
        assert relative(W1[t + 1] - W1[t], ETA * F1 @ T @ second_moment) < 1e-14
        if t == 0:
            continue
        step = W2[t + 1] - W2[t]
        assert relative(step, ETA * F2 @ T @ second_moment @ W1[t].T) < 1e-14
        assert relative(step, ETA**2 * t * F2 @ S @ F1.T) < 1e-14
        if t == 1:
            continue
        assert relative(ETA**2 * F2 @ S @ F1.T, step) == pytest.approx(1 - 1 / t, abs=1e-14)  # Eq. 53 as printed
        step = W3[t + 1] - W3[t]
        assert relative(step, ETA * F3 @ T @ second_moment @ W1[t].T @ W2[t].T) < 1e-14
        assert relative(step, ETA**4 * t * t * (t - 1) / 2 * F3 @ S @ F1.T @ F1 @ S @ F2.T) < 1e-14


def test_equation_55_as_printed_leaves_out_that_steps_grow() -> None:
    T, second_moment = problem()
    S = T @ second_moment @ second_moment @ T.T
    run = simulate(4, "orthonormal", list(range(8)))
    F2, F3 = run.feedback[1:]
    printed, W3 = ETA**3 * F3 @ S @ S @ F2.T, run.weights[2]
    for t in range(2, 7):
        ratio = np.linalg.norm(printed) / np.linalg.norm(W3[t + 1] - W3[t])
        assert ratio == pytest.approx(2 / (ETA * t * t * (t - 1)), rel=1e-12)


def test_coefficients_are_the_closed_forms() -> None:
    for t in range(12):
        a = growth_coefficients(3, t)
        assert a == (t, t * (t - 1) // 2, t * (t - 1) * (t - 2) * (3 * t - 1) // 24)
    t = 2000
    for layer, a in enumerate(growth_coefficients(6, t), start=1):
        # The next order is smaller by a factor of t; its coefficient is at most 2^(2l) for these layers.
        assert float(a / (leading_coefficient(layer) * t ** growth_exponent(layer))) == pytest.approx(1, abs=0.2)
    assert [leading_coefficient(layer) for layer in (1, 2, 3, 4)] == [1, *(Fraction(1, n) for n in (2, 8, 128))]


def test_equation_56_needs_another_power_of_time_eta_and_s() -> None:
    T, second_moment = problem()
    S = T @ second_moment @ second_moment @ T.T
    run = simulate(4, "orthonormal", [60, 120, 240])
    for layer in (2, 3, 4):
        found = alignment_matrices(run)[layer - 1]
        errors = [
            relative(leading_order_matrix(T, second_moment, layer, ETA, t), A)
            for t, A in zip((60, 120, 240), found, strict=True)
        ]
        # The corrected law is the limit of late times: its error falls as 1/t.
        np.testing.assert_allclose(np.array(errors[:-1]) / errors[1:], 2, rtol=0.15)
        printed = ETA**layer * np.linalg.matrix_power(S, layer - 1) * 60
        assert np.linalg.norm(printed) / np.linalg.norm(found[0]) < 0.04


@pytest.mark.parametrize("layer", [2, 3, 4, 5, 6])
def test_every_layers_norm_grows_with_its_own_power_of_time(layer: int) -> None:
    # Printed: "the norm of the weights grows linearly with time". It does in the first layer.
    run = simulate(6, "gaussian", [1000, 2000])
    sizes = [np.linalg.norm(part, axis=(1, 2)) for part in run.weights]
    exponents = [np.log2(size[1] / size[0]) for size in sizes]
    assert exponents[0] == pytest.approx(1, abs=1e-12)
    exact = [growth_coefficients(6, t)[layer - 1] for t in (1000, 2000)]
    assert exponents[layer - 1] == pytest.approx(float(np.log2(exact[1] / exact[0])), abs=1e-10)
    # What is left of the power is of order 1/t: a ratio (1 − c/2000)/(1 − c/1000) with c up to 2^l.
    assert exponents[layer - 1] == pytest.approx(growth_exponent(layer), abs=2**layer / 1000)


@pytest.mark.parametrize("layer", [2, 3, 4, 5])
def test_equation_57_has_a_power_of_two(layer: int) -> None:
    T, second_moment = problem(0)
    F = draw_feedback((5, 8, 8, 8, 8, 3), "dfa", "orthonormal", 0)
    draws = generator(1, "test moments")
    change, moment_change = 1e-7 * draws.standard_normal((3, 5)), 1e-7 * draws.standard_normal((5, 5))
    moment_change = moment_change + moment_change.T
    T, second_moment = T + change, second_moment + moment_change
    A = target_projection_matrices(T, second_moment, F, ETA, 50)[layer - 1]
    scale = growth_coefficients(layer, 50)[layer - 1] * ETA ** growth_exponent(layer)
    deviation = A / scale - np.eye(3)
    slope = T @ T.T - np.eye(3) + 2 * T @ moment_change @ T.T
    measured = float((deviation * slope).sum() / (slope * slope).sum())
    assert measured == pytest.approx(conditioning_exponent(layer), abs=1e-4)  # second order in 1e-7 · 2^3
    assert relative(deviation, conditioning_exponent(layer) * slope) < 1e-4
    assert (layer - 1 == conditioning_exponent(layer)) == (layer <= 3)  # printed: l − 1


def test_equation_50_is_the_targets_moment_for_white_inputs_only() -> None:
    T, second_moment = problem()
    y = T @ inputs_with_second_moment(second_moment)
    moment = y @ y.T / y.shape[1]
    assert relative(T @ second_moment @ T.T, moment) < 1e-14
    assert relative(T @ T.T, moment) > 0.1
    white = T @ inputs_with_second_moment(np.eye(5))
    assert relative(T @ T.T, white @ white.T / 5) < 1e-14


def test_conditioning_gets_worse_with_depth() -> None:
    T, second_moment = problem(0.1)
    S = T @ second_moment @ second_moment @ T.T
    F = draw_feedback((5, 8, 8, 8, 3), "dfa", "orthonormal", 0)
    found = condition_numbers(target_projection_matrices(T, second_moment, F, ETA, 50)[1:])
    expected = [np.linalg.cond(S) ** conditioning_exponent(layer) for layer in (2, 3, 4)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_laws_hold_for_teachers_of_any_orientation() -> None:
    Q, _ = np.linalg.qr(generator(0, "test turn").standard_normal((5, 5)))
    T, second_moment = problem()
    F = draw_feedback((5, 8, 8, 3), "dfa", "gaussian", 0)
    turned = target_projection_matrices(T @ Q.T, Q @ second_moment @ Q.T, F, ETA, 20)
    for A, B in zip(turned[1:], target_projection_matrices(T, second_moment, F, ETA, 20)[1:], strict=True):
        np.testing.assert_allclose(A, B, rtol=1e-12)


T, MOMENT = problem()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: growth_coefficients(0, 5), "layers must be at least 1 and steps at least 0; got 0 and 5"),
        (lambda: growth_coefficients(2, -1), "got 2 and -1"),
        (lambda: growth_exponent(0), "layer must be at least 1; got 0"),
        (lambda: leading_coefficient(0), "layer must be at least 1; got 0"),
        (lambda: conditioning_exponent(1), "layer must be at least 2; got 1"),
        (lambda: leading_order_matrix(T, MOMENT, 1, 0.1, 5), "layer must be at least 2; got 1"),
        (lambda: target_projection_matrices(T, np.eye(4), (np.eye(3),), 0.1, 5), r"symmetric matrix of shape \(5, 5\)"),
        (lambda: target_projection_matrices(T, np.triu(MOMENT), (np.eye(3),), 0.1, 5), "symmetric matrix"),
        (lambda: target_projection_matrices(T, MOMENT, (np.eye(4),), 0.1, 5), "each F_l must have n_L = 3 columns"),
        (lambda: inputs_with_second_moment(-np.eye(2)), "symmetric and positive semi-definite"),
        (lambda: inputs_with_second_moment(np.triu(MOMENT)), "symmetric and positive semi-definite"),
    ],
)
def test_bad_input(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]
