import numpy as np
import pytest
import torch

from feedback_alignment.companion.monitor import Quiet
from feedback_alignment.experiments import rising_loss
from feedback_alignment.experiments.averaged_flow import FixedPoints, Problem, settled
from feedback_alignment.experiments.extreme_weights import (
    NEVER,
    SIZES,
    Net,
    first_moves,
    printed_softmax_derivative,
    softmax_derivative,
)
from feedback_alignment.experiments.rising_loss import RisingLoss

PROBLEM = Problem.drawn(3, 3, 2, 2, 20, 0.3)
WEIGHTS = np.random.default_rng(0).standard_normal(PROBLEM.weights)


def torch_loss(w, problem=PROBLEM):
    """The same network in torch, W2 behind a stop so that its transpose can be replaced on the way down."""
    W1, W2 = w[:6].reshape(2, 3), w[6:].reshape(2, 2)
    e = W2 @ torch.tanh(W1 @ torch.from_numpy(problem.x)) - torch.from_numpy(problem.y)
    return e.square().sum() / 2 / problem.x.shape[1]


def test_loss_and_gradient_are_those_of_automatic_differentiation():
    w = torch.from_numpy(WEIGHTS).requires_grad_()
    loss = torch_loss(w)
    assert PROBLEM.loss(WEIGHTS) == pytest.approx(loss.item(), rel=1e-14)
    np.testing.assert_allclose(PROBLEM.gradient(WEIGHTS), torch.autograd.grad(loss, w)[0], atol=1e-14)


def test_the_field_is_the_mean_of_single_samples_updates():
    W1, W2 = PROBLEM.split(WEIGHTS)
    mean = np.zeros_like(WEIGHTS)
    for x, y in zip(PROBLEM.x.T, PROBLEM.y.T, strict=True):
        h = np.tanh(W1 @ x)
        e = W2 @ h - y
        mean -= np.concatenate([np.outer((PROBLEM.R @ e) * (1 - h**2), x).ravel(), np.outer(e, h).ravel()]) / 20
    np.testing.assert_allclose(PROBLEM.field(WEIGHTS), mean, atol=1e-14)


def test_the_jacobian_is_that_of_differences():
    """Central differences of width 1e-5 are off by about 1e-10 times third derivatives."""
    found = PROBLEM.jacobian(WEIGHTS)
    for column, unit in enumerate(1e-5 * np.eye(PROBLEM.weights)):
        slope = (PROBLEM.field(WEIGHTS + unit) - PROBLEM.field(WEIGHTS - unit)) / 2e-5
        np.testing.assert_allclose(found[:, column], slope, atol=1e-8)


def test_the_flow_comes_back_to_a_stable_root_that_is_no_extremum():
    found = FixedPoints(tuple(range(6)), 3, 2, 2, 20, 0.3, 0.3, 1e4).compute("cpu", Quiet(), None)[0]
    seed = int(found.network[int(np.nanargmin(found.root_real_part))])
    problem = Problem.drawn(seed, 3, 2, 2, 20, 0.3)
    draw = np.random.default_rng(1)
    from feedback_alignment import streams

    w = settled(problem, 0.3 * streams.generator(seed, "weights").standard_normal(problem.weights), 1e4)
    assert np.abs(problem.field(w)).max() < 1e-10
    assert np.linalg.norm(problem.gradient(w)) == pytest.approx(float(found.root_gradient.sel(network=seed)))
    assert np.linalg.norm(problem.gradient(w)) > 1e-3
    back = settled(problem, w + 1e-4 * draw.standard_normal(len(w)), 1e4)
    np.testing.assert_allclose(back, w, atol=1e-7)


def test_for_one_sample_a_fixed_point_of_fa_is_an_extremum():
    """The errata's other half: with one sample and R of full column rank nothing but e = 0 is left."""
    problem = Problem.drawn(2, 3, 2, 2, 1, 0.3)
    w = settled(problem, 0.3 * np.random.default_rng(2).standard_normal(problem.weights), 1e4)
    assert np.linalg.norm(problem.gradient(w)) < 1e-9


def test_without_a_root_there_is_none():
    """From weights in the flat tails of tanh, no time is given to leave them."""
    problem = Problem.drawn(0, 3, 2, 2, 20, 0.3)
    start = np.full(problem.weights, 0.5)
    assert settled(problem, start, 1e-3) is None or np.abs(problem.field(settled(problem, start, 1e-3))).max() < 1e-10


