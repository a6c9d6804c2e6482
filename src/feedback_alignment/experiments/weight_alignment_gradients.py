"""Chapter 04's measurements of gradient alignment: along training, and under imposed strong weight alignment."""

from itertools import product

import numpy as np
import xarray as xr
from jaxtyping import Float

from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.deep_linear import (
    KINDS,
    aligned_weights,
    alignment_matrices,
    condition_numbers,
    draw_feedback,
    expected_misalignment,
    gradient_alignment,
    inputs_with_second_moment,
    train,
    weight_alignment,
)
from feedback_alignment.experiments.dataset_parts import stacked, variable
from feedback_alignment.experiments.linear_task import linear_map, linear_task
from feedback_alignment.experiments.pieces import Arrays
from feedback_alignment.experiments.weight_alignment_settings import Settings
from feedback_alignment.streams import generator

STRONG_KINDS = {"gaussian": 3.0, "uniform": 9 / 5}
"""Kinds of feedback with independent entries, and the kurtosis of these."""
STRONG_DEPTH = 4
PROBES = 50


def trained(settings: Settings, progress: Monitor | Quiet) -> xr.Dataset:
    """Return condition numbers, weight and gradient alignment over training by DFA, for each feedback and width."""
    wanted = settings.trained
    times = np.unique(np.round(np.geomspace(5, wanted.steps, wanted.times)).astype(int)).tolist()
    seeds = settings.seeds[: wanted.runs]

    def follow(piece: tuple[str, int]) -> Arrays:
        kind, width = piece
        found = [_followed(kind, width, times, seed, settings) for seed in seeds]
        return {name: np.stack([arrays[name] for arrays in found]) for name in found[0]}

    found = stacked("training", list(product(KINDS, wanted.widths)), follow, progress)
    shaped = {name: part.reshape(len(KINDS), len(wanted.widths), *part.shape[1:]) for name, part in found.items()}
    dims = "kind width member time"
    return xr.Dataset(
        {
            "condition": variable(f"{dims} layer", shaped["condition"], "condition number of A_l, l >= 2"),
            "weight_alignment": variable(f"{dims} layer", shaped["weight"], "cosine of W_l with F_l F_(l-1)^T"),
            "gradient_alignment": variable(
                f"{dims} hidden_layer", shaped["gradient"], "cosine of F_l e with the gradient, mean over samples"
            ),
            "error": variable(dims, shaped["error"], "mean of |y_hat - y|^2 over fresh samples"),
        },
        coords={
            "kind": list(KINDS),
            "width": ("width", list(wanted.widths), {"long_name": "units in each hidden layer"}),
            "member": ("member", list(seeds), {"long_name": "seed"}),
            "time": ("time", times, {"units": "steps"}),
            "layer": ("layer", list(range(2, wanted.depth + 1))),
            "hidden_layer": ("hidden_layer", list(range(1, wanted.depth))),
        },
    )


def _followed(kind: str, width: int, times: list[int], seed: int, settings: Settings) -> Arrays:
    wanted = settings.trained
    sizes = (settings.inputs, *[width] * (wanted.depth - 1), settings.outputs)
    x, y = linear_task(settings.inputs, settings.outputs, wanted.steps, wanted.batch, seed)
    training = train(draw_feedback(sizes, "dfa", kind, seed), x, y, wanted.eta, times=times)
    T = linear_map(settings.inputs, settings.outputs, seed)
    probe = generator(seed, "samples", 1).standard_normal((settings.inputs, 200))
    weight, gradient, error = [], [], []
    for W in zip(*training.weights, strict=True):
        network = np.linalg.multi_dot(W[::-1])
        e = (network - T) @ probe
        weight.append(weight_alignment(W, training.feedback))
        gradient.append(gradient_alignment(W, training.feedback, e).mean(axis=1))
        error.append((e**2).sum(axis=0).mean())
    return {
        "condition": condition_numbers(alignment_matrices(training)[1:]),
        "weight": np.array(weight),
        "gradient": np.array(gradient),
        "error": np.array(error),
    }


def strong(settings: Settings, progress: Monitor | Quiet) -> xr.Dataset:
    """Return 1 − gradient alignment when strong weight alignment is imposed, and what is expected of it."""

    def missed(piece: tuple[str, int]) -> Arrays:
        kind, width = piece
        return {"missed": np.array([_missed(kind, width, seed, settings.outputs) for seed in chosen])}

    chosen = range(settings.strong_draws)
    found = stacked("strong alignment", list(product(KINDS, settings.strong_widths)), missed, progress)["missed"]
    shape = (len(KINDS), len(settings.strong_widths), len(chosen), STRONG_DEPTH - 1)
    expected = np.array(
        [
            [
                [
                    expected_misalignment(settings.outputs, [width] * (STRONG_DEPTH - 1 - layer), kurtosis)
                    for layer in range(1, STRONG_DEPTH)
                ]
                for width in settings.strong_widths
            ]
            for kurtosis in STRONG_KINDS.values()
        ]
    )
    return xr.Dataset(
        {
            "missed": variable(
                "kind strong_width draw strong_layer", found.reshape(shape), "1 - gradient alignment, mean over errors"
            ),
            "missed_expected": variable(
                "strong_kind strong_width strong_layer", expected, "the same to first order in 1/width"
            ),
        },
        coords={
            "kind": list(KINDS),
            "strong_kind": list(STRONG_KINDS),
            "strong_width": ("strong_width", list(settings.strong_widths), {"long_name": "units in each hidden layer"}),
            "strong_layer": list(range(1, STRONG_DEPTH)),
        },
    )


def _missed(kind: str, width: int, seed: int, outputs: int) -> Float[np.ndarray, " hidden_layers"]:
    F = draw_feedback((1, *[width] * (STRONG_DEPTH - 1), outputs), "dfa", kind, seed)
    identities = (np.ones((1, outputs, 1)), *(np.eye(outputs)[None] for _ in F))
    W = tuple(part[0] for part in aligned_weights(identities, F))
    e = generator(seed, "samples", 2).standard_normal((outputs, PROBES))
    missed: np.ndarray = (1 - gradient_alignment(W, F, e)).mean(axis=1)
    return missed


def memory(settings: Settings, progress: Monitor | Quiet) -> xr.Dataset:
    """Return ln cond(A_l) over ln cond(T) after convergence on white inputs with left-orthogonal feedback."""
    wanted, seeds = settings.memory, settings.seeds[: settings.memory.runs]
    steps = round(wanted.span / wanted.eta)
    sizes = (settings.inputs, *[wanted.width] * (wanted.depth - 1), settings.outputs)
    X = inputs_with_second_moment(np.eye(settings.inputs))

    def exponents(seed: int) -> Arrays:
        T = linear_map(settings.inputs, settings.outputs, seed)
        x, y = (np.broadcast_to(part, (steps, *part.shape)) for part in (X, T @ X))
        training = train(draw_feedback(sizes, "dfa", "orthonormal", seed), x, y, wanted.eta)
        conditions = condition_numbers(alignment_matrices(training)[1:])[-1]
        return {"power": np.log(conditions) / np.log(np.linalg.cond(T))}

    found = stacked("memory of the targets", seeds, exponents, progress)["power"]
    return xr.Dataset(
        {"memory_power": variable("memory_run layer", found, "power of cond(T) that is cond(A_l)")},
        coords={"layer": ("layer", list(range(2, wanted.depth + 1)))},
    )
