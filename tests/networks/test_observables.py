import math

import literal_networks as literal
import numpy as np
import pytest
import torch

from feedback_alignment import streams
from feedback_alignment.networks import BP, DFA, DRTP, FA, LastLayerOnly, accuracy, alignment, mlp
from feedback_alignment.networks.observables import cosine

SEEDS = (3, 1, 4)
SIZES = (7, 16, 15, 4)


def samples(count, dtype=torch.float64):
    draw = streams.generator(0, "test samples")
    return torch.from_numpy(draw.normal(size=(count, 7))).to(dtype), torch.from_numpy(draw.integers(0, 4, count))


def literal_cosine(a, b):
    product = sum(p * q for p, q in zip(a, b, strict=True))
    return product / math.sqrt(sum(p * p for p in a)) / math.sqrt(sum(q * q for q in b))


@pytest.mark.parametrize("activation", literal.G)
@pytest.mark.parametrize("rule", [BP(), FA(), DFA(), DRTP()], ids=lambda rule: rule.name)
def test_alignment_is_the_average_over_samples(rule, activation):
    count = 6
    network = mlp(SIZES, rule, SEEDS, activation=activation, dtype=torch.float64)
    inputs, labels = samples(count)
    found = alignment(network, rule, inputs, labels)
    for index in range(len(SEEDS)):
        W, F = literal.member(network, index)
        cosines = np.empty((2, 2, count))  # of δa_l and of the signals, layer, sample
        for sample in range(count):
            a, _ = literal.activities(W, inputs[sample].numpy(), activation)
            e, y = literal.softmax_error(a[-1], int(labels[sample]))
            ours = literal.teaching(rule, W, F, a, e, y, activation)
            truth = literal.teaching(BP(), W, F, a, e, y, activation)
            for layer in range(2):
                cosines[0, layer, sample] = literal_cosine(ours[1][layer], truth[1][layer])
                cosines[1, layer, sample] = literal_cosine(ours[0][layer], truth[0][layer])
        np.testing.assert_allclose(found.gradient[index], cosines[0].mean(-1), atol=1e-12)
        np.testing.assert_allclose(found.gradient_spread[index], cosines[0].std(-1, ddof=1), atol=1e-12)
        np.testing.assert_allclose(found.signal[index], cosines[1].mean(-1), atol=1e-12)
        np.testing.assert_allclose(found.signal_spread[index], cosines[1].std(-1, ddof=1), atol=1e-12)
        whole_batch = [literal.updates(r, W, F, inputs.numpy(), labels.numpy(), activation) for r in (rule, BP())]
        for layer, (ours, truth) in enumerate(zip(*whole_batch, strict=True)):
            if layer < 2:
                expected = literal_cosine(ours.ravel(), truth.ravel())
                np.testing.assert_allclose(found.update[index, layer], expected, atol=1e-12)


def test_alignment_is_nan_where_the_rule_leaves_a_layer_alone():
    inputs, labels = samples(6)
    found = alignment(mlp(SIZES, LastLayerOnly(), SEEDS, dtype=torch.float64), LastLayerOnly(), inputs, labels)
    for values in (found.gradient, found.gradient_spread, found.signal, found.signal_spread, found.update):
        assert values.shape == (3, 2)
        assert values.isnan().all()


def test_one_sample_has_an_alignment_but_no_spread():
    inputs, labels = samples(1)
    found = alignment(mlp(SIZES, DFA(), SEEDS, dtype=torch.float64), DFA(), inputs, labels)
    assert found.gradient.isfinite().all()
    assert found.gradient_spread.isnan().all()


def test_samples_without_a_direction_are_left_out():
    """Two of five samples leave every unit of the first layer dead: a ReLU network sends nothing back through it."""
    inputs, labels = samples(5)
    inputs = inputs.abs()
    network = mlp(SIZES, DFA(), SEEDS, activation="relu", dtype=torch.float64)
    network.weights[0].abs_()
    alive = alignment(network, DFA(), inputs[:3], labels[:3])
    inputs[3:] *= -1
    found = alignment(network, DFA(), inputs, labels)
    torch.testing.assert_close(found.gradient[:, 0], alive.gradient[:, 0], rtol=1e-14, atol=0)
    torch.testing.assert_close(found.gradient_spread[:, 0], alive.gradient_spread[:, 0], rtol=1e-14, atol=0)
    assert found.signal.isfinite().all()


def test_alignment_survives_errors_whose_squares_underflow():
    """Of right and very sure answers, some errors are below 1e-23 in float32, and some are exactly zero."""
    inputs, _ = samples(50, torch.float32)
    network = mlp(SIZES, DFA(), SEEDS)
    network.weights[-1] *= 300
    logits = network.forward(inputs)[-1]
    labels = logits[0].argmax(-1)
    errors = logits[0].softmax(-1).sub(torch.eye(4)[labels]).abs().amax(-1)
    assert ((errors > 0) & (errors < 1e-23)).any()
    assert (errors == 0).any()
    found = alignment(network, DFA(), inputs, labels)
    for values in (found.gradient, found.signal, found.update):
        assert (values.abs() <= 1).all()
    for values in (found.gradient_spread, found.signal_spread):
        assert (values < 1).all()


def test_cosine():
    a, b = torch.tensor([[3.0, 4.0], [1.0, 0.0], [0.0, 0.0]]), torch.tensor([[4.0, 3.0], [0.0, -2.0], [1.0, 1.0]])
    found = cosine(a, b)
    assert found[:2].tolist() == pytest.approx([0.96, 0.0], abs=1e-15)
    assert found[2].isnan()
    assert cosine(a, -a)[:2].tolist() == pytest.approx([-1, -1], abs=1e-15)
    assert cosine(1e-30 * a, b)[:2].tolist() == pytest.approx([0.96, 0.0], abs=1e-7)


@pytest.mark.parametrize("chunk", [1, 7, 20, 21, 1000])
def test_accuracy_counts_right_answers_whatever_the_chunk(chunk):
    network = mlp(SIZES, BP(), SEEDS, dtype=torch.float64)
    inputs, labels = samples(21)
    expected = []
    for index in range(len(SEEDS)):
        W, _ = literal.member(network, index)
        answers = [int(np.argmax(literal.activities(W, x.numpy(), "tanh")[0][-1])) for x in inputs]
        expected.append(sum(answer == int(label) for answer, label in zip(answers, labels, strict=True)) / 21)
    assert len(set(expected)) > 1
    found = accuracy(network, inputs, labels, chunk)
    assert found.tolist() == expected
    assert found.dtype == torch.float64
