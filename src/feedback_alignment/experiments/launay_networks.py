"""The networks of Launay et al. 2019, watched while they learn by DFA: what chapters 09, 10 and 11 share.

Order inside a layer: Linear, dropout, activation, batch normalisation. Signals enter at the layer's output.
"""

import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float, Int
from torch import Tensor

from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.companion.piece_files import TimedCheckpoint
from feedback_alignment.experiments.deep_ensembles import Titled
from feedback_alignment.experiments.launay_observations import RULERS, LastEpoch, cosines_by_ruler
from feedback_alignment.networks import data
from feedback_alignment.networks.architectures import stack
from feedback_alignment.networks.data import LabelledImages
from feedback_alignment.networks.feedback import Scale
from feedback_alignment.networks.feedback_distributions import SharedMatrix
from feedback_alignment.networks.initialisation import He, Initialisation
from feedback_alignment.networks.layers import Affine, Linear, Shape
from feedback_alignment.networks.network import Network
from feedback_alignment.networks.observables import accuracy
from feedback_alignment.networks.operations import Activation, BatchNorm, Dropout, Operation
from feedback_alignment.networks.pixel_scaling import CIFAR10_CONSTANTS, shift_and_scale
from feedback_alignment.networks.rules import BP, DFA, Rule
from feedback_alignment.networks.training import Observations, Schedule, train

EVERYTHING = slice(None)
INPUT_DROPOUT = 0.1
"""On the inputs of a network that has dropout anywhere."""


@dataclass(frozen=True)
class Practice:
    """What one row of Table 2 has beside its fellows."""

    name: str
    activation: str = "tanh"
    dropout: float = 0.0
    """Rate in hidden layers."""
    batch_norm: bool = False
    feedback_scale: Scale = "width and outputs"
    """Size of the feedback's entries; without normalisation 1."""

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What follows each hidden layer's product."""
        dropped = (Dropout(self.dropout),) if self.dropout else ()
        return (*dropped, Activation(self.activation), *((BatchNorm(),) if self.batch_norm else ()))

    @property
    def input_operations(self) -> tuple[Operation, ...]:
        """What happens to the inputs."""
        return (Dropout(INPUT_DROPOUT),) if self.dropout else ()


