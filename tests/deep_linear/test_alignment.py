"""The weak alignment identity and the alignment matrices: three ways, and the printed formulas that need correction.

Equation numbers are those of Refinetti et al. 2021 and its supplement.
"""

from itertools import product

import numpy as np
import pytest
from literal_sums import (
    RATES,
    double_sum,
    linear_task,
    printed_matrices,
    printed_range_sum,
    samples,
    trained,
)

from feedback_alignment.deep_linear import (
    KINDS,
    RULES,
    aligned_weights,
    alignment_matrices,
    draw_feedback,
    gradient_alignment,
    identity_residuals,
    symmetric_part,
    train,
)


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


@pytest.mark.parametrize(("rule", "kind", "batch"), list(product(RULES, KINDS, (1, 32))))
def test_weak_alignment_is_an_identity(rule: str, kind: str, batch: int) -> None:
    # 3000 sums of terms of both signs leave rounding of about √3000 · 1.1e-16 = 6e-15 of the weights' size.
    run = trained(6, rule, kind, batch, 3000, eta=RATES[rule], width=40, times=(30, 300, 3000))
    assert np.nanmax(identity_residuals(run, alignment_matrices(run))) < 1e-14


@pytest.mark.parametrize("layers", [2, 3, 4, 5])
def test_weak_alignment_at_any_depth(layers: int) -> None:
    run = trained(layers, "dfa", "gaussian", 1, 3000, eta=RATES["dfa"], width=40, times=(30, 300, 3000))
    assert np.nanmax(identity_residuals(run, alignment_matrices(run))) < 1e-14


@pytest.mark.parametrize(("rule", "batch"), list(product(RULES, (1, 4))))
def test_recursion_and_double_sum_agree_for_any_feedback(rule: str, batch: int) -> None:
    run = trained(5, rule, "gaussian", batch, 150, eta=RATES[rule], times=(1, 40, 150))
    for found, expected in zip(alignment_matrices(run), alignment_matrices(run, "double sum"), strict=True):
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14 * np.abs(expected).max())


@pytest.mark.parametrize(("rule", "batch"), list(product(RULES, (1, 4))))
def test_the_papers_form_holds_for_left_orthogonal_feedback(rule: str, batch: int) -> None:
    run = trained(6, rule, "orthonormal", batch, 150, eta=RATES[rule], times=(1, 40, 150))
    for found, expected in zip(alignment_matrices(run, "left-orthogonal"), alignment_matrices(run), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=3e-14 * np.abs(expected).max())


def test_double_sum_is_the_literal_one() -> None:
    run = trained(4)
    e, _ = samples(run)
    for layer, A in enumerate(alignment_matrices(run, "double sum")[1:], start=2):
        assert relative(A[-1], double_sum(e, run.activities[layer - 2][:, :, 0], run.eta)) < 1e-14


def test_feedback_alignment_is_the_direct_rule_with_products() -> None:
    x, y = linear_task(100)
    F = draw_feedback((7, 20, 18, 16, 4), "fa", "gaussian", 0)
    layerwise = train(F, x, y, 0.01, "fa")
    direct = train(layerwise.feedback, x, y, 0.01, "dfa")
    for found, expected in zip(layerwise.weights, direct.weights, strict=True):
        assert relative(found, expected) < 3e-14
    # In the other order the products have other shapes, unless all widths are equal; then they give another network.
    square = draw_feedback((7, 4, 4, 4, 4), "fa", "gaussian", 0)
    turned = (square[2] @ square[1] @ square[0], square[2] @ square[1], square[2])
    right, wrong = train(square, x, y, 0.01, "fa"), train(turned, x, y, 0.01, "dfa")
    assert relative(wrong.weights[0], right.weights[0]) > 0.1


def test_equation_12_needs_the_error_of_its_time() -> None:
    run = trained(3)
    e, x = samples(run)
    A1 = np.stack([-run.eta * e[:t].T @ x[:t] for t in range(len(e))])
    v = np.einsum("tij,tj->ti", A1, x)
    F1, F2 = run.feedback
    printed = -run.eta * np.outer(F2 @ (run.errors[-1, :, 0]), F1 @ v.sum(axis=0))
    corrected = -run.eta * F2 @ (e.T @ v) @ F1.T
    assert relative(corrected, run.weights[1][0]) < 1e-14
    assert relative(printed, run.weights[1][0]) > 0.5


def test_equation_42_has_one_feedback_matrix_too_many() -> None:
    run = trained(4)
    e, x = samples(run)
    F1, _, F3 = run.feedback
    matrices = [alignment_matrices(trained(4, times=(t,))) for t in range(len(e))]
    v = np.stack([A[1][0] @ F1.T @ F1 @ A[0][0] @ x[t] for t, A in enumerate(matrices)])
    without = -run.eta * e.T @ v
    assert relative(without, alignment_matrices(run)[2][-1]) < 1e-14
    assert (F3 @ without).shape != without.shape  # as printed it is no n_L × n_L matrix


@pytest.mark.parametrize("seed", range(3))
def test_equations_15_and_43_to_48_need_left_orthogonal_feedback(seed: int) -> None:
    exact, printed = ([], [])
    for kind in ("orthonormal", "gaussian"):
        run = trained(5, kind=kind, steps=40, seed=seed)
        found, expected = printed_matrices(run), alignment_matrices(run)
        errors = [relative(a, b[-1]) for a, b in zip(found, expected, strict=True)]
        (exact if kind == "orthonormal" else printed).extend(errors)
    assert max(exact) < 1e-14
    assert max(printed[:2]) < 1e-14  # A_1 and A_2 have no feedback in them
    assert min(printed[2:]) > 0.1


