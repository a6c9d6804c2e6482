"""The networks of Launay et al. 2019 from the weights that the released code starts with."""

from dataclasses import dataclass, fields

from feedback_alignment.experiments.launay_networks import LaunayNetworks
from feedback_alignment.networks.initialisation import Initialisation, PyTorchDefault


@dataclass(frozen=True)
class NetworksFromReleasedStart(LaunayNetworks):
    """An ensemble that starts as PyTorch's layers do, where the paper says He. It is one piece of work."""

    @classmethod
    def like(cls, networks: LaunayNetworks) -> "NetworksFromReleasedStart":
        """Return `networks` with the other start and with everything else equal."""
        return cls(**{field.name: getattr(networks, field.name) for field in fields(networks)})

    @property
    def name(self) -> str:
        """The ensemble in words."""
        return f"{super().name} released start"

    @property
    def kind(self) -> str:
        """What the stored piece is; the number is raised when the meaning of its results changes."""
        return "networks after Launay et al. from PyTorch's start 1"

    @property
    def start(self) -> Initialisation:
        """How weights and biases are drawn: uniform in ±1/√fan_in, the output layer's 2.4 times smaller than He's."""
        return PyTorchDefault()
