"""Learning rules: what each hidden layer is told about the error.

| rule | teaching signal of layer l, before the factor g'(a_l) | source |
|---|---|---|
| BP | W_{l+1}ᵀ δa_{l+1} | Refinetti et al. 2021, Eq. 2 |
| FA | F_l δa_{l+1} | Eq. 3 |
| DFA | F_l e | Eq. 4 |
| DRTP | −F_l y | Frenkel et al. 2021 |
| last layer only | none: hidden layers stay as they were drawn | control |

The output layer learns from its true error in every rule (Eq. 1). A new rule is a frozen dataclass with a name, the
kind of feedback it wants and one method; `train` and the observables take it as they take these.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

FeedbackKind = Literal["none", "above", "output"]
"""Columns of F_l: none at all, one for each unit of layer l+1 (`above`), or one for each output (`output`)."""


@dataclass(frozen=True)
class HiddenLayer:
    """What a rule may look at when it forms the teaching signal of hidden layer l."""

    delta_above: Float[Tensor, "members batch above"]
    """δa_{l+1}, formed by the same rule one layer further up (the error e, if that is the output layer)."""
    weight_above: Float[Tensor, "members above width"]
    """W_{l+1}."""
    error: Float[Tensor, "members batch outputs"]
    """e = ∂J/∂a_L of each sample."""
    target: Float[Tensor, "members batch outputs"]
    """y of each sample, one-hot for classification."""
    feedback: Float[Tensor, "members width columns"] | None
    """F_l, or None for a rule without feedback."""


@runtime_checkable
class Rule(Protocol):
    """A learning rule."""

    name: ClassVar[str]
    feedback: ClassVar[FeedbackKind]

    def teaching_signal(self, layer: HiddenLayer) -> Float[Tensor, "members batch width"] | None:
        """Return the signal at the output of the hidden layer, or None where the layer does not learn."""


def _matrix(layer: HiddenLayer, columns: int) -> Float[Tensor, "members width columns"]:
    found = 0 if layer.feedback is None else layer.feedback.shape[-1]
    if layer.feedback is None or found != columns:
        raise ValueError(
            f"this rule needs a feedback matrix F_l with {columns} columns; the network's has {found}: "
            "make the network with mlp(sizes, rule, ...) for the rule that trains it"
        )
    return layer.feedback


@dataclass(frozen=True)
class BP:
    """Back-propagation, Refinetti et al. 2021, Eq. 2."""

    name: ClassVar[str] = "BP"
    feedback: ClassVar[FeedbackKind] = "none"

    def teaching_signal(self, layer: HiddenLayer) -> Float[Tensor, "members batch width"]:
        """W_{l+1}ᵀ δa_{l+1}."""
        return layer.delta_above @ layer.weight_above


@dataclass(frozen=True)
class FA:
    """Feedback alignment (Lillicrap et al. 2016), Refinetti et al. 2021, Eq. 3."""

    name: ClassVar[str] = "FA"
    feedback: ClassVar[FeedbackKind] = "above"

    def teaching_signal(self, layer: HiddenLayer) -> Float[Tensor, "members batch width"]:
        """F_l δa_{l+1}."""
        return layer.delta_above @ _matrix(layer, layer.delta_above.shape[-1]).mT


@dataclass(frozen=True)
class DFA:
    """Direct feedback alignment (Nøkland 2016), Refinetti et al. 2021, Eq. 4."""

    name: ClassVar[str] = "DFA"
    feedback: ClassVar[FeedbackKind] = "output"

    def teaching_signal(self, layer: HiddenLayer) -> Float[Tensor, "members batch width"]:
        """F_l e."""
        return layer.error @ _matrix(layer, layer.error.shape[-1]).mT


@dataclass(frozen=True)
class DRTP:
    """Direct random target projection (Frenkel et al. 2021): the target stands in for the error, with a minus sign."""

    name: ClassVar[str] = "DRTP"
    feedback: ClassVar[FeedbackKind] = "output"

    def teaching_signal(self, layer: HiddenLayer) -> Float[Tensor, "members batch width"]:
        """−F_l y."""
        return -(layer.target @ _matrix(layer, layer.target.shape[-1]).mT)


@dataclass(frozen=True)
class LastLayerOnly:
    """The control: hidden layers keep their random weights and only the output layer learns."""

    name: ClassVar[str] = "last layer only"
    feedback: ClassVar[FeedbackKind] = "none"

    def teaching_signal(self, layer: HiddenLayer) -> None:
        """No signal."""
        return
