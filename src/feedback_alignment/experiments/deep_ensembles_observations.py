"""What is measured on an ensemble of deep perceptrons at one moment of its training, and the dataset of all moments."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float, Int
from torch import Tensor

from feedback_alignment import streams
from feedback_alignment.networks.observables import Alignment, alignment, cosine, fit
from feedback_alignment.networks.perceptron import Perceptrons
from feedback_alignment.networks.rules import DFA
from feedback_alignment.networks.similarity import agreement, pairs, similarity
from feedback_alignment.networks.training import Observations
from feedback_alignment.networks.unit_matching import matched_similarity
from feedback_alignment.networks.weight_alignment import weight_alignment

SAMPLED = ("probe", "current batch")
GRADIENTS = {
    "gradient_alignment": ("overall_gradient", "cosine of all hidden layers' delta a with BP's, mean over samples"),
    "gradient_alignment_without_last": (
        "overall_gradient_without_last",
        "the same without the last hidden layer, as in the released code",
    ),
    "update_alignment": ("overall_update", "cosine between DFA's and BP's update of all hidden layers"),
    "layer_gradient_alignment": ("gradient", "cosine between DFA's and BP's delta a_l, mean over samples"),
    "layer_gradient_alignment_spread": ("gradient_spread", "standard deviation of the same over samples"),
    "layer_signal_alignment": ("signal", "cosine between DFA's and BP's signal before g'(a_l), mean over samples"),
    "layer_update_alignment": ("update", "cosine between DFA's and BP's update of W_l"),
}
"""Variable -> (field of `Alignment`, description)."""
OTHERS = {
    "train_error": ("member", "fraction of training samples whose label, noise included, is missed"),
    "train_loss": ("member", "mean cross entropy of a training sample"),
    "probability_spread": ("member", "standard deviation of a class's probability over training samples"),
    "test_error": ("member", "fraction of test images classified wrongly"),
    "test_loss": ("member", "mean cross entropy of a test image"),
    "weight_norm": ("member layer", "norm of W_l"),
    "weight_alignment": ("member", "cosine between all W_l above the first and what F asks of them, F as used"),
    "weight_alignment_unscaled": ("member", "the same with F before its division by the root of n_l"),
    "layer_weight_alignment": ("member upper_layer", "cosine between W_l and what F asks of it"),
    "similarity": ("pair", "cosine between all weights of two members"),
    "layer_similarity": ("pair layer", "cosine between the W_l of two members"),
    "similarity_of_changes": ("pair", "cosine between what two members' weights have changed since the start"),
    "layer_similarity_of_changes": ("pair layer", "the same of each W_l"),
    "start_overlap": ("member layer", "cosine between W_l and its start"),
    "test_agreement": ("pair", "fraction of test images that two members put into the same class"),
    "matched_similarity": ("pair", "cosine between all weights of two members, hidden units matched"),
    "matched_similarity_by_chance": (
        "pair",
        "the same after the second member's entries were shuffled within each W_l",
    ),
}
"""Variable -> (dimensions after epoch, description)."""


@dataclass(frozen=True)
class Known:
    """What the measurements need beside the network."""

    x: Float[Tensor, "train features"]
    y: Int[Tensor, "members train"]
    """Training labels, noise included, one set a member."""
    x_test: Float[Tensor, "test features"]
    y_test: Int[Tensor, " test"]
    probe: slice
    """Training samples on which alignment is measured."""
    start: list[Float[Tensor, "members _ _"]]
    """W_1 … W_L before training."""


def observe(network: Perceptrons, known: Known, latest: Int[np.ndarray, "members batch"]) -> Observations:
    """Measure everything, each entry with members or pairs first.

    Alignment is DFA's whatever rule trained the network. `latest` are the samples of each member's last step, on which
    the code released with the paper measures it.
    """
    train, test = fit(network, known.x, known.y), fit(network, known.x_test, known.y_test)
    weights = weight_alignment(network.weights, network.feedback)
    alike = similarity(network.weights)
    alike_in_changes = similarity([W - W_0 for W, W_0 in zip(network.weights, known.start, strict=True)])
    overlaps = [cosine(W.flatten(1), W_0.flatten(1)) for W, W_0 in zip(network.weights, known.start, strict=True)]
    chosen = torch.from_numpy(latest).to(known.x.device)
    gradients = (
        alignment(network, DFA(), known.x[known.probe], known.y[:, known.probe]),
        alignment(network, DFA(), known.x[chosen], known.y.gather(1, chosen)),
    )
    measured = {
        "train_error": 1 - train.accuracy,
        "train_loss": train.loss,
        "probability_spread": train.probability_spread,
        "test_error": 1 - test.accuracy,
        "test_loss": test.loss,
        "weight_norm": torch.stack([W.double().flatten(1).norm(dim=-1) for W in network.weights], -1),
        "weight_alignment": weights.overall,
        "weight_alignment_unscaled": weights.overall_unscaled,
        "layer_weight_alignment": weights.layers,
        "similarity": alike.overall,
        "layer_similarity": alike.layers,
        "similarity_of_changes": alike_in_changes.overall,
        "layer_similarity_of_changes": alike_in_changes.layers,
        "start_overlap": torch.stack(overlaps, -1),
        "test_agreement": agreement(network.outputs(known.x_test).argmax(-1)),
        **{name: _both(gradients, field) for name, (field, _) in GRADIENTS.items()},
    }
    return {name: values.cpu().numpy() for name, values in measured.items()} | _matched(network)


def _both(gradients: tuple[Alignment, Alignment], field: str) -> Float[Tensor, "members 2 ..."]:
    return torch.stack([getattr(found, field) for found in gradients], 1)


def _matched(network: Perceptrons) -> Observations:
    members = [[W[index].double().cpu().numpy() for W in network.weights] for index in range(len(network.seeds))]
    odd = network.activation == "tanh"
    found, by_chance = [], []
    for first, second in pairs(len(members)):
        draw = streams.generator(network.seeds[first], "shuffled weights", network.seeds[second])
        shuffled = [draw.permutation(W.ravel()).reshape(W.shape) for W in members[second]]
        found.append(matched_similarity(members[first], members[second], odd))
        by_chance.append(matched_similarity(members[first], shuffled, odd))
    return {"matched_similarity": np.array(found), "matched_similarity_by_chance": np.array(by_chance)}


def dataset(seen: Observations, epochs: Sequence[float], seeds: Sequence[int], dtype: str) -> xr.Dataset:
    """Return what `observe` saw at each of `epochs` with named dimensions, stored in the precision of training."""
    layers = seen["layer_similarity"].shape[-1]
    described: dict[str, tuple[str, str]] = {
        name: ("member sampled" + (" hidden_layer" if name.startswith("layer") else ""), text)
        for name, (_, text) in GRADIENTS.items()
    }
    variables: dict[str, Any] = {
        name: (["epoch", *dims.split()], seen[name].astype(dtype), {"long_name": text, "units": "1"})
        for name, (dims, text) in (OTHERS | described).items()
    }
    return xr.Dataset(
        variables,
        coords={
            "epoch": ("epoch", list(epochs), {"units": "epochs"}),
            "member": ("member", list(seeds), {"long_name": "seed"}),
            "pair": [f"{seeds[a]}-{seeds[b]}" for a, b in pairs(len(seeds))],
            "layer": ("layer", list(range(1, layers + 1)), {"long_name": "layer of weights"}),
            "hidden_layer": ("hidden_layer", list(range(1, layers)), {"long_name": "hidden layer"}),
            "upper_layer": (
                "upper_layer",
                list(range(2, layers + 1)),
                {"long_name": "layer of weights above the first"},
            ),
            "sampled": list(SAMPLED),
        },
    )
