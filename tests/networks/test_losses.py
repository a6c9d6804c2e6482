import numpy as np
import pytest
import torch

from feedback_alignment import streams
from feedback_alignment.networks.losses import CrossEntropy, Loss, SquaredError

LOSSES = [CrossEntropy(), SquaredError()]
every_loss = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)


def outputs_and_targets():
    draw = streams.generator(0, "test losses")
    outputs, targets = draw.normal(size=(2, 3, 5, 4)) * 3
    return torch.from_numpy(outputs), torch.from_numpy(np.exp(targets) / np.exp(targets).sum(-1, keepdims=True))


@every_loss
def test_the_error_is_the_gradient_of_the_value(loss):
    outputs, targets = outputs_and_targets()
    outputs.requires_grad_()
    (gradient,) = torch.autograd.grad(loss.value(outputs, targets).sum(), outputs)
    torch.testing.assert_close(loss.error(outputs.detach(), targets), gradient, rtol=1e-14, atol=1e-15)


def test_the_values_are_those_of_the_definitions():
    outputs, targets = outputs_and_targets()
    a, y = outputs.numpy(), targets.numpy()
    entropy = -(y * np.log(np.exp(a) / np.exp(a).sum(-1, keepdims=True))).sum(-1)
    np.testing.assert_allclose(CrossEntropy().value(outputs, targets), entropy, rtol=1e-13)
    np.testing.assert_allclose(SquaredError().value(outputs, targets), ((a - y) ** 2).sum(-1) / 2, rtol=1e-13)


def test_the_cross_entropy_of_a_certain_and_wrong_answer_is_finite():
    outputs, target = torch.tensor([[[1e4, -1e4]]]), torch.tensor([[[0.0, 1.0]]])
    assert CrossEntropy().value(outputs, target).tolist() == [[2e4]]
    assert CrossEntropy().error(outputs, target).tolist() == [[[1.0, -1.0]]]


@every_loss
def test_a_loss_is_what_the_training_loop_takes(loss):
    assert isinstance(loss, Loss)
