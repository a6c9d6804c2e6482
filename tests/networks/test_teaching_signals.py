import numpy as np
import pytest
import torch

from feedback_alignment.networks.architectures import stack
from feedback_alignment.networks.feedback_distributions import SharedMatrix
from feedback_alignment.networks.layers import Linear
from feedback_alignment.networks.observables import alignment
from feedback_alignment.networks.operations import Activation, BatchNorm, Dropout
from feedback_alignment.networks.perceptron import Perceptrons
from feedback_alignment.networks.rules import BP, DFA, ByLayer, LastLayerOnly
from feedback_alignment.networks.teaching_signals import signal_cosines, teaching_signals
from feedback_alignment.networks.training import Schedule, train

SEEDS = (2, 7)


def made(*operations, dtype=torch.float64, dropped=0.0):
    blocks = [(Linear(9), *operations), (Linear(8), *operations), (Linear(4),)]
    inputs = (Dropout(dropped),) if dropped else ()
    return stack((6,), blocks, DFA(), SEEDS, input_operations=inputs, feedback=SharedMatrix(), dtype=dtype)


@pytest.fixture(scope="module")
def samples():
    draw = torch.Generator().manual_seed(3)
    return torch.randn(12, 6, generator=draw, dtype=torch.float64), torch.randint(0, 4, (12,), generator=draw)


def autograd_signals(network, member, x, y, mode):
    """c_l by PyTorch's own modules and autograd: the gradient of the summed cross entropy with respect to h_l."""
    h, kept = x, []
    for block in network.blocks[:-1]:
        h = h @ block.parameters["weights"][member].T + block.parameters["biases"][member]
        for place, operation in enumerate(block.operations, 1):
            if isinstance(operation, BatchNorm):
                norm = torch.nn.BatchNorm1d(h.shape[1], dtype=torch.float64)
                with torch.no_grad():
                    norm.running_mean.copy_(block.statistics[f"mean {place}"][member])
                    norm.running_var.copy_(block.statistics[f"variance {place}"][member])
                    norm.weight.copy_(block.parameters[f"gain {place}"][member])
                    norm.bias.copy_(block.parameters[f"shift {place}"][member])
                h = norm.train(mode == "train")(h)
            else:
                h = torch.tanh(h)
        kept.append(h)
        h.retain_grad() if h.requires_grad else h.requires_grad_()
    last = network.blocks[-1].parameters
    outputs = h @ last["weights"][member].T + last["biases"][member]
    torch.nn.functional.cross_entropy(outputs, y, reduction="sum").backward()
    return [each.grad for each in kept], outputs.detach().softmax(-1) - torch.eye(4, dtype=torch.float64)[y]


@pytest.mark.parametrize(("mode", "reference_mode"), [("eval", "eval"), ("train", "train"), ("eval", "train")])
def test_cosines_are_those_of_autograd(samples, mode, reference_mode):
    """With batch normalisation, in each mode, and with one mode for each rule."""
    network = made(Activation("tanh"), BatchNorm())
    x, y = samples
    train(network, DFA(), x, y, Schedule(3, 4, 0.2, "mean", (0,)), lambda *_: {})
    found = signal_cosines(network, DFA(), x, y, mode, reference_mode)
    assert found.shape == (2, 2, 12)
    for member in range(2):
        true, _ = autograd_signals(network, member, x, y, reference_mode)
        _, e = autograd_signals(network, member, x, y, mode)
        for layer, c in enumerate(true):
            ours = e @ network.feedback[layer][member].T
            expected = torch.nn.functional.cosine_similarity(ours, c, dim=-1)
            torch.testing.assert_close(found[member, layer], expected, rtol=1e-9, atol=1e-12)


def test_without_modes_it_is_the_alignment_of_perceptrons(samples):
    network, (x, y) = made(Activation("tanh")), samples
    biases = [block.parameters["biases"] for block in network.blocks]
    plain = Perceptrons(network.weights, network.feedback, "tanh", SEEDS, biases)
    expected = alignment(plain, DFA(), x, y)
    for mode in ("eval", "train"):
        found = signal_cosines(network, DFA(), x, y, mode, "eval")
        torch.testing.assert_close(found.mean(-1), expected.signal, rtol=1e-10, atol=1e-12)


def test_back_propagation_is_aligned_with_itself_in_one_mode_only(samples):
    """With dropout in the hidden layers the two modes' signals differ: this is the bent ruler."""
    network, (x, y) = made(Dropout(0.5), Activation("tanh"), dropped=0.1), samples
    one = torch.ones(2, 2, 12, dtype=torch.float64)
    for mode in ("eval", "train"):
        found = signal_cosines(network, BP(), x, y, mode, mode)
        torch.testing.assert_close(found, one)
    assert (signal_cosines(network, BP(), x, y, "eval", "train") < 1 - 1e-6).all()
    before = {name: values.clone() for name, values in network.state().items()}
    signal_cosines(network, BP(), x, y, "train", "train")
    assert all(torch.equal(values, before[name]) for name, values in network.state().items())


def test_a_layer_that_does_not_learn_has_no_angle(samples):
    network, (x, y) = made(Activation("tanh")), samples
    rule = ByLayer((LastLayerOnly(), DFA()))
    assert teaching_signals(network, rule, x, y, "eval")[0] is None
    found = signal_cosines(network, rule, x, y, "eval", "eval")
    assert found[:, 0].isnan().all()
    assert found[:, 1].isfinite().all()
    with pytest.raises(ValueError, match="no angle to measure: no hidden layer has signals of both rules"):
        signal_cosines(network, LastLayerOnly(), x, y, "eval", "eval")


def test_images_go_into_a_network_that_starts_with_a_linear_layer():
    """As pictures or as vectors, the network is the same."""
    draw = torch.Generator().manual_seed(5)
    x, y = torch.randn(20, 2, 3, 3, generator=draw), torch.randint(0, 4, (20,), generator=draw)
    blocks = [(Linear(7), Activation("tanh")), (Linear(4),)]
    pictures = stack((2, 3, 3), blocks, DFA(), SEEDS)
    vectors = stack((18,), blocks, DFA(), SEEDS)
    assert (pictures.input_shape, vectors.input_shape) == ((2, 3, 3), (18,))
    schedule = Schedule(2, 5, 0.1, "mean", (0, 2))

    def look(network, step):
        return {"norm": network.weights[0].norm(dim=(1, 2)).numpy()}

    one = train(pictures, DFA(), x, y, schedule, look)
    other = train(vectors, DFA(), x.flatten(1), y, schedule, look)
    np.testing.assert_array_equal(one["norm"], other["norm"])
    assert all(torch.equal(a, b) for a, b in zip(pictures.weights, vectors.weights, strict=True))
    with pytest.raises(ValueError, match=r"inputs must be \(samples, 2, 3, 3\), as the network's .*; got \(20, 18\)"):
        train(pictures, DFA(), x.flatten(1), y, schedule, look)
