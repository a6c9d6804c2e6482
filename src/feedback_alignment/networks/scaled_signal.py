"""Layers that hear a rule's signal at a scale of their own."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from feedback_alignment.networks.rules import FeedbackKind, HiddenLayer, Rule


@dataclass(frozen=True)
class ScaledSignal:
    """Another rule with its teaching signals times `factor`, as in ByLayer((DFA(), ScaledSignal(BP(), 1 / 128))).

    With plain gradient descent that multiplies the layer's learning rate.
    """

    rule: Rule
    factor: float

    @property
    def name(self) -> str:
        """The rule's name and the factor."""
        return f"{self.rule.name} times {self.factor:g}"

    @property
    def feedback(self) -> FeedbackKind | tuple[FeedbackKind, ...]:
        """What the rule wants."""
        return self.rule.feedback

    def teaching_signal(self, layer: HiddenLayer) -> Float[Tensor, "members batch width"] | None:
        """The rule's signal times the factor, or None where it has none."""
        signal = self.rule.teaching_signal(layer)
        return None if signal is None else signal * self.factor
