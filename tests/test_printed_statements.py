"""Statements of the papers that no test of a single module holds against what is true; the errata page names them."""

import numpy as np
import pytest
import torch

from feedback_alignment.experiments.extreme_weights import Net
from feedback_alignment.experiments.two_phases_alignment import met_plateau
from feedback_alignment.networks import BP, DFA, mlp
from feedback_alignment.networks.losses import CrossEntropy, one_hot
from feedback_alignment.networks.observables import alignment
from feedback_alignment.streams import generator


def normal(name: str, *shape: int) -> torch.Tensor:
    return torch.from_numpy(generator(0, name).standard_normal(shape))


def autograd_updates(net: Net, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The gradient of the mean cross entropy of a tanh or ReLU network by each of its weights."""
    W = [w.clone().requires_grad_() for w in net.W]
    h = x
    for w in W[:-1]:
        h = getattr(torch, net.activation)(w @ h)
    return torch.autograd.grad(torch.nn.functional.cross_entropy((W[-1] @ h).T, y.T), W)


# ---- Refinetti et al. 2021 --------------------


@pytest.mark.parametrize("seed", [0, 1])
def test_alignment_is_largest_before_the_plateau_and_less_than_perfect_on_it(seed: int) -> None:
    """Sec. 1.1 and Fig. 3b have its maximum on the plateau, and 1 there; the solver is good to 1e-10."""
    met = met_plateau(seed, 500, 0.1, 0.01)
    dfa = {name: values[1] for name, values in met.items()}
    assert dfa["alpha_peak"] < dfa["alpha_entry"] / 2
    assert 0.9 < dfa["cosine_entry"] < dfa["cosine_peak"] - 1e-5


def test_gradient_alignment_is_that_of_layers_1_to_the_last_but_one() -> None:
    """Eq. 19 prints GA from layer 2; the last layer's signal is the error under either rule."""
    rule = DFA()
    network = mlp((7, 6, 5, 4), rule, (0, 1), dtype=torch.float64)
    inputs, labels = normal("samples", 9, 7), torch.arange(9) % 4
    found = alignment(network, rule, inputs, labels).gradient
    assert found.shape == (2, len(network.weights) - 1)
    assert (found[:, 0].abs() < 1 - 1e-3).all()
    target = one_hot(labels, 4, torch.float64).expand(2, -1, -1)
    ours, true = network.teachings([rule, BP()], inputs, target, CrossEntropy(), "eval")
    assert torch.equal(ours.deltas[-1], true.deltas[-1])


def test_the_first_layers_rate_multiplies_the_gradient_with_its_root_of_n() -> None:
    """One step changes R by the integrand of Eq. 27a over N; without the gradient's 1/√N it would be √N times that."""
    N, eta = 40, 0.3
    x, W1, W1_teacher = normal("samples", N), normal("weights", 2, N), normal("teacher", 3, N)
    W2, W2_teacher = normal("weights", 2), normal("teacher", 3)
    W1.requires_grad_()

    def g(u: torch.Tensor) -> torch.Tensor:
        return torch.erf(u / np.sqrt(2))

    fields, teachers = W1 @ x / np.sqrt(N), W1_teacher @ x / np.sqrt(N)
    e = W2 @ g(fields) - W2_teacher @ g(teachers)
    (gradient,) = torch.autograd.grad(e.square() / 2, W1)
    slope = np.sqrt(2 / np.pi) * torch.exp(-fields.detach().square() / 2)
    integrand = -eta * torch.outer(W2 * slope * e.detach(), teachers)
    torch.testing.assert_close(-eta * gradient @ W1_teacher.T / N, integrand / N, rtol=1e-12, atol=1e-15)


# ---- Launay et al. 2019 --------------------


def test_back_propagation_needs_the_transposed_weights() -> None:
    """Eq. 2 prints W_{i+1} δa_{i+1}: with layers of one width it can be computed, and is not the gradient."""
    W = [normal("weights", 5, 5) / 2, normal("teacher", 5, 5) / 2, normal("feedback", 5, 5) / 2]
    x, y = normal("samples", 5, 3), torch.eye(5, dtype=torch.float64)[:, :3]
    true = autograd_updates(Net(W, [], "tanh"), x, y)
    transposed = Net(W, [w.T for w in W[1:]], "tanh").updates(x, y, "FA")
    printed = Net(W, W[1:], "tanh").updates(x, y, "FA")
    for ours, theirs, gradient in zip(transposed[:-1], printed[:-1], true[:-1], strict=True):
        torch.testing.assert_close(ours, gradient, rtol=1e-12, atol=1e-14)
        assert (theirs - gradient).norm() > 0.1 * gradient.norm()


# ---- Chu and Bacho 2024 --------------------


def test_the_chain_of_derivatives_begins_at_the_output() -> None:
    """Eq. 1 with (L) for the index (l) of its first factors is the gradient; ∂L/∂f^(l) does not even fit B^(l)."""
    net = Net.drawn(0, "tanh", 0.6)
    x, y = normal("samples", 6, 1), torch.eye(4, dtype=torch.float64)[:, :1]
    h1 = torch.tanh(net.W[0] @ x)
    h2 = torch.tanh(net.W[1] @ h1)
    error = torch.softmax(net.W[2] @ h2, 0) - y
    chain = net.W[2] @ ((1 - h2.square()) * net.W[1])
    update = (chain.T @ error) * (1 - h1.square()) @ x.T
    torch.testing.assert_close(update, autograd_updates(net, x, y)[0], rtol=1e-12, atol=1e-14)
    assert chain.T.shape[1] == len(error) != len(h1)


def test_an_error_hides_from_fewer_units_than_outputs() -> None:
    """R with more columns than rows has a null space, however random; with as many rows as columns it has none."""
    R = normal("feedback", 3, 3).numpy()
    assert np.linalg.svd(R)[1].min() > 0.01
    hidden = np.linalg.svd(R[:2])[2][-1]
    assert np.linalg.norm(R[:2] @ hidden) < 1e-15 * 10
    assert np.linalg.norm(hidden) == pytest.approx(1)


def test_an_error_hides_behind_silent_relu_units() -> None:
    """Three hidden units, two outputs, R of rank 2. One active unit: FA's update of its layer is zero, BP's is not."""
    x = torch.tensor([[1.0], [2.0]], dtype=torch.float64)
    W1 = torch.tensor([[1.0, 0.5], [-1.0, -0.5], [-2.0, 0.1]], dtype=torch.float64)
    R = normal("feedback", 3, 2)
    assert torch.linalg.matrix_rank(R) == 2
    W2 = normal("weights", 2, 3)
    e = torch.tensor([[-R[0, 1]], [R[0, 0]]]) / R[0].norm()
    assert (torch.relu(W1 @ x) > 0).flatten().tolist() == [True, False, False]
    # The target that leaves this error.
    y = torch.softmax(W2 @ torch.relu(W1 @ x), 0) - e
    fa, bp = (Net([W1, W2], [R], "relu").updates(x, y, rule) for rule in ("FA", "BP"))
    assert e.norm() == pytest.approx(1)
    assert fa[0].norm() < 1e-15 * 10
    assert bp[0].norm() > 0.1
    # With tanh all units are heard, and the same error moves them.
    assert Net([W1, W2], [R], "tanh").updates(x, y, "FA")[0].norm() > 0.1


@pytest.mark.parametrize("right", [True, False])
def test_updates_vanish_at_large_weights_for_samples_classified_right_only(right: bool) -> None:
    """App. A.2 says so of all samples; the error p − y of a wrong one is of order one, and the output layer moves."""
    net = Net.drawn(0, "tanh", 100.0)
    x = normal("samples", 6, 1)
    h = x
    for W in net.W[:-1]:
        h = torch.tanh(W @ h)
    ranked = (net.W[-1] @ h).flatten().argsort(descending=True)
    y = torch.eye(4, dtype=torch.float64)[:, ranked[0 if right else 1], None]
    size = net.updates(x, y, "FA")[-1].norm()
    assert size < 1e-12 if right else size > 1
