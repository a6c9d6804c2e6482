import pytest
import torch

from feedback_alignment import streams
from feedback_alignment.networks.architectures import stack
from feedback_alignment.networks.bottleneck import Bottleneck
from feedback_alignment.networks.ensemble import StepSize
from feedback_alignment.networks.layers import Linear
from feedback_alignment.networks.losses import one_hot
from feedback_alignment.networks.operations import Activation
from feedback_alignment.networks.perturbation import PerturbedBP
from feedback_alignment.networks.rules import BP, DFA

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
