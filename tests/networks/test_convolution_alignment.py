import numpy as np
import pytest
import torch

from feedback_alignment.deep_linear import Convolution
from feedback_alignment.networks import BP, DFA, FA, Activation, Conv2d, Linear, MaxPool2d, cnn, stack
from feedback_alignment.networks.chained_feedback import at_pre_activation, chained_feedback, direct_feedback
from feedback_alignment.networks.convolution_alignment import (
    LowRank,
    best_cosine,
    convolution_alignment,
    convolution_cosine,
    filter_alignment,
    matrix_size,
    places,
    rank_limited_cosine,
)

LAYERS = [
    (Conv2d(3, 3, 1, 1), (2, 6, 5)),
    (Conv2d(2, 5, 2, 2), (1, 7, 6)),
    (Conv2d(2, 3, 1, 2), (2, 1, 1)),
]
"""With padding, with a stride, and with entries of the kernel that only ever meet padding."""
POOLED = [
    (Conv2d(3, 3, padding=1), Activation("tanh")),
    (Conv2d(4, 3, padding=1), Activation("tanh"), MaxPool2d(3, 2)),
    (Conv2d(5, 3, padding=1), MaxPool2d(2, 2), Activation("tanh")),
    (Linear(6), Activation("tanh")),
    (Linear(3),),
]


def literal(layer, shape):
    """The same convolution as a matrix with tied entries."""
    kernel = (layer.kernel, layer.kernel)
    return Convolution(shape[0], layer.channels, kernel, shape[1:], layer.stride, layer.padding)


def drawn(layer, shape, rank=4):
    draw = np.random.default_rng(3)
    H = draw.standard_normal((2, *layer.weight_shape(shape)))
    A = draw.standard_normal((2, rank, *layer.output_shape(shape)))
    B = draw.standard_normal((2, rank, *shape))
    return H, A, B


@pytest.mark.parametrize(("layer", "shape"), LAYERS)
def test_sums_over_columns_are_the_matrices_of_deep_linear(layer, shape):
    H, A, B = drawn(layer, shape)
    matrix = literal(layer, shape)
    M = LowRank(torch.from_numpy(A), torch.from_numpy(B))
    cosines = convolution_cosine(layer, torch.from_numpy(H), M)
    bests, sizes = best_cosine(layer, M), matrix_size(layer, shape, torch.from_numpy(H))
    for member in range(2):
        dense = A[member].reshape(4, -1).T @ B[member].reshape(4, -1)
        phi = matrix.matrix(H[member])
        length = np.linalg.norm
        assert cosines[member].item() == pytest.approx(np.sum(phi * dense) / length(phi) / length(dense), rel=1e-12)
        assert bests[member].item() == pytest.approx(matrix.best_cosine(dense), rel=1e-12)
        assert sizes[member].item() == pytest.approx(length(phi), rel=1e-12)
    pattern = matrix.tied_entries()
    counted = np.bincount(pattern[pattern >= 0], minlength=H[0].size)[: layer.kernel**2]
    np.testing.assert_array_equal(places(layer, shape).numpy().ravel(), counted)


@pytest.mark.parametrize(("layer", "shape"), LAYERS[:2])
@pytest.mark.parametrize("rank", [1, 3])
def test_the_best_matrix_of_a_rank_has_the_largest_singular_values(layer, shape, rank):
    H = drawn(layer, shape)[0][0]
    values = np.linalg.svd(literal(layer, shape).matrix(H), compute_uv=False)
    expected = np.sqrt(np.sum(values[:rank] ** 2) / np.sum(values**2))
    assert rank_limited_cosine(layer, shape, torch.from_numpy(H), rank) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("rank", [0, 60])
def test_a_rank_that_is_no_limit_is_refused(rank):
    layer, shape = LAYERS[0]
    with pytest.raises(ValueError, match=rf"rank must be 1 … 59, below the number of inputs; got {rank}"):
        rank_limited_cosine(layer, shape, torch.zeros(layer.weight_shape(shape)), rank)


def pooled(rule, **more):
    return stack((1, 8, 8), POOLED, rule, (0, 1), dtype=torch.float64, **more)


