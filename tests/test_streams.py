"""Streams: the same arguments give the same numbers for ever, different ones independent numbers."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from feedback_alignment.streams import generator, torch_generator

LARGEST = 2**32 - 1


def test_the_numbers_of_a_stream_are_pinned():
    # Stored results rest on these: other numbers here mean that every chapter's SCIENCE_VERSION must be raised.
    assert generator(0, "weights").integers(10**9, size=3).tolist() == [868408680, 161158025, 674753450]
    assert generator(0, "weights", 1).random(2).tolist() == [0.4211031775529229, 0.10632366452965614]
    largest = generator(LARGEST, "données", 7, LARGEST)
    assert largest.integers(10**9, size=3).tolist() == [197155167, 391340502, 170860020]


def test_the_numbers_of_a_torch_stream_are_pinned():
    drawn = torch_generator(0, "weights")
    assert drawn.device == torch.device("cpu")
    assert drawn.initial_seed() == 6353551304120198301
    assert torch.randint(10**9, (3,), generator=drawn).tolist() == [705978406, 647161994, 420926832]


def test_a_stream_is_made_anew_each_time_and_takes_numpy_integers():
    first = generator(3, "feedback", 2)
    first.random(1000)
    again = generator(np.int64(3), "feedback", np.uint8(2))
    assert again.random() == generator(3, "feedback", 2).random()


STREAMS = [
    (0, "ab"),
    (0, "ab", 0),
    (0, "ab", 1),
    (0, "ab", 0, 0),
    (0, "ab", 0, 1),
    (0, "ab", 1, 0),
    (0, "ab", LARGEST),
    (1, "ab"),
    (1, "ab", 1),
    (2, "ab"),
    (LARGEST, "ab"),
    (0, "ab1"),
    (0, "ab", ord("1")),
    (0, "abc"),
    (0, "ab", ord("c")),
    (0, "ba"),
    (0, "ab\0"),
    (0, "data order", 1),
]


def test_different_streams_are_uncorrelated_and_uniform():
    n = 100_000
    draws = np.stack([generator(*stream).random(n) for stream in STREAMS])
    four_sigmas = 4 / np.sqrt(n)
    correlations = np.corrcoef(draws)
    for a, b in itertools.combinations(range(len(STREAMS)), 2):
        assert abs(correlations[a, b]) < four_sigmas, f"{STREAMS[a]} and {STREAMS[b]}: {correlations[a, b]}"
    # One stream against the others a draw later: a shifted copy would pass the test above.
    shifted = np.corrcoef(draws[:, :-1], draws[:, 1:])[: len(STREAMS), len(STREAMS) :]
    assert np.abs(shifted).max() < 5 / np.sqrt(n)
    assert np.abs(draws.mean(1) - 0.5).max() < 4 / np.sqrt(12 * n)


def test_different_torch_streams_are_uncorrelated():
    n = 100_000
    draws = np.stack(
        [torch.rand(n, generator=torch_generator(*stream), dtype=torch.float64).numpy() for stream in STREAMS]
    )
    correlations = np.corrcoef(draws) - np.eye(len(STREAMS))
    assert np.abs(correlations).max() < 4 / np.sqrt(n)


numbers = st.one_of(st.integers(0, 3), st.sampled_from([97, 98, 2**16, LARGEST]))
arguments = st.tuples(
    numbers, st.text(alphabet="ab\0\1\2é", min_size=2, max_size=4), st.lists(numbers, max_size=4).map(tuple)
)


@given(arguments, arguments)
def test_only_equal_arguments_give_equal_numbers(one, other):
    first, second = (
        generator(seed, name, *indices).integers(2**63, size=2).tolist() for seed, name, indices in (one, other)
    )
    assert (first == second) == (one == other)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ((0, "a"), (0, "a", 0)),
        ((5 + 2**32, "ab"), (5, "\2", 97, 98)),
        ((0, "ab", 3 + 7 * 2**32), (0, "ab", 3, 7)),
    ],
)
def test_arguments_that_would_collide_are_refused(short, long):
    """Each pair would give NumPy the same words; one of the two must be an error."""

    def refused(stream: tuple) -> bool:
        try:
            generator(*stream)
        except ValueError:
            return True
        return False

    assert refused(short) or refused(long)


def test_global_generators_do_not_move():
    before = np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    generator(0, "weights").random(10)
    torch.rand(10, generator=torch_generator(0, "weights"))
    after = np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    assert all(np.array_equal(was, now) for was, now in zip(before[0], after[0], strict=True))
    assert torch.equal(before[1], after[1])


@pytest.mark.parametrize("make", [generator, torch_generator])
@pytest.mark.parametrize("name", ["", "a", "\0"])
def test_a_stream_needs_a_name_in_words(make, name):
    with pytest.raises(ValueError, match="needs a name in words, such as 'weights'"):
        make(0, name)


@pytest.mark.parametrize("make", [generator, torch_generator])
@pytest.mark.parametrize("wrong", [-1, 2**32, 0.0, 1.5, True, None, "1", np.float64(1), np.bool_(True)])
def test_seeds_and_indices_are_integers_of_32_bits(make, wrong):
    message = r"seed and indices of stream 'weights' must be integers in 0 … 2\*\*32 - 1; got"
    with pytest.raises(ValueError, match=message):
        make(wrong, "weights")
    with pytest.raises(ValueError, match=message):
        make(0, "weights", 0, wrong)
