"""The parts of chapter 05's dataset; each is one or several stages that an interrupted run resumes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.experiments import conditioning_linear, conditioning_networks
from feedback_alignment.experiments import conditioning_prediction as prediction
from feedback_alignment.experiments import conditioning_tasks as tasks
from feedback_alignment.experiments.conditioning_runs import Training, grams, probe
from feedback_alignment.experiments.conditioning_settings import Recipe, Settings
from feedback_alignment.experiments.conditioning_tasks import Task
from feedback_alignment.experiments.pieces import Arrays, in_pieces

ACTIVATIONS = ("linear", "relu", "tanh")
PREDICTORS = ("final law", "targets alone", "moment dynamics")
"""From T Tᵀ, from E[yyᵀ] in its place, and from the linear network's dynamics on the moments."""
DIRECTIONS = 4000
"""Errors over which foretold gradient alignment is a mean."""
LAYERS = {"upper": ["2", "3", "all"], "hidden": ["1", "2", "all"], "matrix": ["A2", "A3", "chain"]}
SEEN = {
    "weight": ("weight_alignment", "upper", "cosine of W_l with F_l F_(l-1)^T"),
    "gradient": ("gradient_alignment", "hidden", "cosine with back-propagation, own errors, mean over samples"),
    "probe": ("probe_alignment", "hidden", "cosine with back-propagation, errors in all directions alike"),
    "condition": ("condition", "matrix", "condition number of alignment matrices (nonlinear: fitted ones)"),
    "loss": ("loss", None, "squared error, mean over samples"),
}


