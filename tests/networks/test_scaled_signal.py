import pytest
import torch

from feedback_alignment.networks import BP, DFA, ByLayer, LastLayerOnly, StepSize, mlp
from feedback_alignment.networks.losses import CrossEntropy, one_hot
from feedback_alignment.networks.scaled_signal import ScaledSignal


def batch():
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(2, 6, 5, generator=draw, dtype=torch.float64)
    return x, one_hot(torch.arange(6).remainder(3).expand(2, 6), 3, torch.float64)


@pytest.mark.parametrize("rule", [DFA(), BP()])
def test_a_layer_with_a_scaled_signal_moves_by_the_factor(rule):
    x, y = batch()
    whole, scaled = (mlp((5, 4, 3), each, (0, 1), dtype=torch.float64) for each in (rule, ScaledSignal(rule, 0.25)))
    start = [W.clone() for W in whole.weights]
    whole.update(rule, x, y, StepSize(0.1, "mean"))
    scaled.update(ScaledSignal(rule, 0.25), x, y, StepSize(0.1, "mean"))
    torch.testing.assert_close(scaled.weights[0] - start[0], (whole.weights[0] - start[0]) / 4)
    torch.testing.assert_close(scaled.weights[1], whole.weights[1], rtol=0, atol=0)


def test_a_layer_without_a_signal_stays_without_one():
    x, y = batch()
    rule = ByLayer((ScaledSignal(LastLayerOnly(), 2.0),))
    network = mlp((5, 4, 3), rule, (0, 1), dtype=torch.float64)
    (taught,) = network.teachings([rule], x, y, CrossEntropy(), "eval")
    assert taught.signals == [None]
    assert (rule.name, rule.feedback) == ("last layer only times 2", ("none",))
