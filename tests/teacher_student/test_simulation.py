"""The interface of `simulate`: what comes back, that it can be repeated, and what bad input says."""

import subprocess
import sys

import numpy as np
import pytest

from feedback_alignment.teacher_student.order_parameters import OrderParameters, generalisation_error
from feedback_alignment.teacher_student.simulation import DivergenceError, simulate, simulate_each

W2_TEACHER, F = np.array([1.0, -0.5]), np.array([0.8, -1.2, 0.3])
STATE = OrderParameters.random_start(3, np.eye(2), W2_TEACHER, F, N=100, sigma0=0.5, seed=1)
GOOD = {"alphas": [0.0, 0.5, 2.0], "eta": 0.3, "activation": "erf", "rule": "dfa", "N": 50, "seed": 5}
FIELDS = ("Q", "R", "W2", "generalisation_error")
METHODS = ("direct", "projected")


@pytest.mark.parametrize("method", METHODS)
def test_a_trajectory_starts_at_the_state_and_holds_its_errors(method):
    found = simulate(STATE, **GOOD, method=method)
    assert found.Q.shape == (3, 3, 3)
    assert found.R.shape == (3, 3, 2)
    assert found.W2.shape == (3, 3)
    np.testing.assert_allclose(found.Q[0], STATE.Q, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(found.R[0], STATE.R, rtol=1e-13, atol=1e-15)
    np.testing.assert_array_equal(found.W2[0], STATE.W2)
    for i in range(3):
        state = OrderParameters(found.Q[i], found.R[i], STATE.T, found.W2[i], STATE.W2_teacher)
        assert found.generalisation_error[i] == pytest.approx(generalisation_error(state, "erf"), rel=1e-12)
    assert found.generalisation_error[2] != found.generalisation_error[0]


def test_times_are_rounded_to_steps_and_returned_so():
    found = simulate(STATE, **GOOD | {"alphas": [0.004, 0.0161, 1.0], "N": 100})
    np.testing.assert_array_equal(found.alpha, [0.0, 0.02, 1.0])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_run_is_the_same_whatever_runs_beside_it(method, threads):
    five = simulate(STATE, **GOOD, method=method, runs=5, threads=threads)
    two = simulate(STATE, **GOOD, method=method, runs=2, threads=1)
    one = simulate(STATE, **GOOD, method=method)
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(five, name)[:2], getattr(two, name))
        np.testing.assert_array_equal(getattr(two, name)[0], getattr(one, name))
    assert len(np.unique(five.Q[:, 1, 0, 0])) == 5


@pytest.mark.parametrize("method", METHODS)
def test_a_run_is_the_same_whatever_times_are_asked_for(method):
    dense = simulate(STATE, **GOOD | {"alphas": np.arange(101) / 50}, method=method)
    sparse = simulate(STATE, **GOOD, method=method)
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(dense, name)[[0, 25, 100]], getattr(sparse, name))


def test_another_seed_gives_another_run():
    assert not np.array_equal(simulate(STATE, **GOOD).Q[1], simulate(STATE, **GOOD | {"seed": 6}).Q[1])


def test_the_rules_differ_in_their_feedback_only():
    as_feedback = OrderParameters(STATE.Q, STATE.R, STATE.T, STATE.W2, STATE.W2_teacher, STATE.W2)
    one_step = GOOD | {"alphas": [1 / 50]}
    for method in METHODS:
        bp = simulate(STATE, **one_step | {"rule": "bp"}, method=method)
        dfa = simulate(as_feedback, **one_step, method=method)
        np.testing.assert_array_equal(bp.Q, dfa.Q)
        later = GOOD | {"alphas": [1.0]}
        bp = simulate(STATE, **later | {"rule": "bp"}, method=method)
        dfa = simulate(as_feedback, **later, method=method)
        assert not np.array_equal(bp.Q, dfa.Q)


