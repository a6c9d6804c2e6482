"""The parts of chapter 03's dataset; each is one or several stages that an interrupted run resumes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.experiments import relu_students
from feedback_alignment.experiments.first_passage import Learning
from feedback_alignment.experiments.overparametrisation_settings import Settings
from feedback_alignment.experiments.pieces import Arrays, Piece, in_pieces
from feedback_alignment.experiments.plateau_escape import escape_rates, escape_times

PANELS = (("bp", 2), ("dfa", 2), ("dfa", 8))
ENTRIES = (0, 1, 2)
PLANE_TEACHERS = ((1.0, 1.0), (1.0, -1.0))
CURVE_SEEDS = (0, 1, 2)
PIECE = 10
ALPHA = "samples / N"


def _stacked(stage: str, pieces: Sequence[Piece], compute: Callable[[Piece], Arrays], progress: Any) -> Arrays:
    found = in_pieces(stage, pieces, compute, progress)
    return {name: np.stack([arrays[name] for arrays in found]) for name in found[0]}


def _variable(dims: str, values: np.ndarray, description: str, units: str = "1") -> tuple[Any, ...]:
    return tuple(dims.split()), values, {"long_name": description, "units": units}


def success(settings: Settings, progress: Monitor | Quiet) -> xr.Dataset:
    """Return when the students of each trial learned, if they did."""
    names = ("learned_at", "final_error", "positive_entries", "held_negative", "agreeing_share")
    padded = {name: np.full((len(settings.trials), len(settings.seeds)), np.nan) for name in names}
    for index, trial in enumerate(settings.trials):
        seeds = settings.seeds[: trial.runs]
        groups = [seeds[i : i + PIECE] for i in range(0, len(seeds), PIECE)]
        found = in_pieces(
            f"trial {index}",
            groups,
            lambda group, trial=trial: relu_students.attempt(trial, settings.sigma0, settings.learning, group),  # type: ignore[misc]
            progress,
        )
        for name in names:
            padded[name][index, : len(seeds)] = np.concatenate([arrays[name] for arrays in found])
    per_run = "trial run"
    return xr.Dataset(
        {
            "learned_at": _variable(
                per_run, padded["learned_at"], "time of the first error below the level; inf: never", ALPHA
            ),
            "final_error": _variable(per_run, padded["final_error"], "generalisation error when the run ended"),
            "positive_entries": _variable(
                per_run, padded["positive_entries"], "positive entries of the feedback vector"
            ),
            "agreeing_share": _variable(
                per_run,
                padded["agreeing_share"],
                "share of the student's strength in units with the sign of their feedback",
            ),
            "held_negative": _variable(per_run, padded["held_negative"], "units that start with W2 < -sqrt(Q)"),
        },
        coords={
            "run": ("run", list(settings.seeds), {"long_name": "seed"}),
            "K": _variable("trial", np.array([t.K for t in settings.trials]), "hidden units of the student"),
            "teacher_positive": _variable(
                "trial",
                np.array([sum(w > 0 for w in t.teacher) for t in settings.trials]),
                "positive weights of the teacher",
            ),
            "teacher_negative": _variable(
                "trial",
                np.array([sum(w < 0 for w in t.teacher) for t in settings.trials]),
                "negative weights of the teacher",
            ),
            "N": _variable("trial", np.array([t.N for t in settings.trials]), "inputs"),
            "rule": ("trial", [t.rule for t in settings.trials]),
            "start": ("trial", [t.start for t in settings.trials]),
        },
    )


def curves(settings: Settings, progress: Monitor | Quiet) -> xr.Dataset:
    """Return learning curves for 0, 1 and 2 positive feedback entries, and those of the ReLU panels of Fig. 2."""
    times = np.unique(np.rint(np.geomspace(1, settings.curve_horizon, settings.curve_points) * settings.N)) / settings.N
    teacher, N = (1.0, 1.0), settings.N

    def by_entries(piece: tuple[int, int]) -> Arrays:
        F = relu_students.feedback_with_signs(3, piece[0], piece[1])
        state = relu_students.student(3, teacher, N, settings.sigma0, piece[1], F)
        return relu_students.learning_curve(state, times, settings.eta, "dfa", N, piece[1], equations=True)

    def by_rule(piece: tuple[tuple[str, int], int]) -> Arrays:
        (rule, K), seed = piece
        state = relu_students.student(K, teacher, N, settings.sigma0, seed)
        return relu_students.learning_curve(state, times, settings.eta, rule, N, seed, equations=False)

    entries = _stacked("learning curves", [(n, s) for n in ENTRIES for s in CURVE_SEEDS], by_entries, progress)
    panels = _stacked("panels", [(panel, s) for panel in PANELS for s in CURVE_SEEDS], by_rule, progress)
    shape = (3, len(CURVE_SEEDS), len(times))
    return xr.Dataset(
        {
            "entries_simulation": _variable(
                "entries curve time",
                entries["simulation"].reshape(shape),
                "generalisation error of a simulated student",
            ),
            "entries_equations": _variable(
                "entries curve time",
                entries["equations"].reshape(shape),
                "generalisation error by the equations of motion",
            ),
            "panel_simulation": _variable(
                "panel curve time", panels["simulation"].reshape(shape), "generalisation error of a simulated student"
            ),
        },
        coords={
            "entries": ("entries", list(ENTRIES), {"long_name": "positive entries of the feedback vector"}),
            "curve": ("curve", list(CURVE_SEEDS), {"long_name": "seed"}),
            "time": ("time", times, {"units": ALPHA}),
            "panel": [f"{rule.upper()}, K = {K}" for rule, K in PANELS],
        },
    )


def plane(settings: Settings, progress: Monitor | Quiet) -> xr.Dataset:
    """Return when students with K = M = 2 learned, over the plane of feedback vectors."""
    wanted = settings.plane
    axis = relu_students.plane_axis(wanted.side, wanted.extent)
    learning = Learning(
        "relu", "dfa", settings.eta, settings.learned_below, wanted.horizon, leg=min(250.0, wanted.horizon)
    )

    def row(piece: tuple[tuple[float, ...], float]) -> Arrays:
        teacher, F1 = piece
        seeds = settings.seeds[: wanted.runs]
        return {"at": relu_students.row_of_plane(F1, axis, teacher, wanted.N, settings.sigma0, learning, seeds)}

    found = _stacked("plane of feedback", [(t, float(F1)) for t in PLANE_TEACHERS for F1 in axis], row, progress)["at"]
    shape = (len(PLANE_TEACHERS), wanted.side, wanted.side, wanted.runs)
    return xr.Dataset(
        {
            "plane_learned_at": _variable(
                "teacher F1 F2 plane_run", found.reshape(shape), "time of the first error below the level", ALPHA
            )
        },
        coords={
            "teacher": ["(1, 1)", "(1, -1)"],
            "F1": ("F1", axis, {"long_name": "feedback to the first unit", "units": "1"}),
            "F2": ("F2", axis, {"long_name": "feedback to the second unit", "units": "1"}),
        },
    )


def plateau(settings: Settings, progress: Monitor | Quiet) -> xr.Dataset:
    """Return when erf students leave the plateau, at which rate, and how well the invariants of ReLU units hold."""
    wanted = settings.plateau
    starts = tuple(range(wanted.starts))
    times = _stacked("escapes", wanted.escapes, lambda e: escape_times(e, wanted.horizon, starts), progress)
    rates = _stacked(
        "rates", wanted.angles, lambda angle: escape_rates(angle, settings.eta, 2 * wanted.horizon, 0), progress
    )
    residual = [relu_students.invariant_residual(K, M, 0) for K, M in ((2, 2), (3, 2), (4, 3))]
    descriptions = {
        "rate_measured": "growth of the difference between the overlaps",
        "rate_there": "largest eigenvalue of the Jacobian at the state where the run is",
        "rate_fixed_point": "largest eigenvalue of the Jacobian at the symmetric fixed point",
    }
    left = "time at which the plateau is left; inf: never"
    variables = {name: _variable("escape start_seed", values, left, ALPHA) for name, values in times.items()}
    variables |= {name: _variable("angle", rates[name], text, "N / samples") for name, text in descriptions.items()}
    variables["W2_there"] = _variable("angle unit", rates["W2_there"], "second layer where the rate is read")
    kept = "relative change of the sign invariants at order 1"
    variables["invariant_residual"] = _variable("state", np.array(residual), kept)
    fields = {
        "angle": ("angle of the feedback", "degrees"),
        "eta": ("learning rate", "1"),
        "sigma0": ("scale of the start", "1"),
        "N": ("inputs", "1"),
    }
    coordinates = {
        f"escape_{name}": _variable("escape", np.array([getattr(e, name) for e in wanted.escapes]), *about)
        for name, about in fields.items()
    }
    return xr.Dataset(variables, coords={"angle": ("angle", list(wanted.angles), {"units": "degrees"}), **coordinates})
