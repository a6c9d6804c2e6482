"""How far the convolutions of real networks can align: shares, ranks and cosines, before any training."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
import xarray as xr

from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.companion.piece_files import TimedCheckpoint
from feedback_alignment.deep_linear import Convolution
from feedback_alignment.deep_linear.low_rank_convolution import low_rank_cosine, towards_low_rank
from feedback_alignment.experiments.dataset_parts import stacked, variable
from feedback_alignment.experiments.feedback_memory_counts import NETWORKS
from feedback_alignment.experiments.pieces import Arrays
from feedback_alignment.networks.convolution_alignment import LowRank, best_cosine, rank_limited_cosine
from feedback_alignment.networks.initialisation import He
from feedback_alignment.networks.layers import Conv2d, Shape
from feedback_alignment.streams import generator

ROUNDS = 20
"""Of the search for a kernel whose matrix is near to one of low rank."""


@dataclass(frozen=True)
class Place:
    """A convolution at its place in a network."""

    name: str
    channels: int
    kernel: int
    padding: int
    shape: Shape
    """Of its input."""

    @property
    def layer(self) -> Conv2d:
        """The layer of a network."""
        return Conv2d(self.channels, self.kernel, 1, self.padding)

    @property
    def matrix(self) -> Convolution:
        """The same as a matrix with tied entries."""
        return self.of_channels(self.shape[0], self.channels)

    def of_channels(self, below: int, own: int) -> Convolution:
        """Return the same with other numbers of channels."""
        height, width = self.shape[1:]
        return Convolution(below, own, (self.kernel, self.kernel), (height, width), 1, self.padding)


def places_above_the_first(network: str) -> tuple[Place, ...]:
    """Return the convolutions of one of the networks of Table 1 that have a hidden layer below them."""
    shape, blocks = NETWORKS[network]
    found = []
    for layer, (affine, *operations) in enumerate(blocks, 1):
        if not isinstance(affine, Conv2d):
            break
        if layer > 1:
            name = f"{network.split(',')[0]} {layer}"
            found.append(Place(name, affine.channels, affine.kernel, affine.padding, shape))
        shape = affine.output_shape(shape)
        for operation in operations:
            if not isinstance(operation, Conv2d):
                shape = operation.output_shape(shape)
    return tuple(found)


@dataclass(frozen=True)
class ConvolutionLimits:
    """What is asked of each convolution. It is one piece of work."""

    places: tuple[Place, ...]
    outputs: int
    """n_L, the most that the rank of F_l F_{l-1}ᵀ can be."""
    draws: int
    """Pairs of feedback matrices for each convolution."""
    low_rank: int
    """The first so many convolutions are also held against the matrices of rank n_L."""

    @property
    def name(self) -> str:
        """The piece in words."""
        return f"limits of {len(self.places)} convolutions"

    @property
    def kind(self) -> str:
        """What the stored piece is; the number is raised when the meaning of its results changes."""
        return "limits of convolutions 1"

    def compute(
        self, device: str, progress: Monitor | Quiet, checkpoint: TimedCheckpoint | None
    ) -> tuple[xr.Dataset, dict[str, str]]:
        """Count, draw and search; see `kept_pieces.Work`. All of it is done on the CPU."""
        found = stacked(self.name, tuple(enumerate(self.places)), self._of_place, progress)
        matrices = [place.matrix for place in self.places]
        variables = {
            "drawn_part": variable("convolution draw", found["part"], "|P F G^T|^2"),
            "drawn_whole": variable("convolution draw", found["whole"], "|F G^T|^2"),
            "expected_share": variable(
                "convolution", np.array([each.expected_share for each in matrices]), "d / (n_l n_(l-1))"
            ),
            "full_windows": variable(
                "convolution", np.array([each.full_windows for each in matrices]), "least rank of a convolution"
            ),
            "random_low_rank": variable(
                "convolution", found["random"], "cosine of random filters with their nearest matrix of rank n_L"
            ),
            "found_low_rank": variable(
                "convolution", found["found"], "the same of filters that were searched for it, one kernel for all"
            ),
        }
        return xr.Dataset(variables, {"convolution": [place.name for place in self.places]}), {}

    def _of_place(self, numbered: tuple[int, Place]) -> Arrays:
        number, place = numbered
        layer, shape = place.layer, place.shape
        parts, wholes = np.zeros(self.draws), np.zeros(self.draws)
        for seed in range(self.draws):
            A, B = (
                torch.from_numpy(generator(seed, "feedback", number, which).standard_normal((1, self.outputs, *images)))
                for which, images in enumerate((layer.output_shape(shape), shape))
            )
            M = LowRank(A, B)
            wholes[seed] = float(M.size[0]) ** 2
            parts[seed] = float(best_cosine(layer, M)[0]) ** 2 * wholes[seed]
        random, searched = np.nan, np.nan
        if number < self.low_rank:
            H = He().weights(generator(0, "weights", number), layer.weight_shape(shape))
            random = rank_limited_cosine(layer, shape, torch.from_numpy(H), self.outputs)
            searched = self._searched(place.of_channels(1, 1))
        return {"part": parts, "whole": wholes, "random": np.array(random), "found": np.array(searched)}

    def _searched(self, one: Convolution) -> float:
        """Return the cosine that one kernel between two channels reaches, and with it one for all pairs of channels."""
        start = np.ones((1, 1, *one.kernel)) / np.sqrt(prod(one.kernel))
        return low_rank_cosine(one, towards_low_rank(one, start, self.outputs, ROUNDS), self.outputs)


def of_networks(names: Sequence[str]) -> tuple[Place, ...]:
    """Return the convolutions of several networks one after another."""
    return tuple(place for name in names for place in places_above_the_first(name))
