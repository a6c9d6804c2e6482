"""Ensembles of chapter 08: networks whose labels are noisy in one way or another, watched while they start to learn."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float, Int, Int64
from torch import Tensor

from feedback_alignment import streams
from feedback_alignment.experiments import label_noise_observations
from feedback_alignment.experiments.deep_ensembles import EnsembleSettings
from feedback_alignment.experiments.deep_ensembles_observations import Known
from feedback_alignment.networks.data import LabelledImages
from feedback_alignment.networks.label_noise import shuffle_labels, softened_targets
from feedback_alignment.networks.perceptron import Perceptrons
from feedback_alignment.networks.training import Observations
from feedback_alignment.networks.training_data import Labels, Targets


@dataclass(frozen=True)
class NoisyEnsemble(EnsembleSettings):
    """Members that learn from noisy labels."""

    corruption: Literal["drawn", "shuffled", "softened"]
    """What noise does to the share of labels that it hits: draws each uniformly from all classes, or permutes them.

    'softened' teaches every sample the mean of the first kind instead, and still measures errors on labels drawn.
    """
    start: Literal["as drawn", "silent"]
    """'silent' sets the output weights to zero before training: every class has the same probability then."""

    @property
    def name(self) -> str:
        """The ensemble in words."""
        corruption = "" if self.corruption == "drawn" else f" {self.corruption}"
        return f"early {super().name}{corruption}{' silent start' if self.start == 'silent' else ''}"

    def labels(self, images: LabelledImages) -> Int64[np.ndarray, "members samples"]:
        """Return the training labels of every member, noise included."""
        if self.corruption != "shuffled":
            return super().labels(images)
        generators = [streams.generator(seed, "label noise") for seed in self.seeds]
        return np.stack(
            [shuffle_labels(images.train_labels, self.label_noise, images.classes, each) for each in generators]
        )

    def taught(self, images: LabelledImages, labels: Int[Tensor, "members samples"]) -> Labels | Targets:
        """Return the labels, or the softened targets, the same for all members."""
        if self.corruption != "softened":
            return super().taught(images, labels)
        targets = softened_targets(images.train_labels, self.label_noise, images.classes)
        return torch.from_numpy(targets).to(labels.device, getattr(torch, self.dtype))

    def prepared(self, network: Perceptrons, x: Float[Tensor, "samples features"], y: Labels | Targets) -> Perceptrons:
        """Return the network as it was drawn, or with silent outputs."""
        if self.start == "silent":
            network.weights[-1].zero_()
        return network

    def observe(self, network: Perceptrons, known: Known, latest: Int[np.ndarray, "members batch"]) -> Observations:
        """Return errors, alignments, and how the network's predictions spread and correlate."""
        return label_noise_observations.observe(network, known)

    def dataset(self, seen: Observations) -> xr.Dataset:
        """Return what was seen at all moments, with named dimensions."""
        return label_noise_observations.dataset(seen, self.schedule.observe_at, self.seeds, self.dtype)
