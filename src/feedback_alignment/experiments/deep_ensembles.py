"""Ensembles of deep perceptrons watched while they learn: what chapters 06, 07 and 08 share.

One ensemble is one piece of work: it belongs to its own settings, is stored once, and serves every chapter that asks
for it (Refinetti et al. 2021, Sec. 1.3, 3 and SM E.2).
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float, Int, Int64
from torch import Tensor

from feedback_alignment import streams
from feedback_alignment.companion import provenance
from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.companion.piece_files import PieceFile
from feedback_alignment.experiments import deep_ensembles_observations as observations
from feedback_alignment.networks import data
from feedback_alignment.networks.data import LabelledImages
from feedback_alignment.networks.devices import require_device
from feedback_alignment.networks.label_noise import noisy_labels
from feedback_alignment.networks.perceptron import Perceptrons, mlp
from feedback_alignment.networks.rules import BP, DFA, Rule
from feedback_alignment.networks.training import Observations, Progress, Schedule, latest_batch, train
from feedback_alignment.networks.training_data import Labels, Targets

VERSION = 1
"""Raised when the meaning of an ensemble's numbers changes: pieces of another version are computed again."""
RULES: dict[str, Rule] = {"BP": BP(), "DFA": DFA()}


@dataclass(frozen=True)
class EnsembleSettings:
    """Everything that the numbers of one ensemble depend on."""

    images: str
    side: int | None
    """Images are resized to side × side pixels; None leaves them as they are."""
    hidden: tuple[int, ...]
    activation: str
    rule: str
    """The name of a rule in `RULES`."""
    seeds: tuple[int, ...]
    """One a member, for weights, data order and label noise."""
    feedback_seeds: tuple[int, ...]
    """One a member: equal ones give members the same F. BP's networks have an F, too, that alignment is measured to."""
    label_noise: float
    """Share of the training labels that are drawn at random (the right one included)."""
    schedule: Schedule
    dtype: Literal["float32", "float64"]
    probe_samples: int
    """Alignment is measured on the first so many training samples, beside the batch of the last step."""

    def __post_init__(self) -> None:
        """Raise ValueError for an unknown rule or for other than one feedback seed a member."""
        if self.rule not in RULES:
            raise ValueError(f"rule must be one of {', '.join(RULES)}; got {self.rule!r}")
        if len(self.feedback_seeds) != len(self.seeds):
            raise ValueError(
                f"feedback_seeds must be {len(self.seeds)} numbers, one a member as in seeds; got {self.feedback_seeds}"
            )

    @property
    def name(self) -> str:
        """The ensemble in words."""
        noise = f" noise {self.label_noise:g}" if self.label_noise else ""
        own = " own F" if len(set(self.feedback_seeds)) > 1 else ""
        return f"{self.images} {self.activation} {self.rule}{noise}{own}"

    @property
    def identity(self) -> dict[str, Any]:
        """What the ensemble's stored piece belongs to, as plain JSON data."""
        return {"kind": "deep ensemble", "version": VERSION, "settings": provenance.settings_as_data(self)}

    def prepared(self, network: Perceptrons, x: Float[Tensor, "samples features"], y: Labels | Targets) -> Perceptrons:
        """Return the network as training is to find it; here, as it was drawn."""
        return network

    def labels(self, images: LabelledImages) -> Int64[np.ndarray, "members samples"]:
        """Return the training labels of every member, noise included; here, drawn anew at random."""
        return noisy_labels(images.train_labels, self.label_noise, images.classes, self.seeds)

    def taught(self, images: LabelledImages, labels: Int[Tensor, "members samples"]) -> Labels | Targets:
        """Return what is taught; here, the labels, as one set where all members have the same."""
        return labels if self.label_noise else labels[0]

    def observe(
        self, network: Perceptrons, known: observations.Known, latest: Int[np.ndarray, "members batch"]
    ) -> Observations:
        """Return what is seen of the network at one moment; `latest` are the samples of each member's last step."""
        return observations.observe(network, known, latest)

    def dataset(self, seen: Observations) -> xr.Dataset:
        """Return what was seen at all moments, with named dimensions."""
        return observations.dataset(seen, self.schedule.observe_at, self.seeds, self.dtype)


