"""What a rule tells every layer about one batch, and the step that the layers take on it."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from feedback_alignment.networks.rules import GradientRule, HiddenLayer, Rule


@dataclass(frozen=True)
class Teaching:
    """Signals, errors and gradients of all layers under one rule."""

    signals: list[Tensor | None]
    """Teaching signal at the output h_l of each hidden layer, (members, batch, n_l); None where it does not learn."""
    deltas: list[Tensor | None]
    """δa_1, …, δa_L, the last one the error e; (members, batch, numbers of a_l)."""
    gradients: list[dict[str, Tensor] | None]
    """What each layer descends, by the parameter's name, summed over the batch; members first."""


def descended(gradient: dict[str, Tensor], rule: Rule, layer: HiddenLayer) -> dict[str, Tensor]:
    """Return what a hidden layer descends: its gradient, or what the rule makes of it as one vector a member."""
    if not isinstance(rule, GradientRule):
        return gradient
    parts = [part.flatten(1) for part in gradient.values()]
    changed = torch.split(rule.gradient(torch.cat(parts, 1), layer), [part.shape[1] for part in parts], 1)
    return {name: values.reshape(gradient[name].shape) for name, values in zip(gradient, changed, strict=True)}


def descend(parameters: dict[str, Tensor], gradient: dict[str, Tensor] | None, rates: tuple[float, ...]) -> None:
    """Move a layer's parameters in place by −rate times its gradient; one rate for all members, or one a member."""
    for name, change in (gradient or {}).items():
        if len(rates) == 1:
            parameters[name].sub_(change, alpha=rates[0])
        else:
            one_each = change.new_tensor(rates).view(-1, *[1] * (change.ndim - 1))
            parameters[name].sub_(one_each * change)


def require_target(target: Tensor, outputs: Float[Tensor, "members batch outputs"]) -> None:
    """Raise ValueError for a target that has not the shape of the outputs."""
    if target.shape != outputs.shape:
        raise ValueError(
            f"targets must be (members, batch, outputs) = {tuple(outputs.shape)}; got {tuple(target.shape)}"
        )
