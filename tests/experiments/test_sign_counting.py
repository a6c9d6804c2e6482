"""Which signs ReLU students keep and need, against the literal step, a count of all patterns, and the equations."""

from itertools import product

import numpy as np
import pytest

from feedback_alignment.experiments.sign_counting import (
    backpropagation_learning_probability,
    enough_signs,
    learning_probability,
    printed_learning_probability,
    sign_invariants,
)
from feedback_alignment.teacher_student import OrderParameters, derivative


@pytest.mark.parametrize(("positive", "negative"), [(1, 0), (2, 0), (3, 0), (1, 1), (2, 1), (0, 2)])
@pytest.mark.parametrize("K", [1, 2, 3, 4, 6])
def test_the_probability_is_the_count_of_all_sign_patterns(K, positive, negative):
    patterns = np.array(list(product((-1.0, 1.0), repeat=K)))
    teacher = [1.0] * positive + [-2.0] * negative
    counted = enough_signs(patterns, teacher)
    assert learning_probability(K, positive, negative) == counted.mean()


def test_the_printed_formula_is_wrong_but_for_twice_as_many_units():
    assert printed_learning_probability(2, 2) == 1
    assert learning_probability(2, 2) == 0.25
    sizes = range(2, 12)
    printed = [printed_learning_probability(K, 2) for K in sizes]
    corrected = [learning_probability(K, 2) for K in sizes]
    assert all(np.diff(printed) < 0)
    assert all(np.diff(corrected) > 0)
    agree = [K for K, p, c in zip(sizes, printed, corrected, strict=True) if p == c]
    assert agree == [4]
    for M in range(1, 8):
        assert printed_learning_probability(2 * M, M) == learning_probability(2 * M, M)


def test_backpropagation_needs_units_that_are_not_held_negative():
    free = 0.8413447460685429  # the standard normal distribution function at 1
    assert backpropagation_learning_probability(2, 2) == pytest.approx(free**2, rel=1e-12)
    assert backpropagation_learning_probability(3, 2) == pytest.approx(free**3 + 3 * free**2 * (1 - free), rel=1e-12)
    assert backpropagation_learning_probability(5, 0) == pytest.approx(1, rel=1e-12)


def test_one_literal_step_raises_the_invariant_by_what_the_theory_says():
    random = np.random.default_rng(3)
    N, eta = 40, 0.3
    for rule in ("dfa", "bp"):
        W1, W2, F = random.standard_normal((3, N)), random.standard_normal(3), random.standard_normal(3)
        teacher = random.standard_normal((2, N))
        for _ in range(20):
            x = random.standard_normal(N)
            u = W1 @ x / np.sqrt(N)
            e = W2 @ np.maximum(u, 0) - np.maximum(teacher @ x / np.sqrt(N), 0).sum()
            feedback = F if rule == "dfa" else W2
            moved = W1 - eta / np.sqrt(N) * e * np.outer(feedback * (u > 0), x)
            after = W2 - eta / N * e * np.maximum(u, 0)
            given = F if rule == "dfa" else None
            change = sign_invariants(moved @ moved.T / N, after, given) - sign_invariants(W1 @ W1.T / N, W2, given)
            expected = (eta / N * feedback * (u > 0) * e) ** 2 * (x @ x)
            if rule == "bp":
                expected -= (eta / N * np.maximum(u, 0) * e) ** 2
            np.testing.assert_allclose(change, expected, atol=1e-12)
            W1, W2 = moved, after


@pytest.mark.parametrize("rule", ["dfa", "bp"])
def test_the_equations_keep_the_invariant_at_first_order_only_for_relu(rule):
    random = np.random.default_rng(4)
    W1, W2, F = random.standard_normal((3, 12)), random.standard_normal(3), random.standard_normal(3)
    state = OrderParameters.from_weights(W1, W2, random.standard_normal((2, 12)), (1.0, -1.0), F)

    def growth(activation, order):
        dQ, _, dW2 = derivative(state, 0.1, activation, rule, order=order)
        return np.diag(dQ) - 2 * (F if rule == "dfa" else W2) * dW2

    np.testing.assert_allclose(growth("relu", 1), 0, atol=1e-14)
    assert (growth("relu", 2) > 1e-4).all()
    assert (abs(growth("erf", 1)) > 1e-4).all()


def test_enough_signs_counts_both_kinds():
    F = np.array([[1.0, 1.0, -1.0], [1.0, -1.0, -1.0], [1.0, 1.0, 1.0], [0.0, 0.0, 1.0]])
    assert enough_signs(F, (1.0, 1.0)).tolist() == [True, False, True, False]
    assert enough_signs(F, (2.0, -1.0)).tolist() == [True, True, False, False]
    assert enough_signs(F, (-1.0, -1.0)).tolist() == [False, True, False, False]


@pytest.mark.parametrize("teacher", [(), (1.0, 0.0), (1.0, np.nan)])
def test_a_teacher_without_signs_is_refused(teacher):
    with pytest.raises(ValueError, match="no zero or NaN"):
        enough_signs(np.ones(3), teacher)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: learning_probability(0, 1), "K"),
        (lambda: learning_probability(2, -1), "positive"),
        (lambda: learning_probability(2, 1, -1), "negative"),
        (lambda: learning_probability(True, 1), "K"),
        (lambda: printed_learning_probability(2, -1), "M"),
        (lambda: backpropagation_learning_probability(0, 1), "K"),
    ],
)
def test_bad_counts_are_named(call, name):
    with pytest.raises(ValueError, match=f"{name} must be an integer"):
        call()
