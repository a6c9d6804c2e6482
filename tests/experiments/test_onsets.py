"""When curves first reach a level, against curves whose onset is known."""

import numpy as np
import pytest
import xarray as xr

from feedback_alignment.experiments.onsets import onset_epoch

EPOCHS = np.array([0, *np.geomspace(0.5, 200, 12)])


def curves(*rows):
    return xr.DataArray(np.array(rows), dims=("member", "epoch"), coords={"epoch": EPOCHS})


@pytest.mark.parametrize("true", [0.7, 11.7, 90.0])
def test_the_onset_of_a_line_in_the_logarithm_is_exact(true):
    curve = curves(np.log(np.maximum(EPOCHS, 1e-3)) - np.log(true) + 0.3)
    np.testing.assert_allclose(onset_epoch(curve, 0.3).values, [true], rtol=1e-12)


def test_observed_finely_any_curve_gives_its_onset():
    """Interpolation errs by the curvature: at 400 looks a decade by less than 1e-5 of the onset."""
    fine = np.geomspace(0.1, 100, 1200)
    curve = xr.DataArray(fine**2 / (1 + fine**2), dims="epoch", coords={"epoch": fine})
    np.testing.assert_allclose(onset_epoch(curve, 0.2), 0.5, rtol=1e-5)


def test_beside_an_observation_at_time_zero_the_line_is_one_in_time():
    curve = curves(np.where(EPOCHS > 0, 1.0, 0.0))
    np.testing.assert_allclose(onset_epoch(curve, 0.2).values, [0.1], rtol=1e-12)


def test_the_first_crossing_counts_and_a_dip_after_it_does_not():
    curve = curves(np.where(np.isin(np.arange(13), (4, 9, 10, 11, 12)), 1.0, 0.0))
    found = float(onset_epoch(curve, 0.999)[0])
    assert EPOCHS[3] < found <= EPOCHS[4]


def test_a_curve_that_starts_above_is_there_at_once_one_that_stays_below_never_and_one_with_nan_unknown():
    hole = np.where(np.arange(13) == 12, np.nan, 1.0)
    found = onset_epoch(curves(np.ones(13), np.zeros(13), hole), 0.5)
    np.testing.assert_array_equal(found.values, [0, np.inf, np.nan])
    assert "epoch" not in found.coords
