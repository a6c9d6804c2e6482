"""Trained networks: ensembles of perceptrons under back-propagation and its random-feedback relatives."""

from feedback_alignment.networks import data
from feedback_alignment.networks.observables import Alignment, accuracy, alignment
from feedback_alignment.networks.perceptron import Perceptrons, mlp
from feedback_alignment.networks.rules import BP, DFA, DRTP, FA, LastLayerOnly, Rule
from feedback_alignment.networks.training import Schedule, train

__all__ = [
    "BP",
    "DFA",
    "DRTP",
    "FA",
    "Alignment",
    "LastLayerOnly",
    "Perceptrons",
    "Rule",
    "Schedule",
    "accuracy",
    "alignment",
    "data",
    "mlp",
    "train",
]
