import math

import jaxtyping
import numpy as np
import pytest
import torch

from feedback_alignment.networks import mlp
from feedback_alignment.networks.architectures import cnn, stack
from feedback_alignment.networks.feedback import Site
from feedback_alignment.networks.feedback_distributions import (
    CopiedWeights,
    Gaussian,
    Orthonormal,
    SharedMatrix,
    SignOfWeights,
    Signs,
    Uniform,
)
from feedback_alignment.networks.layers import Conv2d, Linear
from feedback_alignment.networks.operations import Activation
from feedback_alignment.networks.rules import BP, DFA, DRTP, FA, ByLayer
from feedback_alignment.streams import generator

SEEDS = (3, 1, 4)
RANDOM = [Uniform(), Gaussian(), Signs(), Orthonormal(), SharedMatrix()]


def dense(rule, feedback, widths=(200, 150, 12), dtype=torch.float64, seeds=SEEDS):
    blocks = [(Linear(width), Activation("tanh")) for width in widths[:-1]] + [(Linear(widths[-1]),)]
    return stack((7,), blocks, rule, seeds, feedback=feedback, dtype=dtype)


def convolutional(rule, feedback):
    return cnn((2, 8, 8), (4, 5), (6,), 3, rule, SEEDS, kernel=3, feedback=feedback, dtype=torch.float64)


@pytest.mark.parametrize("rule", [DFA(), FA()], ids=lambda rule: rule.name)
@pytest.mark.parametrize("scale", ["width", "width and outputs", 1.0, 0.3])
@pytest.mark.parametrize(
    ("distribution", "variance", "fourth"), [(Uniform, 1 / 3, 1 / 5), (Gaussian, 1.0, 3.0), (Signs, 1.0, 1.0)]
)
def test_entries_have_the_scale_and_the_moments_of_their_distribution(distribution, variance, fourth, scale, rule):
    """Moments within five standard errors, which for the fourth take the eighth moment, at most 105."""
    widths = (200, 150, 12)
    for layer, F in enumerate(dense(rule, distribution(scale), widths).feedback):
        columns = 12 if rule == DFA() else widths[layer + 1]
        assert tuple(F.shape) == (3, widths[layer], columns)
        n = {"width": widths[layer], "width and outputs": widths[layer] * columns}.get(scale)
        z = F.flatten() / (scale if n is None else 1 / math.sqrt(n))
        error = 5 / math.sqrt(z.numel())
        assert z.mean().abs() < error
        assert (z.square().mean() - variance).abs() < error * math.sqrt(max(fourth - variance**2, 1e-20))
        assert (z.pow(4).mean() - fourth).abs() < error * math.sqrt(105)
        if distribution is Signs:
            assert set(z.round(decimals=12).unique().tolist()) == {-1.0, 1.0}
        if distribution is Uniform:
            assert z.abs().max() <= 1


def test_feedback_of_the_perceptrons_path_is_the_default():
    for rule in (DFA(), FA(), DRTP()):
        fast = mlp((7, 20, 15, 12), rule, SEEDS, dtype=torch.float64)
        general = dense(rule, Uniform(), (20, 15, 12))
        assert all(torch.equal(*pair) for pair in zip(fast.feedback, general.feedback, strict=True))


@pytest.mark.parametrize("rule", [DFA(), FA()], ids=lambda rule: rule.name)
def test_orthonormal_columns(rule):
    network = dense(rule, Orthonormal(), (60, 40, 12))
    for F in network.feedback:
        identity = torch.eye(F.shape[2], dtype=torch.float64).expand(3, -1, -1)
        torch.testing.assert_close(F.mT @ F, identity, rtol=0, atol=1e-14)
    # No direction is preferred: the entries of a column have mean 0 and variance 1/rows.
    entries = torch.cat([F.flatten() for F in dense(rule, Orthonormal(), (60, 40, 12), seeds=range(30)).feedback])
    assert entries.mean().abs() < 5 * entries.std() / math.sqrt(len(entries))


def test_layers_share_launays_matrix():
    """Eqs 7 and 8, literally: one draw, its first rows, and the square root of l_max / l_i."""
    widths, e = (20, 50, 30), 12
    for network in (dense(DFA(), SharedMatrix(), (*widths, e)), dense(DRTP(), SharedMatrix(), (*widths, e))):
        for member, seed in enumerate(SEEDS):
            B = generator(seed, "feedback", 0).standard_normal((50, e)) / math.sqrt(50 * e)
            for width, F in zip(widths, network.feedback, strict=True):
                B_i = math.sqrt(50 / width) * B[:width]
                np.testing.assert_allclose(F[member], B_i, rtol=1e-14, atol=0)
    memory = {F.matrix.untyped_storage().data_ptr() for F in network.matrices}
    assert len(memory) == 1
    assert network.matrices[0].matrix.untyped_storage().nbytes() == 3 * 50 * e * 8
    plain = dense(DFA(), SharedMatrix(1.0), (*widths, e)).feedback
    for width, F in zip(widths, plain, strict=True):
        assert torch.equal(F, plain[1][:, :width])


