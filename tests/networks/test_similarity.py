import math

import literal_networks as literal
import numpy as np
import pytest
import torch

from feedback_alignment.networks import BP, mlp
from feedback_alignment.networks.similarity import agreement, pairs, similarity


def literal_cosine(a, b):
    return sum(p * q for p, q in zip(a, b, strict=True)) / math.sqrt(sum(p * p for p in a) * sum(q * q for q in b))


def test_every_pair_comes_once():
    assert pairs(4) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    assert len(pairs(10)) == 45


def test_similarities_are_cosines_of_stacked_weights():
    network = mlp((7, 6, 5, 4), BP(), (3, 1, 4), dtype=torch.float64)
    network.weights[1][1] = 3 * network.weights[1][0]
    found = similarity(network.weights)
    members = [literal.member(network, index)[0] for index in range(3)]
    for place, (a, b) in enumerate(pairs(3)):
        stacked = [np.concatenate([W.ravel() for W in members[index]]) for index in (a, b)]
        assert found.overall[place] == pytest.approx(literal_cosine(*stacked), abs=1e-14)
        for layer in range(3):
            expected = literal_cosine(members[a][layer].ravel(), members[b][layer].ravel())
            assert found.layers[place, layer] == pytest.approx(expected, abs=1e-14)
    assert found.layers[0, 1] == pytest.approx(1, abs=1e-14)


def test_random_networks_are_as_similar_as_random_vectors():
    """The cosine of two random vectors of n entries has a standard deviation of 1/√n."""
    network = mlp((50, 40, 30, 10), BP(), tuple(range(12)))
    found = similarity(network.weights)
    assert found.overall.abs().max() < 4 / math.sqrt(50 * 40 + 40 * 30 + 30 * 10)
    assert found.overall.std() == pytest.approx(1 / math.sqrt(3500), rel=0.5)


def test_agreement_counts_equal_answers():
    answers = torch.tensor([[0, 1, 2, 2], [0, 1, 1, 1], [2, 1, 2, 2]])
    assert agreement(answers).tolist() == [0.5, 0.75, 0.25]


@pytest.mark.parametrize(
    "measure", [lambda: similarity([torch.ones(1, 3, 2)]), lambda: agreement(torch.ones(1, 3).long())]
)
def test_one_member_has_nobody_to_resemble(measure):
    with pytest.raises(ValueError, match="similarity is between members: it needs two or more; got 1"):
        measure()
