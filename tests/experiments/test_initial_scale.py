import numpy as np
import pytest
import torch

from feedback_alignment.companion.monitor import Quiet
from feedback_alignment.experiments.chu_networks import Recipe, gradients
from feedback_alignment.experiments.initial_scale import FirstSteps, Training
from feedback_alignment.experiments.perturbed_gradients import Perturbed
from feedback_alignment.networks import BP, FA, LastLayerOnly, data
from feedback_alignment.networks.training import batches

RECIPE = Recipe("digits", (6, 7), "tanh", 50, 0.2, "float64")
ROUNDING = 1e-9
"""Two hundred products in another order, and 56 steps of training."""


def member(network, index):
    return [W[index].numpy().copy() for W in network.weights], [F[index].numpy() for F in network.feedback]


def literal_gradients(W, B, x, y):
    """Write out the gradients of the mean loss for matrices B that the error goes down through."""
    h1 = np.tanh(W[0] @ x.T)
    h2 = np.tanh(W[1] @ h1)
    p = np.exp(W[2] @ h2)
    e = p / p.sum(0) - y.T
    d2 = (B[1] @ e) * (1 - h2**2)
    d1 = (B[0] @ d2) * (1 - h1**2)
    return [d @ h.T / len(x) for d, h in ((d1, x.T), (d2, h1), (e, h2))]


@pytest.fixture(scope="module")
def samples():
    return RECIPE.samples("cpu")


def test_pixels_are_as_they_are_and_weights_have_the_size_asked_for(samples):
    assert (float(samples.x.min()), float(samples.x.max())) == (0, 1)
    assert torch.equal(samples.x, torch.from_numpy(data.load("digits").flat[0]).double())
    network = RECIPE.network(samples, range(40), 0.3)
    for W in network.weights:
        # The standard error of a standard deviation of n numbers is its value over √(2n).
        assert float(W.std()) == pytest.approx(0.3, rel=4 / np.sqrt(2 * W.numel()))
    for F, above in zip(network.feedback, network.weights[1:], strict=True):
        assert F.shape == above.mT.shape
        assert set(F.unique().tolist()) == {-1, 1}


def test_gradients_are_those_of_a_literal_network_and_fa_is_a_chain(samples):
    network = RECIPE.network(samples, (3, 5), 0.4)
    x, y = samples.x[:9], torch.eye(10, dtype=torch.float64)[samples.y[:9]]
    W, F = member(network, 1)
    for rule, B in ((BP(), [W[1].T, W[2].T]), (FA(), F)):
        found = gradients(network, rule, x, y.expand(2, -1, -1))
        for ours, wanted in zip(found, literal_gradients(W, B, x.numpy(), y.numpy()), strict=True):
            np.testing.assert_allclose(ours[1], wanted, rtol=0, atol=1e-13)


def test_a_rule_that_leaves_layers_alone_has_no_gradient_of_all(samples):
    with pytest.raises(ValueError, match="gradient of every layer is wanted, but last layer only leaves layers alone"):
        gradients(RECIPE.network(samples, (0,), 1), LastLayerOnly(), samples.x[None, :5], torch.ones(1, 5, 10) / 10)


def test_training_is_that_of_a_literal_loop(samples):
    work = Training(RECIPE, 0.4, (0, 1), 2, (0, 2), 30)
    dataset, source = work.compute("cpu", Quiet(), None)
    assert source == samples.source
    W, F = member(RECIPE.network(samples, work.seeds, 0.4), 1)
    x, y = samples.x.numpy(), np.eye(10)[samples.y.numpy()]
    for epoch in range(2):
        for chosen in batches(work.seeds, epoch, len(x), 50)[1]:
            for W_l, G in zip(W, literal_gradients(W, F, x[chosen], y[chosen]), strict=True):
                W_l -= 0.2 * G

    def cosine(a, b):
        return np.vdot(a, b) / np.linalg.norm(a) / np.linalg.norm(b)

    last = dataset.sel(epoch=2, member=1)
    found = [cosine(F_l.T, W_l) for F_l, W_l in zip(F, W[1:], strict=True)]
    np.testing.assert_allclose(last.weight_alignment, found, rtol=ROUNDING)
    ours, true = (literal_gradients(W, B, x[:30], y[:30]) for B in (F, [W[1].T, W[2].T]))
    found = [cosine(a, b) for a, b in zip(ours[:2], true[:2], strict=True)]
    np.testing.assert_allclose(last.gradient_alignment, found, rtol=ROUNDING)
    scores = W[2] @ np.tanh(W[1] @ np.tanh(W[0] @ samples.x_test.numpy().T))
    assert float(last.test_accuracy) == np.mean(scores.argmax(0) == samples.y_test.numpy())
    assert dataset.test_accuracy.dims == ("epoch", "member")


