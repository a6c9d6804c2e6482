"""What chapter 08 measures while networks start to learn: alignments, and how predictions and errors spread."""

from collections.abc import Sequence

import torch
import xarray as xr
from jaxtyping import Float, Int
from torch import Tensor

from feedback_alignment.experiments.deep_ensembles_observations import Known
from feedback_alignment.networks.losses import one_hot
from feedback_alignment.networks.observables import accuracy, alignment, cosine
from feedback_alignment.networks.perceptron import Perceptrons
from feedback_alignment.networks.rules import DFA
from feedback_alignment.networks.training import Observations
from feedback_alignment.networks.weight_alignment import weight_alignment

MEASURED = {
    "train_error": ("member", "fraction of training samples whose label, noise included, is missed"),
    "test_error": ("member", "fraction of test images classified wrongly"),
    "weight_alignment": ("member", "cosine between all W_l above the first and what F asks of them, F as used"),
    "weight_alignment_unscaled": ("member", "the same with F before its division by the root of n_l"),
    "layer_weight_alignment": ("member upper_layer", "cosine between W_l and what F asks of it"),
    "gradient_alignment": ("member", "cosine of all hidden layers' delta a with BP's, mean over samples"),
    "layer_gradient_alignment": ("member hidden_layer", "cosine between DFA's and BP's delta a_l, mean over samples"),
    "class_spread": ("member", "root mean square distance of a class's probability from 1/C, over samples and classes"),
    "sample_spread": ("member", "standard deviation of a class's probability over training samples"),
    "prediction_conditioning": (
        "member",
        "cosine between the probabilities' covariance and 1 - 1/C, NaN if all are alike",
    ),
    "error_conditioning": ("member", "cosine between the second moments of the errors and 1 - 1/C"),
    "signal": ("member", "norm of the covariance between the errors and the inputs"),
}
"""Variable -> (dimensions after epoch, description). 1 - 1/C is the projection on what sums to zero over C classes."""
CHUNK = 2000
ROUNDING = 1e-15
"""A sum of variances of probabilities below this is one of rounding errors."""


def observe(network: Perceptrons, known: Known) -> Observations:
    """Measure everything, each entry with members first. Alignment is DFA's, on the probe's samples."""
    weights = weight_alignment(network.weights, network.feedback)
    gradients = alignment(network, DFA(), known.x[known.probe], known.y[:, known.probe])
    measured = {
        "test_error": 1 - accuracy(network, known.x_test, known.y_test),
        "weight_alignment": weights.overall,
        "weight_alignment_unscaled": weights.overall_unscaled,
        "layer_weight_alignment": weights.layers,
        "gradient_alignment": gradients.overall_gradient,
        "layer_gradient_alignment": gradients.gradient,
        **predictions(network, known.x, known.y),
    }
    return {name: values.cpu().numpy() for name, values in measured.items()}


def predictions(
    network: Perceptrons, x: Float[Tensor, "samples features"], y: Int[Tensor, "members samples"]
) -> dict[str, Float[Tensor, " members"]]:
    """Measure how probabilities p and errors e = p - y are distributed, from sums over the samples in chunks."""
    classes, samples = network.weights[-1].shape[1], len(x)
    sums: dict[str, Tensor] = {}
    for inputs, labels in zip(torch.split(x, CHUNK), torch.split(y, CHUNK, -1), strict=True):
        outputs = network.outputs(inputs).double()
        p = outputs.softmax(-1)
        e = p - one_hot(labels, classes, p.dtype)
        added = {
            "wrong": (outputs.argmax(-1) != labels).double().sum(-1),
            "p": p.sum(-2),
            "e": e.sum(-2),
            "x": inputs.double().sum(-2),
            "pp": p.mT @ p,
            "ee": e.mT @ e,
            "ex": e.mT @ inputs.double(),
        }
        sums = {name: sums.get(name, 0) + part for name, part in added.items()}
    mean = {name: total / samples for name, total in sums.items()}
    covariance = mean["pp"] - mean["p"][:, :, None] * mean["p"][:, None, :]
    distance = mean["pp"].diagonal(dim1=-2, dim2=-1) - 2 * mean["p"] / classes + 1 / classes**2
    return {
        "train_error": mean["wrong"],
        "class_spread": _root(distance.mean(-1)),
        "sample_spread": _root(covariance.diagonal(dim1=-2, dim2=-1).mean(-1)),
        "prediction_conditioning": conditioning(_unless_rounding(covariance)),
        "error_conditioning": conditioning(mean["ee"]),
        "signal": (mean["ex"] - mean["e"][:, :, None] * mean["x"]).flatten(1).norm(dim=-1),
    }


def conditioning(second_moments: Float[Tensor, "members classes classes"]) -> Float[Tensor, " members"]:
    """Return the cosine between each matrix and 1 - 1/C, the projection on what sums to zero over the C classes.

    It is 1 if all directions that errors or probabilities can have are equally strong and uncorrelated, and
    1/√(C - 1) if there is only one.
    """
    classes = second_moments.shape[-1]
    projection = torch.eye(classes, dtype=second_moments.dtype, device=second_moments.device) - 1 / classes
    return cosine(second_moments.flatten(1), projection.expand_as(second_moments).flatten(1))


def _unless_rounding(covariance: Float[Tensor, "members classes classes"]) -> Float[Tensor, "members classes classes"]:
    """Return the matrices, NaN for a member that makes the same prediction for all samples, to rounding."""
    variance = covariance.diagonal(dim1=-2, dim2=-1).sum(-1)
    return covariance.masked_fill((variance < ROUNDING)[:, None, None], torch.nan)


def _root(squares: Float[Tensor, " members"]) -> Float[Tensor, " members"]:
    """Return the square root; rounding may have made a zero slightly negative."""
    return squares.clamp(min=0).sqrt()


def dataset(seen: Observations, epochs: Sequence[float], seeds: Sequence[int], dtype: str) -> xr.Dataset:
    """Return what `observe` saw at each of `epochs` with named dimensions, stored in the precision of training."""
    hidden = seen["layer_gradient_alignment"].shape[-1]
    return xr.Dataset(
        {
            name: (["epoch", *dims.split()], seen[name].astype(dtype), {"long_name": text, "units": "1"})
            for name, (dims, text) in MEASURED.items()
        },
        coords={
            "epoch": ("epoch", list(epochs), {"units": "epochs"}),
            "member": ("member", list(seeds), {"long_name": "seed"}),
            "hidden_layer": ("hidden_layer", list(range(1, hidden + 1)), {"long_name": "hidden layer"}),
            "upper_layer": (
                "upper_layer",
                list(range(2, hidden + 2)),
                {"long_name": "layer of weights above the first"},
            ),
        },
    )
