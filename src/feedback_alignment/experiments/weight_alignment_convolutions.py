"""Chapter 04's measurements of what a convolution can take of F_l F_{l−1}ᵀ."""

from math import prod

import numpy as np
import xarray as xr

from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.deep_linear import Convolution
from feedback_alignment.experiments.dataset_parts import stacked, variable
from feedback_alignment.experiments.pieces import Arrays
from feedback_alignment.experiments.weight_alignment_settings import Settings
from feedback_alignment.streams import generator


def convolutions(settings: Settings, progress: Monitor | Quiet) -> xr.Dataset:
    """Return the share of F_l F_{l−1}ᵀ that convolutions can take, what is expected, and the ranks of both."""
    chosen = range(settings.convolution_draws)

    def shares(layer: Convolution) -> Arrays:
        parts: list[float] = []
        wholes: list[float] = []
        ranks: list[int] = []
        for seed in chosen:
            F, G = (
                generator(seed, "feedback", i).standard_normal((n, settings.outputs)) for i, n in enumerate(layer.shape)
            )
            M = F @ G.T
            whole = float(np.linalg.norm(M)) ** 2
            parts.append(layer.best_cosine(M) ** 2 * whole)
            wholes.append(whole)
            if len(ranks) < 3:
                ranks.append(int(np.linalg.matrix_rank(layer.matrix(layer.closest_kernel(M)))))
        return {
            "part": np.array(parts),
            "whole": np.array(wholes),
            "rank": np.array(min(ranks)),
            "feedback_rank": np.array(np.linalg.matrix_rank(M)),
        }

    layers = settings.convolutions
    found = stacked("convolutions", layers, shares, progress)
    return xr.Dataset(
        {
            "convolution_part": variable("convolution conv_run", found["part"], "|P F G^T|^2"),
            "convolution_whole": variable("convolution conv_run", found["whole"], "|F G^T|^2"),
            "convolution_rank": variable("convolution", found["rank"], "least rank of P F G^T over three draws"),
            "feedback_rank": variable("convolution", found["feedback_rank"], "rank of F G^T"),
            "expected_share": variable(
                "convolution", np.array([c.expected_share for c in layers]), "d / (n_l n_(l-1))"
            ),
            "full_windows": variable(
                "convolution", np.array([c.full_windows for c in layers]), "positions of a full window"
            ),
            "convolution_entries": variable("convolution", np.array([prod(c.shape) for c in layers]), "n_l n_(l-1)"),
        },
        coords={
            "convolution": [
                f"{c.in_channels} to {c.out_channels}, {c.kernel[0]} x {c.kernel[1]}, stride {c.stride}" for c in layers
            ]
        },
    )
