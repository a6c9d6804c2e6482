"""Networks like VGG on small images, in place of Table 3 of Launay et al. 2019, whose images are not at hand."""

import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
import xarray as xr

from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.companion.piece_files import TimedCheckpoint
from feedback_alignment.experiments.dataset_parts import variable
from feedback_alignment.experiments.deep_ensembles import Titled
from feedback_alignment.experiments.launay_networks import ABOUT, scaled
from feedback_alignment.networks import data
from feedback_alignment.networks.architectures import stack, vgg
from feedback_alignment.networks.feedback_distributions import SharedMatrix
from feedback_alignment.networks.layers import Shape
from feedback_alignment.networks.momentum import Momentum
from feedback_alignment.networks.network import Network
from feedback_alignment.networks.observables import accuracy, fit
from feedback_alignment.networks.plateau import PlateauRate
from feedback_alignment.networks.rules import BP, DFA, ByLayer, LastLayerOnly, Rule
from feedback_alignment.networks.teaching_signals import signal_cosines
from feedback_alignment.networks.training import Observations, Schedule, train

VggTeacher = Literal["BP", "DFA", "classifier"]
VGG_TEACHERS: dict[VggTeacher, str] = {"BP": "BP", "DFA": "DFA", "classifier": "classifier alone by BP"}
"""Who teaches -> the figures' words. The classifier alone stands on convolutions that keep their random filters."""
CHUNK = 500
"""So many images pass at once where nothing is learnt: their activities are large."""


@dataclass(frozen=True)
class VggNetworks:
    """An ensemble of networks like VGG under one teacher, by gradient descent with momentum. It is one piece of work.

    They learn from the first `samples` training images. The rate is divided by 10 when the loss on the `validation`
    images after those has not fallen for more than `patience` epochs.
    """

    images: str
    groups: tuple[tuple[int, int], ...]
    hidden: tuple[int, ...]
    teacher: VggTeacher
    seeds: tuple[int, ...]
    samples: int
    validation: int
    schedule: Schedule
    """Observed after every epoch, from 0 on."""
    momentum: float
    patience: int
    hidden_error_scale: float
    """Ratio of the hidden layers' learning rate to the output layer's."""
    dtype: Literal["float32", "float64"]
    probe_samples: int
    """Alignment is measured on the first so many test images."""

    def __post_init__(self) -> None:
        """Raise ValueError for an unknown teacher, or a schedule that does not look after every epoch."""
        if self.teacher not in VGG_TEACHERS:
            raise ValueError(f"teacher must be one of {list(VGG_TEACHERS)}; got {self.teacher!r}")
        if self.schedule.observe_at != tuple(range(int(self.schedule.epochs) + 1)):
            raise ValueError(
                f"the plateau is looked for after every epoch: observe at 0, 1, … {self.schedule.epochs}; got "
                f"{self.schedule.observe_at}"
            )

    @property
    def name(self) -> str:
        """The ensemble in words, with signs that a file's name may have."""
        convolutions = sum(count for count, _ in self.groups)
        members = " ".join(map(str, self.seeds))
        words = (
            f"{self.images} VGG {convolutions + len(self.hidden) + 1} {self.teacher} ratio {self.hidden_error_scale:g}"
        )
        return re.sub(r"[^\w.-]+", " ", f"{words} of {members}")

    @property
    def kind(self) -> str:
        """What the stored piece is; the number is raised when the meaning of its results changes."""
        return "networks like VGG 1"

    @property
    def rule(self) -> Rule:
        """What the networks learn by."""
        if self.teacher == "classifier":
            return ByLayer((LastLayerOnly(),) * sum(count for count, _ in self.groups) + (BP(),) * len(self.hidden))
        return DFA() if self.teacher == "DFA" else BP()

    def network(self, input_shape: Shape, classes: int, device: str = "cpu") -> Network:
        """Return the ensemble before training: He's weights, biases 0, one feedback matrix for all layers of DFA."""
        return stack(
            input_shape,
            vgg(self.groups, classes, self.hidden),
            self.rule,
            self.seeds,
            feedback=SharedMatrix("width and outputs"),
            dtype=getattr(torch, self.dtype),
            device=device,
        )

    def compute(
        self, device: str, progress: Monitor | Quiet, checkpoint: TimedCheckpoint | None
    ) -> tuple[xr.Dataset, dict[str, str]]:
        """Train and watch; see `kept_pieces.Work`.

        Dimensions: vgg_member, vgg_epoch, and vgg_layer, the hidden layers from 1. Raises ValueError for more samples
        than there are training images.
        """
        images = scaled(data.load(self.images))
        if self.samples + self.validation > len(images.train_inputs):
            raise ValueError(
                f"need {self.samples} training and {self.validation} validation images; {self.images} has "
                f"{len(images.train_inputs)} training images in all"
            )
        dtype = getattr(torch, self.dtype)
        x, x_test = (torch.from_numpy(a).to(device, dtype) for a in (images.train_inputs, images.test_inputs))
        y, y_test = (torch.from_numpy(a).to(device) for a in (images.train_labels, images.test_labels))
        own, kept = slice(self.samples), slice(self.samples, self.samples + self.validation)
        probe = slice(self.probe_samples)
        network = self.network(tuple(x.shape[1:]), images.classes, device)

        def observe(steered: PlateauRate, step: int) -> Observations:
            validation = fit(steered, x[kept], y[kept], CHUNK)
            if step:
                steered.look(validation.loss.cpu().numpy().astype(np.float64))
            seen = {"validation_loss": validation.loss, "validation_accuracy": validation.accuracy}
            found = {name: values.cpu().numpy() for name, values in seen.items()}
            return found | {"share_of_rate": np.array(steered.shares)}

        seen = train(
            PlateauRate(Momentum(network, self.momentum), self.patience),
            self.rule,
            x[own],
            y[own],
            self.schedule,
            observe,
            hidden_error_scale=self.hidden_error_scale,
            progress=Titled(self.name, progress),
            checkpoint=checkpoint,
        )
        cosines = signal_cosines(network, self.rule, x_test[probe], y_test[probe], "eval", "eval").cpu().numpy()
        angles = np.ma.masked_invalid(cosines).mean(-1).filled(np.nan)
        ends = {
            "test_accuracy": accuracy(network, x_test, y_test, CHUNK),
            "train_accuracy": accuracy(network, x[own], y[own], CHUNK),
        }
        return self._dataset(seen, {name: values.cpu().numpy() for name, values in ends.items()}, angles), images.source

    def _dataset(self, seen: Observations, ends: Observations, angles: np.ndarray) -> xr.Dataset:
        variables: dict[str, Any] = {
            "vgg_validation_loss": variable(
                "vgg_epoch vgg_member", seen["validation_loss"], "mean cross entropy of the validation images", "nats"
            ),
            "vgg_validation_accuracy": variable(
                "vgg_epoch vgg_member", seen["validation_accuracy"], "share of validation images classified correctly"
            ),
            "vgg_share_of_rate": variable(
                "vgg_epoch vgg_member", seen["share_of_rate"], "what is left of the learning rate, as a share"
            ),
            "vgg_alignment": variable("vgg_member vgg_layer", angles, *ABOUT["alignment"]),
        }
        for name, values in ends.items():
            variables[f"vgg_{name}"] = variable("vgg_member", values, *ABOUT[name])
        coords = {
            "vgg_epoch": np.array(self.schedule.observe_at, dtype=float),
            "vgg_member": np.array(self.seeds),
            "vgg_layer": np.arange(1, angles.shape[1] + 1),
        }
        return xr.Dataset(variables, coords)