def test_each_state_has_its_own_run():
    other = OrderParameters.random_start(3, 2 * np.eye(2), -W2_TEACHER, np.ones(3), N=100, sigma0=0.1, seed=2)
    both = simulate_each([STATE, other], **GOOD, threads=2)
    first = simulate(STATE, **GOOD)
    second = simulate(other, **GOOD, runs=2)
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(both, name)[0], getattr(first, name))
        np.testing.assert_array_equal(getattr(both, name)[1], getattr(second, name)[1])


@pytest.mark.parametrize("N", [5, 6, 7, 8])
def test_few_inputs_keep_the_covariance_positive(N):
    found = simulate(STATE, np.arange(1, 200) / N, 1.5, "erf", "dfa", N, 0, runs=4)
    for Q, R in zip(found.Q.reshape(-1, 3, 3), found.R.reshape(-1, 3, 2), strict=True):
        values = np.linalg.eigvalsh(np.block([[Q, R], [R.T, STATE.T]]))
        assert values[0] > -1e-14 * values[-1]


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"alphas": [-1.0, 2.0]}, ValueError, "must not be negative"),
        ({"alphas": [2.0, 1.0]}, ValueError, "must increase"),
        ({"alphas": [[1.0, 2.0]]}, ValueError, r"shape \(n,\)"),
        ({"alphas": [1.0, np.nan]}, ValueError, "finite"),
        ({"alphas": []}, ValueError, "n > 0"),
        ({"eta": -0.1}, ValueError, "eta"),
        ({"eta": np.inf}, ValueError, "eta"),
        ({"activation": "tanh"}, ValueError, "'erf', 'relu', 'linear'; got 'tanh'"),
        ({"rule": "fa"}, ValueError, "'bp', 'dfa'; got 'fa'|backprop"),
        ({"method": "exact"}, ValueError, "'direct', 'projected'; got 'exact'"),
        ({"N": 4}, ValueError, r"at least K \+ M = 5"),
        ({"N": 50.0}, TypeError, "N must be an integer"),
        ({"N": True}, TypeError, "N must be an integer"),
        ({"runs": 0}, ValueError, "runs must be at least 1; got 0"),
        ({"runs": 2.0}, TypeError, "runs must be an integer"),
        ({"threads": 0}, ValueError, "threads must be at least 1"),
        ({"seed": -1}, ValueError, "seed"),
    ],
)
def test_bad_input_is_named(change, error, says):
    with pytest.raises(error, match=says):
        simulate(STATE, **GOOD | change)


def test_dfa_without_feedback_is_refused():
    state = OrderParameters(STATE.Q, STATE.R, STATE.T, STATE.W2, STATE.W2_teacher)
    with pytest.raises(ValueError, match="field F"):
        simulate(state, **GOOD)
    assert simulate(state, **GOOD | {"rule": "bp"}).Q.shape == (3, 3, 3)


def test_states_of_several_shapes_and_no_states_are_refused():
    other = OrderParameters.zero_start(2, np.eye(2), np.ones(2), np.ones(2))
    with pytest.raises(ValueError, match=r"\(K, M\) = \(3, 2\).*state 1 has \(2, 2\)"):
        simulate_each([STATE, other], **GOOD)
    with pytest.raises(ValueError, match="got none"):
        simulate_each([], **GOOD)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("method", METHODS)
def test_a_diverging_run_is_named(method, threads):
    wild = OrderParameters(STATE.Q, STATE.R, STATE.T, np.full(3, 1e200), STATE.W2_teacher, STATE.F)
    with pytest.raises(DivergenceError, match=r"run 1 .* lower eta") as caught:
        simulate_each([STATE, wild], **GOOD | {"activation": "linear"}, method=method, threads=threads)
    assert caught.value.run == 1
    assert 0 <= caught.value.alpha <= 2.0


def test_importing_compiles_nothing_and_loads_no_numba():
    command = "import sys, feedback_alignment.teacher_student.simulation; print('numba' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
