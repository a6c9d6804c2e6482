"""The activations and learning rules that the two-layer theory knows, by name."""

from typing import Final

ERF: Final = 0
RELU: Final = 1
LINEAR: Final = 2
_CODES: Final = {"erf": ERF, "relu": RELU, "linear": LINEAR}

ACTIVATIONS: Final = tuple(_CODES)
RULES: Final = ("bp", "dfa")


def activation_code(activation: str) -> int:
    """Return the number by which compiled loops know `activation`: erf(x/√2), max(0, x) or x.

    Raises ValueError for a name outside `ACTIVATIONS`.
    """
    if activation not in _CODES:
        raise ValueError(f"activation must be one of {', '.join(map(repr, ACTIVATIONS))}; got {activation!r}")
    return _CODES[activation]


def check_rule(rule: str) -> None:
    """Raise ValueError unless `rule` is backpropagation ('bp') or direct feedback alignment ('dfa')."""
    if rule not in RULES:
        raise ValueError(f"rule must be one of {', '.join(map(repr, RULES))}; got {rule!r}")
