"""One batch inside a network of blocks."""

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
