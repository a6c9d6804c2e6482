"""Slopes g' of the activations in closed form; the activations themselves are in `activations`."""

import math
from collections.abc import Callable
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from feedback_alignment.networks.activations import activation


@cache
def kink(name: str) -> tuple[float, float]:
    """Return the slopes of a piecewise linear activation below and at 0; above it is 1.

    Raises ValueError for an activation without a kink, tanh or erf, and for an unknown one.
    """
    if name in ("tanh", "erf"):
        raise ValueError(f"{name} is not piecewise linear: it has no slopes below and at 0")
    with torch.enable_grad():
        a = torch.tensor([-1.0, 0.0], dtype=torch.float64, requires_grad=True)
        (slopes,) = torch.autograd.grad(activation(name)(a).sum(), a)
    below, at_zero = slopes.tolist()
    return below, at_zero


def slope(name: str, h: Float[Tensor, "..."], a: Callable[[], Float[Tensor, "..."]]) -> Float[Tensor, "..."]:
    """Return g'(a), from h = g(a) where that is enough; `a` gives the argument itself where it is not.

    Raises ValueError for an unknown activation.
    """
    if name == "tanh":
        return 1 - h * h
    if name == "erf":
        return math.sqrt(2 / math.pi) * torch.exp(-0.5 * a().square())
    below, at_zero = kink(name)
    argument = h if name in ("relu", "linear") else a()
    slopes = torch.where(argument > 0, h.new_ones(()), below)
    return slopes.masked_fill_(argument == 0, at_zero)
