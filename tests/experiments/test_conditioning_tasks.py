import numpy as np
import pytest

from feedback_alignment.experiments.conditioning_tasks import handwritten_digits, independent_targets, uneven_inputs
from feedback_alignment.networks.correlated_targets import target_covariance


def test_members_are_seeds_alphas_and_betas_in_this_order():
    task = independent_targets((5, 6), 30, 4, (0.5, 1.0), (0.2, 1.0))
    assert task.inputs.shape == (2, 30, 4)
    assert task.targets.shape == (2, 4, 30, 2)
    assert task.seeds == (5, 5, 5, 5, 6, 6, 6, 6)
    assert not np.array_equal(task.inputs[0], task.inputs[1])
    np.testing.assert_array_equal(task.targets[0, 0, :, 0], task.targets[0, 3, :, 0])
    np.testing.assert_allclose(task.targets[0, 1, :, 1], 0.5 * task.targets[0, 3, :, 1])


def test_moments_are_means_over_samples():
    task = independent_targets((0, 1), 30, 4, (0.5, 1.0), (0.2,))
    x, y = task.inputs[1], task.targets[1, 0]
    for found, expected in zip(task.moments, (x.T @ x, y.T @ x, y.T @ y), strict=True):
        assert len(found) == 4
        np.testing.assert_allclose(found[2], expected / 30, rtol=1e-12)


def test_the_signal_of_independent_targets_is_their_covariance_times_inputs_over_samples():
    samples, inputs, seeds = 50, 6, range(2000)
    _, cross_moment, _ = independent_targets(seeds, samples, inputs, (0.5,), (0.3,)).moments
    S = cross_moment @ cross_moment.swapaxes(1, 2)
    error = S.std(0) / np.sqrt(len(seeds))
    expected = inputs / samples * target_covariance(0.5, 0.3)
    assert (abs(S.mean(0) - expected) < 4 * error).all()


def test_uneven_inputs_leave_balanced_targets_and_an_ill_conditioned_signal():
    task = uneven_inputs((0,), 200_000, 6, (1, 30))
    input_moment, cross_moment, target_moment = task.moments
    # Sample moments of 200,000 draws, five standard errors of at most sqrt(2 / samples) times the largest variance.
    np.testing.assert_allclose(target_moment, np.broadcast_to(np.eye(2), (2, 2, 2)), atol=0.02)
    np.testing.assert_allclose(np.linalg.cond(input_moment), [1, 30], rtol=0.03)
    np.testing.assert_allclose(np.trace(input_moment, axis1=1, axis2=2), 6, rtol=0.02)
    S = cross_moment @ cross_moment.swapaxes(1, 2)
    np.testing.assert_allclose(np.linalg.cond(S), [1, 30], rtol=0.05)


def test_a_condition_number_below_one_is_refused():
    with pytest.raises(ValueError, match=r"a condition number is at least 1; got 0\.5"):
        uneven_inputs((0,), 10, 4, (1, 0.5))


def test_digits_have_standardised_targets_mixed_in_pairs():
    task = handwritten_digits((0, 1), (0.5, 1.0), (1.0,))
    assert task.inputs.shape == (2, 1437, 64)
    assert task.targets.shape == (2, 2, 1437, 10)
    plain = task.targets[0, 1]
    np.testing.assert_allclose(plain.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose((plain**2).mean(0), 1, rtol=1e-12)
    assert (np.unique(plain[:, 3]).size, (plain > 0).sum(1).min(), (plain > 0).sum(1).max()) == (2, 1, 1)
    np.testing.assert_allclose(task.targets[0, 0, :, 1::2], 0.5 * plain[:, 1::2], rtol=1e-12)
    np.testing.assert_array_equal(task.targets[0, 0, :, ::2], plain[:, ::2])
