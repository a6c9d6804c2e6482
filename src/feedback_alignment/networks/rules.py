"""Learning rules: what each hidden layer is told about the error.

| rule | teaching signal of layer l, before the factor g'(a_l) | source |
|---|---|---|
| BP | W_{l+1}ᵀ δa_{l+1} | Refinetti et al. 2021, Eq. 2 |
| FA | F_l δa_{l+1} | Eq. 3 |
| DFA | F_l e | Eq. 4 |
| DRTP | −F_l y | Frenkel et al. 2021 |
| sign-symmetric FA | sign(W_{l+1})ᵀ δa_{l+1} / √fan_in | Liao et al. 2016 |
| last layer only | none: hidden layers stay as they were drawn | control |
| by layer | that of another rule, layer by layer | mixtures |

The output layer learns from its true error in every rule (Eq. 1). A new rule is a frozen dataclass with a name, the
kind of feedback it wants and one method; `train` and the observables take it as they take these, for any stack of
layers: what stands between layer l and layer l+1, a convolution or a product with a matrix, is behind `pass_down`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from feedback_alignment import streams

FeedbackKind = Literal["none", "above", "output"]
"""Shape of F_l: none at all, that of W_{l+1}ᵀ (`above`), or one column for each output (`output`)."""


@dataclass(frozen=True)
class HiddenLayer:
    """What a rule may look at when it forms the teaching signal of hidden layer l for one batch.

    Activities and signals are vectors here, `width` numbers a sample, also where they are images elsewhere.
    """

    delta_above: Float[Tensor, "members batch above"]
    """δa_{l+1}, formed by the same rule one layer further up (the error e, if that is the output layer); zeros where
    that layer does not learn."""
    weight_above: Float[Tensor, "members above width"] | Float[Tensor, "members channels channels_below kernel kernel"]
    """W_{l+1}: a matrix, or the filters of a convolution."""
    error: Float[Tensor, "members batch outputs"]
    """e = ∂J/∂a_L of each sample."""
    target: Float[Tensor, "members batch outputs"]
    """y of each sample, one-hot for classification."""
    feedback: (
        Float[Tensor, "members width columns"] | Float[Tensor, "members channels_below channels kernel kernel"] | None
    )
    """A matrix that F_l is `feedback_scale` times, or None for a rule without feedback; see `through_feedback`."""
    layer: int
    """l, from 1."""
    seeds: tuple[int, ...]
    """The members' seeds."""
    step: int
    """How many batches the network has learnt from."""
    feedback_scale: float = 1.0
    """Other than 1 where layers hold one matrix in common and differ in its scale (Launay et al. 2019, Eq. 8)."""
    own_weights: int = 0
    """How many numbers W_l has: the first ones of the vector that `GradientRule` is handed."""
    transposed: Callable[[Tensor, Tensor], Tensor] = torch.matmul
    """(δa_{l+1}, weight) -> weightᵀ δa_{l+1}; for a convolution the transposed one."""

    def pass_down(
        self,
        weight: Float[Tensor, "members above width"] | Float[Tensor, "members channels channels_below kernel kernel"],
    ) -> Float[Tensor, "members batch _"]:
        """Return weightᵀ δa_{l+1}, for a `weight` of W_{l+1}'s shape in the place of W_{l+1}.

        Raises ValueError for a weight of another shape.
        """
        if weight.shape != self.weight_above.shape:
            raise ValueError(
                f"a weight that passes δa_{self.layer + 1} down to layer {self.layer} must have the shape of "
                f"W_{self.layer + 1}, {tuple(self.weight_above.shape)}; got {tuple(weight.shape)}"
            )
        return self.transposed(self.delta_above, weight)

    def through_feedback(self, vectors: Float[Tensor, "members batch outputs"]) -> Float[Tensor, "members batch width"]:
        """Return F_l v of each sample's vector v.

        Raises ValueError where the layer has no F_l, or one with another number of columns.
        """
        F = self._feedback((*self.weight_above.shape[:1], -1, vectors.shape[-1]))
        return vectors @ F.mT * self.feedback_scale

    def feedback_down(self) -> Float[Tensor, "members batch width"]:
        """Return F_l δa_{l+1}, with F_l in the place of W_{l+1}ᵀ.

        Raises ValueError where the layer has no F_l, or one that has not the shape of W_{l+1}ᵀ.
        """
        F = self._feedback(tuple(self.weight_above.transpose(1, 2).shape))
        return self.pass_down(F.transpose(1, 2)) * self.feedback_scale

    def draws(self, stream: str) -> list[np.random.Generator]:
        """Return one generator a member of the named stream, for this layer and this batch alone."""
        return [streams.generator(seed, stream, self.layer, self.step) for seed in self.seeds]

    def _feedback(self, wanted: tuple[int, ...]) -> Tensor:
        F = self.feedback
        fits = F is not None and F.ndim == len(wanted)
        if F is None or not fits or any(want not in (-1, have) for want, have in zip(wanted, F.shape, strict=True)):
            found = "none" if F is None else f"{tuple(F.shape)}"
            shape = ", ".join("n_l" if want == -1 else str(want) for want in wanted)
            raise ValueError(
                f"this rule needs a feedback matrix F_{self.layer} of shape ({shape}); the network's has {found}: "
                "make the network with mlp(sizes, rule, ...) or cnn(..., rule, ...) for the rule that trains it"
            )
        return F


