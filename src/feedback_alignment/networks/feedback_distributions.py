"""Distributions of feedback matrices F_l, and whether members or layers share them.

Everything random comes from the stream 'feedback' of a member, or, for one F common to all members, of the seed that
is named: `shared_seed`. Draws are made on the CPU in float64 and then take the precision and device of the weights.
"""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from feedback_alignment import streams
from feedback_alignment.networks.feedback import FeedbackMatrix, Scale, Site, check_scale

BLOCK = 2**18
"""Numbers drawn at a time in float64, so that a large matrix is not in memory twice."""


def _filled(
    numbers: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray],
    site: Site,
    shared_seed: int | None,
    seeds: Sequence[int],
) -> Tensor:
    """Return one matrix of independent `numbers` a member, or one for all, from the stream of the site's layer."""
    W, columns = site.weights[0], site.shape[1:]
    from_seeds = seeds if shared_seed is None else (shared_seed,)
    F = torch.empty((len(from_seeds), *site.shape), dtype=W.dtype, device=W.device)
    together = max(1, BLOCK // math.prod(columns))
    for own, seed in zip(F, from_seeds, strict=True):
        generator = streams.generator(seed, "feedback", site.layer)
        for block in own.split(together):
            block.copy_(torch.from_numpy(numbers(generator, (len(block), *columns))))
    return F.expand(len(seeds), *site.shape)


@dataclass(frozen=True)
class _Entries:
    """Independent entries of one size. Raises ValueError for a size that is not finite and positive."""

    scale: Scale = "width"
    shared_seed: int | None = None

    def __post_init__(self) -> None:
        check_scale(self.scale)

    def _numbers(self, size: float, draw: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        raise NotImplementedError

    def draw(self, sites: Sequence[Site], seeds: Sequence[int]) -> list[FeedbackMatrix]:
        """Return one F_l a site."""
        drawn = []
        for site in sites:
            size = site.size(self.scale)
            numbers = functools.partial(self._numbers, size)
            drawn.append(FeedbackMatrix(_filled(numbers, site, self.shared_seed, seeds)))
        return drawn


class Uniform(_Entries):
    """Entries uniform in ±scale, by default ±1/√n_l (Refinetti et al. 2021, SM E, as in their released code)."""

    def _numbers(self, size: float, draw: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return draw.uniform(-size, size, shape)


class Gaussian(_Entries):
    """Normal entries with standard deviation `scale`."""

    def _numbers(self, size: float, draw: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return size * draw.standard_normal(shape)


class Signs(_Entries):
    """Entries +scale or −scale, equally likely (Chu and Bacho 2024, with scale 1)."""

    def _numbers(self, size: float, draw: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return size * (2.0 * draw.integers(0, 2, shape) - 1)


@dataclass(frozen=True)
class Orthonormal:
    """Orthonormal columns, F_lᵀF_l = 1, with no direction preferred."""

    shared_seed: int | None = None

    def draw(self, sites: Sequence[Site], seeds: Sequence[int]) -> list[FeedbackMatrix]:
        """Return one F_l a site.

        Raises ValueError for a site with more columns than rows, or with the shape of a convolution.
        """
        for site in sites:
            if len(site.shape) != 2 or site.shape[0] < site.shape[1]:
                raise ValueError(
                    f"orthonormal columns need a matrix with at least as many rows as columns; F_{site.layer} has "
                    f"shape {site.shape}: take another distribution"
                )
        drawn = []
        for site in sites:
            from_seeds = seeds if self.shared_seed is None else (self.shared_seed,)
            Q = [_orthonormal(streams.generator(seed, "feedback", site.layer), site.shape) for seed in from_seeds]
            F = torch.from_numpy(np.stack(Q)).to(site.weights[0])
            drawn.append(FeedbackMatrix(F.expand(len(seeds), *site.shape)))
        return drawn


def _orthonormal(draw: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    Q, R = np.linalg.qr(draw.standard_normal(shape))
    # With a positive diagonal of R the factorisation is unique, and Q inherits the Gaussian's symmetry.
    return Q * np.sign(np.diag(R))


def _standard_normal(draw: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return draw.standard_normal(shape)


@dataclass(frozen=True)
class SharedMatrix:
    """One matrix with normal entries for all layers, F_l = scale × its first n_l rows (Launay et al. 2019, Eqs 7–8).

    Only the matrix of the widest layer is held in memory. The matrix is drawn from the stream 'feedback', 0.

    Raises ValueError for a scale that is not finite and positive.
    """

    scale: Scale = "width and outputs"
    shared_seed: int | None = None

    def __post_init__(self) -> None:
        check_scale(self.scale)

    def draw(self, sites: Sequence[Site], seeds: Sequence[int]) -> list[FeedbackMatrix]:
        """Return one view a site.

        Raises ValueError for feedback that does not come from the outputs.
        """
        for site in sites:
            if site.kind != "output":
                raise ValueError(
                    "layers can share one matrix only where each F_l has a column for each output, as in DFA and DRTP; "
                    f"F_{site.layer} has the shape of W_{site.layer + 1}ᵀ"
                )
        if not sites:
            return []
        widest = max(sites, key=lambda site: site.width)
        common = Site(0, "output", widest.width, widest.weights)
        U = _filled(_standard_normal, common, self.shared_seed, seeds)
        return [FeedbackMatrix(U[:, : site.width], site.size(self.scale)) for site in sites]


@dataclass(frozen=True)
class CopiedWeights:
    """F_l = W_{l+1}ᵀ, or (W_L ⋯ W_{l+1})ᵀ where feedback comes from the outputs; a copy of the weights as they are."""

    def draw(self, sites: Sequence[Site], seeds: Sequence[int]) -> list[FeedbackMatrix]:
        """Return one F_l a site. Raises ValueError for a product of weights across a convolution."""
        return [FeedbackMatrix(_transposed_weights(site)) for site in sites]


@dataclass(frozen=True)
class SignOfWeights:
    """scale × the signs of what `CopiedWeights` gives.

    Raises ValueError for a scale that is not finite and positive.
    """

    scale: Scale = "width"

    def __post_init__(self) -> None:
        check_scale(self.scale)

    def draw(self, sites: Sequence[Site], seeds: Sequence[int]) -> list[FeedbackMatrix]:
        """Return one F_l a site. Raises ValueError for a product of weights across a convolution."""
        return [FeedbackMatrix(_transposed_weights(site).sign() * site.size(self.scale)) for site in sites]


def _transposed_weights(site: Site) -> Tensor:
    if site.kind == "above":
        return site.weights[0].transpose(1, 2).clone()
    if any(W.ndim != 3 for W in site.weights) or site.weights[0].shape[2] != site.width:
        raise ValueError(
            f"F_{site.layer} cannot be the product of the weights from layer {site.layer + 1} to the outputs, because "
            "one of them is a convolution: take another distribution, or a rule that passes the error down"
        )
    F = site.weights[0].mT
    for W in site.weights[1:]:
        F = F @ W.mT
    return F.clone()
