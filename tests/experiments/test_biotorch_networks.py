"""biotorch's conventions, translated: held against formulas written out, and against biotorch where it is there."""

import importlib.util
import itertools
import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from feedback_alignment.experiments import biotorch_networks
from feedback_alignment.experiments.biotorch_networks import RULES, SignsOfXavierSize, as_ensemble, mean_gradients
from feedback_alignment.networks import SignSymmetricFA, StepSize, mlp
from feedback_alignment.networks.losses import one_hot
from feedback_alignment.streams import generator

SIZES, BATCH, MEMBERS = (7, 6, 5, 4), 9, 2
ROUNDING = 1e-13
"""Sums of at most nine terms of order one in float64, with some room."""


def made_layers(mode: str, seed: int) -> list[SimpleNamespace]:
    """Layers with what biotorch's have, in the shapes that it gives them."""
    draw = generator(seed, "weights")
    layers = []
    for below, above in itertools.pairwise(SIZES):
        rows = SIZES[-1] if mode == "dfa" else above
        shapes = {"weight": (above, below), "bias": (above,), "weight_backward": (rows, below)}
        layers.append(SimpleNamespace(**{name: torch.from_numpy(draw.normal(size=s)) for name, s in shapes.items()}))
    return layers


def made_batch() -> tuple[np.ndarray, np.ndarray]:
    draw = generator(0, "samples")
    return draw.normal(size=(MEMBERS, BATCH, SIZES[0])), draw.integers(SIZES[-1], size=(MEMBERS, BATCH))


def literal_gradients(layers: list[SimpleNamespace], mode: str, x: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    """What biotorch's layers descend, sample by sample: δ passes down through `weight_backward` of the layer above."""
    W, b, B = ([getattr(layer, name).numpy() for layer in layers] for name in ("weight", "bias", "weight_backward"))
    if mode == "backpropagation":
        B = W
    if mode == "usf":
        B = [np.sign(each) * math.sqrt(2 / sum(each.shape)) for each in W]
    gradients = [np.zeros_like(parameter) for parameter in (*W, *b)]
    for sample, label in zip(x, labels, strict=True):
        h = [sample]
        for index in range(len(W)):
            a = W[index] @ h[-1] + b[index]
            h.append(a if index == len(W) - 1 else np.tanh(a))
        exponentials = np.exp(h[-1])
        error = (exponentials / exponentials.sum() - np.eye(SIZES[-1])[label]) / len(labels)
        delta = error
        for index in reversed(range(len(W))):
            gradients[index] += np.outer(delta, h[index])
            gradients[len(W) + index] += delta
            heard = (error if mode == "dfa" else delta) @ B[index]
            delta = heard * (1 - h[index] ** 2)
    return gradients


@pytest.mark.parametrize("mode", RULES)
def test_gradients_are_those_of_the_formulas(mode):
    layers = [made_layers(mode, seed) for seed in range(MEMBERS)]
    x, labels = made_batch()
    ours = mean_gradients(as_ensemble(layers, mode), mode, torch.from_numpy(x), torch.from_numpy(labels))
    for member in range(MEMBERS):
        literal = literal_gradients(layers[member], mode, x[member], labels[member])
        found = [each[name][member].numpy() for name in ("weights", "biases") for each in ours]
        for mine, theirs in zip(found, literal, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=0, atol=ROUNDING)


def test_the_rules_are_told_apart():
    """Without this, a translation that always went by back-propagation would pass where feedback is small."""
    x, labels = made_batch()
    first = []
    for mode in RULES:
        ensemble = as_ensemble([made_layers(mode, seed) for seed in range(MEMBERS)], mode)
        first.append(mean_gradients(ensemble, mode, torch.from_numpy(x), torch.from_numpy(labels))[0]["weights"])
    for index, one in enumerate(first):
        assert all((one - other).abs().max() > 1e-3 for other in first[:index])


def test_a_copied_network_does_not_change_with_its_source():
    layers = [made_layers("dfa", 0)]
    ensemble = as_ensemble(layers, "dfa")
    before = [tensor.clone() for tensor in (*ensemble.weights, *ensemble.feedback, *ensemble.biases)]
    for layer in layers[0]:
        for tensor in vars(layer).values():
            tensor.zero_()
    after = (*ensemble.weights, *ensemble.feedback, *ensemble.biases)
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))


def test_signs_differ_from_ours_by_the_ratio_of_their_sizes():
    """One hidden layer: the hidden gradient is that of `SignSymmetricFA` times √(2 fan_in / (fan_in + fan_out))."""
    gradients = []
    for rule in (SignsOfXavierSize(), SignSymmetricFA()):
        network = mlp((7, 6, 4), rule, [0], bias=True, dtype=torch.float64)
        x, labels = (torch.from_numpy(part[:1]) for part in made_batch())
        layers = network.forward(x)
        target = one_hot(labels, 4, torch.float64)
        gradients.append(network.teach(rule, layers, StepSize(1.0, "sum").loss.error(layers[-1], target), target))
    (xavier, ours) = (each.gradients[0]["weights"] for each in gradients)
    torch.testing.assert_close(xavier, ours * math.sqrt(2 * 6 / (6 + 4)), rtol=ROUNDING, atol=ROUNDING)


def test_unknown_modes_and_no_networks_are_refused():
    for call in (
        lambda: as_ensemble([made_layers("fa", 0)], "drtp"),
        lambda: biotorch_networks.biotorch_network(SIZES, "drtp", 0, torch.float64),
    ):
        with pytest.raises(ValueError, match=r"backpropagation, fa, dfa, usf; got 'drtp'"):
            call()
    with pytest.raises(ValueError, match="one network or more; got none"):
        as_ensemble([], "fa")
    layers = made_layers("fa", 0)
    del layers[1].weight_backward
    with pytest.raises(ValueError, match="needs layers with `weight_backward`"):
        as_ensemble([layers], "fa")


def test_where_biotorch_is_missing_the_command_that_installs_it_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "biotorch.module.biomodule", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install --no-deps biotorch==0\.0\.16"):
        biotorch_networks.biotorch_network(SIZES, "dfa", 0, torch.float64)


@pytest.mark.skipif(importlib.util.find_spec("biotorch") is None, reason="biotorch is not installed")
@pytest.mark.filterwarnings(f"ignore:{biotorch_networks.HOOK_WARNING}:FutureWarning")
@pytest.mark.parametrize("mode", RULES)
def test_biotorch_itself_has_these_gradients(mode):
    networks = [biotorch_networks.biotorch_network(SIZES, mode, seed, torch.float64) for seed in range(MEMBERS)]
    layers = [biotorch_networks.linear_layers(network) for network in networks]
    x, labels = map(torch.from_numpy, made_batch())
    ours = mean_gradients(as_ensemble(layers, mode), mode, x, labels)
    for member, network in enumerate(networks):
        optimiser = torch.optim.SGD(network.parameters(), 0.1)
        biotorch_networks.descend(network, mode, optimiser, x[member], labels[member])
        for index, layer in enumerate(layers[member]):
            for name, parameter in (("weights", layer.weight), ("biases", layer.bias)):
                torch.testing.assert_close(ours[index][name][member], parameter.grad, rtol=0, atol=ROUNDING)
