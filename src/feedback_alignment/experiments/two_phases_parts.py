"""The parts of chapter 02's dataset: each computes its stage, piece by piece, and names its arrays."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.experiments import (
    two_phases_alignment,
    two_phases_curves,
    two_phases_early,
    two_phases_minima,
    two_phases_plateau,
    two_phases_zero_start,
)
from feedback_alignment.experiments.pieces import in_pieces
from feedback_alignment.experiments.two_phases_curves import Panel

N, ETA, SIGMA0 = 500, 0.1, 1e-2
SIZES = (2, 3, 4)
"""Numbers of hidden units, K = M, on which the formulas for early times and the plateau are tried."""
RULES = ("bp", "dfa")
Piece = TypeVar("Piece")
Progress = Monitor | Quiet
Variables = dict[str, tuple[tuple[str, ...], np.ndarray, dict[str, str]]]


def stacked(
    stage: str, pieces: Sequence[Piece], compute: Callable[[Piece], Mapping[str, np.ndarray]], progress: Progress
) -> dict[str, np.ndarray]:
    """Return what `compute` gives for each of `pieces`, stacked along a first axis, in float64."""
    found = in_pieces(stage, pieces, lambda piece: dict(compute(piece)), progress)
    return {name: np.stack([entry[name] for entry in found]).astype(float) for name in found[0]}


def named(
    prefix: str, dimensions: tuple[str, ...], found: Mapping[str, np.ndarray], description: str, **inner: str
) -> Variables:
    """Return arrays as variables of a dataset; `inner` names further dimensions, separated by spaces, by array."""
    return {
        f"{prefix}_{name}": (
            (*dimensions, *inner.get(name, "").split()),
            values,
            {
                "long_name": f"{description}: {name.replace('_', ' ')}",
                "units": "samples / N" if name.startswith("alpha") else "1",
            },
        )
        for name, values in found.items()
    }


def curves(panels: Sequence[Panel], seeds: Sequence[int], progress: Progress) -> Variables:
    """Return the erf panels of Fig. 2, and the two runs of Fig. 3 until the end of the longest panel."""
    runs = [(panel, seed) for panel in panels for seed in seeds]
    found = stacked("learning curves", runs, lambda run: two_phases_curves.panel_run(*run, N, ETA, SIGMA0), progress)
    shaped = {name: values.reshape(len(panels), len(seeds), -1) for name, values in found.items()}
    end = max(panel.horizon for panel in panels)
    shown = stacked("shown run", RULES, lambda rule: two_phases_curves.shown_run(rule, N, ETA, SIGMA0, end), progress)
    return {
        **named("curve", ("panel", "run", "point"), shaped, "generalisation error of Fig. 2"),
        **named("shown", ("rule", "shown_point"), shown, "run of Fig. 3", W2="unit"),
    }


def deviations(sizes: Sequence[int], runs: int, progress: Progress) -> Variables:
    """Return how far single runs are from the equations of motion, at each N of `sizes`."""
    found = stacked(
        "deviations", sizes, lambda size: {"rms": two_phases_curves.deviations(size, runs, ETA, SIGMA0)}, progress
    )
    return named("deviation", ("size", "deviation_run"), found, "distance of a run from the equations of motion")


def early_times(batches: int, samples: int, progress: Progress) -> Variables:
    """Return the checks of Eqs 28–30: formulas against the equations of motion, and against single steps of SGD."""
    early = two_phases_early
    errors = stacked("early times", SIZES, lambda K: early.coefficient_errors(K, ETA), progress)
    steps = stacked("one step", range(batches), lambda batch: early.one_step(batch, samples, ETA), progress)
    return {
        **named("early_error", ("K",), errors, "largest relative error of a formula"),
        **named("one_step", ("batch",), steps, "change in one step relative to the formula"),
        **named("early", ("time_early",), early.shown(ETA), "solution relative to the expansion"),
    }


def plateaus(progress: Progress) -> Variables:
    """Return the checks of Eq. 31, the way along the slow manifold, and the heights of the plateau."""
    plateau = two_phases_plateau
    cases = [(K, order) for order in (1, 2) for K in SIZES]
    heights = stacked("heights", cases, lambda case: plateau.heights(case, ETA), progress)
    by_rule = np.stack([heights[rule].reshape(2, len(SIZES)) for rule in RULES], axis=-1)
    residuals = stacked("plateau", SIZES, plateau.printed_and_derived, progress)
    unequal = stacked("unequal plateau", plateau.UNEQUAL, plateau.unequal_residual, progress)
    inner = {"W2": "unit", "Q": "unit other_unit", "R": "unit teacher_unit"}
    return {
        **named("plateau", ("K",), residuals, "largest velocity / eta on the plateau"),
        **named("plateau_unequal", ("pair",), unequal, "largest velocity / eta on the plateau"),
        **named("plateau", ("order", "K", "rule"), {"height": by_rule}, "generalisation error on the plateau"),
        **named("slow", ("time_slow",), plateau.slow_manifold(ETA), "student from zero weights", **inner),
    }


def alignments(starts: int, progress: Progress) -> Variables:
    """Return how students of two units meet the plateau."""
    found = stacked(
        "alignment", range(starts), lambda seed: two_phases_alignment.met_plateau(seed, N, ETA, SIGMA0), progress
    )
    return named("met", ("start", "rule"), found, "student of two units, teacher weights 1")


def minima(K: int, starts: int, draws: int, progress: Progress) -> Variables:
    """Return the map of minima for K = M units, and the stability of each minimum."""
    reached = stacked(
        f"minima of {K} units",
        range(starts),
        lambda seed: two_phases_minima.reached(K, seed, N, ETA, SIGMA0),
        progress,
    )
    stable = stacked(
        f"stability of {K} units", range(draws), lambda draw: two_phases_minima.stability(K, draw, ETA), progress
    )
    vectors = {"W2": f"unit_{K}", "F": f"unit_{K}"}
    return {
        **named(f"minima{K}", (f"start_{K}", "rule"), reached, f"student of {K} units", **vectors),
        **named(f"stability{K}", ("draw", f"minimum_{K}"), stable, f"minimum of {K} units"),
    }


def zero_starts(N_simulated: int, progress: Progress) -> Variables:
    """Return Fig. 10 and its controls."""
    found = stacked(
        "zero starts",
        two_phases_zero_start.CASES,
        lambda case: two_phases_zero_start.followed(case, N_simulated, ETA),
        progress,
    )
    return named("zero", ("case", "time_zero"), found, "generalisation error from zero weights")
