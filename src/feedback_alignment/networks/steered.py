"""Networks that are trained with more than plain gradient descent, each a network with something around it."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from feedback_alignment.networks.ensemble import Ensemble
from feedback_alignment.networks.layers import Shape
from feedback_alignment.networks.losses import Loss
from feedback_alignment.networks.operations import Mode
from feedback_alignment.networks.rules import Rule
from feedback_alignment.networks.teaching import Teaching


class Steered(Ensemble):
    """An ensemble in whose place another one is: all but its steps is that other one's."""

    def __init__(self, inner: Ensemble):
        self.inner = inner
        self.seeds = inner.seeds
        self.weights = inner.weights
        self.feedback = inner.feedback

    @property
    def input_shape(self) -> Shape:
        """Shape of one sample, (features,) or (channels, height, width)."""
        return self.inner.input_shape

    def own_state(self) -> dict[str, Tensor]:
        """Return what training changes beside the inner ensemble, by name, members first in each."""
        raise NotImplementedError

    def state(self) -> dict[str, Tensor]:
        """Return everything that training changes, the inner ensemble's and its own."""
        return self.inner.state() | self.own_state()

    def outputs(self, inputs: Float[Tensor, "..."]) -> Float[Tensor, "members batch outputs"]:
        """Return a_L in evaluation mode."""
        return self.inner.outputs(inputs)

    def teachings(
        self,
        rules: Sequence[Rule],
        inputs: Float[Tensor, "..."],
        target: Float[Tensor, "members batch outputs"],
        loss: Loss,
        mode: Mode,
    ) -> list[Teaching]:
        """Return what each of `rules` tells every layer about the same batch; see `Ensemble`."""
        return self.inner.teachings(rules, inputs, target, loss, mode)
