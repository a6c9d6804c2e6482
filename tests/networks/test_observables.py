import math

import literal_networks as literal
import numpy as np
import pytest
import torch

from feedback_alignment import streams
from feedback_alignment.networks import BP, DFA, DRTP, FA, LastLayerOnly, accuracy, alignment, mlp
from feedback_alignment.networks.observables import cosine, fit

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
    for values in (found.overall_gradient, found.overall_gradient_without_last, found.overall_update):
        assert values.shape == (3,)
        assert values.isnan().all()


@pytest.mark.parametrize("rule", [FA(), DFA()], ids=lambda rule: rule.name)
def test_all_layers_in_one_vector(rule):
    """Eq. 18 stacks δa_1 … δa_{L-1}; the released code leaves the last of them out, which gives another number."""
    count = 6
    network = mlp((7, 16, 15, 14, 4), rule, SEEDS, dtype=torch.float64)
    inputs, labels = samples(count)
    found = alignment(network, rule, inputs, labels)
    for index in range(len(SEEDS)):
        W, F = literal.member(network, index)
        cosines = np.empty((2, count))
        for sample in range(count):
            a, _ = literal.activities(W, inputs[sample].numpy(), "tanh")
            e, y = literal.softmax_error(a[-1], int(labels[sample]))
            ours, truth = (literal.teaching(r, W, F, a, e, y, "tanh")[1][:-1] for r in (rule, BP()))
            cosines[0, sample] = literal_cosine(np.concatenate(ours), np.concatenate(truth))
            cosines[1, sample] = literal_cosine(np.concatenate(ours[:-1]), np.concatenate(truth[:-1]))
        np.testing.assert_allclose(found.overall_gradient[index], cosines[0].mean(), atol=1e-12)
        np.testing.assert_allclose(found.overall_gradient_without_last[index], cosines[1].mean(), atol=1e-12)
        updates = [literal.updates(r, W, F, inputs.numpy(), labels.numpy(), "tanh")[:-1] for r in (rule, BP())]
        ours, truth = (np.concatenate([W_l.ravel() for W_l in each]) for each in updates)
        np.testing.assert_allclose(found.overall_update[index], literal_cosine(ours, truth), atol=1e-12)
    assert (found.overall_gradient - found.overall_gradient_without_last).abs().max() > 0.01


def test_without_its_last_hidden_layer_a_network_of_one_has_none():
    inputs, labels = samples(6)
    found = alignment(mlp((7, 16, 4), DFA(), SEEDS, dtype=torch.float64), DFA(), inputs, labels)
    assert found.overall_gradient_without_last.isnan().all()
    torch.testing.assert_close(found.overall_gradient, found.gradient[:, 0], rtol=1e-13, atol=0)


def test_every_member_may_have_a_batch_of_its_own():
    inputs, labels = samples(15)
    network = mlp(SIZES, DFA(), SEEDS, dtype=torch.float64)
    found = alignment(network, DFA(), inputs.reshape(3, 5, 7), labels.reshape(3, 5))
    for index in range(3):
        part = slice(5 * index, 5 * index + 5)
        alone = alignment(network, DFA(), inputs[part], labels[part])
        torch.testing.assert_close(found.gradient[index], alone.gradient[index], rtol=1e-13, atol=0)
        torch.testing.assert_close(found.overall_update[index], alone.overall_update[index], rtol=1e-13, atol=0)


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


@pytest.mark.parametrize("shared", [True, False])
def test_fit_is_that_of_the_softmax(shared):
    network = mlp(SIZES, BP(), SEEDS, dtype=torch.float64)
    network.weights[-1] *= 5
    inputs, labels = samples(21)
    own = torch.stack([labels.roll(shift) for shift in range(3)])
    found = fit(network, inputs, labels if shared else own, 4)
    for index in range(len(SEEDS)):
        W, _ = literal.member(network, index)
        wanted = (labels if shared else own[index]).numpy()
        p = np.empty((21, 4))
        for sample, x in enumerate(inputs.numpy()):
            exponentials = np.exp(literal.activities(W, x, "tanh")[0][-1])
            p[sample] = exponentials / exponentials.sum()
        assert found.accuracy[index] == pytest.approx((p.argmax(1) == wanted).mean(), abs=1e-15)
        assert found.loss[index] == pytest.approx(-np.log(p[np.arange(21), wanted]).mean(), rel=1e-12)
        assert found.probability_spread[index] == pytest.approx(np.sqrt(p.var(0).mean()), rel=1e-12)


@pytest.mark.parametrize("wrong", [-1, 4])
@pytest.mark.parametrize("measure", [accuracy, fit])
def test_labels_out_of_range_are_refused(measure, wrong):
    inputs, labels = samples(21)
    labels[5] = wrong
    with pytest.raises(ValueError, match="labels must lie in 0 … 3; got "):
        measure(mlp(SIZES, BP(), SEEDS, dtype=torch.float64), inputs, labels)


def test_the_spread_of_predictions_lies_between_none_and_certainty():
    network = mlp((4, 8, 4), BP(), (0,), activation="relu", dtype=torch.float64)
    inputs, labels = torch.eye(4, dtype=torch.float64), torch.arange(4)
    network.weights[-1].zero_()
    assert fit(network, inputs, labels).probability_spread.item() == 0
    network.weights[0][0, :4] = torch.eye(4)
    network.weights[0][0, 4:] = 0
    network.weights[-1][0, :, :4] = 1000 * torch.eye(4)
    assert fit(network, inputs, labels).probability_spread.item() == pytest.approx(math.sqrt(3) / 4, rel=1e-14)


def test_a_member_that_diverged_has_no_accuracy():
    network = mlp(SIZES, BP(), SEEDS, dtype=torch.float64)
    inputs, labels = samples(21)
    before = fit(network, inputs, labels)
    network.weights[1][1] = torch.nan
    found = fit(network, inputs, labels)
    for values, expected in (
        (found.accuracy, before.accuracy),
        (found.loss, before.loss),
        (found.probability_spread, before.probability_spread),
        (accuracy(network, inputs, labels), before.accuracy),
    ):
        assert values[1].isnan()
        torch.testing.assert_close(values[[0, 2]], expected[[0, 2]], rtol=0, atol=0)
