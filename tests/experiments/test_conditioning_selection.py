"""Rank correlations, their p-values, slopes and scores, against SciPy and made-up data."""

import numpy as np
import pytest
import xarray as xr
from scipy.stats import spearmanr

from feedback_alignment.experiments import conditioning_selection as selection
from feedback_alignment.streams import generator


def draws(*shape):
    return generator(0, "test grid").standard_normal(shape)


@pytest.mark.parametrize(("factor", "axis"), [("alpha", 0), ("beta", 1)])
def test_rank_correlations_are_spearmans(factor, axis):
    values = draws(4, 5, 3)
    for seed, found in enumerate(selection.rank_correlation(values, factor)):
        slices = values[seed].T if axis == 0 else values[seed]
        expected = np.mean([spearmanr(part, np.arange(len(part))).statistic for part in slices])
        assert found == pytest.approx(expected, abs=1e-12)


def test_p_values_see_order_and_not_noise():
    rising = np.arange(5.0)[:, None] + np.zeros((4, 5, 5))
    assert selection.rank_p_value(rising + np.arange(5.0), "alpha") == pytest.approx(1e-4, rel=1e-3)
    assert selection.rank_p_value(-rising, "alpha") == pytest.approx(1)
    by_chance = [
        selection.rank_p_value(generator(i, "test grid").standard_normal((3, 4, 4)), "beta") for i in range(60)
    ]
    # Uniform between 0 and 1: the mean of 60 has a standard error of 0.037.
    assert np.mean(by_chance) == pytest.approx(0.5, abs=0.15)


def test_an_unknown_factor_is_refused():
    with pytest.raises(ValueError, match="factor must be 'alpha' or 'beta'; got 'gamma'"):
        selection.rank_correlation(draws(2, 3, 3), "gamma")


def test_exponents_are_slopes_of_logarithms():
    T = np.exp(abs(draws(2, 3, 3)))
    condition = np.stack([2 * T**1.5, 3 * T**0.5], axis=-1)[None, None, ..., None]
    dataset = xr.Dataset(
        {
            "condition": (("recipe", "activation", "seed", "alpha", "beta", "time", "matrix"), condition),
            "map_condition": (("recipe", "seed", "alpha", "beta"), T[None]),
        },
        coords={"recipe": ["here"], "activation": ["linear"], "matrix": ["A2"]},
    )
    np.testing.assert_allclose(selection.exponents(dataset, "here", "A2"), [[1.5, 0.5]] * 2, rtol=1e-12)


def test_slopes_over_uneven_inputs():
    conditions, signal = np.array([1.0, 4.0, 9.0]), np.array([[1.5, 4.0, 7.0], [1.2, 3.0, 8.0]])
    values = np.stack([signal**2, np.broadcast_to(conditions**0.5, signal.shape)], axis=-1)[None, ..., None]
    dataset = xr.Dataset(
        {
            "uneven_condition": (("uneven_activation", "seed", "input_condition", "time", "matrix"), values),
            "uneven_signal_condition": (("seed", "input_condition"), signal),
        },
        coords={"uneven_activation": ["linear"], "input_condition": conditions, "matrix": ["A2"]},
    )
    np.testing.assert_allclose(selection.uneven_slopes(dataset, 0)[0], 2, rtol=1e-12)
    np.testing.assert_allclose(selection.uneven_slopes(dataset, 1)[1], 0.5, rtol=1e-12)


def test_held_out_pairs_are_the_white_fields():
    assert selection.held_out(3, 3).tolist() == [[False, True, False], [True, False, True], [False, True, False]]


def test_a_linear_relation_is_foretold_exactly_and_noise_is_not():
    foretold = draws(3, 5, 5)
    exact = selection.score(foretold, 2 - 0.5 * foretold)
    np.testing.assert_allclose(exact.explained, 1, rtol=1e-12)
    np.testing.assert_allclose(exact.error, 0, atol=1e-12)
    noise = generator(1, "test grid").standard_normal((3, 5, 5))
    useless = selection.score(foretold, noise)
    assert (useless.explained < 0.3).all()
    out = selection.held_out(5, 5)
    baseline = abs(noise[:, out] - noise[:, ~out].mean()).mean(1)
    np.testing.assert_allclose(useless.baseline_error, baseline, rtol=1e-12)


def test_held_out_values_do_not_enter_the_fit():
    foretold, measured = draws(2, 4, 4), generator(2, "test grid").standard_normal((2, 4, 4))
    out = selection.held_out(4, 4)
    changed = np.where(out, measured + 1, measured)
    before, after = (selection.score(foretold, values) for values in (measured, changed))
    slope, offset = np.polyfit(foretold[:, ~out].ravel(), measured[:, ~out].ravel(), 1)
    wrong = changed[:, out] - slope * foretold[:, out] - offset
    np.testing.assert_allclose(after.error, abs(wrong).mean(1), rtol=1e-12)
    assert not np.allclose(before.error, after.error)
