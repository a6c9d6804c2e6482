import json
import re
from pathlib import Path

import jaxtyping
import literal_networks as literal
import numpy as np
import pytest
import torch

from feedback_alignment import streams
from feedback_alignment.networks import (
    BP,
    DFA,
    DRTP,
    FA,
    Activation,
    LastLayerOnly,
    Linear,
    Schedule,
    accuracy,
    alignment,
    cnn,
    mlp,
    stack,
    train,
)
from feedback_alignment.networks.losses import classification_error, one_hot
from feedback_alignment.networks.observables import cosine
from feedback_alignment.networks.perceptron import Perceptrons
from feedback_alignment.networks.training import step

SEEDS = (3, 1, 4)
SIZES = ((7, 6, 4), (7, 6, 5, 4), (7, 6, 5, 8, 4))
NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "01_credit_assignment.ipynb"

every_rule = pytest.mark.parametrize("rule", literal.RULES, ids=lambda rule: rule.name)


def samples(count, features, classes, dtype=torch.float64, members=None, seed=0):
    """Inputs and labels, (samples, …), or one batch a member, (members, samples, …)."""
    draw = streams.generator(seed, "test samples")
    shape = (count,) if members is None else (members, count)
    inputs = torch.from_numpy(draw.normal(size=(*shape, features))).to(dtype)
    return inputs, torch.from_numpy(draw.integers(0, classes, shape))


def taught(network, rule, inputs, labels):
    layers = network.forward(inputs)
    target = one_hot(labels, layers[-1].shape[-1], layers[-1].dtype)
    return network.teach(rule, layers, classification_error(layers[-1], target), target)


def agree(ours, theirs, tolerance):
    """Hold two arrays together to `tolerance` times the largest element."""
    theirs = np.asarray(theirs)
    np.testing.assert_allclose(np.asarray(ours), theirs, rtol=0, atol=tolerance * np.abs(theirs).max())


# float64 rounds to 1e-16 and float32 to 6e-8; a sum here has at most 8 products, each of numbers rounded a few times,
# and may be some ten times smaller than its largest product. Hence 1e-6 in float32; in float64 there is room to spare.
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)], ids=str)
@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("sizes", SIZES, ids=lambda sizes: f"{len(sizes) - 2} hidden")
@pytest.mark.parametrize("activation", literal.G)
@every_rule
def test_teaching_and_updates_are_the_equations(rule, activation, sizes, batch, dtype, tolerance):
    network = mlp(sizes, rule, SEEDS, activation=activation, dtype=dtype)
    before = [literal.member(network, index) for index in range(len(SEEDS))]
    inputs, labels = samples(batch, sizes[0], sizes[-1], dtype, members=len(SEEDS))
    teaching = taught(network, rule, inputs, labels)
    rate = 2.0
    step(network, rule, inputs, one_hot(labels, sizes[-1], dtype), rate)
    for index, (W, F) in enumerate(before):
        x, y = inputs[index].double().numpy(), labels[index].numpy()
        told = []
        for sample in range(batch):
            a, _ = literal.activities(W, x[sample], activation)
            signals, deltas = literal.teaching(rule, W, F, a, *literal.softmax_error(a[-1], y[sample]), activation)
            told.append([*signals, *deltas])
        for ours, *theirs in zip([*teaching.signals, *teaching.deltas], *told, strict=True):
            assert [ours is None] * batch == [part is None for part in theirs]
            if ours is not None:
                agree(ours[index], np.stack(theirs), tolerance)
        after, _ = literal.member(network, index)
        for W_after, W_before, update in zip(after, W, literal.updates(rule, W, F, x, y, activation), strict=True):
            agree(W_after - W_before, -rate * update, tolerance)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("activation", literal.G)
def test_back_propagation_is_autograds_gradient(activation, reduction):
    sizes, eta, count = (7, 6, 5, 4), 0.5, 9
    network = mlp(sizes, BP(), SEEDS, activation=activation, dtype=torch.float64)
    inputs, labels = samples(count, sizes[0], sizes[-1])
    weights = [W.clone().requires_grad_() for W in network.weights]
    logits = Perceptrons(weights, network.feedback, activation, SEEDS).forward(inputs)[-1]
    loss = sum(torch.nn.functional.cross_entropy(member, labels, reduction=reduction) for member in logits)
    loss.backward()
    schedule = Schedule(1, count, eta, reduction, (0,))
    train(network, BP(), inputs, labels, schedule, lambda network, step: {})
    for W, before in zip(network.weights, weights, strict=True):
        agree(W - before.detach(), -eta * before.grad, 1e-12)


@every_rule
def test_hidden_layers_learn_in_every_rule_but_the_control_and_the_last_in_all(rule):
    network = mlp((7, 6, 5, 4), rule, SEEDS)
    before = [W.clone() for W in network.weights]
    inputs, labels = samples(3, 7, 4, torch.float32, members=3)
    step(network, rule, inputs, one_hot(labels, 4, torch.float32), 0.1)
    moved = [not torch.equal(W, old) for W, old in zip(network.weights, before, strict=True)]
    assert moved == ([False, False, True] if rule == LastLayerOnly() else [True, True, True])


