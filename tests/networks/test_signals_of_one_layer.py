"""What each rule tells one hidden layer, number by number."""

import numpy as np
import pytest
import torch

from feedback_alignment.networks.rules import BP, DFA, DRTP, FA, ByLayer, HiddenLayer, SignSymmetricFA

WIDTH, ABOVE, OUTPUTS = 3, 5, 4
DRAW = np.random.default_rng(0)
DELTA, W = DRAW.normal(size=ABOVE), DRAW.normal(size=(ABOVE, WIDTH))
ERROR, TARGET = DRAW.normal(size=OUTPUTS), DRAW.normal(size=OUTPUTS)
OF_OUTPUTS, OF_ABOVE = DRAW.normal(size=(WIDTH, OUTPUTS)), DRAW.normal(size=(WIDTH, ABOVE))


def heard(rule, F, layer=1, scale=1.0):
    delta, error, target = (torch.from_numpy(vector)[None, None] for vector in (DELTA, ERROR, TARGET))
    weight = torch.from_numpy(W)[None]
    feedback = torch.from_numpy(F)[None]
    hidden = HiddenLayer(delta, weight, error, target, feedback, layer, (0,), 0, feedback_scale=scale)
    return rule.teaching_signal(hidden)[0, 0].numpy()


def product(matrix, vector):
    return [sum(matrix[i, j] * vector[j] for j in range(len(vector))) for i in range(len(matrix))]


@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_feedback_matrices_count_with_their_scale(scale):
    np.testing.assert_allclose(heard(DFA(), OF_OUTPUTS, scale=scale), scale * np.array(product(OF_OUTPUTS, ERROR)))
    np.testing.assert_allclose(heard(DRTP(), OF_OUTPUTS, scale=scale), -scale * np.array(product(OF_OUTPUTS, TARGET)))
    np.testing.assert_allclose(heard(FA(), OF_ABOVE, scale=scale), scale * np.array(product(OF_ABOVE, DELTA)))


def test_signs_of_weights_are_divided_by_the_root_of_the_fan_in():
    """Each unit above looks at WIDTH numbers."""
    signs = np.where(W.T > 0, 1.0, -1.0)
    np.testing.assert_allclose(heard(SignSymmetricFA(), OF_ABOVE), np.array(product(signs, DELTA)) / WIDTH**0.5)


def test_in_a_mixture_each_layer_hears_its_own_rule():
    mixture = ByLayer((BP(), DFA(), DRTP()))
    np.testing.assert_allclose(heard(mixture, OF_OUTPUTS, layer=1), product(W.T, DELTA))
    np.testing.assert_allclose(heard(mixture, OF_OUTPUTS, layer=2), product(OF_OUTPUTS, ERROR))
    np.testing.assert_allclose(heard(mixture, OF_OUTPUTS, layer=3), [-x for x in product(OF_OUTPUTS, TARGET)])
