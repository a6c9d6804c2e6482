"""Table 1 of Launay et al. 2019: memory of the feedback of three networks, counted and measured."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.companion.piece_files import TimedCheckpoint
from feedback_alignment.experiments.dataset_parts import variable
from feedback_alignment.networks.architectures import TANH, TANH_AND_POOL, vgg16
from feedback_alignment.networks.feedback_memory import (
    SCHEMES,
    LayerSizes,
    counted_bytes,
    draw_matrices,
    held_bytes,
    layer_sizes,
    peak_bytes,
)
from feedback_alignment.networks.layers import Affine, Conv2d, Linear, Shape
from feedback_alignment.networks.operations import Operation

Blocks = Sequence[Sequence[Affine | Operation]]
FULLY_CONNECTED: Blocks = [*[(Linear(800), *TANH)] * 3, (Linear(10),)]
CONVOLUTIONAL: Blocks = [
    *[(Conv2d(channels, 5, 1, 2), *TANH_AND_POOL) for channels in (32, 64, 64)],
    (Linear(128), *TANH),
    (Linear(10),),
]
NETWORKS: dict[str, tuple[Shape, Blocks]] = {
    "FC, 10 classes": ((3, 32, 32), FULLY_CONNECTED),
    "CNN, 10 classes": ((3, 32, 32), CONVOLUTIONAL),
    "VGG-16, 32 px, 10 classes": ((3, 32, 32), vgg16(10)),
    "VGG-16, 224 px, 10 classes": ((3, 224, 224), vgg16(10)),
    "VGG-16, 224 px, 1000 classes": ((3, 224, 224), vgg16(1000)),
}
"""Network -> (shape of an input, blocks)."""
PLACES = ("before pooling", "after pooling")
"""Where the signals enter: at the output of each affine layer, or of what follows it."""


@dataclass(frozen=True)
class FeedbackMemoryCounts:
    """What is to be measured beside the counts. It is one piece of work."""

    drawn: tuple[str, ...]
    """Networks whose feedback is drawn, and the memory that it occupies measured."""
    in_process: tuple[str, ...]
    """Networks for which the growth of a whole process is measured."""

    @property
    def name(self) -> str:
        """The piece in words."""
        return "memory of feedback"

    @property
    def kind(self) -> str:
        """What the stored piece is; the number is raised when the meaning of its results changes."""
        return "memory of feedback 1"

    def compute(
        self, device: str, progress: Monitor | Quiet, checkpoint: TimedCheckpoint | None
    ) -> tuple[xr.Dataset, dict[str, str]]:
        """Count and measure; see `kept_pieces.Work`. All of it is done on the CPU."""
        counted = np.zeros((len(NETWORKS), len(PLACES), len(SCHEMES)))
        held, peak = np.full_like(counted, np.nan), np.full_like(counted, np.nan)
        progress.begin(self.name, len(NETWORKS), 0)
        for n, (network, (shape, blocks)) in enumerate(NETWORKS.items()):
            sizes = layer_sizes(shape, blocks)
            for p, widths in enumerate(_by_place(sizes)):
                for s, scheme in enumerate(SCHEMES):
                    counted[n, p, s] = counted_bytes(widths, sizes.outputs)[scheme]
                    if network in self.drawn:
                        held[n, p, s] = held_bytes(draw_matrices(scheme, widths, sizes.outputs))
                    if network in self.in_process:
                        peak[n, p, s] = peak_bytes(scheme, widths, sizes.outputs)
            progress.advance()
        dims = "network place scheme"
        variables = {
            "counted_bytes": variable(dims, counted, "memory of the feedback in float32, counted", "bytes"),
            "held_bytes": variable(dims, held, "memory that the drawn feedback occupies", "bytes"),
            "peak_bytes": variable(dims, peak, "growth of a process that draws and uses the feedback", "bytes"),
        }
        coords = {"network": list(NETWORKS), "place": list(PLACES), "scheme": list(SCHEMES)}
        return xr.Dataset(variables, coords), {}


def _by_place(sizes: LayerSizes) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return sizes.affine, sizes.injected