def test_first_steps_are_those_of_a_literal_network(samples):
    work = FirstSteps(RECIPE, (0.0, 0.4), (2, 3))
    norms = work.compute("cpu", Quiet(), None)[0].gradient_norm
    order = batches(work.seeds, 0, len(samples.x), 50)[1, 0]
    W, F = member(RECIPE.network(samples, work.seeds, 0.4), 1)
    for sampled, chosen in (("one sample", order[:1]), ("one batch", order)):
        now = [w.copy() for w in W]
        x, y = samples.x[chosen].numpy(), np.eye(10)[samples.y[chosen].numpy()]
        for steps in range(2):
            step = literal_gradients(now, F, x, y)
            found = norms.sel(first_scale=0.4, sampled=sampled, steps_before=steps, draw=3)
            np.testing.assert_allclose(found, [np.linalg.norm(G) for G in step], rtol=1e-12)
            now = [w - 0.2 * G for w, G in zip(now, step, strict=True)]


def test_from_zero_weights_layers_move_one_after_another(samples):
    """A.1 of the paper for tanh: in the first step only layer 1 moves, in the second layer 2, then the output layer."""
    norms = FirstSteps(RECIPE, (0.0,), (0, 1)).compute("cpu", Quiet(), None)[0].gradient_norm.isel(first_scale=0)
    first, second = norms.sel(steps_before=0), norms.sel(steps_before=1)
    assert (first.sel(layer=1) > 0).all()
    assert (first.sel(layer=[2, 3]) == 0).all()
    assert (second.sel(layer=[1, 2]) > 0).all()
    assert (second.sel(layer=3) == 0).all()


def test_small_weights_change_the_first_steps_by_the_powers_of_the_theory_page():
    """FA's first updates are of order 1, s and s²; corrections are of order s², here 1e-4."""
    norms = FirstSteps(RECIPE, (0.001, 0.01), (0, 1)).compute("cpu", Quiet(), None)[0].gradient_norm
    growth = norms.sel(steps_before=0).isel(first_scale=1) / norms.sel(steps_before=0).isel(first_scale=0)
    for layer, power in ((1, 0), (2, 1), (3, 2)):
        np.testing.assert_allclose(growth.sel(layer=layer), 10.0**power, rtol=0.02)


def test_perturbed_networks_learn_by_their_rule():
    by_rule = {}
    for rule in ("BP", "1", "last layer only"):
        dataset, _ = Perturbed(RECIPE, 0.4, rule, (0, 1), 2).compute("cpu", Quiet(), None)
        by_rule[rule] = dataset.perturbed_accuracy.values
    np.testing.assert_array_equal(by_rule["BP"], by_rule["1"])
    assert (by_rule["BP"] > by_rule["last layer only"]).all()


@pytest.mark.parametrize(
    ("rule", "words"),
    [("FA", "rule must be one of BP, last layer only, or a cosine; got 'FA'"), ("1.5", "must lie in -1 … 1; got 1.5")],
)
def test_rules_that_are_no_perturbation_are_refused(rule, words):
    with pytest.raises(ValueError, match=words):
        Perturbed(RECIPE, 0.4, rule, (0,), 1)
