"""Learning in legs: interpolation, stopping, and the same law as a run in one piece."""

from dataclasses import replace

import numpy as np
import pytest

from feedback_alignment.experiments.first_passage import Learning, crossing, first_passage
from feedback_alignment.teacher_student import OrderParameters
from feedback_alignment.teacher_student.simulation import simulate_each

LEARNING = Learning("erf", "bp", 0.3, 2e-2, horizon=40.0, leg=10.0, looks=20)
N = 60


def starts(count):
    return [OrderParameters.random_start(2, np.eye(2), (1.0, 1.0), N=N, sigma0=0.1, seed=seed) for seed in range(count)]


def test_a_crossing_is_interpolated_in_the_logarithm():
    assert crossing([0.0, 10.0], [1.0, 1e-4], 1e-2) == pytest.approx(5)
    assert crossing([0.0, 10.0, 20.0], [1.0, 1e-1, 0.0], 1e-2) > 10
    assert crossing([3.0, 4.0], [1e-3, 1.0], 1e-2) == 3
    assert crossing([0.0, 1.0], [1.0, 0.5], 1e-2) == np.inf


def test_legs_have_the_law_of_a_run_in_one_piece():
    runs = 60
    at = first_passage(starts(runs), LEARNING, N, 5).learned_at
    times = np.arange(0, 40.01, 0.5)
    whole = simulate_each(starts(runs), times, 0.3, "erf", "bp", N, 6)
    reference = np.array([crossing(whole.alpha, errors, 2e-2) for errors in whole.generalisation_error])
    assert np.isfinite(at).all()
    assert np.isfinite(reference).all()
    error = np.sqrt((at.var(ddof=1) + reference.var(ddof=1)) / runs)
    assert abs(at.mean() - reference.mean()) < 4 * error
    assert at.std() == pytest.approx(reference.std(), rel=0.5)


def test_runs_stop_after_the_leg_in_which_they_learn_and_others_go_on():
    easy, hard = starts(2)
    hard = replace(hard, W2_teacher=(5.0, -5.0))
    passage = first_passage([easy, hard], replace(LEARNING, horizon=25.0), N, 5)
    assert passage.learned_at[0] < 25
    assert np.isinf(passage.learned_at[1])
    assert passage.error[0] < passage.error[1]
    alone = first_passage([easy], replace(LEARNING, horizon=25.0), N, 5)
    assert alone.learned_at[0] == passage.learned_at[0]
    assert np.array_equal(alone.states[0].Q, passage.states[0].Q)
    assert not np.array_equal(passage.states[1].Q, hard.Q)


@pytest.mark.parametrize("changes", [{"horizon": 0.0}, {"leg": -1.0}, {"looks": 0}])
def test_times_must_be_positive(changes):
    with pytest.raises(ValueError, match="must be positive"):
        first_passage(starts(1), replace(LEARNING, **changes), N, 0)
