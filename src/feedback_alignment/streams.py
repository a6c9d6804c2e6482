"""Named random streams: one seed, many independent sources of randomness.

Teacher, weights, feedback, data order, label noise: each draws from a stream of its own, so that changing how much
one of them uses never changes the others. A stream is made anew from (seed, name, indices) wherever it is needed;
there is no state to save, and nothing touches NumPy's or torch's global generators.
"""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def _is_index(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and 0 <= int(value) < 2**32


def _sequence(seed: int, name: str, indices: tuple[int, ...]) -> np.random.SeedSequence:
    encoded = name.encode()
    if len(encoded) < 2:
        raise ValueError(f"a stream needs a name in words, such as 'weights' or 'feedback'; got {name!r}")
    for value in (seed, *indices):
        if not _is_index(value):
            raise ValueError(f"seed and indices of stream {name!r} must be integers in 0 … 2**32 - 1; got {value!r}")
    # NumPy fills up with zeros below four words and cuts larger integers into several: hence the limits above, without
    # which different arguments could give the same words.
    return np.random.SeedSequence([int(seed), len(encoded), *encoded, *map(int, indices)])


def generator(seed: int, name: str, *indices: int) -> np.random.Generator:
    """Return the NumPy generator of one named stream.

    `seed` is the member's seed, `name` says what is drawn ('weights', 'feedback', 'data order', ...), and `indices`
    count within the stream (a layer, an epoch). The same arguments give the same numbers on every platform; different
    arguments give statistically independent ones.

    Raises ValueError for a name shorter than two letters or a seed or index that is not an integer in 0 … 2**32 - 1.
    """
    return np.random.Generator(np.random.PCG64DXSM(_sequence(seed, name, indices)))


def torch_generator(seed: int, name: str, *indices: int) -> "torch.Generator":
    """Return a CPU torch generator of one named stream, for draws that only torch offers.

    Raises the same errors as `generator`.
    """
    import torch

    state = _sequence(seed, name, indices).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))
