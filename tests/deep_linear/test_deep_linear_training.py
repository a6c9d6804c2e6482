"""Training of deep linear networks against autograd, a sample-by-sample loop, and bad input."""

import numpy as np
import pytest
import torch
from literal_sums import linear_task

from feedback_alignment.deep_linear import RULES, DivergenceError, draw_feedback, train

SIZES = (7, 6, 5, 4)


def start(scale: float) -> tuple[np.ndarray, ...]:
    draws = np.random.Generator(np.random.PCG64(1))
    return tuple(scale * draws.standard_normal((n, m)) for n, m in zip(SIZES[1:], SIZES[:-1], strict=True))


@pytest.mark.parametrize("rule", RULES)
def test_each_step_is_the_mean_over_its_samples(rule: str) -> None:
    x, y = linear_task(4, batch=3)
    F = draw_feedback(SIZES, rule, "gaussian", 0)
    run = train(F, x, y, 0.1, rule, times=range(5), start=start(0.3))
    W = [part.copy() for part in start(0.3)]
    for t in range(4):
        steps = [np.zeros_like(part) for part in W]
        for n in range(3):
            h = [x[t, :, n]]
            for part in W:
                h.append(part @ h[-1])
            e = h[-1] - y[t, :, n]
            np.testing.assert_allclose(run.errors[t, :, n], e, atol=1e-14)
            hidden = -y[t, :, n] if rule.startswith("drtp") else e
            top = -y[t, :, n] if rule == "drtp-target" else e
            deltas = [F[0] @ (F[1] @ e), F[1] @ e, top] if rule == "fa" else [F[0] @ hidden, F[1] @ hidden, top]
            for step, delta, below in zip(steps, deltas, h, strict=False):
                step -= 0.1 * np.outer(delta, below) / 3
        W = [part + step for part, step in zip(W, steps, strict=True)]
        for found, expected in zip(run.weights, W, strict=True):
            np.testing.assert_allclose(found[t + 1], expected, atol=1e-14)


def test_the_transposed_weights_as_feedback_give_gradient_descent() -> None:
    x, y = linear_task(1, batch=5)
    W = start(0.5)
    run = train((W[1].T, W[2].T), x, y, 0.01, "fa", start=W)
    weights = [torch.tensor(part, requires_grad=True) for part in W]
    output = torch.from_numpy(x[0])
    for part in weights:
        output = part @ output
    loss = 0.5 * ((output - torch.from_numpy(y[0])) ** 2).sum() / 5
    loss.backward()
    for found, part in zip(run.weights, weights, strict=True):
        assert part.grad is not None
        np.testing.assert_allclose(found[0], (part - 0.01 * part.grad).detach(), atol=1e-15)


def test_history_and_times() -> None:
    x, y = linear_task(6, batch=2)
    run = train(draw_feedback(SIZES, "drtp", "gaussian", 0), x, y, 0.01, "drtp", times=[0, 2, 6])
    assert [part.shape for part in run.weights] == [(3, 6, 7), (3, 5, 6), (3, 4, 5)]
    assert not any(part[0].any() for part in run.weights)
    assert run.from_zero
    assert (run.layers, run.batch) == (3, 2)
    assert run.signals_of(2) is run.signals
    assert run.signals_of(3) is run.output_signals
    assert (run.signals == -y).all()
    assert (run.output_signals == run.errors).all()
    assert (run.activities[0] == x).all()
    np.testing.assert_allclose(run.activities[1][2], run.weights[0][1] @ x[2], atol=1e-15)


def test_too_large_a_step_is_an_error_that_names_the_step() -> None:
    x, y = linear_task(200)
    F = draw_feedback(SIZES, "dfa", "gaussian", 0)
    with pytest.raises(
        DivergenceError, match=r"not finite at step \d+: training with eta = 1 diverges; lower eta"
    ) as e:
        train(F, x, y, 1.0)
    assert 1 < e.value.step < 200
    with pytest.raises(DivergenceError):
        train(F, 1e200 * x[:1], 1e200 * y[:1], 1.0)


X, Y = linear_task(3)
FEEDBACK = draw_feedback(SIZES, "dfa", "gaussian", 0)
BAD = X.copy()
BAD[0, 0, 0] = np.nan


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: train(FEEDBACK, X, Y, 0.1, "bp"), "rule must be one of"),
        (lambda: train(FEEDBACK, X, Y, 0.1, "fa"), "F_1 must have one column for each of the 5 units in layer 2"),
        (lambda: train(FEEDBACK, X[:0], Y[:0], 0.1), "none of them empty"),
        (lambda: train(FEEDBACK, X[:2], Y, 0.1), r"targets must have shape \(steps, n_L, batch\) = \(2, 4, 1\)"),
        (lambda: train(FEEDBACK, X, Y[:, :3], 0.1), r"targets must have shape .* got \(3, 3, 1\)"),
        (lambda: train(FEEDBACK, BAD, Y, 0.1), "inputs must be finite; 1 of its entries are not"),
        (lambda: train(FEEDBACK, X, Y * np.inf, 0.1), "targets must be finite; 12 of its entries"),
        (lambda: train(FEEDBACK, X, Y, 0.0), "eta must be a positive number; got 0.0"),
        (lambda: train(FEEDBACK, X, Y, np.inf), "eta must be a positive number; got inf"),
        (lambda: train(FEEDBACK, X, Y, 0.1, times=[]), "times must rise strictly"),
        (lambda: train(FEEDBACK, X, Y, 0.1, times=[2, 1]), "times must rise strictly"),
        (lambda: train(FEEDBACK, X, Y, 0.1, times=[4]), r"lie in 0 … 3, the number of steps; got \[4\]"),
        (lambda: train(FEEDBACK, X, Y, 0.1, start=start(0.1)[:2]), "start must hold W_1 … W_L of shapes"),
    ],
)
def test_bad_input(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]
