"""How networks of chapter 05 are trained, linear or not, and what they have in common: feedback, order, probe."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from feedback_alignment.networks.training import batches
from feedback_alignment.streams import generator

SHARED_ORDER = 0
"""The seed whose order of samples all members follow."""


@dataclass(frozen=True)
class Training:
    """How long and how fast; the loss is the squared error summed over a batch, so that its gradient is 2 (ŷ − y)."""

    epochs: int
    learning_rate: float
    batch: int
    width: int
    hidden: int
    double: bool
    observe_at: tuple[int, ...]
    """Epochs, ascending, the last one included."""
    observed: int
    """Gradient alignment is taken on so many samples at most, the first ones."""

    @property
    def dtype(self) -> torch.dtype:
        """The precision of nonlinear networks; linear ones are always followed in float64."""
        return torch.float64 if self.double else torch.float32

    @property
    def rate(self) -> float:
        """What multiplies the sum over a batch of (ŷ − y) h ᵀ."""
        return 2 * self.learning_rate


def observed_epochs(epochs: int, points: int) -> tuple[int, ...]:
    """Return about `points` epochs from 1 to the end, evenly spaced on a logarithmic scale."""
    return tuple(int(t) for t in np.unique(np.rint(np.geomspace(1, epochs, points))))


def feedback(
    seeds: Sequence[int], training: Training, outputs: int
) -> list[Float[np.ndarray, "members width outputs"]]:
    """Return F_1 … F_{L−1}, uniform in ±1/√n_l (Refinetti et al. 2021, SM E.1, as in the released code)."""
    width, bound, found = training.width, training.width**-0.5, []
    for layer in range(1, training.hidden + 1):
        drawn = {s: generator(s, "feedback", layer).uniform(-bound, bound, (width, outputs)) for s in set(seeds)}
        found.append(np.stack([drawn[seed] for seed in seeds]))
    return found


def grams(seeds: Sequence[int], training: Training, outputs: int) -> list[Float[np.ndarray, "members outputs outputs"]]:
    """Return F_lᵀF_l of each hidden layer."""
    return [F.swapaxes(-1, -2) @ F for F in feedback(seeds, training, outputs)]


def order(epoch: int, samples: int, batch: int) -> Int[np.ndarray, "steps batch"]:
    """Return the batches of one epoch, the same for all members, without an incomplete last one.

    Raises ValueError for fewer samples than make one batch.
    """
    if samples < batch:
        raise ValueError(f"a batch of {batch} needs at least as many samples; got {samples}")
    (found,) = batches((SHARED_ORDER,), epoch, samples, batch)
    return np.asarray(found)


def probe(samples: int, outputs: int) -> Float[np.ndarray, "samples outputs"]:
    """Return errors that point into all directions alike, the same for all members."""
    return generator(0, "probe").standard_normal((samples, outputs))


def conditions(A: Sequence[np.ndarray], G: Sequence[np.ndarray]) -> Float[np.ndarray, "members matrices"]:
    """Return the condition numbers of A_2 … A_L and of the chain A_2ᵀ F_2ᵀF_2 A_3ᵀ … A_Lᵀ that an error comes down.

    NaN for a matrix that is still zero.
    """
    chain = A[-1].swapaxes(-1, -2)
    for part, gram in zip(reversed(A[:-1]), reversed(G[1:]), strict=True):
        chain = part.swapaxes(-1, -2) @ gram @ chain
    matrices = np.stack([*A, chain], axis=1)
    found: np.ndarray = np.where(matrices.any(axis=(-2, -1)), np.linalg.cond(matrices), np.nan)
    return found
