import math

import literal_networks as literal
import numpy as np
import pytest
import torch

from feedback_alignment.networks import DFA, FA, Activation, BatchNorm, Conv2d, Dropout, Linear, MaxPool2d, mlp, stack
from feedback_alignment.networks.weight_alignment import layer_weight_alignment, strongly_aligned, weight_alignment

SIZES = (7, 16, 15, 14, 4)
SEEDS = (3, 1, 4)


def literal_cosine(a, b):
    a, b = ([float(value) for value in np.ravel(values)] for values in (a, b))
    return sum(p * q for p, q in zip(a, b, strict=True)) / math.sqrt(sum(p * p for p in a) * sum(q * q for q in b))


def ensemble(rule=None):
    return mlp(SIZES, rule or DFA(), SEEDS, dtype=torch.float64)


def test_the_cosines_are_those_of_eqs_18_and_19():
    network = ensemble()
    found = weight_alignment(network.weights, network.feedback)
    for index in range(len(SEEDS)):
        W, F = literal.member(network, index)
        asked = [F[1] @ F[0].T, F[2] @ F[1].T, F[2].T]
        for layer in range(3):
            assert found.layers[index, layer] == pytest.approx(literal_cosine(asked[layer], W[layer + 1]), abs=1e-14)
        together = literal_cosine(
            np.concatenate([a.ravel() for a in asked]), np.concatenate([w.ravel() for w in W[1:]])
        )
        assert found.overall[index] == pytest.approx(together, abs=1e-14)


def test_the_unscaled_convention_changes_the_whole_but_no_layer():
    """With F_l drawn from ±1 the released code weighs hidden layers √n_l more against the last than F_l as used."""
    network = ensemble()
    found = weight_alignment(network.weights, network.feedback)
    raised = [F * F.shape[1] ** 0.5 for F in network.feedback]
    unscaled = weight_alignment(network.weights, raised)
    torch.testing.assert_close(found.overall_unscaled, unscaled.overall, rtol=1e-13, atol=0)
    torch.testing.assert_close(found.layers, unscaled.layers, rtol=1e-12, atol=1e-14)
    assert (found.overall_unscaled - found.overall).abs().max() > 1e-4


def test_weights_of_strong_alignment_have_alignment_one_whatever_the_first_layer():
    network = ensemble()
    F1, F2, F3 = network.feedback
    aligned = [network.weights[0], 2 * F2 @ F1.mT, 2 * F3 @ F2.mT, 2 * F3.mT]
    found = weight_alignment(aligned, network.feedback)
    torch.testing.assert_close(found.layers, torch.ones(3, 3, dtype=torch.float64), rtol=1e-14, atol=0)
    torch.testing.assert_close(found.overall, torch.ones(3, dtype=torch.float64), rtol=1e-14, atol=0)
    assert [vector.shape for vector in strongly_aligned(network.feedback)] == [(3, 15 * 16), (3, 14 * 15), (3, 4 * 14)]


def test_one_hidden_layer_leaves_the_last_layer_alone():
    network = mlp((5, 6, 3), DFA(), SEEDS, dtype=torch.float64)
    found = weight_alignment(network.weights, network.feedback)
    assert found.layers.shape == (3, 1)
    torch.testing.assert_close(found.layers[:, 0], found.overall)


def test_a_stack_of_dense_blocks_is_measured_as_the_perceptrons_are():
    blocks = [(Linear(width, bias=False), Activation("tanh")) for width in SIZES[1:-1]]
    general = stack(SIZES[:1], [*blocks, (Linear(SIZES[-1], bias=False),)], DFA(), SEEDS, dtype=torch.float64)
    found, expected = (weight_alignment(network.weights, network.feedback) for network in (general, ensemble()))
    assert torch.equal(found.layers, expected.layers)
    assert torch.equal(found.overall, expected.overall)
    assert torch.equal(found.overall_unscaled, expected.overall_unscaled)


def test_convolutions_have_no_weight_alignment_and_leave_that_of_the_other_layers_alone():
    """Linear layers above pooled images, with what may stand between; the first layer has no partner as ever."""
    blocks = [
        (Conv2d(3, 3, padding=1), Activation("relu"), MaxPool2d(2, 2)),
        (Conv2d(2, 3, padding=1), BatchNorm(), Activation("relu")),
        (Linear(9), Dropout(0.5), Activation("tanh")),
        (Linear(8), BatchNorm(), Activation("tanh")),
        (Linear(4),),
    ]
    network = stack((2, 6, 6), blocks, DFA(), SEEDS, dtype=torch.float64)
    found = weight_alignment(network.weights, network.feedback)
    assert found.layers[:, 0].isnan().all()
    for index in range(len(SEEDS)):
        W = [W_l[index].numpy() for W_l in network.weights]
        F = [F_l[index].numpy() for F_l in network.feedback]
        asked = [F[2] @ F[1].T, F[3] @ F[2].T, F[3].T]
        cosines = [literal_cosine(a, w) for a, w in zip(asked, W[2:], strict=True)]
        np.testing.assert_allclose(found.layers[index, 1:], cosines, rtol=0, atol=1e-14)
        for overall, scales in (
            (found.overall, (1, 1, 1)),
            (found.overall_unscaled, ((9 * 18) ** 0.5, (8 * 9) ** 0.5, 8**0.5)),
        ):
            whole = np.concatenate([scale * a.ravel() for scale, a in zip(scales, asked, strict=True)])
            together = literal_cosine(whole, np.concatenate([w.ravel() for w in W[2:]]))
            assert overall[index] == pytest.approx(together, abs=1e-14)


def test_feedback_that_does_not_fit_the_layer_above_a_convolution_is_refused():
    blocks = [(Conv2d(3, 3), Activation("relu")), (Linear(4),)]
    network = stack((2, 6, 6), blocks, DFA(), SEEDS)
    with pytest.raises(ValueError, match=r"needs a feedback matrix .* got \[\(3, 47, 4\)\]"):
        weight_alignment(network.weights, [network.feedback[0][:, 1:]])
    with pytest.raises(ValueError, match=r"needs a feedback matrix .* got \[\(3, 3, 4, 1, 1\)\]"):
        weight_alignment(network.weights, [torch.zeros(3, 3, 4, 1, 1)])


@pytest.mark.parametrize("broken", ["columns", "missing", "count"])
def test_feedback_that_is_not_of_dfa_is_refused(broken):
    network = ensemble(FA() if broken == "columns" else None)
    feedback = {"columns": network.feedback, "missing": [None] * 3, "count": network.feedback[:2]}[broken]
    with pytest.raises(ValueError, match=r"needs a feedback matrix \(members, n_l, n_L\) for each hidden layer"):
        weight_alignment(network.weights, feedback)


def test_under_fa_each_layer_has_a_matrix_to_align_with():
    network = ensemble(FA())
    found = layer_weight_alignment(network.weights, network.feedback)
    for index in range(len(SEEDS)):
        W, F = literal.member(network, index)
        for layer in range(3):
            expected = literal_cosine(F[layer].T, W[layer + 1])
            assert found[index, layer].item() == pytest.approx(expected, abs=1e-14)
    transposed = [F.mT for F in network.feedback]
    same = layer_weight_alignment([network.weights[0], *transposed], network.feedback)
    torch.testing.assert_close(same, torch.ones_like(same), rtol=1e-14, atol=0)


def test_the_alignment_of_fa_needs_the_feedback_of_fa():
    network = ensemble(DFA())
    with pytest.raises(ValueError, match=r"shapes of the transposed weights above.*draw those of FA"):
        layer_weight_alignment(network.weights, network.feedback)
