"""Activations g by name, for autograd; the closed-form path has their slopes."""

import math
import re
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

Function = Callable[[Tensor], Tensor]

_FIXED: dict[str, Function] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "linear": lambda a: a,
    "abs": torch.abs,
    "erf": lambda a: torch.erf(a / math.sqrt(2)),
}
_LEAKY = re.compile(r"leaky_relu\((.+)\)")


def activation(name: str) -> Function:
    """Return g, element by element.

    The names are 'tanh', 'relu', 'linear', 'abs' (|a|), 'erf' (erf(a/√2), as in the two-layer theory) and
    'leaky_relu(s)', which is a for a > 0 and s·a elsewhere, with any finite slope s. A slope of g at a kink is the one
    PyTorch takes: that of the negative side for the ReLUs, 0 for |a|.

    Raises ValueError for another name.
    """
    if name in _FIXED:
        return _FIXED[name]
    leaky = _LEAKY.fullmatch(name)
    slope = _finite(leaky.group(1)) if leaky else None
    if slope is None:
        raise ValueError(
            f"activation must be one of {sorted(_FIXED)} or 'leaky_relu(s)' with a finite slope s, "
            f"as in 'leaky_relu(0.01)'; got {name!r}"
        )

    def leaky_relu(a: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return torch.nn.functional.leaky_relu(a, slope)

    return leaky_relu


def _finite(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
