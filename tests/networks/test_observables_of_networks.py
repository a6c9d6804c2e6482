"""Alignment of any stack of blocks: against autograd through PyTorch's modules, and against the perceptrons."""

import jaxtyping
import numpy as np
import pytest
import torch
from test_network import convolutions_with_normalisation, everything, loaded, perceptron_with_normalisation, samples
from torch import nn

from feedback_alignment import streams
from feedback_alignment.networks import (
    BP,
    DFA,
    DRTP,
    FA,
    Activation,
    BatchNorm,
    ByLayer,
    CrossEntropy,
    Dropout,
    LastLayerOnly,
    Linear,
    PerturbedBP,
    SignSymmetricFA,
    SquaredError,
    alignment,
    mlp,
    stack,
)
from feedback_alignment.networks.observables import compare

SEEDS = (3, 1, 4)
SIZES = (7, 16, 15, 14, 4)
PARTS = ("gradient", "gradient_spread", "signal", "signal_spread", "update", "overall_gradient", "overall_update")


def cosine(a, b):
    a, b = a.flatten(), b.flatten()
    return (a @ b / a.norm() / b.norm()).item()


def dense(rule, bias=True, dtype=torch.float64):
    blocks = [(Linear(width, bias), Activation("tanh")) for width in SIZES[1:-1]]
    return stack(SIZES[:1], [*blocks, (Linear(SIZES[-1], bias),)], rule, SEEDS, dtype=dtype)


def labelled(count, shape=(7,), members=()):
    inputs, target = samples((*members, count, *shape), 4)
    return inputs, target.argmax(-1)


# ---- against autograd --------------------


def hidden_gradients(modules, network, member, x, y, mode):
    """Return one member's δa_l, teaching signals and gradients of W_l under DFA and BP, by autograd alone.

    Of DFA it is the derivative of h_l · F_l e, with respect to a_l and W_l of the same block.
    """
    model = loaded(modules, network, member).train(mode == "train")
    affine = [index for index, module in enumerate(model) if isinstance(module, nn.Linear | nn.Conv2d)]
    h, kept = x, []
    for start, end in zip(affine, [*affine[1:], len(model)], strict=True):
        a = model[start](h)
        h_l = a
        for module in model[start + 1 : end]:
            h_l = module(h_l)
        kept.append((model[start], h, a, model[start + 1 : end], h_l))
        h = h_l
    loss = nn.functional.cross_entropy(h, y, reduction="sum")
    hidden = kept[:-1]
    wanted = [[a for _, _, a, _, _ in hidden], [h_l for *_, h_l in hidden], [layer.weight for layer, *_ in hidden]]
    true = [torch.autograd.grad(loss, tensors, retain_graph=True) for tensors in wanted]
    e = torch.autograd.grad(loss, h, retain_graph=True)[0]
    direct = [[], [], []]
    for F, (layer, _, a, _, h_l) in zip(network.feedback, hidden, strict=True):
        signal = (e @ F[member].T).view(h_l.shape)
        delta, dW = torch.autograd.grad(h_l, [a, layer.weight], signal, retain_graph=True)
        for found, part in zip(direct, (delta, signal, dW), strict=True):
            found.append(part)
    return direct, true


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("architecture", [perceptron_with_normalisation, convolutions_with_normalisation])
def test_alignment_is_that_of_autograds_gradients_in_either_mode(architecture, mode):
    shape, blocks, _ = architecture()
    network = stack(shape, blocks, DFA(), SEEDS, dtype=torch.float64)
    for block in network.blocks:  # running statistics that differ from any batch's own
        for name, values in block.statistics.items():
            values += 0.3 + 0.1 * torch.arange(values.numel()).view(values.shape) if "variance" in name else 0.2
    inputs, labels = labelled(6, shape, (3,))
    found = alignment(network, DFA(), inputs, labels, mode=mode)
    for member in range(3):
        modules = architecture()[2]
        direct, true = hidden_gradients(modules, network, member, inputs[member], labels[member], mode)
        for mean, spread, ours, theirs in (
            (found.gradient, found.gradient_spread, direct[0], true[0]),
            (found.signal, found.signal_spread, direct[1], true[1]),
        ):
            layers = zip(ours, theirs, strict=True)
            each = np.array([[cosine(*pair) for pair in zip(*layer, strict=True)] for layer in layers])
            np.testing.assert_allclose(mean[member], each.mean(1), rtol=0, atol=1e-12)
            np.testing.assert_allclose(spread[member], each.std(1, ddof=1), rtol=0, atol=1e-12)
        update = [cosine(*layer) for layer in zip(direct[2], true[2], strict=True)]
        np.testing.assert_allclose(found.update[member], update, rtol=0, atol=1e-12)
        for overall, last in ((found.overall_gradient, None), (found.overall_gradient_without_last, -1)):
            ours, theirs = (torch.cat([a.flatten(1) for a in deltas[0][:last]], 1) for deltas in (direct, true))
            together = np.mean([cosine(*pair) for pair in zip(ours, theirs, strict=True)])
            assert overall[member].item() == pytest.approx(together, abs=1e-12)
        ours, theirs = (torch.cat([dW.flatten() for dW in found_by[2]]) for found_by in (direct, true))
        assert found.overall_update[member].item() == pytest.approx(cosine(ours, theirs), abs=1e-12)