def test_chained_feedback_is_autograd_through_fixed_filters():
    """Each column of F_l is a gradient through a linear network of the fixed filters with means for maxima."""
    network = pooled(DFA())
    before = [F.clone() for F in network.feedback]
    chained = chained_feedback(network)
    assert [None if H is None else H.shape for H in chained.filters] == [(2, 4, 3, 3, 3), (2, 5, 4, 3, 3), None, None]
    for mine, old in zip(network.feedback, before, strict=True):
        torch.testing.assert_close(mine, old, rtol=0, atol=0)
    for index in (2, 3):
        torch.testing.assert_close(chained.matrices[index], before[index], rtol=0, atol=0)
    pools = [
        lambda v: v,
        lambda v: torch.nn.functional.avg_pool2d(v, 3, 2),
        lambda v: torch.nn.functional.avg_pool2d(v, 2, 2),
    ]
    for member in range(2):
        for layer, shape in ((1, (3, 8, 8)), (2, (4, 3, 3))):
            h = torch.zeros(1, *shape, dtype=torch.float64, requires_grad=True)
            values = h
            for above in range(layer, 3):
                values = pools[above](torch.nn.functional.conv2d(values, chained.filters[above - 1][member], padding=1))
            for column in range(3):
                (g,) = torch.autograd.grad(values, h, before[2][member, :, column].view_as(values), retain_graph=True)
                mine = chained.matrices[layer - 1][member, :, column]
                assert torch.cosine_similarity(mine, g.flatten(), dim=0).item() == pytest.approx(1, abs=1e-12)
        for F, old in zip(chained.matrices, before, strict=True):
            assert F[member].norm().item() == pytest.approx(old[member].norm().item(), rel=1e-12)


def test_fixed_filters_are_the_feedbacks_own():
    """They are drawn apart from the weights and from each other, and again the same."""
    network = pooled(DFA())
    one, again = chained_feedback(network), chained_feedback(pooled(DFA()))
    for H, W, same in zip(one.filters[:2], network.weights[1:3], again.filters, strict=False):
        torch.testing.assert_close(H, same, rtol=0, atol=0)
        assert (filter_alignment(H, W).abs() < 5 / H[0].numel() ** 0.5).all()
        assert (H[0] != H[1]).all()


def test_chained_feedback_lets_a_convolution_align():
    """The best cosine with F_l F_{l-1}ᵀ grows, most where images are large, and H⁰ has a positive one.

    That of H⁰ is ‖φᵀG‖² / (‖φ‖ ‖G Gᵀφ‖) with φ = φ(H⁰) and G = U F_l.
    """
    network = pooled(DFA())
    plain = convolution_alignment(network).best
    chained = chained_feedback(network)
    network.feedback = chained.matrices
    for index in (1, 2):
        network.blocks[index].parameters["weights"].copy_(chained.filters[index - 1])
    found = convolution_alignment(network)
    assert (found.best > plain).all()
    assert (found.best[:, 0] > 3 * plain[:, 0]).all()
    assert (found.reached <= found.best).all()
    for place, (below, shape) in enumerate(((3, (8, 8)), (4, (3, 3)))):
        G = at_pre_activation(network.blocks[place + 1], network.feedback[place + 1])
        convolution = Convolution(below, below + 1, (3, 3), shape, padding=1)
        for member in range(2):
            phi = convolution.matrix(chained.filters[place][member].numpy())
            K = phi.T @ G[member].flatten(1).numpy().T
            asked = G[member].flatten(1).numpy().T @ K.T
            expected = np.sum(K**2) / np.linalg.norm(phi) / np.linalg.norm(asked)
            assert found.reached[member, place].item() == pytest.approx(expected, rel=1e-12)


def test_weight_alignment_of_convolutions_is_that_of_matrices():
    """Convolution 3 of the network, with its matrix and the transposed mean of 2 x 2 windows written out."""
    network = pooled(DFA())
    found = convolution_alignment(network)
    F = [f.numpy() for f in network.feedback]
    convolution = Convolution(4, 5, (3, 3), (3, 3), 1, 1)
    U = np.zeros((5 * 9, 5))
    for channel in range(5):
        for row, column in np.ndindex(2, 2):
            U[channel * 9 + row * 3 + column, channel] = 1 / 4
    for member in range(2):
        M = U @ F[2][member] @ F[1][member].T
        phi = convolution.matrix(network.weights[2][member].numpy())
        expected = np.sum(phi * M) / np.linalg.norm(phi) / np.linalg.norm(M)
        assert found.reached[member, 1].item() == pytest.approx(expected, rel=1e-12)
        assert found.best[member, 1].item() == pytest.approx(convolution.best_cosine(M), rel=1e-12)
    torch.testing.assert_close(
        at_pre_activation(network.blocks[2], network.feedback[2])[0].flatten(1).mT, torch.from_numpy(U @ F[2][0])
    )


@pytest.mark.parametrize("rule", [BP(), FA()])
def test_feedback_of_another_rule_is_refused(rule):
    network = cnn((1, 8, 8), (2, 3), (5,), 4, rule, (0,), kernel=3, after_convolution=(Activation("tanh"),))
    for measure in (direct_feedback, chained_feedback, convolution_alignment):
        with pytest.raises(
            ValueError, match=r"must have a feedback matrix \(members, n_l, 4\); got .* make the network"
        ):
            measure(network)


def test_networks_without_convolutions_above_the_first_layer_have_no_such_alignment():
    network = cnn((1, 8, 8), (2,), (5,), 4, DFA(), (0,), kernel=3)
    with pytest.raises(ValueError, match="needs one above the first layer; the network has none"):
        convolution_alignment(network)
