import pytest
import torch

from feedback_alignment import streams
from feedback_alignment.networks.architectures import stack
from feedback_alignment.networks.bottleneck import Bottleneck, ScatteredBottleneck
from feedback_alignment.networks.ensemble import StepSize
from feedback_alignment.networks.layers import Linear
from feedback_alignment.networks.losses import one_hot
from feedback_alignment.networks.operations import Activation
from feedback_alignment.networks.perturbation import PerturbedBP
from feedback_alignment.networks.rules import BP, DFA, ByLayer

SEEDS = (3, 1, 4)


def network(rule):
    blocks = [(Linear(8), Activation("tanh")), (Linear(10), Activation("tanh")), (Linear(6), Activation("tanh"))]
    return stack((7,), [*blocks, (Linear(4),)], rule, SEEDS, dtype=torch.float64)


def moved(rule, steps=3):
    """How far each parameter has moved after some steps."""
    chosen = network(rule)
    before = {name: values.clone() for name, values in chosen.state().items()}
    draw = streams.generator(0, "test samples")
    for _ in range(steps):
        inputs = torch.from_numpy(draw.normal(size=(3, 5, 7)))
        target = one_hot(torch.from_numpy(draw.integers(0, 4, (3, 5))), 4, torch.float64)
        chosen.update(rule, inputs, target, StepSize(0.1, "mean"))
    return {name: values - before[name] for name, values in chosen.state().items()}


@pytest.mark.parametrize("rule", [BP(), DFA()], ids=lambda rule: rule.name)
def test_as_many_units_learn_as_the_bottleneck_has(rule):
    change = moved(Bottleneck(rule, 2, 3))
    learning = change["weights 2"].abs().sum(-1) > 0
    assert learning.sum(1).tolist() == [3, 3, 3]
    assert torch.equal(learning, change["biases 2"] != 0)
    assert not torch.equal(learning[0], learning[1])
    for layer in (1, 3, 4):
        assert (change[f"weights {layer}"].abs().sum(-1) > 0).all()
    assert torch.equal(learning, moved(Bottleneck(rule, 2, 3), steps=6)["weights 2"].abs().sum(-1) > 0)


def test_a_bottleneck_as_wide_as_the_layer_changes_nothing():
    for rule in (BP(), DFA(), PerturbedBP(0.4)):
        for one, other in zip(moved(Bottleneck(rule, 2, 10)).values(), moved(rule).values(), strict=True):
            assert torch.equal(one, other)


def test_layers_below_hear_from_the_units_that_learn():
    """Under BP the first layer's step changes with the bottleneck above it, under DFA it does not."""
    assert not torch.equal(moved(Bottleneck(BP(), 2, 3), 1)["weights 1"], moved(BP(), 1)["weights 1"])
    assert torch.equal(moved(Bottleneck(DFA(), 2, 3), 1)["weights 1"], moved(DFA(), 1)["weights 1"])


@pytest.mark.parametrize(("layer", "units"), [(0, 3), (2, 0)])
def test_bottlenecks_that_cannot_be_are_refused(layer, units):
    with pytest.raises(ValueError, match=f"units of at least 1; got {layer} and {units}"):
        Bottleneck(DFA(), layer, units)


def test_a_bottleneck_larger_than_the_layer_is_refused():
    with pytest.raises(ValueError, match="a bottleneck of 11 units does not fit into layer 2 of 10: take fewer"):
        moved(Bottleneck(DFA(), 2, 11))


# ---- scattered, as released --------------------