@dataclass(frozen=True)
class LaunayNetworks:
    """An ensemble under one practice. It is one piece of work."""

    images: str
    hidden: tuple[int, ...]
    practice: Practice
    seeds: tuple[int, ...]
    """One a member."""
    hidden_error_scale: float
    """Ratio of the hidden layers' learning rate to the output layer's; the batch size where one hears of the error's
    sum over the batch and the other of its mean."""
    schedule: Schedule
    last_epoch_parts: int
    """The accuracy while training is that of the last epoch's batches, each before it is learnt from, with the weights
    at the beginning of its part."""
    dtype: Literal["float32", "float64"]
    probe_samples: int
    """Alignment is measured on the first so many test images."""

    @property
    def name(self) -> str:
        """The ensemble in words, with signs that a file's name may have."""
        practice = self.practice.name.replace("|x|", "abs")
        members = " ".join(map(str, self.seeds))
        words = f"{self.images} {practice} ratio {self.hidden_error_scale:g} {self.schedule.learning_rate} of {members}"
        return re.sub(r"[^\w.-]+", " ", words)

    @property
    def kind(self) -> str:
        """What the stored piece is; the number is raised when the meaning of its results changes."""
        return "networks after Launay et al. 1"

    @property
    def rule(self) -> Rule:
        """What the networks learn by."""
        return DFA()

    @property
    def reference(self) -> Rule:
        """What alignment is measured against."""
        return BP()

    @property
    def start(self) -> Initialisation:
        """How weights and biases are drawn: as the paper says."""
        return He()

    @property
    def hidden_layers(self) -> int:
        """How many hidden layers there are."""
        return len(self.hidden)

    def inputs(self, images: LabelledImages) -> tuple[np.ndarray, np.ndarray]:
        """Return training and test inputs as the network takes them: here vectors."""
        return images.flat

    def network(self, input_shape: Shape, classes: int, device: str = "cpu") -> Network:
        """Return the ensemble before training, with one feedback matrix for all layers."""
        hidden: list[tuple[Affine | Operation, ...]] = [
            (Linear(width, True, self.start), *self.practice.operations) for width in self.hidden
        ]
        return stack(
            input_shape,
            [*hidden, (Linear(classes, True, self.start),)],
            self.rule,
            self.seeds,
            input_operations=self.practice.input_operations,
            feedback=SharedMatrix(self.practice.feedback_scale),
            dtype=getattr(torch, self.dtype),
            device=device,
        )

    def further(
        self, network: Network, inputs: Float[Tensor, "samples ..."], labels: Int[Tensor, " samples"]
    ) -> Observations:
        """Return what else is measured on the probe, one number a member, or one a member and layer; here nothing."""
        return {}

    def compute(
        self, device: str, progress: Monitor | Quiet, checkpoint: TimedCheckpoint | None
    ) -> tuple[xr.Dataset, dict[str, str]]:
        """Train and watch; see `kept_pieces.Work`.

        Dimensions: member, epoch, hidden_layer from 1, and ruler: in which modes the two signals of an angle are taken.
        """
        images = scaled(data.load(self.images))
        dtype = getattr(torch, self.dtype)
        x, x_test = (torch.from_numpy(a).to(device, dtype) for a in self.inputs(images))
        y, y_test = (torch.from_numpy(a).to(device) for a in (images.train_labels, images.test_labels))
        probe = slice(self.probe_samples)
        last = LastEpoch(self.schedule, len(x), self.last_epoch_parts)

        def observe(network: Network, step: int) -> Observations:
            looked = last.look(network, x, y, step)
            if step not in last.measured_at:
                return looked | {name: np.full_like(values, np.nan) for name, values in blank.items()}
            return looked | measure(network)

        def measure(network: Network, some: slice = EVERYTHING) -> Observations:
            images, labels = x_test[probe][some], y_test[probe][some]
            cosines = cosines_by_ruler(network, self.rule, self.reference, images, labels)
            fit = {
                "test_accuracy": accuracy(network, x_test[some], y_test[some]),
                "train_accuracy": accuracy(network, x[some], y[some]),
            }
            further = self.further(network, images, labels)
            return cosines | {name: values.cpu().numpy() for name, values in fit.items()} | further

        network = self.network(tuple(x.shape[1:]), images.classes, device)
        blank = measure(network, slice(2))
        seen = train(
            network,
            self.rule,
            x,
            y,
            last.schedule,
            observe,
            hidden_error_scale=self.hidden_error_scale,
            progress=Titled(self.name, progress),
            checkpoint=checkpoint,
        )
        return self._dataset(seen, last), images.source

    def _dataset(self, seen: Observations, last: LastEpoch) -> xr.Dataset:
        measured = np.isin(last.look_steps, last.measured_at)
        right, of = (np.nansum(seen[name], 0) for name in ("right", "of"))
        variables: dict[str, Any] = {"running_accuracy": ("member", right / of)}
        for name, values in seen.items():
            if name not in ("right", "of", "diverged_at_step"):
                dims = ("epoch", "member", *(("ruler", "hidden_layer")[4 - values.ndim :] if values.ndim > 2 else ()))
                variables[name] = dims, values[measured].astype(self.dtype)
        coords = {
            "epoch": np.array(self.schedule.observe_at),
            "member": np.array(self.seeds),
            "ruler": list(RULERS),
            "hidden_layer": np.arange(1, self.hidden_layers + 1),
        }
        dataset = xr.Dataset(variables, coords)
        for variable in dataset.variables:
            description, unit = ABOUT[str(variable)]
            dataset[variable].attrs = {"long_name": description, "units": unit}
        return dataset


ABOUT = {
    "epoch": ("training time", "epochs"),
    "member": ("seed of the ensemble's member", "1"),
    "ruler": ("modes of the network for the rule's signal and for back-propagation's", "1"),
    "hidden_layer": ("hidden layer, from the inputs", "1"),
    "running_accuracy": ("share of the last epoch's samples classified correctly before learning from them", "1"),
    "test_accuracy": ("share of test images classified correctly", "1"),
    "train_accuracy": ("share of training images classified correctly, nothing dropped", "1"),
    "alignment": ("cosine between the rule's signal and back-propagation's at h_l, mean over samples", "1"),
    "alignment_spread": ("standard deviation of the same over samples", "1"),
    "alignment_at_bottleneck": ("cosine between F e and BP's signal at the bottleneck, mean over samples", "1"),
    "alignment_of_learning": ("the same, of the units that learn alone", "1"),
    "weight_alignment": ("cosine between W_l, or a convolution's matrix, and F_l F_(l-1)^T", "1"),
    "best_weight_alignment": ("the largest such cosine that any convolution reaches", "1"),
    "filter_alignment": ("cosine between filters and the fixed ones that the feedback is made of", "1"),
}
"""Variable -> (description, unit)."""


def scaled(images: LabelledImages) -> LabelledImages:
    """Return images as they are fed in: CIFAR-10 with the constants of the released code, others standardised."""
    if images.name == "cifar10":
        return shift_and_scale(images, *CIFAR10_CONSTANTS)
    return data.standardise(images, per_channel=True)