def test_modes_differ_and_looking_changes_nothing():
    network = everything(SEEDS, DFA())
    inputs, labels = labelled(5, (3, 8, 8), (3,))
    before = {name: values.clone() for name, values in network.state().items()}
    trained, evaluated = (alignment(network, DFA(), inputs, labels, mode=mode) for mode in ("train", "eval"))
    assert (trained.gradient - evaluated.gradient).abs().max() > 1e-3
    again = alignment(network, DFA(), inputs, labels, mode="train")
    assert torch.equal(trained.gradient, again.gradient)
    assert all(torch.equal(values, before[name]) for name, values in network.state().items())


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_back_propagation_is_aligned_with_itself_only_within_one_mode(mode):
    """The bent ruler: the same rule, heard in two modes, seems to be at an angle with itself."""
    network = everything(SEEDS, BP())
    inputs, labels = labelled(5, (3, 8, 8), (3,))
    found = alignment(network, BP(), inputs, labels, mode=mode)
    for values in (found.gradient, found.signal, found.update, found.overall_gradient, found.overall_update):
        torch.testing.assert_close(values, torch.ones_like(values), rtol=1e-13, atol=0)
    target = nn.functional.one_hot(labels, 4).double()
    in_train, in_eval = (
        network.teachings([BP()], inputs, target, CrossEntropy(), other)[0] for other in ("train", "eval")
    )
    bent = compare(in_eval, in_train)
    assert (bent.gradient < 0.99).all()
    straight = compare(in_eval, in_eval)
    torch.testing.assert_close(straight.gradient, torch.ones_like(straight.gradient), rtol=1e-13, atol=0)


# ---- against the perceptrons --------------------


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize(
    "rule",
    [BP(), FA(), DFA(), DRTP(), SignSymmetricFA(), ByLayer((DFA(), BP(), DFA())), PerturbedBP(0.4)],
    ids=lambda rule: rule.name,
)
@pytest.mark.parametrize("bias", [False, True], ids=["no biases", "biases"])
def test_dense_blocks_have_the_perceptrons_alignment(rule, mode, bias):
    inputs, labels = labelled(6)
    fast = mlp(SIZES, rule, SEEDS, bias=bias, dtype=torch.float64)
    expected = alignment(fast, rule, inputs, labels, mode=mode)
    found = alignment(dense(rule, bias), rule, inputs, labels, mode=mode)
    for name in (*PARTS, "overall_gradient_without_last"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=0, atol=1e-13)