def correlated(settings: Settings, progress: Monitor | Quiet) -> xr.Dataset:
    """Return alignment over (α, β) and time, for both recipes and three activations, and what was foretold of it."""

    def task_of(recipe: Recipe) -> Callable[[Sequence[int]], Task]:
        return lambda seeds: tasks.independent_targets(
            seeds, recipe.examples, settings.inputs, settings.alphas, settings.betas
        )

    found, epochs, foretold, noiseless = [], [], [], []
    cells = (len(settings.alphas), len(settings.betas))
    for place, recipe in settings.recipes.items():
        for activation in ACTIVATIONS:
            duration = recipe.linear_epochs if activation == "linear" else recipe.network_epochs
            stage = f"{place}, {activation}"
            arrays, times = _followed(stage, task_of(recipe), activation, duration, settings, progress, settings.seeds)
            found.append(_on_grid(arrays, len(settings.seeds), cells))
            epochs.append(times)
        steps = recipe.linear_epochs * (recipe.examples // settings.batch)
        training = settings.training(recipe.linear_epochs)
        alignment, weight = _foretold(task_of(recipe)(settings.seeds), training, steps, (len(settings.seeds), *cells))
        foretold.append(alignment)
        noiseless.append(weight)
    grid = "recipe activation seed alpha beta time"
    shape = (len(settings.recipes), len(ACTIVATIONS))
    variables = {}
    for key, (name, layers, description) in SEEN.items():
        values = np.stack([arrays[key] for arrays in found])
        dims = f"{grid} {layers}" if layers else grid
        variables[name] = _variable(dims, values.reshape(*shape, *values.shape[1:]), description, settings)
    variables["epoch"] = _variable(
        "recipe activation time", np.stack(epochs).reshape(*shape, -1), "training time", units="epochs"
    )
    variables["foretold"] = _variable(
        "recipe predictor seed alpha beta hidden", np.stack(foretold), "gradient alignment foretold from moments"
    )
    variables["noiseless_weight_alignment"] = _variable(
        "recipe seed alpha beta upper", np.stack(noiseless), "final weight alignment of linear networks without batches"
    )
    condition = [_map_conditions(task_of(recipe)(settings.seeds)) for recipe in settings.recipes.values()]
    variables["map_condition"] = _variable(
        "recipe seed alpha beta", np.reshape(condition, (-1, len(settings.seeds), *cells)), "condition number of T"
    )
    coordinates = {
        "recipe": list(settings.recipes),
        "activation": list(ACTIVATIONS),
        "seed": list(settings.seeds),
        "alpha": list(settings.alphas),
        "beta": list(settings.betas),
        "predictor": list(PREDICTORS),
        **LAYERS,
    }
    examples = _variable("recipe", np.array([r.examples for r in settings.recipes.values()]), "examples")
    return xr.Dataset(variables, coords=coordinates).assign_coords(examples=examples)


def uneven(settings: Settings, progress: Monitor | Quiet) -> xr.Dataset:
    """Return alignment over time for inputs of unequal variance."""

    def task_of(seeds: Sequence[int]) -> Task:
        return tasks.uneven_inputs(seeds, settings.uneven.examples, settings.inputs, settings.uneven.conditions)

    found = []
    for activation in ("linear", "relu"):
        stage = f"uneven inputs, {activation}"
        arrays, times = _followed(
            stage, task_of, activation, settings.uneven.epochs, settings, progress, settings.seeds
        )
        found.append(_on_grid(arrays, len(settings.seeds), (len(settings.uneven.conditions),)))
    variables = {
        f"uneven_{SEEN[key][0]}": _variable(
            f"uneven_activation seed input_condition time {SEEN[key][1]}",
            np.stack([arrays[key] for arrays in found]),
            SEEN[key][2],
            settings,
        )
        for key in ("weight", "probe", "condition")
    }
    _, cross_moment, _ = task_of(settings.seeds).moments
    variables["uneven_signal_condition"] = _variable(
        "seed input_condition",
        np.linalg.cond(cross_moment).reshape(len(settings.seeds), -1) ** 2,
        "condition number of S = E[yx^T] E[xy^T] of the drawn samples",
    )
    variables["uneven_epoch"] = _variable("time", times, "training time", units="epochs")
    condition = ("input_condition", list(settings.uneven.conditions), {"long_name": "condition number of E[xx^T]"})
    coordinates = {"uneven_activation": ["linear", "relu"], "seed": list(settings.seeds), "input_condition": condition}
    return xr.Dataset(variables, coords={**coordinates, **LAYERS})


def digits(settings: Settings, progress: Monitor | Quiet) -> xr.Dataset:
    """Return gradient alignment at the end of training on handwritten digits, and what was foretold of it."""

    def task_of(seeds: Sequence[int]) -> Task:
        return tasks.handwritten_digits(seeds, settings.alphas, settings.betas)

    seeds = settings.seeds[: settings.digits_seeds]
    grid_sizes = (len(settings.alphas), len(settings.betas))
    found = []
    for activation in ACTIVATIONS:
        stage = f"digits, {activation}"
        arrays, _ = _followed(stage, task_of, activation, settings.digits_epochs, settings, progress, seeds)
        found.append(_on_grid(arrays, len(seeds), grid_sizes)["gradient"][..., -1, :])
    task = task_of(seeds)
    steps = settings.digits_epochs * (task.inputs.shape[1] // settings.batch)
    foretold, _ = _foretold(task, settings.training(settings.digits_epochs), steps, (len(seeds), *grid_sizes))
    grid = "digits_seed alpha beta hidden"
    return xr.Dataset(
        {
            "digits_alignment": _variable(f"activation {grid}", np.stack(found), SEEN["gradient"][2], settings),
            "digits_foretold": _variable(f"predictor {grid}", foretold, "gradient alignment foretold from moments"),
        },
        coords={"digits_seed": list(seeds)},
    )


def _followed(
    stage: str,
    task_of: Callable[[Sequence[int]], Task],
    activation: str,
    epochs: int,
    settings: Settings,
    progress: Monitor | Quiet,
    seeds: tuple[int, ...],
) -> tuple[Arrays, np.ndarray]:
    """Return arrays (members, times, …) and the epochs, both with NaN in front where fewer times were looked at."""
    training = settings.training(epochs)

    def follow(group: tuple[int, ...]) -> Arrays:
        if activation == "linear":
            return conditioning_linear.follow(task_of(group), training)
        return conditioning_networks.follow(task_of(group), activation, training)

    together = settings.together
    groups = [seeds[i : i + together] for i in range(0, len(seeds), together)]
    pieces = in_pieces(stage, groups, follow, progress)
    missing = settings.points - len(training.observe_at)
    padded = {}
    for name in pieces[0]:
        values = np.concatenate([piece[name] for piece in pieces], axis=1).swapaxes(0, 1)
        padded[name] = np.pad(values, [(0, 0), (missing, 0)] + [(0, 0)] * (values.ndim - 2), constant_values=np.nan)
    return padded, np.array([np.nan] * missing + [float(epoch) for epoch in training.observe_at])


def _on_grid(arrays: Arrays, seeds: int, cells: tuple[int, ...]) -> Arrays:
    return {name: values.reshape(seeds, *cells, *values.shape[1:]) for name, values in arrays.items()}


def _foretold(task: Task, training: Training, steps: int, grid: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return gradient alignment by each of PREDICTORS, (predictors, seeds, alphas, betas, layers).

    And weight alignment by the moment dynamics, (seeds, alphas, betas, layers).
    """
    input_moment, cross_moment, target_moment = moments = task.moments
    directions = probe(DIRECTIONS, target_moment.shape[-1])
    G = grams(task.seeds, training, target_moment.shape[-1])
    T = prediction.least_squares_map(input_moment, cross_moment)
    left = prediction.second_moment_of_errors(T, moments)
    A = prediction.trained_on_moments(moments, G, training.rate * training.batch, steps)
    then = prediction.second_moment_of_errors(prediction.learned_map(A, G), moments)
    found = [
        prediction.alignment_of_final_law(T @ T.swapaxes(-1, -2), left, directions, len(A)),
        prediction.alignment_of_final_law(target_moment, left, directions, len(A)),
        prediction.alignment_of_matrices(A, G, prediction.errors_with_moment(then, directions)),
    ]
    weight = conditioning_linear.weight_products(A, G).cosines()
    return np.stack(found).reshape(len(found), *grid, -1), weight.reshape(*grid, -1)


def _map_conditions(task: Task) -> np.ndarray:
    input_moment, cross_moment, _ = task.moments
    return np.asarray(np.linalg.cond(prediction.least_squares_map(input_moment, cross_moment)))


def _variable(
    dims: str, values: np.ndarray, description: str, settings: Settings | None = None, units: str = "1"
) -> tuple[Any, ...]:
    """Return a variable for xarray; float32 where networks were trained in it."""
    stored = values if settings is None or settings.double else values.astype(np.float32)
    return tuple(dims.split()), stored, {"long_name": description, "units": units}
