"""How weights and biases are drawn before training.

Each draw is made on the CPU in float64 from the generator of one member's stream 'weights' or 'biases', so that a
network of another precision, device or rule starts from the same numbers.
"""

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64


@runtime_checkable
class Initialisation(Protocol):
    """A distribution of weights and biases."""

    def weights(self, draw: np.random.Generator, shape: tuple[int, ...]) -> Float64[np.ndarray, "..."]:
        """Return one member's W_l, (outputs, inputs) or (outputs, inputs, height, width) for a convolution."""

    def biases(self, draw: np.random.Generator, shape: tuple[int, ...]) -> Float64[np.ndarray, " outputs"]:
        """Return one member's biases for weights of `shape`, one an output."""


def fan_in(shape: tuple[int, ...]) -> int:
    """Return how many numbers one output of weights of `shape` looks at."""
    return math.prod(shape[1:])


@dataclass(frozen=True)
class PyTorchDefault:
    """Weights and biases uniform in ±1/√fan_in: what PyTorch gives Linear and Conv2d (Refinetti et al. 2021, SM E)."""

    def weights(self, draw: np.random.Generator, shape: tuple[int, ...]) -> Float64[np.ndarray, "..."]:
        """Uniform in ±1/√fan_in."""
        bound = fan_in(shape) ** -0.5
        return draw.uniform(-bound, bound, shape)

    def biases(self, draw: np.random.Generator, shape: tuple[int, ...]) -> Float64[np.ndarray, " outputs"]:
        """Uniform in ±1/√fan_in."""
        bound = fan_in(shape) ** -0.5
        return draw.uniform(-bound, bound, shape[0])


@dataclass(frozen=True)
class He:
    """Weights normal with variance 2/fan_in, biases 0 (He et al. 2015, Eq. 10)."""

    def weights(self, draw: np.random.Generator, shape: tuple[int, ...]) -> Float64[np.ndarray, "..."]:
        """Normal with variance 2/fan_in."""
        return math.sqrt(2 / fan_in(shape)) * draw.standard_normal(shape)

    def biases(self, draw: np.random.Generator, shape: tuple[int, ...]) -> Float64[np.ndarray, " outputs"]:
        """All 0."""
        return np.zeros(shape[0])


@dataclass(frozen=True)
class Zero:
    """All weights and biases 0, where the theory of deep linear networks starts (Refinetti et al. 2021, §2.1)."""

    def weights(self, draw: np.random.Generator, shape: tuple[int, ...]) -> Float64[np.ndarray, "..."]:
        """All 0."""
        return np.zeros(shape)

    def biases(self, draw: np.random.Generator, shape: tuple[int, ...]) -> Float64[np.ndarray, " outputs"]:
        """All 0."""
        return np.zeros(shape[0])


@dataclass(frozen=True)
class ScaledNormal:
    """Weights `scale` times standard normal numbers whatever the layer's size, biases 0 (Chu and Bacho 2024).

    Raises ValueError for a scale that is not finite and at least 0.
    """

    scale: float

    def __post_init__(self) -> None:
        if not 0 <= self.scale < math.inf:
            raise ValueError(f"the scale of normal weights must be finite and at least 0; got {self.scale}")

    def weights(self, draw: np.random.Generator, shape: tuple[int, ...]) -> Float64[np.ndarray, "..."]:
        """`scale` times standard normal."""
        return self.scale * draw.standard_normal(shape)

    def biases(self, draw: np.random.Generator, shape: tuple[int, ...]) -> Float64[np.ndarray, " outputs"]:
        """All 0."""
        return np.zeros(shape[0])