def test_in_a_mixture_only_the_layers_with_feedback_share():
    network = dense(ByLayer((DFA(), BP(), DFA())), SharedMatrix(), (20, 50, 30, 12))
    assert network.matrices[1] is None
    assert network.matrices[2].matrix.untyped_storage().nbytes() == 3 * 30 * 12 * 8


@pytest.mark.parametrize("distribution", [type(one) for one in RANDOM], ids=lambda kind: kind.__name__)
def test_one_matrix_for_all_members_is_that_of_its_own_seed(distribution):
    widths = (40, 30, 12)
    shared = dense(DFA(), distribution(shared_seed=8), widths)
    alone = dense(DFA(), distribution(), widths, seeds=(8,))
    for F, own, lone in zip(
        shared.matrices, dense(DFA(), distribution(), widths).matrices, alone.matrices, strict=True
    ):
        assert all(torch.equal(F.matrix[member], lone.matrix[0]) for member in range(3))
        assert F.matrix.untyped_storage().nbytes() == lone.matrix.untyped_storage().nbytes()
        assert not torch.equal(own.matrix[0], own.matrix[1])


@pytest.mark.parametrize("distribution", RANDOM, ids=lambda one: type(one).__name__)
def test_feedback_has_a_stream_of_its_own_and_never_moves_the_weights(distribution):
    network = dense(DFA(), distribution, (40, 30, 12))
    for W, other in zip(network.weights, dense(BP(), Uniform(), (40, 30, 12)).weights, strict=True):
        assert torch.equal(W, other)
    single = dense(DFA(), distribution, (40, 30, 12), torch.float32)
    for F, double in zip(single.matrices, network.matrices, strict=True):
        assert torch.equal(F.matrix, double.matrix.float())


def test_copied_weights_and_their_signs():
    for make in (dense, convolutional):
        network = make(FA(), CopiedWeights())
        for F, W in zip(network.feedback, network.weights[1:], strict=True):
            assert torch.equal(F, W.transpose(1, 2))
            assert F.data_ptr() != W.data_ptr()
        for F, W in zip(make(FA(), SignOfWeights()).feedback, network.weights[1:], strict=True):
            fan_in = W[0, 0].numel()
            torch.testing.assert_close(F, W.transpose(1, 2).sign() / math.sqrt(fan_in), rtol=1e-15, atol=0)
    network = dense(DFA(), CopiedWeights(), (20, 15, 12))
    W_2, W_3 = network.weights[1:]
    torch.testing.assert_close(network.feedback[0], (W_3 @ W_2).mT, rtol=0, atol=1e-15)
    assert torch.equal(network.feedback[1], W_3.mT)
    assert torch.equal(dense(DFA(), SignOfWeights(1.0), (20, 15, 12)).feedback[1], W_3.mT.sign())


def test_convolutions_have_feedback_of_the_shapes_they_need():
    by_dfa, by_fa = convolutional(DFA(), Gaussian()), convolutional(FA(), Gaussian())
    assert [tuple(F.shape[1:]) for F in by_dfa.feedback] == [(4 * 3 * 3, 3), (5 * 1 * 1, 3), (6, 3)]
    assert [tuple(F.shape[1:]) for F in by_fa.feedback] == [(4, 5, 3, 3), (5, 6), (6, 3)]


@pytest.mark.parametrize("distribution", [Uniform, Gaussian, Signs, SharedMatrix, SignOfWeights])
@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan, math.inf, "depth"])
def test_scales_that_cannot_be_are_refused(distribution, scale, monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match=f"scale of feedback must be a finite number > 0, .*; got {scale!r}"):
        distribution(scale)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: dense(DFA(), Orthonormal(), (8, 12)), r"as many rows as columns; F_1 has shape \(8, 12\)"),
        (lambda: convolutional(FA(), Orthonormal()), r"F_1 has shape \(4, 5, 3, 3\): take another"),
        (
            lambda: dense(FA(), SharedMatrix()),
            "only where each F_l has a column for each output.*F_1 has the shape of W_2",
        ),
        (lambda: convolutional(DFA(), CopiedWeights()), "F_1 cannot be the product .* is a convolution"),
        (lambda: dense(DFA(), Gaussian(shared_seed=-1)), "must be integers in 0 .*; got -1"),
    ],
)
def test_matrices_that_cannot_be_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_convolution_between_matrices_is_no_product_of_matrices():
    blocks = [(Conv2d(3, 3), Activation("tanh")), (Linear(6), Activation("tanh")), (Linear(3),)]
    network = stack((2, 5, 5), blocks, DFA(), SEEDS, feedback=CopiedWeights(), dtype=torch.float64)
    assert torch.equal(network.feedback[1], network.weights[2].mT)
    torch.testing.assert_close(network.feedback[0], (network.weights[2] @ network.weights[1]).mT, rtol=0, atol=1e-15)


def test_orthonormal_columns_prefer_no_side():
    """The mean of each entry over draws is 0 to four standard errors; an entry's variance is 1/rows."""
    rows, columns, draws = 3, 2, 400
    site = Site(1, "output", rows, (torch.zeros(draws, columns, rows, dtype=torch.float64),))
    (drawn,) = Orthonormal().draw([site], range(draws))
    assert drawn.whole().mean(0).abs().max() < 4 * (rows * draws) ** -0.5
