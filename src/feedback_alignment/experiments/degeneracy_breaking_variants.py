"""Ensembles that this book adds to those of Fig. 5: feedback turned towards the weights, and a start made by BP."""

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor

from feedback_alignment.experiments.deep_ensembles import EnsembleSettings
from feedback_alignment.networks.perceptron import Perceptrons
from feedback_alignment.networks.rules import BP
from feedback_alignment.networks.training import Schedule, train
from feedback_alignment.networks.training_data import Labels, Targets
from feedback_alignment.networks.turned_feedback import Follower, backward_products, turned


@dataclass(frozen=True)
class TurnedEnsemble(EnsembleSettings):
    """Members that share one F, each of which turns it towards its own transposed weights before it learns by DFA."""

    towards: Literal["initial", "current"]
    """Towards the weights before training, once; or towards those of the moment, before every step."""
    share: float
    """Share of the angle between F_l and W_{l+1}ᵀ ⋯ W_Lᵀ, from 0 to 1."""

    @property
    def name(self) -> str:
        """The ensemble in words."""
        return f"{super().name} turned {self.share:g} to {self.towards}"

    def prepared(self, network: Perceptrons, x: Float[Tensor, "samples features"], y: Labels | Targets) -> Perceptrons:
        """Return the network with its feedback turned, or following the weights from now on."""
        fixed = [F for F in network.feedback if F is not None]
        if self.towards == "current":
            return Follower(network.weights, [*fixed], network.activation, network.seeds, fixed=fixed, share=self.share)
        products = backward_products(network.weights)
        feedback = [turned(F, M, self.share) for F, M in zip(fixed, products, strict=True)]
        return Perceptrons(network.weights, [*feedback], network.activation, network.seeds)


@dataclass(frozen=True)
class PretrainedEnsemble(EnsembleSettings):
    """Members that learn by BP from starts of their own before their rule takes over."""

    pretraining_epochs: float

    @property
    def name(self) -> str:
        """The ensemble in words."""
        return f"{super().name} after {self.pretraining_epochs:g} epochs of BP"

    def prepared(self, network: Perceptrons, x: Float[Tensor, "samples features"], y: Labels | Targets) -> Perceptrons:
        """Return the network after its epochs of BP, with the rate and batches of the schedule."""
        schedule = self.schedule
        before = Schedule(self.pretraining_epochs, schedule.batch, schedule.learning_rate, schedule.reduction, (0,))
        train(network, BP(), x, y, before, lambda network, step: {})
        return network