def test_equation_46_sums_pairs_of_times_once() -> None:
    run = trained(4, kind="orthonormal")
    e, _ = samples(run)
    for layer, A in enumerate(alignment_matrices(run)[1:], start=2):
        v = run.activities[layer - 2][:, :, 0]
        assert relative(double_sum(e, v, run.eta), A[-1]) < 1e-14
        assert relative(printed_range_sum(e, v, run.eta), A[-1]) > 0.9


def test_b_is_not_a_square_matrix_of_the_feedback_alone() -> None:
    # B_l = A_{l−2} … A_1 for l ≥ 3 takes inputs to outputs, and other data give another one for equal feedback.
    first, second = trained(3, seed=0), trained(3, seed=0, steps=30)
    B3, other = alignment_matrices(first)[0][-1], alignment_matrices(second)[0][-1]
    assert B3.shape == (4, 7)
    assert all((a == b).all() for a, b in zip(first.feedback, second.feedback, strict=True))
    assert relative(other, B3) > 0.1


@pytest.mark.parametrize(("rule", "batch"), list(product(RULES, (1, 8))))
def test_symmetric_part(rule: str, batch: int) -> None:
    run = trained(5, rule, "gaussian", batch, 200, eta=RATES[rule])
    matrices = alignment_matrices(run)
    for layer in range(2, 5 if rule == "drtp" else 6):
        growth, noise = symmetric_part(run, matrices, layer)
        both = matrices[layer - 1][-1] + matrices[layer - 1][-1].T
        np.testing.assert_allclose(growth - noise, both, rtol=0, atol=1e-14 * np.abs(growth).max())
        for part in (growth, noise):
            assert np.linalg.eigvalsh(part).min() > -1e-15 * np.abs(part).max()


def test_the_noise_of_the_symmetric_part_vanishes_in_gradient_flow() -> None:
    x, y = linear_task(1, batch=20)
    F = draw_feedback((7, 12, 12, 4), "dfa", "gaussian", 0)
    shares = []
    for steps in (100, 200, 400, 800):
        run = train(F, np.repeat(x, steps, axis=0), np.repeat(y, steps, axis=0), 4 / steps)
        growth, noise = symmetric_part(run, alignment_matrices(run), 3)
        shares.append(np.linalg.norm(noise) / np.linalg.norm(growth))
        if steps == 800:
            A = alignment_matrices(run)[2][-1]
            assert np.linalg.eigvalsh(A + A.T).min() > 0
    # Halving eta halves it, up to terms of the next order in eta (4/100 to 4/800 here).
    np.testing.assert_allclose(np.log2(np.array(shares[:-1]) / shares[1:]), 1, atol=0.1)


def test_one_output_does_not_guarantee_gradient_alignment() -> None:
    x = np.array([[[1.0], [0.0]], [[1.0], [0.2]]])
    y = np.array([[[1.0]], [[-1.0]]])
    F = draw_feedback((2, 3, 1), "dfa", "gaussian", 0)
    run = train(F, x, y, 0.1)
    A2 = alignment_matrices(run)[1][-1]
    assert float(A2[0, 0]) == pytest.approx(-0.01, rel=1e-14)
    aligned = gradient_alignment(tuple(part[-1] for part in run.weights), run.feedback, np.ones((1, 1)))
    assert aligned == pytest.approx(-1, abs=1e-15)
    # In gradient flow A_2 = A_1 A_1ᵀ / 2 cannot be negative: many small steps on both samples at once.
    both = [np.repeat(part.swapaxes(0, 2), 2000, axis=0) for part in (x, y)]
    flow = alignment_matrices(train(F, *both, 0.001))
    assert flow[1][-1] > 0
    assert flow[1][-1] == pytest.approx(flow[0][-1] @ flow[0][-1].T / 2, rel=0.01)


def test_equation_16_not_its_inverse() -> None:
    # Sec. 4.2 prints F_l F_{l−1}^{−1}; weights have the shape of F_l F_{l−1}ᵀ, and F_{l−1} has no inverse.
    run = trained(4)
    F1, F2 = run.feedback[:2]
    assert (F2 @ F1.T).shape == run.weights[1][0].shape
    assert F1.shape[0] != F1.shape[1]


RUN = trained(3, steps=5)
PARTIAL = trained(3, steps=5, times=(2,))
OUTPUT = trained(3, "drtp", steps=5)
NARROW = trained(3, steps=5, width=3)


def moved() -> object:
    x, y = linear_task(5)
    F = draw_feedback((7, 6, 4), "dfa", "gaussian", 0)
    return alignment_matrices(train(F, x, y, 0.01, start=(np.ones((6, 7)), np.zeros((4, 6)))))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (moved, "holds for training from zero weights; this run started from others: call train without start"),
        (lambda: alignment_matrices(RUN, "sum"), "method must be one of recursion, double sum, left-orthogonal"),
        (lambda: alignment_matrices(RUN, "left-orthogonal"), "F_1ᵀF_1 = 1; it deviates by"),
        (lambda: alignment_matrices(NARROW, "left-orthogonal"), "F_1 of rank n_L = 4; it has rank 3"),
        (
            lambda: aligned_weights(alignment_matrices(RUN)[:2], RUN.feedback),
            "2 feedback matrices go with 3 A_l; got 2",
        ),
        (lambda: symmetric_part(RUN, alignment_matrices(RUN), 1), "layer must lie in 2 … 3; got 1"),
        (
            lambda: symmetric_part(OUTPUT, alignment_matrices(OUTPUT), 3),
            "the output layer of 'drtp' learns from another",
        ),
        (lambda: symmetric_part(PARTIAL, alignment_matrices(PARTIAL), 2), "last time must be its end, 5; got 2"),
    ],
)
def test_bad_input(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]
