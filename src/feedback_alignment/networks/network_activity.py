"""One batch inside a network of blocks: the activities, and what a rule makes of them."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from feedback_alignment.networks.blocks import BlockActivity


@dataclass(frozen=True)
class Activity:
    """One batch inside the network."""

    blocks: list[BlockActivity]
    outputs: Float[Tensor, "members batch outputs"]
    """a_L."""
    renewals: list[tuple[Tensor, Tensor]]
    """Running statistics, each with the value that it takes if the network learns from this batch."""


@dataclass(frozen=True)
class NetworkTeaching:
    """What a rule tells every layer about one batch."""

    signals: list[Tensor | None]
    """Teaching signal at the output h_l of each hidden layer, (members, batch, n_l); None where it does not learn."""
    deltas: list[Tensor | None]
    """δa_1, …, δa_L, the last one the error e; (members, batch, numbers of a_l)."""
    gradients: list[dict[str, Tensor] | None]
    """What each layer descends, by the parameter's name, summed over the batch; members first."""
