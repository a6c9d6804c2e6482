"""Averages over pairs of members, and their uncertainty: pairs that share a member are not independent."""

import numpy as np
import xarray as xr
from jaxtyping import Float

from feedback_alignment.networks.similarity import pairs


def pseudo_values(values: Float[np.ndarray, "... pairs"], members: int) -> Float[np.ndarray, "members ..."]:
    """Return one number a member whose mean is the mean over pairs, and whose standard error is the jackknife's.

    Entry i is n θ − (n − 1) θ_i, with θ the mean over all pairs of n members and θ_i that over pairs without member i.
    The pairs are in the order of `networks.similarity.pairs`.

    Raises ValueError for fewer than three members or another number of pairs.
    """
    ends = np.array(pairs(members))
    if members < 3 or values.shape[-1] != len(ends):
        raise ValueError(
            f"the jackknife over pairs needs at least 3 members and all their pairs; got {members} members "
            f"and {values.shape[-1]} pairs"
        )
    without = [values[..., (ends != member).all(1)].mean(-1) for member in range(members)]
    found: Float[np.ndarray, "members ..."] = members * values.mean(-1) - (members - 1) * np.stack(without)
    return found


def per_member(values: xr.DataArray, pair: str = "pair") -> Float[np.ndarray, "members ..."]:
    """Return the pseudo-values of an array that holds all pairs of its members along the dimension `pair`.

    Raises ValueError for a number of pairs that is not that of three or more members.
    """
    members = round((1 + np.sqrt(1 + 8 * values.sizes[pair])) / 2)
    return pseudo_values(values.transpose(..., pair).values, members)