@pytest.mark.parametrize("make", [lambda rule: mlp(SIZES, rule, SEEDS, bias=True, dtype=torch.float64), dense])
def test_a_layer_that_the_rule_leaves_alone_has_no_alignment(make):
    inputs, labels = labelled(6)
    mixture = ByLayer((DFA(), LastLayerOnly(), DFA()))
    found = alignment(make(mixture), mixture, inputs, labels)
    for values in (found.gradient, found.gradient_spread, found.signal, found.signal_spread, found.update):
        assert values.isnan().any(0).tolist() == [False, True, False]
    for values in (found.overall_gradient, found.overall_gradient_without_last, found.overall_update):
        assert values.isnan().all()


@pytest.mark.parametrize("make", [lambda rule: mlp(SIZES, rule, SEEDS, dtype=torch.float64), lambda r: dense(r, False)])
def test_a_perturbed_update_is_at_the_given_cosine_and_its_signals_are_those_of_bp(make):
    inputs, labels = labelled(6)
    rule = PerturbedBP(0.3)
    found = alignment(make(rule), rule, inputs, labels)
    torch.testing.assert_close(found.update, torch.full_like(found.update, 0.3), rtol=0, atol=1e-13)
    torch.testing.assert_close(found.gradient, torch.ones_like(found.gradient), rtol=1e-13, atol=0)


# ---- targets as numbers --------------------


@pytest.mark.parametrize("make", [lambda rule: mlp(SIZES, rule, SEEDS, dtype=torch.float64), lambda r: dense(r, False)])
@pytest.mark.parametrize("own", [False, True], ids=["shared", "one set a member"])
def test_numbers_are_targets_and_the_loss_is_chosen(make, own):
    inputs, _ = labelled(6)
    draw = streams.generator(1, "test samples")
    y = torch.from_numpy(draw.normal(size=(3, 6, 4) if own else (6, 4)))
    network = make(DFA())
    found = alignment(network, DFA(), inputs, y, loss=SquaredError())
    ours, true = network.teachings([DFA(), BP()], inputs, y.expand(3, 6, 4), SquaredError(), "eval")
    assert torch.equal(ours.deltas[-1], network.outputs(inputs) - y)
    for layer in range(3):
        each = nn.functional.cosine_similarity(ours.deltas[layer], true.deltas[layer], dim=-1)
        torch.testing.assert_close(found.gradient[:, layer], each.mean(-1), rtol=0, atol=1e-13)
    other = alignment(network, DFA(), inputs, y.abs() / y.abs().sum(-1, keepdim=True))
    assert (other.gradient - found.gradient).abs().max() > 1e-3


@pytest.mark.parametrize("make", [lambda rule: mlp(SIZES, rule, SEEDS, dtype=torch.float64), dense])
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (torch.tensor([0, 1, 2, 3, 4, 0]), "labels must lie in 0 … 3; got 0 … 4"),
        (torch.tensor([0, 1, 2, 3, -1, 0]), "labels must lie in 0 … 3; got -1 … 3"),
        (torch.zeros(5, dtype=torch.int64), r"targets must be .* \(3, 6, 4\); got \(3, 5, 4\)"),
        (torch.zeros(6, 3, dtype=torch.float64), r"targets must be .* \(3, 6, 4\); got \(3, 6, 3\)"),
    ],
)
def test_labels_and_targets_that_do_not_fit_are_refused(make, labels, message, monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # the function's own validation is to speak
    inputs, _ = labelled(6)
    with pytest.raises(ValueError, match=message):
        alignment(make(DFA()), DFA(), inputs, labels)


def test_dropout_and_normalisation_bend_only_a_ruler_of_two_modes():
    """In evaluation dropout does nothing: the values are those of the network without it."""
    blocks = [
        (Linear(16), Dropout(0.5), Activation("tanh")),
        (Linear(15), BatchNorm(), Activation("tanh")),
        (Linear(4),),
    ]
    bare = [(Linear(16), Activation("tanh")), (Linear(15), BatchNorm(), Activation("tanh")), (Linear(4),)]
    inputs, labels = labelled(6)
    found, expected = (
        alignment(stack((7,), each, DFA(), SEEDS, dtype=torch.float64), DFA(), inputs, labels)
        for each in (blocks, bare)
    )
    for name in PARTS:
        assert torch.equal(getattr(found, name), getattr(expected, name))
