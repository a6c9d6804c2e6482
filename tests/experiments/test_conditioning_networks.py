"""ReLU and tanh networks on the engine, against a literal trainer that is itself held against autograd."""

from dataclasses import replace
from itertools import pairwise

import literal_conditioning as literal
import numpy as np
import pytest
import torch

from feedback_alignment import deep_linear
from feedback_alignment.experiments.conditioning_networks import ensemble, fitted_alignment_matrices, follow
from feedback_alignment.experiments.conditioning_runs import Training, feedback, observed_epochs, order, probe
from feedback_alignment.experiments.conditioning_tasks import independent_targets, uneven_inputs
from feedback_alignment.networks import Perceptrons
from feedback_alignment.streams import generator

SIZES = (4, 6, 5, 3)
FUNCTIONS = {"linear": lambda a: a, "relu": torch.relu, "tanh": torch.tanh}
TRAINING = Training(epochs=4, learning_rate=1e-3, batch=8, width=6, hidden=2, double=True, observe_at=(4,), observed=40)


def made(activation, members=2):
    draw = generator(0, "test networks").standard_normal
    weights = [draw((members, n, m)) for m, n in pairwise(SIZES)]
    matrices = [draw((members, n, SIZES[-1])) for n in SIZES[1:-1]]
    networks = literal.Networks.from_arrays(weights, matrices, activation, torch.float64)
    return networks, *(torch.from_numpy(draw((members, 7, n))) for n in (SIZES[0], SIZES[-1]))


@pytest.mark.parametrize("activation", ["linear", "relu", "tanh"])
def test_back_propagation_is_automatic_differentiation(activation):
    networks, x, y = made(activation)
    h, preactivations = x.clone().requires_grad_(), []
    for W in networks.weights:
        preactivations.append(h @ W.mT)
        h = FUNCTIONS[activation](preactivations[-1])
    expected = torch.autograd.grad((0.5 * (preactivations[-1] - y) ** 2).sum(), preactivations[:-1])
    layers = networks.forward(x)
    torch.testing.assert_close(layers[-1], preactivations[-1].detach())
    found = networks.gradient(layers, layers[-1] - y)
    for delta, gradient in zip(found, expected, strict=True):
        torch.testing.assert_close(delta, gradient, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("activation", ["linear", "relu", "tanh"])
def test_a_step_of_dfa_is_automatic_differentiation_with_the_error_sent_to_each_layer(activation):
    networks, x, y = made(activation)
    before = [W.clone().requires_grad_() for W in networks.weights]
    networks.step(x, y, 0.1)
    with torch.no_grad():
        below = [x]
        for W in before[:-1]:
            below.append(FUNCTIONS[activation](below[-1] @ W.mT))
        error = below[-1] @ before[-1].mT - y
    for index, W in enumerate(before):
        output = below[index] @ W.mT
        taught = error if index == 2 else error @ networks.feedback[index].mT
        out = output if index == 2 else FUNCTIONS[activation](output)
        (gradient,) = torch.autograd.grad((out * taught).sum(), W)
        torch.testing.assert_close(networks.weights[index], W - 0.1 * gradient, rtol=1e-12, atol=1e-13)


def test_alignments_are_those_of_each_member_alone():
    networks, x, y = made("linear")
    layers = networks.forward(x)
    error = layers[-1] - y
    gradient = literal.gradient_alignment(networks, layers, error)
    weight = literal.weight_alignment(networks)
    for member in range(2):
        W, F = (tuple(part[member].numpy() for part in parts) for parts in (networks.weights, networks.feedback))
        np.testing.assert_allclose(weight[member, :2], deep_linear.weight_alignment(W, F), rtol=1e-12)
        expected = deep_linear.gradient_alignment(W, F, error[member].numpy().T).mean(1)
        np.testing.assert_allclose(gradient[member, :2], expected, rtol=1e-12)


def test_gradient_alignment_of_all_layers_joins_a_samples_signals():
    networks, x, y = made("tanh")
    layers = networks.forward(x)
    error = layers[-1] - y
    ours, true = (torch.cat(parts, -1) for parts in (networks.direct(layers, error), networks.gradient(layers, error)))
    expected = torch.cosine_similarity(ours, true, dim=-1).mean(1)
    found = literal.gradient_alignment(networks, layers, error)
    np.testing.assert_allclose(found[:, 2], expected.numpy(), rtol=1e-12)


# ---- the engine --------------------


def literally(task, activation, training):
    """What `follow` returns at the end, by the literal trainer with all members in one lockstep."""
    members, (samples, outputs) = len(task.seeds), task.targets.shape[2:]
    sizes = (task.inputs.shape[-1], *[training.width] * training.hidden, outputs)
    weights = [
        np.stack([generator(seed, "weights", layer).uniform(-(m**-0.5), m**-0.5, (n, m)) for seed in task.seeds])
        for layer, (m, n) in enumerate(pairwise(sizes), 1)
    ]
    networks = literal.Networks.from_arrays(weights, feedback(task.seeds, training, outputs), activation, torch.float64)
    x = torch.from_numpy(np.repeat(task.inputs, task.targets.shape[1], axis=0))
    y = torch.from_numpy(task.targets.reshape(members, samples, outputs))
    orders = (order(epoch, samples, training.batch) for epoch in range(training.epochs))
    assert list(literal.train(networks, x, y, orders, training.rate))[-1] == training.epochs
    looked_at = slice(training.observed)
    layers = networks.forward(x[:, looked_at])
    error = layers[-1] - y[:, looked_at]
    isotropic = torch.from_numpy(probe(*error.shape[1:])).expand(error.shape)
    return {
        "weight": literal.weight_alignment(networks),
        "gradient": literal.gradient_alignment(networks, layers, error),
        "probe": literal.gradient_alignment(networks, layers, isotropic),
        "loss": (error**2).sum(-1).mean(-1).numpy(),
    }


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize(
    "task",
    [independent_targets((3, 4), 42, 5, (0.5, 1.0), (0.3, 1.0)), uneven_inputs((3, 4), 42, 5, (1, 10))],
    ids=["shared inputs", "inputs of their own"],
)
def test_the_engine_takes_the_literal_trainers_steps(task, activation):
    """The same weights, feedback, order of samples, rate and error: equal numbers but for rounding in 20 steps."""
    training = replace(TRAINING, observed=30)
    found, expected = follow(task, activation, training), literally(task, activation, training)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name][-1], values, rtol=0, atol=1e-11, err_msg=name)


