"""A layer of full width in which few units learn (Launay et al. 2019, §4.2)."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from feedback_alignment import streams
from feedback_alignment.networks.rules import FeedbackKind, GradientRule, HiddenLayer, Rule


@dataclass(frozen=True)
class Bottleneck:
    """Another rule, but in hidden layer `layer` only `units` of the units hear their signal; the others keep still.

    Which units learn is drawn once a member from its stream 'bottleneck' and holds for all of training. Activities pass
    through the whole layer, and signals for the layers below come from the units that learn.

    Raises ValueError for a layer or a number of units below 1, and when used on a layer of fewer units.
    """

    rule: Rule
    layer: int
    units: int

    def __post_init__(self) -> None:
        if min(self.layer, self.units) < 1:
            raise ValueError(
                f"a bottleneck needs a layer and a number of units of at least 1; got {self.layer} and {self.units}"
            )

    @property
    def name(self) -> str:
        """The rule's name with the size of the bottleneck."""
        return f"{self.rule.name}, {self.units} units of layer {self.layer} learning"

    @property
    def feedback(self) -> FeedbackKind | tuple[FeedbackKind, ...]:
        """What the rule wants."""
        return self.rule.feedback

    def teaching_signal(self, layer: HiddenLayer) -> Float[Tensor, "members batch width"] | None:
        """The rule's signal, 0 for the units that keep still."""
        signal = self.rule.teaching_signal(layer)
        if signal is None or layer.layer != self.layer:
            return signal
        width = signal.shape[-1]
        if self.units > width:
            raise ValueError(
                f"a bottleneck of {self.units} units does not fit into layer {self.layer} of {width}: take fewer units"
            )
        draws = [streams.generator(seed, "bottleneck", self.layer).permutation(width) for seed in layer.seeds]
        learning = torch.from_numpy(np.stack(draws) < self.units).to(signal)
        return signal * learning[:, None]

    def gradient(
        self, gradient: Float[Tensor, "members parameters"], layer: HiddenLayer
    ) -> Float[Tensor, "members parameters"]:
        """The gradient, changed where the rule changes it."""
        return self.rule.gradient(gradient, layer) if isinstance(self.rule, GradientRule) else gradient