def test_with_one_hidden_layer_fa_is_dfa():
    networks = {rule: mlp((7, 6, 4), rule, SEEDS) for rule in (FA(), DFA())}
    inputs, labels = samples(5, 7, 4, torch.float32, members=3)
    for rule, network in networks.items():
        step(network, rule, inputs, one_hot(labels, 4, torch.float32), 0.1)
    for one, other in zip(networks[FA()].weights, networks[DFA()].weights, strict=True):
        assert torch.equal(one, other)


def test_fa_through_the_transposed_weights_is_bp_and_dfa_only_in_the_top_hidden_layer():
    network = mlp((7, 6, 6, 6), BP(), SEEDS, dtype=torch.float64)
    network.feedback = [W.mT.clone() for W in network.weights[1:]]
    inputs, labels = samples(5, 7, 6, members=3)
    truth, fa, dfa = (taught(network, rule, inputs, labels).deltas for rule in (BP(), FA(), DFA()))
    for index in range(3):
        agree(fa[index], truth[index], 1e-15)
    agree(dfa[1], truth[1], 1e-15)
    assert cosine(dfa[0].flatten(1), truth[0].flatten(1)).abs().max() < 0.8


@pytest.mark.parametrize(
    ("made_for", "used", "wanted", "found"),
    [
        (BP(), FA(), r"F_2 of shape \(3, 5, 4\)", "none"),
        (BP(), DFA(), r"F_2 of shape \(3, n_l, 4\)", "none"),
        (FA(), DRTP(), r"F_1 of shape \(3, n_l, 4\)", r"\(3, 6, 5\)"),
        (DFA(), FA(), r"F_1 of shape \(3, 6, 5\)", r"\(3, 6, 4\)"),
    ],
)
def test_a_network_made_for_another_rule_is_refused(made_for, used, wanted, found):
    network = mlp((7, 6, 5, 4), made_for, SEEDS)
    inputs, labels = samples(5, 7, 4, torch.float32)
    with pytest.raises(
        ValueError,
        match=rf"needs a feedback matrix {wanted}; the network's has {found}: "
        r"make the network with mlp\(sizes, rule, \.\.\.\) or cnn",
    ):
        alignment(network, used, inputs, labels)


@pytest.mark.parametrize("rule", ["DFA", DFA, 3, Activation("relu")], ids=repr)
def test_what_is_no_rule_is_refused(rule, monkeypatch):
    """A name, a class in the place of an object, and an object without the method."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # the functions' own validation is to speak
    message = f"a learning rule must be an object such as BP.*; got {re.escape(repr(rule))}"
    blocks = [(Linear(6), Activation("tanh")), (Linear(4),)]
    network, (inputs, labels) = mlp((7, 6, 4), DFA(), SEEDS), samples(10, 7, 4, torch.float32)
    before = [W.clone() for W in network.weights]
    for use in (
        lambda: mlp((7, 6, 4), rule, SEEDS),
        lambda: stack((7,), blocks, rule, SEEDS),
        lambda: cnn((1, 4, 4), (2,), (), 4, rule, SEEDS),
        lambda: train(network, rule, inputs, labels, Schedule(1, 5, 0.1, "mean", (0,)), lambda network, step: {}),
    ):
        with pytest.raises(TypeError, match=message):
            use()
    assert all(torch.equal(*pair) for pair in zip(network.weights, before, strict=True))


def test_dfa_is_not_bp():
    """Before training, the updates are at right angles on average; after it, at 50 to 80 degrees in every member."""
    seeds = tuple(range(20))
    centres = streams.generator(0, "class centres").normal(size=(5, 20))
    draw = streams.generator(0, "clouds")
    labels = torch.from_numpy(draw.integers(0, 5, 300))
    inputs = torch.from_numpy(centres[labels] + draw.normal(size=(300, 20)))
    network = mlp((20, 30, 30, 5), DFA(), seeds, dtype=torch.float64)

    def degrees():
        return alignment(network, DFA(), inputs, labels).update.clamp(-1, 1).arccos().rad2deg()

    before = degrees()
    standard_error = before.std(0) / len(seeds) ** 0.5
    assert ((before.mean(0) - 90).abs() < 3 * standard_error).all()
    train(network, DFA(), inputs, labels, Schedule(10, 30, 0.1, "mean", (0,)), lambda network, step: {})
    after = degrees()
    assert ((after > 50) & (after < 80)).all()
    truth = alignment(network, BP(), inputs, labels)
    for same in (truth.gradient, truth.signal, truth.update):
        assert (same - 1).abs().max() < 1e-12
    assert torch.stack([truth.gradient_spread, truth.signal_spread]).max() < 1e-12


# ---- the notebook's own lines --------------------


def notebook_cells():
    return json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]


@pytest.fixture(scope="module")
def literal_cell():
    """The names that the notebook's literal cell defines."""
    sources = ["".join(cell["source"]) for cell in notebook_cells() if "literal" in cell["metadata"].get("tags", [])]
    assert len(sources) == 1
    names = {"np": np, "streams": streams}
    exec(sources[0], names)
    return names


