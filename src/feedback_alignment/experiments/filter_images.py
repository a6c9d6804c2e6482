"""What maximises the filters of a convolution, by who taught them: Launay et al. 2019, Fig. 3, with a number for it."""

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import xarray as xr

from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.companion.piece_files import TimedCheckpoint
from feedback_alignment.experiments.convolutional_networks import ConvolutionalNetworks
from feedback_alignment.experiments.dataset_parts import variable
from feedback_alignment.experiments.deep_ensembles import Titled
from feedback_alignment.experiments.launay_networks import ABOUT, scaled
from feedback_alignment.networks import data
from feedback_alignment.networks.activation_maximisation import Ascent, maximising_images
from feedback_alignment.networks.image_spectra import spectral_entropy
from feedback_alignment.networks.network import Network
from feedback_alignment.networks.observables import accuracy
from feedback_alignment.networks.training import Observations, train

UNTRAINED = "untrained"


@dataclass(frozen=True)
class FilterImages:
    """An ensemble, and the images that the first filters of one of its convolutions respond to most. One piece of work.

    Networks whose schedule has no epochs stay untrained.
    """

    networks: ConvolutionalNetworks
    layer: int
    filters: int
    ascent: Ascent

    @property
    def pupil(self) -> str:
        """Who the networks' teacher is, or that there is none."""
        return self.networks.teacher if self.networks.schedule.epochs else UNTRAINED

    @property
    def name(self) -> str:
        """The piece in words, with signs that a file's name may have."""
        own = self.networks
        words = (
            f"{own.images} {self.filters} filters of layer {self.layer} {self.pupil} {own.seeds[0]} to {own.seeds[-1]}"
        )
        return re.sub(r"[^\w.-]+", " ", words)

    @property
    def kind(self) -> str:
        """What the stored piece is; the number is raised when the meaning of its results changes."""
        return "images that maximise filters 1"

    def compute(
        self, device: str, progress: Monitor | Quiet, checkpoint: TimedCheckpoint | None
    ) -> tuple[xr.Dataset, dict[str, str]]:
        """Train, if there is anything to train, and climb; see `kept_pieces.Work`.

        Dimensions: member, filter, colour, row, column. Pictures are kept of the first member alone.
        """
        own = self.networks
        images = scaled(data.load(own.images))
        dtype = getattr(torch, own.dtype)
        x, x_test = (torch.from_numpy(a).to(device, dtype) for a in own.inputs(images))
        y, y_test = (torch.from_numpy(a).to(device) for a in (images.train_labels, images.test_labels))

        def observe(network: Network, step: int) -> Observations:
            best = maximising_images(network, self.layer, range(self.filters), self.ascent)
            return {
                "test_accuracy": accuracy(network, x_test, y_test).cpu().numpy(),
                "entropy": spectral_entropy(best).cpu().numpy(),
                "image": best.cpu().numpy(),
            }

        seen = train(
            own.network(tuple(x.shape[1:]), images.classes, device),
            own.rule,
            x,
            y,
            replace(own.schedule, observe_at=(own.schedule.epochs,)),
            observe,
            hidden_error_scale=own.hidden_error_scale,
            progress=Titled(self.name, progress),
            checkpoint=checkpoint,
        )
        (accuracies,), (entropies,), (pictures,) = (seen[name] for name in ("test_accuracy", "entropy", "image"))
        long_name, units = ABOUT["test_accuracy"]
        variables: dict[str, Any] = {
            "filter_test_accuracy": variable("member", accuracies.astype(own.dtype), long_name, units),
            "filter_entropy": variable(
                "member filter", entropies, "spectral entropy of the image that a filter responds to most"
            ),
            "filter_image": variable(
                "filter colour row column",
                pictures[0].astype(np.float32),
                "the image that a filter of the first member responds to most, root mean square 1",
            ),
        }
        return xr.Dataset(variables, {"member": np.array(own.seeds)}), images.source
