"""Chapter 04's checks of exact statements: the weak alignment identity, printed formulas, the symmetric part of A_l."""

from itertools import product

import numpy as np
import xarray as xr

from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.deep_linear import (
    KINDS,
    RULES,
    Training,
    aligned_weights,
    alignment_matrices,
    draw_feedback,
    gradient_alignment,
    identity_residuals,
    symmetric_part,
    train,
)
from feedback_alignment.experiments.dataset_parts import stacked, variable
from feedback_alignment.experiments.linear_task import linear_task
from feedback_alignment.experiments.pieces import Arrays
from feedback_alignment.experiments.printed_alignment import FORMULAS, printed_errors
from feedback_alignment.experiments.weight_alignment_settings import Settings

INPUTS, OUTPUTS = 7, 4
EXAMPLE = (6, 8, 8, 8, 3)


def identity(settings: Settings, progress: Monitor | Quiet) -> xr.Dataset:
    """Return the largest relative residual of the weak alignment identity in each run."""
    wanted = settings.identity
    times = np.unique(np.round(np.geomspace(10, wanted.steps, 6)).astype(int)).tolist()
    found = np.empty((len(RULES), len(KINDS), len(wanted.batches), len(wanted.depths), wanted.runs))

    def residual(piece: tuple[int, int, int, int, int]) -> Arrays:
        rule, kind, batch, depth, run = piece
        L, seed = wanted.depths[depth], settings.seeds[run]
        F = draw_feedback((7, *[wanted.width] * (L - 1), 4), RULES[rule], KINDS[kind], seed)
        x, y = linear_task(7, 4, wanted.steps, wanted.batches[batch], seed)
        training = train(F, x, y, wanted.etas[rule], RULES[rule], times)
        return {"residual": np.array(np.nanmax(identity_residuals(training, alignment_matrices(training))))}

    pieces = list(np.ndindex(found.shape))
    found[:] = stacked("identity", pieces, residual, progress)["residual"].reshape(found.shape)
    return xr.Dataset(
        {
            "residual": variable(
                "rule kind batch depth identity_run", found, "largest relative residual over layers and times"
            )
        },
        coords={
            "rule": list(RULES),
            "kind": list(KINDS),
            "batch": ("batch", list(wanted.batches), {"units": "samples"}),
            "depth": ("depth", list(wanted.depths), {"long_name": "layers of weights"}),
        },
    )


def example(settings: Settings, progress: Monitor | Quiet) -> xr.Dataset:
    """Return the hidden weights of one small network beside F_l A_l F_{l−1}ᵀ, and its alignment matrices."""
    progress.begin("example", 1, 0)
    training = _small_network(settings.seeds[0])
    matrices = alignment_matrices(training)
    predicted = aligned_weights(matrices, training.feedback)
    hidden = slice(1, len(EXAMPLE) - 2)
    return xr.Dataset(
        {
            "example_weights": variable(
                "example_layer unit input", np.stack([part[-1] for part in training.weights[hidden]]), "W_l"
            ),
            "example_aligned": variable(
                "example_layer unit input", np.stack([part[-1] for part in predicted[hidden]]), "F_l A_l F_(l-1)^T"
            ),
            "example_matrices": variable(
                "example_layer output output_below", np.stack([part[-1] for part in matrices[hidden]]), "A_l"
            ),
        },
        coords={"example_layer": [2, 3]},
    )


def _small_network(seed: int) -> Training:
    x, y = linear_task(EXAMPLE[0], EXAMPLE[-1], 300, 8, seed)
    return train(draw_feedback(EXAMPLE, "dfa", "gaussian", seed), x, y, 0.05)


def printed(settings: Settings, progress: Monitor | Quiet) -> xr.Dataset:
    """Return how far formulas miss as printed, and as corrected, with Gaussian feedback."""

    def errors(seed: int) -> Arrays:
        x, y = linear_task(7, 4, 100, 1, seed)
        as_printed, corrected = printed_errors(
            train(draw_feedback((7, 12, 12, 12, 12, 4), "dfa", "gaussian", seed), x, y, 0.01)
        )
        return {"printed": as_printed, "corrected": corrected}

    found = stacked("printed formulas", settings.seeds[: settings.printed_runs], errors, progress)
    text = "relative error of the formula"
    return xr.Dataset(
        {
            "printed_error": variable("printed_run formula", found["printed"], f"{text} as printed"),
            "corrected_error": variable("printed_run formula", found["corrected"], f"{text} as corrected"),
        },
        coords={"formula": list(FORMULAS)},
    )


def flow(settings: Settings, progress: Monitor | Quiet) -> xr.Dataset:
    """Return the noise in A_l + A_lᵀ against what grows, and the least eigenvalue of A_l + A_lᵀ, for smaller steps."""
    wanted = settings.flow

    def terms(piece: tuple[int, int]) -> Arrays:
        steps, seed = piece
        x, y = linear_task(settings.inputs, settings.outputs, 1, wanted.batch, seed)
        sizes = (settings.inputs, *[wanted.width] * (wanted.depth - 1), settings.outputs)
        F = draw_feedback(sizes, "dfa", "gaussian", seed)
        training = train(F, np.repeat(x, steps, axis=0), np.repeat(y, steps, axis=0), wanted.span / steps)
        matrices = alignment_matrices(training)
        noise, least, identity = [], [], []
        for layer in range(2, wanted.depth + 1):
            growth, kicks = symmetric_part(training, matrices, layer)
            both = matrices[layer - 1][-1] + matrices[layer - 1][-1].T
            noise.append(np.linalg.norm(kicks) / np.linalg.norm(growth))
            least.append(np.linalg.eigvalsh(both).min() / np.linalg.norm(both))
            identity.append(np.linalg.norm(growth - kicks - both) / np.linalg.norm(growth))
        return {"noise": np.array(noise), "least": np.array(least), "identity": np.array(identity)}

    seeds = settings.seeds[: wanted.runs]
    found = stacked("gradient flow", list(product(wanted.steps, seeds)), terms, progress)
    shape = (len(wanted.steps), len(seeds), wanted.depth - 1)
    dims = "flow_eta flow_run layer"
    return xr.Dataset(
        {
            "flow_noise": variable(dims, found["noise"].reshape(shape), "norm of the noise over that of the growth"),
            "flow_least": variable(
                dims, found["least"].reshape(shape), "least eigenvalue of A_l + A_l^T over its norm"
            ),
            "flow_identity": variable(dims, found["identity"].reshape(shape), "relative residual of the identity"),
        },
        coords={
            "flow_eta": ("flow_eta", [wanted.span / steps for steps in wanted.steps], {"long_name": "learning rate"}),
            "layer": ("layer", list(range(2, wanted.depth + 1))),
        },
    )


def one_output(settings: Settings, progress: Monitor | Quiet) -> xr.Dataset:
    """Return A_2 and the gradient alignment of a network with one output after two steps on opposite targets."""
    progress.begin("one output", 1, 0)
    x = np.array([[[1.0], [0.0]], [[1.0], [0.2]]])
    y = np.array([[[1.0]], [[-1.0]]])
    training = train(draw_feedback((2, 3, 1), "dfa", "gaussian", settings.seeds[0]), x, y, 0.1)
    W = tuple(part[-1] for part in training.weights)
    aligned = gradient_alignment(W, training.feedback, np.ones((1, 1)))
    return xr.Dataset(
        {
            "one_output_matrix": variable("", alignment_matrices(training)[1][-1].squeeze(), "A_2 after two steps"),
            "one_output_alignment": variable("", aligned.squeeze(), "gradient alignment of the hidden layer"),
        }
    )
