"""Layers of full width of which little learns (Launay et al. 2019, §4.2)."""

import functools
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from feedback_alignment import streams
from feedback_alignment.networks.rules import FeedbackKind, GradientRule, HiddenLayer, Rule


@dataclass(frozen=True)
class _Narrowed:
    """Another rule, but of hidden layer `layer` only as much learns as if it had `units` units.

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
    def feedback(self) -> FeedbackKind | tuple[FeedbackKind, ...]:
        """What the rule wants."""
        return self.rule.feedback

    def _require_fit(self, width: int) -> None:
        if self.units > width:
            raise ValueError(
                f"a bottleneck of {self.units} units does not fit into layer {self.layer} of {width}: take fewer units"
            )

    def _by_rule(
        self, gradient: Float[Tensor, "members parameters"], layer: HiddenLayer
    ) -> Float[Tensor, "members parameters"]:
        return self.rule.gradient(gradient, layer) if isinstance(self.rule, GradientRule) else gradient


@dataclass(frozen=True)
class Bottleneck(_Narrowed):
    """Another rule, but in hidden layer `layer` only `units` of the units hear their signal; the others keep still.

    Which units learn is drawn once a member from its stream 'bottleneck' and holds for all of training. Activities pass
    through the whole layer, and signals for the layers below come from the units that learn.

    Raises ValueError for a layer or a number of units below 1, and when used on a layer of fewer units.
    """

    @property
    def name(self) -> str:
        """The rule's name with the size of the bottleneck."""
        return f"{self.rule.name}, {self.units} units of layer {self.layer} learning"

    def learning(self, seeds: tuple[int, ...], width: int) -> Bool[Tensor, "members width"]:
        """Return which units of the layer learn.

        Raises ValueError for a layer of fewer units than the bottleneck.
        """
        self._require_fit(width)
        return _places(seeds, self.layer, width) < self.units

    def teaching_signal(self, layer: HiddenLayer) -> Float[Tensor, "members batch width"] | None:
        """The rule's signal, 0 for the units that keep still."""
        signal = self.rule.teaching_signal(layer)
        if signal is None or layer.layer != self.layer:
            return signal
        return signal * self.learning(layer.seeds, signal.shape[-1])[:, None].to(signal)

    def gradient(
        self, gradient: Float[Tensor, "members parameters"], layer: HiddenLayer
    ) -> Float[Tensor, "members parameters"]:
        """The gradient, changed where the rule changes it."""
        return self._by_rule(gradient, layer)


@dataclass(frozen=True)
class ScatteredBottleneck(_Narrowed):
    """Another rule, but in hidden layer `layer` only a share of the weights learn, as in the code released by Launay.

    With a layer of n units each of its weights learns with probability units/n, and the others keep still; biases all
    learn. Of the signal that the layer passes down, the same share of numbers is kept, each a unit of the layer below
    at one place in the batch. And the layers below the bottleneck learn from what is passed down to them, by
    back-propagation through the bottleneck, whatever the rule. What is kept is drawn once a member from its stream
    'bottleneck' and holds for all of training; `draw` tells the masks of two networks apart, such as those of a network
    and of its twin that learns by back-propagation.

    Raises ValueError for a layer or a number of units below 1, and when used on a layer of fewer units.
    """

    draw: int = 0

    @property
    def name(self) -> str:
        """The rule's name with the size of the bottleneck."""
        return f"{self.rule.name}, weights of {self.units} units' number learning, scattered in layer {self.layer}"

    def teaching_signal(self, layer: HiddenLayer) -> Float[Tensor, "members batch width"] | None:
        """The rule's signal in the bottleneck and above it; below it what is passed down, through the masks."""
        if layer.layer >= self.layer:
            return self.rule.teaching_signal(layer)
        signal = layer.pass_down(layer.weight_above)
        if layer.layer < self.layer - 1:
            return signal
        return signal * self._kept(layer, "signal", tuple(signal.shape[1:]), layer.delta_above.shape[-1]).to(signal)

    def gradient(
        self, gradient: Float[Tensor, "members parameters"], layer: HiddenLayer
    ) -> Float[Tensor, "members parameters"]:
        """The gradient, 0 for the weights of the bottleneck that keep still."""
        gradient = self._by_rule(gradient, layer)
        if layer.layer != self.layer:
            return gradient
        weights, others = gradient[:, : layer.own_weights], gradient[:, layer.own_weights :]
        kept = self._kept(layer, "weights", (layer.own_weights,), layer.weight_above.shape[2])
        return torch.cat((weights * kept.to(gradient), others), 1)

    def _kept(self, layer: HiddenLayer, what: str, shape: tuple[int, ...], width: int) -> Bool[Tensor, "members ..."]:
        """Return the masks, `shape` for each member, of a bottleneck layer of `width` units."""
        self._require_fit(width)
        return _scattered(layer.seeds, self.layer, self.draw, what, shape, self.units / width)


@functools.lru_cache(maxsize=8)
def _places(seeds: tuple[int, ...], layer: int, width: int) -> Int[Tensor, "members width"]:
    """Return each unit's place in an order drawn once a member."""
    orders = [streams.generator(seed, "bottleneck", layer).permutation(width) for seed in seeds]
    return torch.from_numpy(np.stack(orders))


@functools.lru_cache(maxsize=8)
def _scattered(
    seeds: tuple[int, ...], layer: int, draw: int, what: str, shape: tuple[int, ...], share: float
) -> Bool[Tensor, "members ..."]:
    """Return masks that keep each number with probability `share`, drawn once a member."""
    index = ("weights", "signal").index(what)
    masks = [streams.generator(seed, "bottleneck", layer, draw, index).random(shape) < share for seed in seeds]
    return torch.from_numpy(np.stack(masks))
