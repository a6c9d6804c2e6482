"""The compiled loop against the same steps one by one, which other tests hold to the equations and to autograd."""

import subprocess
import sys
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch

from feedback_alignment import streams
from feedback_alignment.networks import BP, DFA, DRTP, FA, LastLayerOnly, mlp
from feedback_alignment.networks.ensemble import Ensemble, StepSize
from feedback_alignment.networks.losses import CrossEntropy, SquaredError
from feedback_alignment.networks.perceptron_descent import compiled_descent, teachers
from feedback_alignment.networks.perturbation import PerturbedBP
from feedback_alignment.networks.rules import ByLayer, FeedbackKind, SignSymmetricFA

SEEDS = (3, 1, 4)
SIZES = (21, 19, 18, 17, 5)
SAMPLES = 60
ACTIVATIONS = ("tanh", "relu", "linear", "abs", "erf", "leaky_relu(0.01)", "leaky_relu(-0.5)")
# Layers that hear from one that does not learn hear nothing, and DFA does not ask it.
MIXTURES = (ByLayer((DFA(), LastLayerOnly(), BP())), ByLayer((BP(), LastLayerOnly(), FA())))
every_rule = pytest.mark.parametrize(
    "rule", [BP(), FA(), DFA(), DRTP(), LastLayerOnly(), *MIXTURES], ids=lambda rule: rule.name
)


def data(dtype, sizes=SIZES, batch=7, steps=4):
    """Inputs, one set of targets a member, and orders."""
    draw = streams.generator(0, "descent")
    inputs = torch.from_numpy(draw.normal(size=(SAMPLES, sizes[0]))).to(dtype)
    labels = torch.from_numpy(draw.integers(0, sizes[-1], (len(SEEDS), SAMPLES)))
    orders = np.stack([draw.permutation(SAMPLES)[: batch * steps].reshape(steps, batch) for _ in SEEDS])
    return inputs, torch.eye(sizes[-1], dtype=dtype)[labels], torch.from_numpy(orders)


def agree(network, other, tolerance):
    """Hold all that training changes together, to `tolerance` times the largest entry of each array."""
    for (name, ours), theirs in zip(network.state().items(), other.state().values(), strict=True):
        assert (ours - theirs).abs().max() <= tolerance * theirs.abs().max(), name


def equal(network, other):
    assert all(torch.equal(*pair) for pair in zip(network.state().values(), other.state().values(), strict=True))


def taken_one_by_one(network, *arguments):
    Ensemble.update_many(network, *arguments)


# Each of 4 steps adds sums of up to 21 products to weights of order 1, in another order than torch does, and is carried
# on by the next: some ten roundings, of 1e-16 or 6e-8, at most.
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-14), (torch.float32, 5e-6)], ids=str)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("loss", "bias"), [(CrossEntropy(), False), (SquaredError(), True)], ids=["softmax", "square"])
@every_rule
def test_compiled_steps_are_the_steps(rule, activation, dtype, tolerance, loss, bias):
    networks = [mlp(SIZES, rule, SEEDS, activation=activation, bias=bias, dtype=dtype) for _ in range(2)]
    size = StepSize((0.1, 0.2, 0.05), "mean", loss, hidden_error_scale=2.0)
    before = [W.clone() for W in networks[0].weights]
    networks[0].update_many(rule, *data(dtype), size)
    taken_one_by_one(networks[1], rule, *data(dtype), size)
    agree(*networks, tolerance)
    moved = [not torch.equal(*pair) for pair in zip(networks[0].weights, before, strict=True)]
    assert moved[-1]
    assert moved[0] == (type(rule) is not LastLayerOnly and rule is not MIXTURES[1])
    assert networks[0].steps_taken.tolist() == [4, 4, 4]


