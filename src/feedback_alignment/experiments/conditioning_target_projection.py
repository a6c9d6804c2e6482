"""Direct random target projection in deep linear networks, trained literally: Eqs 53, 55–57, printed and corrected."""

import numpy as np
import xarray as xr

from feedback_alignment import deep_linear
from feedback_alignment.experiments.conditioning_settings import Settings
from feedback_alignment.streams import generator

EARLY = 20
"""Step at which the single steps of Eqs 53 and 55 are looked at."""
EQUATIONS = ("53", "55", "56")
OUTPUTS, WIDTH = 2, 8


def target_projection(settings: Settings) -> xr.Dataset:
    """Train with e = −y in every layer on averaged inputs, and compare with the formulas, for each seed's teacher."""
    layers = settings.projection.layers
    found = [_run(seed, settings) for seed in settings.seeds]
    names = ("error", "growth", "conditioning")
    dims = (("seed", "formula", "equation"), ("seed", "weights"), ("seed", "aligned"))
    descriptions = (
        "relative error of a formula for Eqs 53, 55 and, for layer 3, 56",
        "power of time that the norm of W_l grows with",
        "logarithm of the condition number of A_l over that of S",
    )
    return xr.Dataset(
        {
            f"projection_{name}": (axes, np.stack([run[name] for run in found]), {"long_name": text, "units": "1"})
            for name, axes, text in zip(names, dims, descriptions, strict=True)
        },
        coords={
            "formula": ["corrected", "printed"],
            "equation": list(EQUATIONS),
            "weights": list(range(1, layers + 1)),
            "aligned": list(range(2, layers + 1)),
        },
    )


def teacher(seed: int, inputs: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a linear teacher T (2, inputs) and an input moment Σx that is not white."""
    draw = generator(seed, "teacher").standard_normal
    T, root = draw((OUTPUTS, inputs)) / np.sqrt(inputs), np.eye(inputs) + 0.3 * draw((inputs, inputs))
    return T, root @ root.T


def _run(seed: int, settings: Settings) -> dict[str, np.ndarray]:
    layers, steps, eta = settings.projection.layers, settings.projection.steps, settings.projection.eta
    T, second_moment = teacher(seed, settings.inputs)
    X = deep_linear.inputs_with_second_moment(second_moment)
    sizes = (settings.inputs, *[WIDTH] * (layers - 1), OUTPUTS)
    F = deep_linear.draw_feedback(sizes, "drtp-target", "orthonormal", seed)
    x, y = (np.broadcast_to(part, (steps, *part.shape)) for part in (X, T @ X))
    run = deep_linear.train(F, x, y, eta, "drtp-target", times=(EARLY, EARLY + 1, steps // 2, steps))
    A = deep_linear.alignment_matrices(run)
    S = T @ second_moment @ second_moment @ T.T
    condition = np.linalg.cond(S)
    sizes_late = np.array([np.linalg.norm(W[2:], axis=(1, 2)) for W in run.weights])
    return {
        "error": _errors(run, A[2][-1], S, T, second_moment, steps),
        "growth": np.log2(sizes_late[:, 1] / sizes_late[:, 0]),
        "conditioning": np.log([np.linalg.cond(part[-1]) for part in A[1:]]) / np.log(condition),
    }


def _errors(
    run: deep_linear.Training,
    A3: np.ndarray,
    S: np.ndarray,
    T: np.ndarray,
    second_moment: np.ndarray,
    steps: int,
) -> np.ndarray:
    """Return relative errors, (corrected and printed, Eqs 53, 55 and 56)."""
    F1, F2, F3 = run.feedback[:3]
    eta, t = run.eta, EARLY
    step2, step3 = (W[1] - W[0] for W in run.weights[1:3])
    law53, law55 = F2 @ S @ F1.T, F3 @ S @ (F1.T @ F1) @ S @ F2.T
    laws = (
        (step2, eta**2 * t * law53, eta**2 * law53),
        (step3, eta**4 * t * t * (t - 1) / 2 * law55, eta**3 * F3 @ S @ S @ F2.T),
        (A3, deep_linear.leading_order_matrix(T, second_moment, 3, eta, steps), eta**3 * S @ S * steps),
    )
    return np.array([[_relative(law, found) for law in candidates] for found, *candidates in laws]).T


def _relative(law: np.ndarray, found: np.ndarray) -> float:
    return float(np.linalg.norm(law - found) / np.linalg.norm(found))
