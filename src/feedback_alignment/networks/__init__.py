"""Trained networks: ensembles under back-propagation and its random-feedback relatives."""

from feedback_alignment.networks import data
from feedback_alignment.networks.architectures import cnn, stack
from feedback_alignment.networks.bottleneck import Bottleneck, ScatteredBottleneck
from feedback_alignment.networks.ensemble import Ensemble, StepSize
from feedback_alignment.networks.feedback_distributions import (
    CopiedWeights,
    Gaussian,
    Orthonormal,
    SharedMatrix,
    SignOfWeights,
    Signs,
    Uniform,
)
from feedback_alignment.networks.initialisation import He, PyTorchDefault, ScaledNormal, Zero
from feedback_alignment.networks.layers import Conv2d, Linear
from feedback_alignment.networks.losses import CrossEntropy, SquaredError
from feedback_alignment.networks.network import Network
from feedback_alignment.networks.observables import Alignment, accuracy, alignment
from feedback_alignment.networks.operations import Activation, AveragePool2d, BatchNorm, Dropout, MaxPool2d
from feedback_alignment.networks.perceptron import Perceptrons, mlp
from feedback_alignment.networks.perturbation import PerturbedBP
from feedback_alignment.networks.rules import BP, DFA, DRTP, FA, ByLayer, LastLayerOnly, Rule, SignSymmetricFA
from feedback_alignment.networks.training import Schedule, train

__all__ = [
    "BP",
    "DFA",
    "DRTP",
    "FA",
    "Activation",
    "Alignment",
    "AveragePool2d",
    "BatchNorm",
    "Bottleneck",
    "ByLayer",
    "Conv2d",
    "CopiedWeights",
    "CrossEntropy",
    "Dropout",
    "Ensemble",
    "Gaussian",
    "He",
    "LastLayerOnly",
    "Linear",
    "MaxPool2d",
    "Network",
    "Orthonormal",
    "Perceptrons",
    "PerturbedBP",
    "PyTorchDefault",
    "Rule",
    "ScaledNormal",
    "ScatteredBottleneck",
    "Schedule",
    "SharedMatrix",
    "SignOfWeights",
    "SignSymmetricFA",
    "Signs",
    "SquaredError",
    "StepSize",
    "Uniform",
    "Zero",
    "accuracy",
    "alignment",
    "cnn",
    "data",
    "mlp",
    "stack",
    "train",
]
