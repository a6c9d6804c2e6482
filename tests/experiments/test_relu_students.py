import numpy as np
import pytest

from feedback_alignment.experiments.plateau_escape import (
    Escape,
    escape_rates,
    escape_times,
    feedback_at,
    threshold,
)
from feedback_alignment.experiments.relu_students import (
    agreeing_share,
    feedback_with_signs,
    invariant_residual,
    plane_axis,
    student,
)
from feedback_alignment.teacher_student import OrderParameters, plateau, unstable_directions


def test_students_differ_by_seed_and_share_what_they_should():
    one, other = student(3, (1.0, 1.0), 50, 0.01, 0), student(3, (1.0, 1.0), 50, 0.01, 1)
    assert not np.array_equal(one.F, other.F)
    assert not np.array_equal(one.T, other.T)
    assert np.array_equal(one.T, student(2, (1.0, 1.0), 50, 0.01, 0).T)
    positive = student(3, (1.0, 1.0), 50, 0.01, 0, start="positive")
    np.testing.assert_array_equal(positive.W2, np.abs(one.W2))
    given = student(3, (1.0, 1.0), 50, 0.01, 0, np.array([1.0, 2.0, 3.0]))
    assert given.F.tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match="start must be one of"):
        student(3, (1.0, 1.0), 50, 0.01, 0, start="zero")


@pytest.mark.parametrize("positive", [0, 1, 2, 3])
def test_feedback_has_the_signs_asked_for(positive):
    F = feedback_with_signs(3, positive, 0)
    assert (F > 0).sum() == positive
    np.testing.assert_array_equal(np.abs(F), np.abs(feedback_with_signs(3, 0, 0)))


def test_the_axis_of_the_plane_is_even_and_has_no_zero():
    np.testing.assert_allclose(plane_axis(4, 2.0), [-1.5, -0.5, 0.5, 1.5])
    with pytest.raises(ValueError, match="must be even"):
        plane_axis(5, 2.0)


def test_strength_counts_not_size_alone():
    def state(W2, F):
        return OrderParameters(np.diag([4.0, 1.0]), np.zeros((2, 1)), np.eye(1), W2, [1.0], F)

    assert agreeing_share(state([1.0, 2.0], [1.0, -1.0])) == 0.5
    assert agreeing_share(state([1.0, -6.0], [1.0, -1.0])) == 1
    assert agreeing_share(state([-0.5, 3.0], [1.0, 1.0])) == 0.75
    with pytest.raises(ValueError, match="needs a state with F"):
        agreeing_share(state([1.0, 1.0], None))


def test_the_invariant_holds_to_rounding():
    assert invariant_residual(4, 3, 0) < 1e-14


def test_feedback_is_turned_by_the_angle():
    for angle in (0.0, 10.0, 40.0):
        F = feedback_at(angle)
        cosine = F @ [1, 1] / (np.linalg.norm(F) * np.sqrt(2))
        assert np.degrees(np.arccos(min(1, cosine))) == pytest.approx(angle, abs=1e-5)
        assert np.linalg.norm(F) == pytest.approx(np.sqrt(2))
    with pytest.raises(ValueError, match="45 excluded"):
        feedback_at(45.0)


def test_the_escape_rate_is_that_of_the_jacobian():
    found = escape_rates(20.0, 0.1, 1000.0, 0)
    assert found["rate_measured"] == pytest.approx(found["rate_there"], rel=1e-3)
    fixed = unstable_directions(plateau(2, F=feedback_at(20.0)), 0.1, "erf", "dfa").rates[0].real
    assert found["rate_fixed_point"] == fixed
    assert abs(found["W2_there"].sum() - 2) < 0.2
    with pytest.raises(ValueError, match="raise the horizon"):
        escape_rates(40.0, 0.1, 100.0, 0)


def test_escape_times_by_simulation_and_equations_meet_at_equal_feedback():
    found = escape_times(Escape(0.0, N=2000), 400.0, (0, 1))
    np.testing.assert_allclose(found["escape_simulation"], found["escape_equations"], rtol=0.2)
    assert np.isnan(escape_times(Escape(0.0, simulated=False), 20.0, (0,))["escape_simulation"]).all()
    assert np.isinf(escape_times(Escape(0.0, simulated=False), 20.0, (0,))["escape_equations"]).all()
    assert 0.005 < threshold() < 0.007
