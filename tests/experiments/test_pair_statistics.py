import itertools
import math

import numpy as np
import pytest
import xarray as xr

from feedback_alignment.experiments.pair_statistics import per_member, pseudo_values
from feedback_alignment.streams import generator


def test_pseudo_values_are_the_jackknifes():
    values = generator(0, "test pairs").normal(size=(2, 6))
    found = pseudo_values(values, 4)
    pairs = list(itertools.combinations(range(4), 2))
    for row in range(2):
        theta = values[row].mean()
        without = [np.mean([v for v, pair in zip(values[row], pairs, strict=True) if m not in pair]) for m in range(4)]
        np.testing.assert_allclose(found[:, row], [4 * theta - 3 * each for each in without], rtol=1e-13)
        error = math.sqrt(3 / 4 * np.sum((np.array(without) - np.mean(without)) ** 2))
        assert found[:, row].std(ddof=1) / 2 == pytest.approx(error, rel=1e-12)
    np.testing.assert_allclose(found.mean(0), values.mean(-1), rtol=1e-12)


def test_the_jackknife_sees_that_pairs_share_members():
    """Each pair's number is the sum of two members' own: the mean over pairs has variance 4/n, not 2/(pairs)."""
    members, repeats = 10, 2000
    x = generator(1, "test members").normal(size=(repeats, members))
    first, second = np.array(list(itertools.combinations(range(members), 2))).T
    found = pseudo_values(x[:, first] + x[:, second], members)
    claimed = (found.var(0, ddof=1) / members).mean()
    assert claimed == pytest.approx(4 / members, rel=0.03)  # the standard error of 2000 repeats is about 0.01
    assert (x[:, first] + x[:, second]).mean(-1).var() == pytest.approx(4 / members, rel=0.15)


def test_an_array_with_names_is_turned_so_that_pairs_come_last():
    values = generator(0, "test pairs").normal(size=(3, 5))
    array = xr.DataArray(values, dims=("digits_pair", "share"))
    np.testing.assert_array_equal(per_member(array, "digits_pair"), pseudo_values(values.T, 3))


@pytest.mark.parametrize(("pairs", "members"), [(1, 2), (5, 4), (3, 4)])
def test_too_few_members_or_pairs_are_refused(pairs, members):
    with pytest.raises(ValueError, match="at least 3 members and all their pairs"):
        pseudo_values(np.zeros(pairs), members)


def test_pairs_of_no_number_of_members_are_refused():
    with pytest.raises(ValueError, match="at least 3 members and all their pairs"):
        per_member(xr.DataArray(np.zeros(5), dims="pair"))