def literal_scattered(rule, units, draw, steps=3):
    """Train a network of one member after another, every mask and product written out."""
    made = network(rule)
    found = {name: values.clone() for name, values in made.state().items()}
    samples = streams.generator(0, "test samples")
    for _ in range(steps):
        x_all = samples.normal(size=(3, 5, 7))
        y_all = torch.eye(4, dtype=torch.float64)[torch.from_numpy(samples.integers(0, 4, (3, 5)))]
        for member, seed in enumerate(SEEDS):
            W = [found[f"weights {layer}"][member] for layer in (1, 2, 3, 4)]
            b = [found[f"biases {layer}"][member] for layer in (1, 2, 3, 4)]
            h = [torch.from_numpy(x_all[member])]
            for W_l, b_l in zip(W[:3], b[:3], strict=True):
                h.append(torch.tanh(h[-1] @ W_l.T + b_l))
            e = torch.softmax(h[3] @ W[3].T + b[3], -1) - y_all[member]
            share = units / 10
            of_weights, of_signal = (
                torch.from_numpy(streams.generator(seed, "bottleneck", 2, draw, index).random(shape) < share)
                for index, shape in ((0, 10 * 8), (1, (5, 8)))
            )
            if rule.feedback == "output":
                F = [matrix[member] for matrix in made.feedback]
                signals = {3: e @ F[2].T, 2: e @ F[1].T}
            else:
                signals = {3: e @ W[3]}
                signals[2] = (signals[3] * (1 - h[3] ** 2)) @ W[2]
            deltas = {4: e, 3: signals[3] * (1 - h[3] ** 2), 2: signals[2] * (1 - h[2] ** 2)}
            deltas[1] = (deltas[2] @ W[1]) * of_signal * (1 - h[1] ** 2)
            changes = {layer: deltas[layer].T @ h[layer - 1] for layer in deltas}
            changes[2] = changes[2] * of_weights.view(10, 8)
            for layer, change in changes.items():
                W[layer - 1] -= 0.1 / 5 * change
                b[layer - 1] -= 0.1 / 5 * deltas[layer].sum(0)
    return found


@pytest.mark.parametrize("rule", [BP(), DFA()], ids=lambda rule: rule.name)
@pytest.mark.parametrize("draw", [0, 1])
def test_a_scattered_bottleneck_is_what_it_says(rule, draw):
    """Three members, three steps, against the products written out; equal to rounding in float64."""
    chosen = ScatteredBottleneck(rule, 2, 4, draw)
    expected, change = literal_scattered(chosen, 4, draw), moved(chosen)
    start = network(chosen).state()
    for name, values in expected.items():
        if name != "steps taken":
            torch.testing.assert_close(start[name] + change[name], values, rtol=1e-10, atol=1e-13)


def test_a_share_of_the_weights_learn_and_all_biases():
    change = moved(ScatteredBottleneck(DFA(), 2, 3))
    learning = change["weights 2"] != 0
    # 240 weights with probability 0.3 each: three standard deviations are 0.09.
    assert abs(learning.double().mean() - 0.3) < 0.09
    assert (change["biases 2"] != 0).all()
    assert torch.equal(learning, moved(ScatteredBottleneck(DFA(), 2, 3), steps=6)["weights 2"] != 0)
    other = moved(ScatteredBottleneck(DFA(), 2, 3, draw=1))["weights 2"] != 0
    assert not torch.equal(learning, other)


@pytest.mark.parametrize(("layer", "width", "below"), [(2, 10, (BP(), DFA(), DFA())), (3, 6, (BP(), BP(), DFA()))])
def test_a_scattered_bottleneck_as_wide_as_the_layer_is_bp_below_it(layer, width, below):
    whole = moved(ScatteredBottleneck(DFA(), layer, width))
    for one, other in zip(whole.values(), moved(ByLayer(below)).values(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_what_a_rule_does_to_gradients_is_kept():
    for kind in (Bottleneck, ScatteredBottleneck):
        full, narrow = moved(kind(PerturbedBP(0.4), 3, 6), 1), moved(PerturbedBP(0.4), 1)
        for one, other in zip(full.values(), narrow.values(), strict=True):
            assert torch.equal(one, other)


@pytest.mark.parametrize(("layer", "units"), [(0, 3), (2, 0)])
def test_scattered_bottlenecks_that_cannot_be_are_refused(layer, units):
    with pytest.raises(ValueError, match=f"units of at least 1; got {layer} and {units}"):
        ScatteredBottleneck(DFA(), layer, units)


@pytest.mark.parametrize("layer", [1, 2])
def test_a_scattered_bottleneck_larger_than_the_layer_is_refused(layer):
    with pytest.raises(ValueError, match=f"a bottleneck of 11 units does not fit into layer {layer} of"):
        moved(ScatteredBottleneck(DFA(), layer, 11))


def test_which_units_learn_can_be_asked():
    learning = Bottleneck(DFA(), 2, 3).learning(SEEDS, 10)
    assert torch.equal(learning, moved(Bottleneck(DFA(), 2, 3))["biases 2"] != 0)
    with pytest.raises(ValueError, match="does not fit into layer 2 of 2"):
        Bottleneck(DFA(), 2, 3).learning(SEEDS, 2)