def test_the_members_of_an_ensemble_are_equal_and_drawn_as_the_linear_networks_feedback_is():
    made_by_engine = ensemble((4, 6, 6, 3), 5, 2, "tanh")
    for matrices in (made_by_engine.weights, made_by_engine.feedback):
        for pair in matrices:
            assert torch.equal(pair[0], pair[1])
    for F, expected in zip(made_by_engine.feedback, feedback((5, 5), TRAINING, 3), strict=True):
        np.testing.assert_array_equal(F.numpy(), expected)


def test_fitted_matrices_are_the_alignment_matrices_where_these_explain_all_that_was_learned():
    draw = generator(1, "test networks").standard_normal
    F = [draw((2, 6, 3)), draw((2, 5, 3))]
    A2, A3 = draw((2, 3, 3)), draw((2, 3, 3))
    start = [draw((2, 6, 4)), draw((2, 5, 6)), draw((2, 3, 5))]
    learned = [start[0], start[1] + F[1] @ A2 @ F[0].swapaxes(1, 2), start[2] + A3 @ F[1].swapaxes(1, 2)]
    weights, before, matrices = ([torch.from_numpy(part) for part in parts] for parts in (learned, start, F))
    found = fitted_alignment_matrices(Perceptrons(weights, matrices, "relu", (0, 1)), before)
    np.testing.assert_allclose(found[0], A2, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found[1], A3, rtol=0, atol=1e-12)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_members_do_not_depend_on_their_company(activation):
    alone = follow(independent_targets((4,), 40, 5, (0.5, 1.0), (0.3,)), activation, TRAINING)
    together = follow(independent_targets((3, 4), 40, 5, (0.5, 1.0), (0.3,)), activation, TRAINING)
    for name, values in alone.items():
        np.testing.assert_allclose(values, together[name][:, 2:], rtol=1e-9, err_msg=name)


def test_training_lowers_the_loss_and_aligns():
    task = independent_targets((0,), 64, 5, (1.0,), (1.0,))
    training = replace(TRAINING, epochs=100, width=30, learning_rate=5e-3, observe_at=observed_epochs(100, 5))
    seen = follow(task, "relu", training)
    assert seen["loss"][-1] < 0.7 * seen["loss"][0]
    assert seen["gradient"][-1, 0, 2] > seen["gradient"][0, 0, 2] + 0.2


def test_float32_is_float64_to_single_precision():
    task = independent_targets((0,), 64, 5, (1.0,), (1.0,))
    single, double = (follow(task, "tanh", replace(TRAINING, double=double)) for double in (False, True))
    for name in ("weight", "gradient", "loss"):
        # 32 steps, each with rounding errors of about 1e-7.
        np.testing.assert_allclose(single[name], double[name], rtol=0, atol=1e-5)


@pytest.mark.filterwarnings("ignore:weights under DFA are no longer finite:RuntimeWarning")
@pytest.mark.parametrize("alphas", [(1.0,), (1e-3, 1.0)], ids=["every member", "one of two"])
def test_divergence_is_an_error(alphas):
    task = independent_targets((2,), 64, 5, alphas, (1.0,))
    task.targets[:, -1] *= 1e200
    with pytest.raises(FloatingPointError, match=r"no longer finite .*lower the learning rate"):
        follow(task, "relu", TRAINING)


def test_an_unknown_activation_is_refused():
    with pytest.raises(ValueError, match=r"activation must be one of .* got 'sigmoid'"):
        follow(independent_targets((0,), 64, 5, (1.0,), (1.0,)), "sigmoid", TRAINING)


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(ValueError, match="at least one batch of 64 samples; got 40"):
        follow(independent_targets((0,), 40, 5, (1.0,), (1.0,)), "relu", replace(TRAINING, batch=64))


def test_times_are_whole_epochs_up_to_the_end():
    assert observed_epochs(1000, 4) == (1, 10, 100, 1000)
    assert observed_epochs(3, 10) == (1, 2, 3)
