"""Maxima of curves over training time, against curves whose maximum is known."""

import numpy as np
import pytest
import xarray as xr

from feedback_alignment.experiments.maxima import at_peak, fall, peak_epoch

EPOCHS = np.array([0, *np.geomspace(0.5, 200, 12)])


def curves(*rows):
    return xr.DataArray(np.array(rows), dims=("member", "epoch"), coords={"epoch": EPOCHS})


@pytest.mark.parametrize("true", [2.0, 11.7, 90.0])
def test_the_maximum_of_a_parabola_in_the_logarithm_is_exact(true):
    curve = curves(-((np.log(np.maximum(EPOCHS, 1e-3)) - np.log(true)) ** 2))
    np.testing.assert_allclose(peak_epoch(curve).values, [true], rtol=1e-9)


def test_another_curve_is_found_within_half_a_distance_of_observations():
    """A bump that is no parabola: f = t exp(-t/τ) has its maximum at τ. Observations are a factor 1.72 apart."""
    for tau in (3.0, 10.0, 31.0):
        found = float(peak_epoch(curves(EPOCHS * np.exp(-EPOCHS / tau)))[0])
        assert abs(np.log(found / tau)) < np.log(1.72) / 2


def test_each_curve_has_a_maximum_of_its_own_whatever_the_order_of_axes():
    rising, early = EPOCHS, -((np.log(np.maximum(EPOCHS, 1e-3)) - 1) ** 2)
    found = peak_epoch(curves(rising, early).transpose("epoch", "member"))
    assert found.dims == ("member",)
    np.testing.assert_allclose(found.values, [200, np.e], rtol=1e-9)


def test_a_maximum_at_an_end_stays_there():
    np.testing.assert_array_equal(peak_epoch(curves(EPOCHS, -EPOCHS)).values, [200, 0])
    beside_the_start = np.where(np.arange(13) == 1, 1.0, 0.0)
    assert peak_epoch(curves(beside_the_start))[0] == EPOCHS[1]


def test_a_flat_top_is_where_it_begins():
    flat = np.minimum(EPOCHS, EPOCHS[5])
    found = float(peak_epoch(curves(flat))[0])
    assert EPOCHS[4] < found <= EPOCHS[6]


def test_curves_with_gaps_have_no_maximum():
    broken = EPOCHS.copy()
    broken[-1] = np.nan
    assert np.isnan(peak_epoch(curves(broken))).all()
    assert np.isnan(fall(curves(broken))).all()


def test_the_fall_is_from_the_maximum_to_the_end():
    hill = np.minimum(EPOCHS, 150 - EPOCHS)
    np.testing.assert_allclose(fall(curves(hill, EPOCHS)).values, [hill.max() + 50, 0], rtol=1e-12)
    assert "epoch" not in fall(curves(hill)).coords


def test_values_are_taken_at_each_members_own_maximum():
    one, two = np.where(np.arange(13) == 3, 1.0, 0.0), np.where(np.arange(13) == 7, 1.0, 0.0)
    found = at_peak(curves(np.arange(13.0), 100 + np.arange(13.0)), curves(one, two))
    np.testing.assert_array_equal(found.values, [3, 107])
