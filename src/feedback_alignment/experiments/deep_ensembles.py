"""Ensembles of deep perceptrons watched while they learn: what chapters 06, 07 and 08 share.

One ensemble is one piece of work: it belongs to its own settings, is stored once, and serves every chapter that asks
for it (Refinetti et al. 2021, Sec. 1.3, 3 and SM E.2).
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float, Int
from torch import Tensor

from feedback_alignment import streams
from feedback_alignment.companion import provenance
from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.companion.piece_files import PieceFile
from feedback_alignment.experiments import deep_ensembles_observations as observations
from feedback_alignment.networks import data
from feedback_alignment.networks.devices import require_device
from feedback_alignment.networks.label_noise import noisy_labels
from feedback_alignment.networks.perceptron import Perceptrons, mlp
from feedback_alignment.networks.rules import BP, DFA, Rule
from feedback_alignment.networks.training import Observations, Progress, Schedule, latest_batch, train

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

    def prepared(
        self, network: Perceptrons, x: Float[Tensor, "samples features"], y: Int[Tensor, "... samples"]
    ) -> Perceptrons:
        """Return the network as training is to find it; here, as it was drawn."""
        return network


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
    labels = noisy_labels(images.train_labels, settings.label_noise, images.classes, settings.seeds)
    y, y_test = (torch.from_numpy(a).to(device) for a in (labels, images.test_labels))
    schedule = settings.schedule
    y_taught = y if settings.label_noise else y[0]
    started = settings.prepared(network(settings, x.shape[1], images.classes, device), x, y_taught)
    start = [W.clone() for W in started.weights]
    known = observations.Known(x, y, x_test, y_test, slice(settings.probe_samples), start)

    def observe(network: Perceptrons, step: int) -> Observations:
        latest = latest_batch(settings.seeds, max(step, 1), len(x), schedule.batch)
        return observations.observe(network, known, latest)

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
    dataset = observations.dataset(seen, settings.schedule.observe_at, settings.seeds, settings.dtype)
    return provenance.stamp_piece(
        dataset,
        identity=settings.identity,
        commit=commit,
        device=device,
        wall_seconds=progress.elapsed() if piece is None else piece.checkpoint.elapsed(),
        data=images.source,
    )
