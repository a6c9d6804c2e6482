import re

import numpy as np
import pytest

from feedback_alignment.networks.correlated_targets import correlate, target_covariance
from feedback_alignment.streams import generator

SAMPLES = 200_000


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 1.0), (0.2, 0.6), (0.6, 0.2), (1.0, 0.0), (0.5, 2.0)])
def test_mixed_outputs_have_the_covariance(alpha, beta):
    independent = generator(0, "targets").standard_normal((SAMPLES, 4))
    targets = correlate(independent, alpha, beta)
    expected = np.kron(np.eye(2), target_covariance(alpha, beta))
    # Five standard errors of a sample covariance, at most sqrt(2 / samples) for variances up to 1.
    np.testing.assert_allclose(targets.T @ targets / SAMPLES, expected, atol=5 * np.sqrt(2 / SAMPLES))


def test_mixing_is_exact_for_draws_that_are_exactly_white():
    white = np.sqrt(8) * np.linalg.qr(generator(1, "targets").standard_normal((8, 2)))[0]
    targets = correlate(white, 0.4, 0.3)
    np.testing.assert_allclose(targets.T @ targets / 8, target_covariance(0.4, 0.3), rtol=0, atol=1e-15)


def test_balanced_and_uncorrelated_targets_are_the_draws_themselves():
    independent = generator(2, "targets").standard_normal((5, 3, 2))
    np.testing.assert_array_equal(correlate(independent, 1.0, 1.0), independent)


def test_equation_20_is_a_covariance_between_beta_0_and_2_only():
    for alpha, beta in ((1.0, -0.1), (0.5, 2.1)):
        printed = np.array([[1, alpha * (1 - beta)], [alpha * (1 - beta), alpha**2]])
        assert np.linalg.eigvalsh(printed)[0] < 0
        with pytest.raises(
            ValueError, match=re.escape(f"beta must lie in 0 … 2, where |1 - beta| is a correlation; got {beta}")
        ):
            target_covariance(alpha, beta)
    for beta in (0.0, 2.0):
        assert np.linalg.eigvalsh(target_covariance(0.7, beta))[0] == pytest.approx(0, abs=1e-16)


@pytest.mark.parametrize("alpha", [0.0, -1.0, np.inf, np.nan])
def test_a_second_output_without_a_sensible_spread_is_refused(alpha):
    with pytest.raises(ValueError, match="alpha, the second output's standard deviation, must be positive and finite"):
        correlate(np.zeros((3, 2)), alpha, 0.5)


def test_outputs_come_in_pairs():
    with pytest.raises(ValueError, match="their number must be even; got 3"):
        correlate(np.zeros((4, 3)), 0.5, 0.5)