class Titled:
    """Passes on the progress of a stage under a title of its own."""

    def __init__(self, title: str, progress: Progress):
        """`progress` is told what the training loop tells this one."""
        self._title = title
        self._progress = progress
        self.patience = progress.patience
        self.checkpoint_due = progress.checkpoint_due
        self.advance = progress.advance

    def begin(self, label: str, total: int, done: int) -> None:
        """Begin the stage under the title."""
        self._progress.begin(self._title, total, done)


def log_spaced_epochs(first: float, last: float, count: int) -> tuple[float, ...]:
    """Return `count` observation times: 0, and the rest log-spaced from `first` to `last` epochs (3 digits)."""
    return (0.0, *(float(f"{time:.3g}") for time in np.geomspace(first, last, count - 1)))


def ensemble(settings: EnsembleSettings, device: str = "cpu", progress: Monitor | Quiet | None = None) -> xr.Dataset:
    """Return one ensemble's observations: those that are stored, or those of training it now.

    Dimensions: epoch; member; pair of members; layer 1 … L; hidden_layer 1 … L-1; upper_layer 2 … L; and `sampled`, on
    which samples a gradient alignment is taken.

    Raises ValueError for a device that is not there.
    """
    require_device(device)
    progress = progress or Quiet()
    piece = progress.piece(settings.name, settings.identity)
    found = None if piece is None else piece.read()
    if found is not None:
        return found
    dataset = _trained(settings, device, progress, piece)
    if piece is not None:
        piece.write(dataset)
    return dataset


def network(settings: EnsembleSettings, inputs: int, classes: int, device: str = "cpu") -> Perceptrons:
    """Return the ensemble before training: weights by `mlp`, and the F_l of DFA, uniform in ±1/√n_l, for any rule.

    A member's F is drawn from the stream 'feedback' of its feedback seed, as `mlp` does from the member's own seed.
    """
    dtype = getattr(torch, settings.dtype)
    made = mlp(
        (inputs, *settings.hidden, classes),
        BP(),
        settings.seeds,
        activation=settings.activation,
        dtype=dtype,
        device=device,
    )
    feedback: list[Tensor | None] = []
    for layer, width in enumerate(settings.hidden, 1):
        F = [
            streams.generator(seed, "feedback", layer).uniform(-(width**-0.5), width**-0.5, (width, classes))
            for seed in settings.feedback_seeds
        ]
        feedback.append(torch.from_numpy(np.stack(F)).to(dtype).to(device))
    return Perceptrons(made.weights, feedback, settings.activation, settings.seeds)


def _trained(settings: EnsembleSettings, device: str, progress: Monitor | Quiet, piece: PieceFile | None) -> xr.Dataset:
    commit = provenance.commit()
    images = data.standardise(data.load(settings.images), per_channel=False)
    images = images if settings.side is None else data.resize(images, settings.side)
    dtype = getattr(torch, settings.dtype)
    x, x_test = (torch.from_numpy(a).to(device, dtype) for a in images.flat)
    y, y_test = (torch.from_numpy(a).to(device) for a in (settings.labels(images), images.test_labels))
    schedule = settings.schedule
    y_taught = settings.taught(images, y)
    started = settings.prepared(network(settings, x.shape[1], images.classes, device), x, y_taught)
    start = [W.clone() for W in started.weights]
    known = observations.Known(x, y, x_test, y_test, slice(settings.probe_samples), start)

    def observe(network: Perceptrons, step: int) -> Observations:
        latest = latest_batch(settings.seeds, max(step, 1), len(x), schedule.batch)
        return settings.observe(network, known, latest)

    seen = train(
        started,
        RULES[settings.rule],
        x,
        y_taught,
        schedule,
        observe,
        progress=Titled(settings.name, progress),
        checkpoint=None if piece is None else piece.checkpoint,
    )
    return provenance.stamp_piece(
        settings.dataset(seen),
        identity=settings.identity,
        commit=commit,
        device=device,
        wall_seconds=progress.elapsed() if piece is None else piece.checkpoint.elapsed(),
        data=images.source,
    )
