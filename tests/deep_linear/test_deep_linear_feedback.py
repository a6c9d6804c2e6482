"""Drawing feedback, and what it amounts to when it goes through the layers one by one."""

import numpy as np
import pytest

from feedback_alignment.deep_linear import KINDS, RULES, direct_feedback, draw_feedback
from feedback_alignment.deep_linear.feedback import check_left_orthogonal

SIZES = (5, 40, 30, 20, 4)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("kind", KINDS)
def test_shapes_and_scale(rule: str, kind: str) -> None:
    F = draw_feedback(SIZES, rule, kind, seed=3)
    columns = SIZES[2:] if rule == "fa" else (4, 4, 4)
    assert [part.shape for part in F] == list(zip(SIZES[1:-1], columns, strict=True))
    again = draw_feedback(SIZES, rule, kind, seed=3)
    assert all((a == b).all() for a, b in zip(F, again, strict=True))
    assert not (F[0] == draw_feedback(SIZES, rule, kind, seed=4)[0]).any()


@pytest.mark.parametrize(("kind", "fourth"), [("gaussian", 3.0), ("uniform", 9 / 5)])
def test_entries_have_the_variance_and_kurtosis_of_their_kind(kind: str, fourth: float) -> None:
    (F,) = draw_feedback((1, 1000, 100), "dfa", kind, seed=0)
    entries = np.sqrt(1000) * F
    # 1e5 entries: standard errors of at most √2/√1e5 = .0045 (variance) and √96/√1e5 = .031 (fourth moment).
    assert entries.mean() == pytest.approx(0, abs=0.01)
    assert (entries**2).mean() == pytest.approx(1, abs=0.014)
    assert (entries**4).mean() == pytest.approx(fourth, abs=0.1)


def test_orthonormal_columns_are_so_and_point_anywhere() -> None:
    signs = []
    for seed in range(200):
        (F,) = draw_feedback((1, 6, 3), "dfa", "orthonormal", seed)
        assert np.abs(F.T @ F - np.eye(3)).max() < 1e-14
        signs.append(np.sign(F[0, 0]))
    assert abs(np.mean(signs)) < 3 / np.sqrt(200)  # QR alone fixes the signs


def test_feedback_alignment_carries_products() -> None:
    F = draw_feedback(SIZES, "fa", "gaussian", seed=1)
    direct = direct_feedback(F, "fa")
    for found, expected in zip(direct, (F[0] @ F[1] @ F[2], F[1] @ F[2], F[2]), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-15)
    assert direct_feedback(direct, "dfa") is direct


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: draw_feedback((5, 6, 4), "bp", "gaussian", 0), "rule must be one of dfa, fa, drtp, drtp-target"),
        (lambda: draw_feedback((5, 6, 4), "dfa", "normal", 0), "kind must be one of gaussian, uniform, orthonormal"),
        (lambda: draw_feedback((5, 4), "dfa", "gaussian", 0), "at least three positive widths"),
        (lambda: draw_feedback((5, 0, 4), "dfa", "gaussian", 0), "at least three positive widths"),
        (lambda: draw_feedback((5, 3, 4), "dfa", "orthonormal", 0), "make layer 1 wider"),
        (lambda: direct_feedback((), "dfa"), "at least one feedback matrix"),
        (lambda: direct_feedback((np.ones((6, 3)), np.ones((6, 4))), "dfa"), "each of the 4 outputs; it has 3"),
        (lambda: direct_feedback((np.ones((6, 4)), np.ones((5, 4))), "fa"), "each of the 5 units in layer 2; it has 4"),
        (lambda: check_left_orthogonal((np.ones((6, 2)),)), "of rank n_L = 2; it has rank 1"),
        (lambda: check_left_orthogonal((2 * np.eye(3),)), "it deviates by 3: draw 'orthonormal' feedback"),
    ],
)
def test_bad_input(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]