@pytest.mark.parametrize("batch", [1, 15, 16, 17, 33])
@pytest.mark.parametrize("sizes", [(1, 1, 1), (4, 16, 4), (33, 5, 3), (7, 8, 64, 65, 2)], ids=str)
@pytest.mark.parametrize("rule", [BP(), DFA()], ids=lambda rule: rule.name)
def test_sizes_need_not_fill_whole_tiles(rule, sizes, batch):
    networks = [mlp(sizes, rule, SEEDS, bias=True, dtype=torch.float64) for _ in range(2)]
    inputs, targets, orders = data(torch.float64, sizes, batch, steps=SAMPLES // max(batch, 12))
    for network, update in zip(networks, (type(networks[0]).update_many, taken_one_by_one), strict=True):
        update(network, rule, inputs, targets, orders, StepSize(0.1, "mean"))
    agree(*networks, 1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_bits_depend_neither_on_companions_nor_threads_nor_calls(dtype):
    inputs, targets, orders = data(dtype)
    size = StepSize(0.3, "mean")
    together, threaded, in_parts = (mlp(SIZES, DFA(), SEEDS, dtype=dtype) for _ in range(3))
    together.update_many(DFA(), inputs, targets, orders, size)
    for part in orders.split((1, 3), 1):
        in_parts.update_many(DFA(), inputs, targets, part, size)
    equal(in_parts, together)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        threaded.update_many(DFA(), inputs, targets, orders, size)
    finally:
        torch.set_num_threads(threads)
    equal(threaded, together)
    for member, seed in enumerate(SEEDS):
        alone = mlp(SIZES, DFA(), (seed,), dtype=dtype)
        alone.update_many(DFA(), inputs, targets[member : member + 1], orders[member : member + 1], size)
        for one, many in zip(alone.weights, together.weights, strict=True):
            assert torch.equal(one[0], many[member])


def test_targets_may_be_shared():
    inputs, targets, orders = data(torch.float64)
    shared, own = (mlp(SIZES, DFA(), SEEDS, dtype=torch.float64) for _ in range(2))
    shared.update_many(DFA(), inputs, targets[0], orders, StepSize(0.1, "mean"))
    own.update_many(DFA(), inputs, targets[:1].expand(3, -1, -1), orders, StepSize(0.1, "mean"))
    equal(shared, own)


def test_a_member_that_diverges_leaves_the_others_alone():
    inputs, targets, orders = data(torch.float32, steps=8)
    well, ill = (mlp(SIZES, BP(), SEEDS, activation="relu") for _ in range(2))
    well.update_many(BP(), inputs, targets, orders, StepSize(0.1, "mean", SquaredError()))
    ill.update_many(BP(), inputs, targets, orders, StepSize((0.1, 1e20, 0.1), "mean", SquaredError()))
    for ours, theirs in zip(ill.weights, well.weights, strict=True):
        assert torch.equal(ours[[0, 2]], theirs[[0, 2]])
    assert not ill.weights[-1][1].isfinite().any()


@dataclass(frozen=True)
class Halved(DFA):
    """A reader's rule that is derived from one of the package's."""

    name: ClassVar[str] = "halved"
    feedback: ClassVar[FeedbackKind] = "output"

    def teaching_signal(self, layer):
        return 0.5 * layer.through_feedback(layer.error)


@pytest.mark.parametrize("rule", [Halved(), SignSymmetricFA(), PerturbedBP(0.5)], ids=lambda rule: rule.name)
def test_other_rules_are_taken_step_by_step(rule):
    assert teachers(rule, 3) is None
    assert teachers(ByLayer((DFA(), rule, BP())), 3) is None
    networks = [mlp(SIZES, rule, SEEDS, bias=True, dtype=torch.float64) for _ in range(2)]
    arguments = rule, *data(torch.float64), StepSize(0.1, "mean")
    networks[0].update_many(*arguments)
    taken_one_by_one(networks[1], *arguments)
    equal(*networks)


def test_halved_feedback_is_a_halved_hidden_rate():
    """The rule of a reader against the compiled DFA with hidden_error_scale 1/2, which has the same steps."""
    networks = [mlp(SIZES, DFA(), SEEDS, dtype=torch.float64) for _ in range(2)]
    networks[0].update_many(Halved(), *data(torch.float64), StepSize(0.1, "mean"))
    networks[1].update_many(DFA(), *data(torch.float64), StepSize(0.1, "mean", hidden_error_scale=0.5))
    agree(*networks, 1e-14)


@dataclass(frozen=True)
class Doubled(CrossEntropy):
    """A reader's loss."""

    def error(self, outputs, target):
        return 2 * super().error(outputs, target)


def test_what_the_loop_cannot_take_is_left_to_the_steps():
    network = mlp(SIZES, DFA(), SEEDS)
    inputs, targets, _ = data(torch.float32)

    def taken(rule=DFA(), step=StepSize(0.1, "mean"), data=(inputs, targets)):  # noqa: B008
        own = network.activation, network.weights, network.biases, network.feedback
        return compiled_descent(rule, step, *own, data) is not None

    assert taken()
    assert not taken(rule=Halved())
    assert not taken(rule=FA())  # the network's F_1 has as many columns as there are outputs, not units above
    assert not taken(step=StepSize(0.1, "mean", Doubled()))
    assert not taken(data=(inputs.double(), targets))
    network = mlp(SIZES, BP(), SEEDS, dtype=torch.bfloat16)
    assert not taken(rule=BP(), data=(inputs.bfloat16(), targets.bfloat16()))


@pytest.mark.parametrize(("made_for", "used"), [(BP(), DFA()), (FA(), DRTP())])
def test_a_network_made_for_another_rule_is_refused(made_for, used):
    network = mlp(SIZES, made_for, SEEDS)
    with pytest.raises(ValueError, match=r"needs a feedback matrix F_3 of shape|needs a feedback matrix F_2 of shape"):
        network.update_many(used, *data(torch.float32), StepSize(0.1, "mean"))


@pytest.mark.parametrize("wrong", [-1, SAMPLES])
def test_orders_that_name_no_sample_are_refused(wrong):
    network = mlp(SIZES, DFA(), SEEDS)
    inputs, targets, orders = data(torch.float32)
    orders[1, 2, 3] = wrong
    with pytest.raises(IndexError, match=rf"orders must hold indices of samples, 0 … 59; got .*{wrong}"):
        network.update_many(DFA(), inputs, targets, orders, StepSize(0.1, "mean"))


def test_numba_is_loaded_by_the_first_step_only():
    code = "import sys, feedback_alignment.networks; print('numba' in sys.modules, 'llvmlite' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.split() == ["False", "False"]
