"""Formulas as printed and as corrected, against sums written out pair by pair."""

import numpy as np
import pytest

from feedback_alignment.deep_linear import alignment_matrices, draw_feedback, train
from feedback_alignment.experiments.linear_task import linear_map, linear_task
from feedback_alignment.experiments.printed_alignment import FORMULAS, printed_errors

ETA = 0.01


def run(kind="gaussian", layers=5, batch=1, rule="dfa", times=None, steps=30):
    x, y = linear_task(7, 4, steps, batch, 0)
    return train(draw_feedback((7, *[12] * (layers - 1), 4), rule, kind, 0), x, y, ETA, rule, times)


def matrices_at_each_time(of):
    e, x = of.errors[:, :, 0], of.activities[0][:, :, 0]
    steps = len(e)
    A = [np.zeros((steps + 1, 4, 7)), *(np.zeros((steps + 1, 4, 4)) for _ in range(4))]
    v = [x]
    for layer in range(2, 6):
        for t in range(steps):
            A[layer - 1][t + 1] = A[layer - 1][t]
            for s in range(t):
                A[layer - 1][t + 1] += ETA**2 * (v[-1][t] @ v[-1][s]) * np.outer(e[t], e[s])
        if layer == 2:
            for t in range(steps):
                A[0][t + 1] = A[0][t] - ETA * np.outer(e[t], x[t])
        v.append(np.stack([A[layer - 2][t] @ v[-1][t] for t in range(steps)]))
    return A


def relative(found, true):
    return np.linalg.norm(found - true) / np.linalg.norm(true)


def test_the_printed_matrices_are_the_sums_over_pairs():
    of = run()
    true = [A[-1] for A in alignment_matrices(of)]
    printed, corrected = printed_errors(of)
    found = [relative(A[-1], B) for A, B in zip(matrices_at_each_time(of)[2:], true[2:], strict=True)]
    np.testing.assert_allclose(printed[2:], found, rtol=1e-9)
    assert (printed > 0.1).all()
    assert corrected.max() < 1e-14


def test_left_orthogonal_feedback_needs_the_typing_slips_corrected_only():
    printed, corrected = printed_errors(run("orthonormal"))
    assert len(printed) == len(corrected) == len(FORMULAS)
    assert (printed[:2] > 0.1).all()
    assert printed[2:].max() < 1e-13
    assert corrected.max() < 1e-14


def test_the_task_is_the_seeds_linear_map():
    x, y = linear_task(7, 4, 5, 3, 1)
    assert (x.shape, y.shape) == ((5, 7, 3), (5, 4, 3))
    np.testing.assert_allclose(y[2], linear_map(7, 4, 1) @ x[2], atol=1e-14)


@pytest.mark.parametrize(
    "of", [{"layers": 4}, {"batch": 2}, {"rule": "drtp"}, {"times": [10, 30]}], ids=["layers", "batch", "rule", "times"]
)
def test_bad_input(of):
    with pytest.raises(ValueError, match="the formulas need a run by 'dfa' or 'fa' with at least 5 layers"):
        printed_errors(run(**of))
