import numpy as np
import pytest
import torch

from feedback_alignment import streams
from feedback_alignment.networks import BP, DFA, DRTP, FA, LastLayerOnly, Schedule, mlp, train
from feedback_alignment.networks.losses import classification_error, one_hot
from feedback_alignment.networks.perceptron import Perceptrons

SIZES = (30, 40, 50, 5)
SEEDS = (2, 7, 1, 8)


def train_on_noise(seeds, rule=None, dtype=torch.float64):
    """Final weights of an ensemble after 60 steps on 200 random samples."""
    draw = streams.generator(0, "noise samples")
    inputs = torch.from_numpy(draw.normal(size=(200, 30))).to(dtype)
    labels = torch.from_numpy(draw.integers(0, 5, 200))
    rule = rule or DFA()
    network = mlp(SIZES, rule, seeds, dtype=dtype)
    train(network, rule, inputs, labels, Schedule(3, 10, 0.1, "mean", (0,)), lambda network, step: {})
    return network.weights


def test_the_draws_are_uniform_with_the_stated_bounds():
    network = mlp((400, 300, 200, 100), FA(), SEEDS, dtype=torch.float64)
    bounds = {400**-0.5: network.weights[0], 300**-0.5: network.weights[1], 200**-0.5: network.weights[2]}
    bounds_of_feedback = {300**-0.5: network.feedback[0], 200**-0.5: network.feedback[1]}
    for bound, draws in [*bounds.items(), *bounds_of_feedback.items()]:
        scaled = draws / bound
        assert 0.999 < scaled.abs().max() <= 1
        deciles = torch.histc(scaled, 10, -1, 1) / scaled.numel()
        assert (deciles - 0.1).abs().max() < 5 * (0.1 * 0.9 / scaled.numel()) ** 0.5


@pytest.mark.parametrize(
    ("rule", "columns"),
    [(BP(), None), (LastLayerOnly(), None), (FA(), [50, 5]), (DFA(), [5, 5]), (DRTP(), [5, 5])],
    ids=str,
)
def test_weights_and_feedback_have_their_shapes(rule, columns):
    network = mlp(SIZES, rule, SEEDS)
    assert [tuple(W.shape) for W in network.weights] == [(4, 40, 30), (4, 50, 40), (4, 5, 50)]
    if columns is None:
        assert network.feedback == [None, None]
    else:
        assert [tuple(F.shape) for F in network.feedback] == [(4, 40, columns[0]), (4, 50, columns[1])]


def test_all_rules_start_from_equal_weights_and_no_two_draws_are_equal():
    networks = [mlp(SIZES, rule, SEEDS) for rule in (BP(), FA(), DFA(), DRTP(), LastLayerOnly())]
    for network in networks[1:]:
        assert all(torch.equal(W, first) for W, first in zip(network.weights, networks[0].weights, strict=True))
    assert all(torch.equal(*pair) for pair in zip(networks[2].feedback, networks[3].feedback, strict=True))
    square = mlp((6, 6, 6, 6), DFA(), SEEDS)
    matrices = [W[member] for W in (*square.weights, *square.feedback) for member in range(4)]
    assert not any(torch.equal(one, other) for index, one in enumerate(matrices) for other in matrices[:index])


def test_weights_do_not_depend_on_the_layers_above_nor_the_draw_on_the_precision():
    small, large = mlp((30, 40, 5), DFA(), SEEDS), mlp((30, 40, 50, 5), DFA(), SEEDS)
    assert torch.equal(small.weights[0], large.weights[0])
    assert torch.equal(small.feedback[0], large.feedback[0])
    double = mlp((30, 40, 5), DFA(), SEEDS, dtype=torch.float64)
    assert torch.equal(small.weights[0], double.weights[0].float())
    assert double.weights[0].dtype == torch.float64


@pytest.mark.parametrize("rule", [BP(), FA(), DFA(), DRTP()], ids=lambda rule: rule.name)
def test_seeds_fix_every_bit(rule):
    global_states = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    once, again = train_on_noise(SEEDS, rule, torch.float32), train_on_noise(SEEDS, rule, torch.float32)
    assert all(torch.equal(*pair) for pair in zip(once, again, strict=True))
    other = train_on_noise((2, 7, 1, 9), rule, torch.float32)
    assert not torch.equal(once[0][3], other[0][3])
    assert np.array_equal(np.random.get_state()[1], global_states[0])  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), global_states[1])


