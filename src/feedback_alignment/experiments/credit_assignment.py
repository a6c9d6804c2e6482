"""Chapter 01: back-propagation, feedback alignment, direct feedback alignment and DRTP side by side.

Refinetti et al. 2021, Fig. 1 and Eqs 1–4; Launay et al. 2019, Fig. 1 and Eq. 6; Frenkel et al. 2021 for DRTP.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
import xarray as xr

from feedback_alignment.companion import provenance
from feedback_alignment.companion.claims import Claim, Expected, Measured, Tolerance
from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.experiments import credit_assignment_figures
from feedback_alignment.experiments.information_flow import draw_information_flow
from feedback_alignment.networks import data
from feedback_alignment.networks.devices import require_device
from feedback_alignment.networks.observables import accuracy, alignment
from feedback_alignment.networks.perceptron import Perceptrons, mlp
from feedback_alignment.networks.rules import BP, DFA, DRTP, FA, LastLayerOnly, Rule
from feedback_alignment.networks.training import Observations, Schedule, train

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCIENCE_VERSION = 1
MEMBERS_ARE_INDEPENDENT = True
RULES: tuple[Rule, ...] = (BP(), FA(), DFA(), DRTP(), LastLayerOnly())
RANDOM_FEEDBACK = ("FA", "DFA", "DRTP")
COST = {"smoke": "2 s", "quick": "11 s", "paper": "40 min on one core"}


@dataclass(frozen=True)
class Settings:
    """Everything that the numbers of this chapter depend on."""

    profile: str
    images: str
    hidden: tuple[int, ...]
    activation: str
    seeds: tuple[int, ...]
    training_samples: int
    schedule: Schedule
    dtype: Literal["float32", "float64"]
    """float64 in the quick run: its printed digits are then the same on every processor."""
    alignment_samples: int
    """The alignment is taken on the first so many training samples, the same ones at all times."""
    reduced: tuple[str, ...] = ()


SETTINGS: dict[str, Settings] = {
    "smoke": Settings(
        "smoke", "digits", (16, 16), "tanh", (0, 1), 256, Schedule(4, 32, 0.1, "mean", (0, 1, 2, 4)), "float64", 64
    ),
    "quick": Settings(
        "quick",
        "digits",
        (64, 64),
        "tanh",
        tuple(range(5)),
        1437,
        Schedule(50, 32, 0.1, "mean", (0, 0.25, 0.5, 1, 2, 4, 7, 12, 25, 50)),
        "float64",
        500,
    ),
    "paper": Settings(
        "paper",
        "mnist",
        (300, 300),
        "tanh",
        tuple(range(10)),
        60000,
        Schedule(30, 100, 0.2, "mean", (0, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30)),
        "float32",
        500,
    ),
}


def run(settings: Settings, device: str = "cpu", progress: Monitor | Quiet | None = None) -> xr.Dataset:
    """Train one ensemble by each rule from equal weights and return accuracies and alignments over training.

    Raises ValueError for a device that is not there.
    """
    require_device(device)
    progress = progress or Quiet()
    commit = provenance.commit()
    loaded = data.load(settings.images)
    images = data.standardise(loaded.subset(settings.training_samples, len(loaded.test_labels)), per_channel=False)
    dtype = getattr(torch, settings.dtype)
    x, x_test = (torch.from_numpy(a).to(device, dtype) for a in images.flat)
    y, y_test = (torch.from_numpy(a).to(device) for a in (images.train_labels, images.test_labels))
    sizes = (x.shape[1], *settings.hidden, images.classes)
    probe = slice(settings.alignment_samples)

    def observed(rule: Rule) -> Any:
        def observe(network: Perceptrons, step: int) -> Observations:
            aligned = alignment(network, rule, x[probe], y[probe])
            return {
                "test_accuracy": accuracy(network, x_test, y_test).cpu().numpy(),
                "train_accuracy": accuracy(network, x[: len(x_test)], y[: len(x_test)]).cpu().numpy(),
                "gradient_alignment": aligned.gradient.cpu().numpy(),
                "gradient_alignment_spread": aligned.gradient_spread.cpu().numpy(),
                "signal_alignment": aligned.signal.cpu().numpy(),
                "signal_alignment_spread": aligned.signal_spread.cpu().numpy(),
                "update_alignment": aligned.update.cpu().numpy(),
            }

        return observe

    runs = []
    for rule in RULES:
        network = mlp(sizes, rule, settings.seeds, activation=settings.activation, dtype=dtype, device=device)
        runs.append(
            train(
                network,
                rule,
                x,
                y,
                settings.schedule,
                observed(rule),
                progress=progress,
                checkpoint=progress.checkpoint(rule.name),
            )
        )
    dataset = _dataset(settings, runs)
    return provenance.stamp(
        dataset,
        chapter="01_credit_assignment",
        science_version=SCIENCE_VERSION,
        settings=settings,
        commit=commit,
        device=device,
        wall_seconds=progress.elapsed(),
        data=images.source,
    )


def _dataset(settings: Settings, runs: list[Observations]) -> xr.Dataset:
    axes = ("rule", "epoch", "member", "layer")
    descriptions = {
        "test_accuracy": "fraction of test images classified correctly",
        "train_accuracy": "fraction of the first training images, as many as test images, classified correctly",
        "gradient_alignment": "mean over samples of the cosine between the rule's and BP's delta a_l",
        "gradient_alignment_spread": "standard deviation of the same over samples",
        "signal_alignment": "mean over samples of the cosine between the rule's and BP's signal before g'(a_l)",
        "signal_alignment_spread": "standard deviation of the same over samples",
        "update_alignment": "cosine between the rule's and BP's weight update from the whole batch",
    }
    stored = np.float32 if settings.dtype == "float32" else np.float64
    variables = {}
    for name, description in descriptions.items():
        values = np.stack([run[name] for run in runs]).astype(stored)
        variables[name] = (axes[: values.ndim], values, {"long_name": description, "units": "1"})
    return xr.Dataset(
        variables,
        coords={
            "rule": [rule.name for rule in RULES],
            "epoch": ("epoch", list(settings.schedule.observe_at), {"units": "epochs"}),
            "member": ("member", list(settings.seeds), {"long_name": "seed"}),
            "layer": ("layer", list(range(1, len(settings.hidden) + 1)), {"long_name": "hidden layer"}),
        },
    )


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Check what the papers say of these rules; see the chapter for the words around each claim."""
    scale = provenance.scale(dataset)
    last = dataset.isel(epoch=-1)
    half = dataset.sel(epoch=dataset.epoch[-1] / 2, method="nearest")
    second_half = last - half
    gained = last.test_accuracy - last.test_accuracy.sel(rule="last layer only")
    dfa_angle = np.degrees(np.arccos(last.update_alignment.sel(rule="DFA").clip(-1, 1)))
    seeds = Tolerance("three standard errors over seeds; nothing else is uncertain")
    zero, positive, negative = Expected("0", low=0, high=0), Expected("> 0", low=0), Expected("< 0", high=0)
    refinetti, launay = "Refinetti et al. 2021, ", "Launay et al. 2019, Sec. 2.2"
    sources = {
        "FA": refinetti + "Introduction, Eq. 3",
        "DFA": refinetti + "Introduction, Eq. 4",
        "DRTP": refinetti + "Related work (Frenkel et al. 2021)",
    }

    def claim(key: str, source: str, statement: str, expected: Expected, values: xr.DataArray) -> Claim:
        return Claim(f"01-{key}", source, statement, expected, Measured.over_seeds(values.values), seeds, scale)

    found = []
    for rule in RANDOM_FEEDBACK:
        found.append(
            claim(
                f"learns-{rule.lower()}",
                sources[rule],
                f"{rule} trains the hidden layers: test accuracy gained over training the last layer only",
                positive,
                gained.sel(rule=rule),
            )
        )
        found.append(
            claim(
                f"starts-{rule.lower()}",
                "this book",
                f"Alignment is not given: gradient alignment of {rule} before training, mean over layers",
                zero,
                dataset.gradient_alignment.sel(rule=rule, epoch=0).mean("layer"),
            )
        )
        found.append(
            claim(
                f"aligns-{rule.lower()}",
                f"{launay}, Eq. 6",
                f"Learning goes with alignment: signal alignment of {rule} after training, weakest layer",
                positive,
                last.signal_alignment.sel(rule=rule).min("layer"),
            )
        )
    found.append(
        claim(
            "not-bp",
            refinetti + "Introduction",
            "DFA is not BP: degrees between their updates after training, closest layer",
            Expected("not 0 (here: > 5)", low=5),
            dfa_angle.min("layer"),
        )
    )
    found.append(
        claim(
            "decreases",
            launay,
            "On MNIST alignment decreases towards the end: DFA, change in the second half, mean over layers",
            negative,
            second_half.signal_alignment.sel(rule="DFA").mean("layer"),
        )
    )
    found.append(
        claim(
            "spreads",
            launay,
            "On MNIST alignment spreads towards the end: change of its sd over samples for DFA, second half",
            positive,
            second_half.signal_alignment_spread.sel(rule="DFA").mean("layer"),
        )
    )
    return found


def figures(*datasets: xr.Dataset) -> "dict[str, Figure]":
    """Return the chapter's figures; each dataset is one column of panels."""
    return {
        "information_flow": draw_information_flow(),
        "accuracy": credit_assignment_figures.accuracy(datasets),
        "gradient_alignment": credit_assignment_figures.gradient_alignment(datasets, RANDOM_FEEDBACK),
        "update_angle": credit_assignment_figures.update_angle(datasets),
    }