@runtime_checkable
class Rule(Protocol):
    """A learning rule."""

    @property
    def name(self) -> str:
        """What figures and tables call it."""

    @property
    def feedback(self) -> FeedbackKind | tuple[FeedbackKind, ...]:
        """The F_l that it wants: the same kind in all hidden layers, or one kind each, from the first layer on."""

    def teaching_signal(self, layer: HiddenLayer) -> Float[Tensor, "members batch width"] | None:
        """Return the signal at the output of the hidden layer, or None where the layer does not learn."""


@runtime_checkable
class GradientRule(Rule, Protocol):
    """A rule with a second method, asked after the first once a hidden layer's gradient is formed."""

    def gradient(
        self, gradient: Float[Tensor, "members parameters"], layer: HiddenLayer
    ) -> Float[Tensor, "members parameters"]:
        """Return what the layer descends in the place of `gradient`.

        `gradient` is the sum over the batch for everything that the layer learns, in one vector: weights, then biases,
        then what a normalisation learns. The layers below hear nothing of the change.
        """


def require_rule(rule: Rule) -> None:
    """Raise TypeError for what is no rule: a name, say, or a class in the place of an object."""
    if isinstance(rule, type) or not isinstance(rule, Rule):
        raise TypeError(
            "a learning rule must be an object such as BP(), FA(), DFA() or DRTP(), or one of your own with a name, "
            f"the kind of feedback it wants and a method teaching_signal; got {rule!r}"
        )


def feedback_kinds(rule: Rule, hidden_layers: int) -> tuple[FeedbackKind, ...]:
    """Return the kind of feedback that `rule` wants in each of the hidden layers.

    Raises ValueError for a rule that names the kinds of another number of layers, TypeError for what is no rule.
    """
    require_rule(rule)
    kinds = (rule.feedback,) * hidden_layers if isinstance(rule.feedback, str) else rule.feedback
    if len(kinds) != hidden_layers:
        raise ValueError(
            f"the rule {rule.name!r} is one for {len(kinds)} hidden layers; the network has {hidden_layers}"
        )
    return kinds


@dataclass(frozen=True)
class BP:
    """Back-propagation, Refinetti et al. 2021, Eq. 2."""

    name: ClassVar[str] = "BP"
    feedback: ClassVar[FeedbackKind] = "none"

    def teaching_signal(self, layer: HiddenLayer) -> Float[Tensor, "members batch width"]:
        """W_{l+1}ᵀ δa_{l+1}."""
        return layer.pass_down(layer.weight_above)


@dataclass(frozen=True)
class FA:
    """Feedback alignment (Lillicrap et al. 2016), Refinetti et al. 2021, Eq. 3."""

    name: ClassVar[str] = "FA"
    feedback: ClassVar[FeedbackKind] = "above"

    def teaching_signal(self, layer: HiddenLayer) -> Float[Tensor, "members batch width"]:
        """F_l δa_{l+1}."""
        return layer.feedback_down()


@dataclass(frozen=True)
class DFA:
    """Direct feedback alignment (Nøkland 2016), Refinetti et al. 2021, Eq. 4."""

    name: ClassVar[str] = "DFA"
    feedback: ClassVar[FeedbackKind] = "output"

    def teaching_signal(self, layer: HiddenLayer) -> Float[Tensor, "members batch width"]:
        """F_l e."""
        return layer.through_feedback(layer.error)


@dataclass(frozen=True)
class DRTP:
    """Direct random target projection (Frenkel et al. 2021): the target stands in for the error, with a minus sign."""

    name: ClassVar[str] = "DRTP"
    feedback: ClassVar[FeedbackKind] = "output"

    def teaching_signal(self, layer: HiddenLayer) -> Float[Tensor, "members batch width"]:
        """−F_l y."""
        return -layer.through_feedback(layer.target)


@dataclass(frozen=True)
class SignSymmetricFA:
    """Feedback with the signs of the current weights and moduli 1/√fan_in (Liao et al. 2016)."""

    name: ClassVar[str] = "sign-symmetric FA"
    feedback: ClassVar[FeedbackKind] = "none"

    def teaching_signal(self, layer: HiddenLayer) -> Float[Tensor, "members batch width"]:
        """sign(W_{l+1})ᵀ δa_{l+1} / √fan_in of W_{l+1}."""
        W = layer.weight_above
        return layer.pass_down(W.sign()) / math.sqrt(W[0, 0].numel())


@dataclass(frozen=True)
class LastLayerOnly:
    """The control: hidden layers keep their random weights and only the output layer learns."""

    name: ClassVar[str] = "last layer only"
    feedback: ClassVar[FeedbackKind] = "none"

    def teaching_signal(self, layer: HiddenLayer) -> None:
        """No signal."""
        return


@dataclass(frozen=True)
class ByLayer:
    """A mixture: one rule for each hidden layer, from the first on, as in ByLayer((DFA(), DFA(), BP()))."""

    rules: tuple[Rule, ...]

    @property
    def name(self) -> str:
        """The rules' names in their order."""
        return ", ".join(rule.name for rule in self.rules)

    @property
    def feedback(self) -> tuple[FeedbackKind, ...]:
        """The kind that each layer's rule wants."""
        return tuple(feedback_kinds(rule, len(self.rules))[index] for index, rule in enumerate(self.rules))

    def teaching_signal(self, layer: HiddenLayer) -> Float[Tensor, "members batch width"] | None:
        """The signal of the layer's own rule."""
        return self.rules[layer.layer - 1].teaching_signal(layer)

    def gradient(
        self, gradient: Float[Tensor, "members parameters"], layer: HiddenLayer
    ) -> Float[Tensor, "members parameters"]:
        """The gradient, changed where the layer's own rule changes it."""
        rule = self.rules[layer.layer - 1]
        return rule.gradient(gradient, layer) if isinstance(rule, GradientRule) else gradient