# ---- a loss that rises --------------------


def test_eigenvalues_at_the_solution_are_those_of_the_error():
    """The error decays by the eigenvalues of W2 F, 1 and 1, plus the squares of W1's singular values, 1/4."""
    work = RisingLoss(0.5, 0.01, (0.0, 1.0, 30.0))
    found = work.compute("cpu", Quiet(), None)[0]
    # A double eigenvalue moves by the square root of rounding.
    np.testing.assert_allclose(found.rising_real_part, [-1.25] * 4 + [0] * 4, atol=1e-6)
    assert float(found.rising_loss[-1]) < 1e-12 * float(found.rising_loss[0])


def test_the_field_of_the_linear_network_is_fas():
    draw = np.random.default_rng(0)
    W1, W2, target = (draw.standard_normal((2, 2)) for _ in range(3))
    lower, upper = (torch.from_numpy(W).requires_grad_() for W in (W1, W2))
    error = upper @ lower - torch.from_numpy(target)
    true = torch.autograd.grad(error.square().sum() / 2, (lower, upper))
    ours = rising_loss.field(W1, W2, target)
    np.testing.assert_allclose(ours[1], -true[1], atol=1e-14)
    np.testing.assert_allclose(ours[0], -(W2 @ W1 - target), atol=1e-14)
    cosine = torch.nn.functional.cosine_similarity(torch.from_numpy(-ours[0]).flatten(), true[0].flatten(), dim=0)
    assert rising_loss.alignment(W1, W2, target) == pytest.approx(cosine.item(), rel=1e-12)


def test_the_jacobian_of_the_linear_network_is_that_of_differences():
    W1 = 0.5 * np.eye(2)
    target = rising_loss.W2 @ W1
    point = np.concatenate([W1.ravel(), rising_loss.W2.ravel()])

    def flat(w):
        return np.concatenate([V.ravel() for V in rising_loss.field(w[:4].reshape(2, 2), w[4:].reshape(2, 2), target)])

    found = rising_loss.jacobian_at_solution(W1, rising_loss.W2)
    for column, unit in enumerate(1e-5 * np.eye(8)):
        np.testing.assert_allclose(found[:, column], (flat(point + unit) - flat(point - unit)) / 2e-5, atol=1e-9)


# ---- extreme weights --------------------


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
def test_bps_updates_are_those_of_automatic_differentiation(activation):
    net = Net.drawn(1, activation, 0.7)
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((SIZES[0], 5)))
    labels = torch.tensor([0, 1, 2, 3, 0])
    W = [w.clone().requires_grad_() for w in net.W]
    h = x
    for w in W[:-1]:
        h = getattr(torch, activation)(w @ h)
    loss = torch.nn.functional.cross_entropy((W[-1] @ h).T, labels)
    y = torch.eye(SIZES[-1], dtype=torch.float64)[labels].T
    for ours, true in zip(net.updates(x, y, "BP"), torch.autograd.grad(loss, W), strict=True):
        torch.testing.assert_close(ours, true, rtol=1e-12, atol=1e-14)
    aligned = Net(net.W, [w.T for w in net.W[1:]], activation)
    for ours, true in zip(aligned.updates(x, y, "FA"), net.updates(x, y, "BP"), strict=True):
        assert torch.equal(ours, true)


@pytest.mark.parametrize(
    ("activation", "fa", "bp"),
    [
        ("tanh", [1, 2, 3], [NEVER] * 3),
        ("relu", [NEVER] * 3, [NEVER] * 3),
        ("sigmoid", [1, 1, 1], [3, 2, 1]),
    ],
)
def test_layers_leave_zero_weights_one_after_another_or_not_at_all(activation, fa, bp):
    """tanh as the paper says; ReLU has slope and output 0 at 0; the sigmoid has output 1/2, so that BP moves."""
    assert first_moves(0, activation, "FA") == fa
    assert first_moves(0, activation, "BP") == bp


def test_the_softmax_formula_is_right_and_the_printed_one_is_not():
    x = np.array([0.3, -1.2, 0.8, 0.1])
    true = torch.func.jacrev(lambda a: torch.softmax(a, 0))(torch.from_numpy(x))[0]
    for k in (1, 2, 3):
        assert softmax_derivative(x, k) == pytest.approx(true[k].item(), rel=1e-13)
        assert abs(printed_softmax_derivative(x, k) - true[k].item()) > 0.01