@pytest.mark.parametrize("rule", [BP(), FA(), DFA(), DRTP()], ids=lambda rule: rule.name)
def test_a_member_does_not_depend_on_its_companions(rule):
    """A batched product may add in another order than a single one; 60 steps carry such roundings of 1e-16 along."""
    together = train_on_noise((2, 7, 1, 8, 4), rule)
    for place, seed in ((0, 2), (3, 8)):
        alone = train_on_noise((seed,), rule)
        for one, many in zip(alone, together, strict=True):
            assert (one[0] - many[place]).abs().max() < 1e-12 * one.abs().max()


@pytest.mark.parametrize(
    ("activation", "function"), [("tanh", np.tanh), ("relu", lambda a: np.maximum(a, 0)), ("linear", lambda a: a)]
)
def test_forward_returns_the_activities_of_shared_and_of_own_batches(activation, function):
    network = mlp(SIZES, BP(), SEEDS, activation=activation, dtype=torch.float64)
    draw = streams.generator(0, "batch")
    shared, own = (torch.from_numpy(draw.normal(size=shape)) for shape in ((6, 30), (4, 6, 30)))
    for inputs in (shared, own):
        layers = network.forward(inputs)
        assert layers[0] is inputs
        for member in range(4):
            h = inputs.expand(4, -1, -1)[member].numpy()
            W_1, W_2, W_3 = (W[member].numpy() for W in network.weights)
            h_1 = function(h @ W_1.T)
            h_2 = function(h_1 @ W_2.T)
            for ours, theirs in zip(layers[1:], (h_1, h_2, h_2 @ W_3.T), strict=True):
                np.testing.assert_allclose(ours[member], theirs, rtol=0, atol=1e-13)


def test_the_error_is_softmax_less_target_even_for_huge_logits():
    logits = torch.tensor([[[1000.0, 0.0, -1000.0], [0.0, 0.0, 0.0]]])
    target = one_hot(torch.tensor([[1, 2]]), 3, torch.float32)
    assert target.tolist() == [[[0, 1, 0], [0, 0, 1]]]
    torch.testing.assert_close(
        classification_error(logits, target), torch.tensor([[[1.0, -1.0, 0.0], [1 / 3, 1 / 3, -2 / 3]]])
    )
    with pytest.raises(IndexError):
        one_hot(torch.tensor([3]), 3, torch.float32)


@pytest.mark.parametrize(
    ("sizes", "seeds", "activation", "message"),
    [
        ((4, 2), (0,), "tanh", r"sizes must be .*hidden layers \(one or more\).*; got \(4, 2\)"),
        ((4, 0, 2), (0,), "tanh", r"sizes must be .*; got \(4, 0, 2\)"),
        ((4, 3, 2), (), "tanh", r"seeds must be different integers, one a member; got \(\)"),
        ((4, 3, 2), (0, 1, 0), "tanh", r"seeds must be different integers, one a member; got \(0, 1, 0\)"),
        ((4, 3, 2), (0, -1), "tanh", r"must be integers .*; got -1"),
        ((4, 3, 2), (0,), "sigmoid", r"activation must be one of .*'relu', 'tanh'\].*; got 'sigmoid'"),
    ],
)
def test_networks_that_cannot_be_are_refused(sizes, seeds, activation, message):
    with pytest.raises(ValueError, match=message):
        mlp(sizes, BP(), seeds, activation=activation)


def weights(*shapes):
    return [torch.zeros(shape) for shape in shapes]


@pytest.mark.parametrize(
    ("layers", "feedback", "message"),
    [
        (weights((2, 3, 4), (2, 5, 6)), [None], r"weights must be .* chained, .*; got \[\(2, 3, 4\), \(2, 5, 6\)\]"),
        (weights((2, 3, 4), (1, 5, 3)), [None], "weights must be .*with 2 members, one a seed"),
        (weights((2, 3, 4)), [], "weights must be"),
        (weights((2, 3, 4), (2, 5, 3)), [], r"feedback must be .*\[\(2, 3\)\]; got \[\]"),
        (weights((2, 3, 4), (2, 5, 3)), weights((2, 4, 5)), r"feedback must be .*\[\(2, 3\)\]; got \[\(2, 4\)\]"),
    ],
)
def test_weights_and_feedback_that_do_not_chain_are_refused(layers, feedback, message):
    with pytest.raises(ValueError, match=message):
        Perceptrons(layers, feedback, "tanh", (0, 1))