LITERAL_NAMES = {
    "BP": "back_propagation",
    "FA": "feedback_alignment",
    "DFA": "direct_feedback_alignment",
    "DRTP": "direct_random_target_projection",
    "last layer only": "last_layer_only",
}


@every_rule
def test_the_literal_cell_draws_and_teaches_as_the_package_does(literal_cell, rule):
    sizes, count = (12, 11, 9, 4), 6
    literal_rule = literal_cell[LITERAL_NAMES[rule.name]]
    network = mlp(sizes, rule, SEEDS, dtype=torch.float64)
    inputs, labels = samples(count, sizes[0], sizes[-1], members=len(SEEDS))
    teaching = taught(network, rule, inputs, labels)
    drawn = [literal_cell["draw"](literal_rule, sizes, seed) for seed in SEEDS]
    for index, (W, F) in enumerate(drawn):
        ours_W, ours_F = literal.member(network, index)
        for ours, theirs in zip(ours_W, W, strict=True):
            agree(ours, theirs, 1e-15)
        if rule.feedback != "none":
            for ours, theirs in zip(ours_F, F, strict=True):
                agree(ours, theirs, 1e-15)
        h, a_L = literal_cell["forward"](W, inputs[index].numpy().T)
        y = np.eye(sizes[-1])[labels[index]].T
        deltas = literal_rule(W, F, h, literal_cell["output_error"](a_L, y), y)
        for ours, theirs in zip(teaching.deltas, deltas, strict=True):
            agree(np.zeros_like(theirs.T) if ours is None else ours[index], theirs.T, 1e-12)
    eta = 0.3
    before = [W.clone() for W in network.weights]
    step(network, rule, inputs, one_hot(labels, sizes[-1], torch.float64), eta / count)
    for index, (W, F) in enumerate(drawn):
        literal_before = [W_l.copy() for W_l in W]
        literal_cell["step"](literal_rule, W, F, inputs[index].numpy().T, np.eye(sizes[-1])[labels[index]].T, eta)
        for layer in range(3):
            agree(network.weights[layer][index] - before[layer][index], W[layer] - literal_before[layer], 1e-12)


@every_rule
def test_the_literal_cell_and_the_package_take_the_same_epoch(literal_cell, rule):
    sizes, batch, eta = (12, 11, 9, 4), 8, 0.3
    inputs, labels = samples(8 * batch + 3, sizes[0], sizes[-1])
    network = mlp(sizes, rule, SEEDS, dtype=torch.float64)
    train(network, rule, inputs, labels, Schedule(1, batch, eta, "mean", (1,)), lambda network, step: {})
    x, y = inputs.numpy().T, np.eye(sizes[-1])[labels].T
    literal_rule = literal_cell[LITERAL_NAMES[rule.name]]
    for index, seed in enumerate(SEEDS):
        W, F = literal_cell["draw"](literal_rule, sizes, seed)
        order = streams.generator(seed, "data order", 0).permutation(x.shape[1])
        for chosen in order[: 8 * batch].reshape(-1, batch):
            literal_cell["step"](literal_rule, W, F, x[:, chosen], y[:, chosen], eta)
        for ours, theirs in zip(literal.member(network, index)[0], W, strict=True):
            agree(ours, theirs, 1e-12)


def test_the_exercises_sign_symmetric_rule_works_as_printed():
    exercises = next(text for text in ("".join(cell["source"]) for cell in notebook_cells()) if "## Exercises" in text)
    (solution,) = re.findall(r"<summary>Solution 3</summary>.*?```python\n(.*?)```.*?</details>", exercises, re.DOTALL)
    names = {}
    exec(solution, names)
    rule = names["SignSymmetric"]()
    network = mlp((7, 6, 5, 4), rule, SEEDS, dtype=torch.float64)
    inputs, labels = samples(40, 7, 4)
    teaching = taught(network, rule, inputs, labels.expand(3, -1))
    for index in range(len(SEEDS)):
        W, _ = literal.member(network, index)
        for sample in range(5):
            a, _ = literal.activities(W, inputs[sample].numpy(), "tanh")
            e, _ = literal.softmax_error(a[-1], int(labels[sample]))
            delta_2 = np.sign(W[2]).T @ e / 5**0.5 * (1 - np.tanh(a[1]) ** 2)
            delta_1 = np.sign(W[1]).T @ delta_2 / 6**0.5 * (1 - np.tanh(a[0]) ** 2)
            for ours, theirs in zip(teaching.deltas, [delta_1, delta_2, e], strict=True):
                agree(ours[index, sample], theirs, 1e-12)
    aligned = alignment(network, rule, inputs, labels)
    assert (aligned.gradient > 0.5).all()
    seen = train(
        network,
        rule,
        inputs,
        labels,
        Schedule(20, 8, 0.5, "mean", (0, 20)),
        lambda network, step: {"accuracy": accuracy(network, inputs, labels).numpy()},
    )
    assert (seen["accuracy"][1] > seen["accuracy"][0] + 0.2).all()
