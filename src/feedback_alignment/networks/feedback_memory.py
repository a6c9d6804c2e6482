"""What the feedback of DFA takes in memory: counted, and measured on matrices that are really there.

With a matrix for each layer it is e Σ l_i numbers, with one for all of them e l_max, where l_i counts the numbers that
layer i gives for a sample and e the outputs (Launay et al. 2019, Table 1).
"""

import math
import resource
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import torch

from feedback_alignment.networks.feedback import Distribution, FeedbackMatrix, Site
from feedback_alignment.networks.feedback_distributions import Gaussian, SharedMatrix
from feedback_alignment.networks.layers import Affine, Shape
from feedback_alignment.networks.operations import Operation

BYTES = 4
"""Of a number in float32."""
SCHEMES: dict[str, Distribution] = {"naive": Gaussian("width and outputs"), "shared": SharedMatrix()}
"""A matrix for each layer, or one for all of them."""


@dataclass(frozen=True)
class LayerSizes:
    """How many numbers the hidden layers give for a sample, and the network."""

    affine: tuple[int, ...]
    """Each affine layer, before what follows it."""
    injected: tuple[int, ...]
    """Each block, after its pooling: where the teaching signal enters."""
    outputs: int


def layer_sizes(input_shape: Shape, blocks: Sequence[Sequence[Affine | Operation]]) -> LayerSizes:
    """Count the numbers in every layer of a network that `stack` would make, without making it.

    Raises ValueError for parts that do not fit each other.
    """
    shape = tuple(input_shape)
    affine, injected = [], []
    for parts in blocks:
        for part in parts:
            shape = part.output_shape(shape)
            if isinstance(part, Affine):
                affine.append(math.prod(shape))
        injected.append(math.prod(shape))
    return LayerSizes(tuple(affine[:-1]), tuple(injected[:-1]), injected[-1])


def counted_bytes(widths: Sequence[int], outputs: int) -> dict[str, int]:
    """Return the bytes that feedback from `outputs` to layers of `widths` takes in float32 in each of `SCHEMES`."""
    return {"naive": BYTES * outputs * sum(widths), "shared": BYTES * outputs * max(widths)}


def draw_matrices(scheme: str, widths: Sequence[int], outputs: int) -> list[FeedbackMatrix]:
    """Draw the feedback of a network with hidden layers of `widths`, for one member.

    Raises ValueError for another scheme than those of `SCHEMES`.
    """
    if scheme not in SCHEMES:
        raise ValueError(f"scheme must be one of {', '.join(SCHEMES)}; got {scheme!r}")
    above = torch.empty(1, outputs, 0)
    return SCHEMES[scheme].draw([Site(layer, "output", n, (above,)) for layer, n in enumerate(widths, 1)], (0,))


def held_bytes(matrices: Sequence[FeedbackMatrix]) -> int:
    """Return the bytes of memory that the matrices occupy, counting memory that several of them view once."""
    stores = {F.matrix.untyped_storage().data_ptr(): F.matrix.untyped_storage() for F in matrices}
    return sum(store.nbytes() for store in stores.values())


def peak_bytes(scheme: str, widths: Sequence[int], outputs: int) -> int:
    """Return by how many bytes a fresh process grows at its peak while it draws the feedback and projects one error.

    Everything that is resident counts, also what drawing needs for a moment. Good to about a megabyte.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_growth, scheme, tuple(widths), outputs).result()


def _growth(scheme: str, widths: tuple[int, ...], outputs: int) -> int:
    _project(scheme, (8,), 2)
    before = peak_resident_bytes()
    _project(scheme, widths, outputs)
    return peak_resident_bytes() - before


def _project(scheme: str, widths: tuple[int, ...], outputs: int) -> None:
    error = torch.ones(1, 1, outputs)
    for F in draw_matrices(scheme, widths, outputs):
        error @ F.matrix.mT


def peak_resident_bytes() -> int:
    """Return the largest number of bytes that this process has had in memory."""
    status = Path("/proc/self/status")
    if status.exists():
        # On Linux getrusage gives the number of the parent process, if that was larger.
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return 1024 * int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
