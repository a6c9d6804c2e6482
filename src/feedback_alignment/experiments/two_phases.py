"""Chapter 02: the two phases of direct feedback alignment in a two-layer network, and the minimum that it chooses.

Refinetti et al. 2021, Eqs 5–7, 22–31, Figs 2 (erf panels), 3 and 10, supplement A and B.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import xarray as xr

from feedback_alignment.companion import pictures, provenance
from feedback_alignment.companion.claims import Claim
from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.experiments import (
    two_phases_claims,
    two_phases_early,
    two_phases_figures,
    two_phases_minima_figures,
    two_phases_parts,
    two_phases_plateau,
    two_phases_zero_start,
)
from feedback_alignment.experiments.processor_runs import on_the_processor
from feedback_alignment.experiments.two_phases_curves import Panel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCIENCE_VERSION = 1
COST = {"smoke": "5 s", "quick": "15 s", "paper": "10 min on one core"}


def panels(horizons: tuple[float, float, float]) -> tuple[Panel, ...]:
    """Return the erf panels of Fig. 2, each until its horizon (samples / N)."""
    names = (("BP, K = 2", "bp", 2), ("DFA, K = 2", "dfa", 2), ("DFA, K = 8", "dfa", 8))
    return tuple(Panel(*name, horizon) for name, horizon in zip(names, horizons, strict=True))


@dataclass(frozen=True)
class Settings:
    """How much of everything is computed; N = 500, η, σ0 and the teachers are the same at every scale."""

    profile: str
    seeds: tuple[int, ...]
    """Runs in each panel of Fig. 2, of which the figure draws three."""
    panels: tuple[Panel, ...]
    deviation_sizes: tuple[int, ...]
    """Numbers of inputs N at which single runs are compared with the equations of motion."""
    deviation_runs: int
    one_step_batches: int
    one_step_samples: int
    plateau_starts: int
    map_starts: tuple[int, int]
    """Starts of the map of minima, for K = 2 and 3."""
    stability_draws: int
    zero_start_inputs: int
    reduced: tuple[str, ...] = ()


SETTINGS: dict[str, Settings] = {
    "smoke": Settings("smoke", (0, 1), panels((300, 300, 30)), (50, 400), 3, 2, 200, 8, (6, 4), 2, 20),
    "quick": Settings(
        "quick", (0, 1, 2), panels((3e3, 4e3, 1.5e3)), (125, 500, 2000), 20, 10, 2000, 24, (40, 40), 3, 100
    ),
    "paper": Settings(
        "paper",
        tuple(range(30)),
        panels((1e4, 1e4, 1e4)),
        (125, 500, 2000, 8000, 32000, 125000, 1000000),
        60,
        40,
        5000,
        500,
        (1000, 600),
        50,
        500,
    ),
}


def run(settings: Settings, device: str = "cpu", progress: Monitor | Quiet | None = None) -> xr.Dataset:
    """Compute every part of the chapter on one CPU thread; a part is a stage that an interrupted run resumes.

    Raises ValueError for a device other than 'cpu': the theory has no other.
    """
    return on_the_processor(
        _dataset, settings, device, progress, chapter="02_two_phases", science_version=SCIENCE_VERSION
    )


def _dataset(settings: Settings, progress: Monitor | Quiet) -> xr.Dataset:
    parts = two_phases_parts
    variables = {
        **parts.curves(settings.panels, settings.seeds, progress),
        **parts.deviations(settings.deviation_sizes, settings.deviation_runs, progress),
        **parts.early_times(settings.one_step_batches, settings.one_step_samples, progress),
        **parts.plateaus(progress),
        **parts.alignments(settings.plateau_starts, progress),
        **parts.minima(2, settings.map_starts[0], settings.stability_draws, progress),
        **parts.minima(3, settings.map_starts[1], settings.stability_draws, progress),
        **parts.zero_starts(settings.zero_start_inputs, progress),
    }
    return xr.Dataset(variables, coords=_coordinates(settings))


def _coordinates(settings: Settings) -> dict[str, Any]:
    time = {"units": "samples / N"}
    return {
        "panel": [panel.name for panel in settings.panels],
        "run": ("run", list(settings.seeds), {"long_name": "seed"}),
        "rule": list(two_phases_parts.RULES),
        "size": ("size", list(settings.deviation_sizes), {"long_name": "number of inputs N"}),
        "K": ("K", list(two_phases_parts.SIZES), {"long_name": "hidden units of student and teacher"}),
        "order": ("order", [1, 2], {"long_name": "highest power of eta in the equations"}),
        "pair": [f"K = {K}, M = {M}" for K, M in two_phases_plateau.UNEQUAL],
        "time_early": ("time_early", two_phases_early.SHOWN_TIMES, time),
        "time_slow": ("time_slow", two_phases_plateau.SLOW_TIMES, time),
        "time_zero": ("time_zero", two_phases_zero_start.TIMES, time),
        "case": [case.name for case in two_phases_zero_start.CASES],
    }


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Check what the paper says of these students, as printed and as derived here."""
    return two_phases_claims.claims(dataset)


def figures(*datasets: xr.Dataset) -> "dict[str, Figure]":
    """Return the chapter's figures; those that depend on the scale of the run have one column a dataset."""
    last = datasets[-1:]
    drawn = {
        "learning_curves": (two_phases_figures.learning_curves(datasets), datasets),
        "two_phases": (two_phases_figures.two_phases(*last), last),
        "second_layer": (two_phases_figures.second_layer(*last), last),
        "deviations": (two_phases_figures.deviations(datasets), datasets),
        "early_times": (two_phases_figures.early_times(*last), last),
        "slow_manifold": (two_phases_figures.slow_manifold(*last), last),
        "minima": (two_phases_minima_figures.minima(datasets), datasets),
        "permutations": (two_phases_minima_figures.permutations(datasets), datasets),
        "zero_start": (two_phases_minima_figures.zero_start(*last), last),
    }
    for figure, shown in drawn.values():
        pictures.note(figure, provenance.figure_note(shown))
    return {name: figure for name, (figure, _) in drawn.items()}
