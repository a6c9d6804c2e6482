"""Networks of biotorch, and the same networks as ensembles of this package: conventions converted one by one.

biotorch (Sanfiz and Akrout 2021) is not needed by the book. `python -m pip install --no-deps biotorch==0.0.16` gives all
that is used here; without `--no-deps` come torchvision, tensorboard, Jupyter and more.

| | biotorch 0.0.16 | this package |
|---|---|---|
| loss of a batch | that of the loss function: the mean by default, so that e is divided by the batch size | gradients are sums over the batch; `StepSize` divides |
| F_l, what brings the error to hidden layer l | `weight_backward` of layer l + 1: F_lᵀ, as (n_L, n_l) for DFA and (n_{l+1}, n_l) for FA | F_l, as (n_l, n_L) or (n_l, n_{l+1}) |
| `weight_backward` of layer 1 | drawn, and never used | not there |
| what the output layer learns from | its true error | its true error |
| biases | they learn, as under BP | the same, with `bias=True` |
| drawn F | uniform in ±√(6 / (rows + columns)) | uniform in ±1/√n_l |
| sign-symmetric feedback | sign(W) √(2 / (fan_in + fan_out)) | sign(W) / √fan_in |
"""  # noqa: E501

import itertools
import math
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import ClassVar, Protocol, cast, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from feedback_alignment.networks import BP, DFA, FA, CrossEntropy, Perceptrons, Rule
from feedback_alignment.networks.losses import one_hot
from feedback_alignment.networks.rules import FeedbackKind, HiddenLayer

VERSION = "0.0.16"

HOOK_WARNING = "Using a non-full backward hook"
"""How torch's warning begins about the hook that biotorch's DFA stands on, which later versions will not have."""


@runtime_checkable
class LinearLayer(Protocol):
    """A linear layer of biotorch."""

    weight: Float[Tensor, "above below"]
    bias: Float[Tensor, " above"]


@runtime_checkable
class FeedbackLayer(LinearLayer, Protocol):
    """One of a mode with feedback."""

    weight_backward: Float[Tensor, "rows below"]


@dataclass(frozen=True)
class SignsOfXavierSize:
    """Sign-symmetric feedback as biotorch's uSF has it: the size of Xavier's initialisation, not 1/√fan_in."""

    name: ClassVar[str] = "uSF"
    feedback: ClassVar[FeedbackKind] = "none"

    def teaching_signal(self, layer: HiddenLayer) -> Float[Tensor, "members batch width"]:
        """sign(W_{l+1})ᵀ δa_{l+1} √(2 / (fan_in + fan_out))."""
        W = layer.weight_above
        return layer.pass_down(W.sign()) * math.sqrt(2 / (W.shape[1] + W.shape[2]))


RULES: dict[str, Rule] = {"backpropagation": BP(), "fa": FA(), "dfa": DFA(), "usf": SignsOfXavierSize()}
"""The rule that is each of biotorch's modes."""


def bio_module() -> Callable[..., nn.Module]:
    """Return the class by which biotorch turns a network of PyTorch into one of its modes.

    Raises ModuleNotFoundError, with the command that mends it, where biotorch is not installed.
    """
    try:
        from biotorch.module.biomodule import BioModule
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            f"biotorch is not installed; the book does without it, this comparison does not: "
            f"python -m pip install --no-deps biotorch=={VERSION}"
        ) from missing
    made: Callable[..., nn.Module] = BioModule
    return made


def biotorch_network(sizes: Sequence[int], mode: str, seed: int, dtype: torch.dtype) -> nn.Module:
    """Return a tanh network of layers n_0, …, n_L with biases, drawn by torch and turned into one of biotorch.

    Raises ModuleNotFoundError where biotorch is not installed, ValueError for a mode that `RULES` does not have.
    """
    _require_mode(mode)
    make = bio_module()
    with torch.random.fork_rng(devices=[]), redirect_stdout(StringIO()):
        torch.manual_seed(seed)
        layers = [part for pair in itertools.pairwise(sizes) for part in (nn.Linear(*pair), nn.Tanh())]
        network = make(nn.Sequential(*layers[:-1]), mode, output_dim=sizes[-1])
    return network.to(dtype)


def linear_layers(network: nn.Module) -> list[LinearLayer]:
    """Return the layers with weights, from the first to the last."""
    return [cast(LinearLayer, layer) for layer in network.modules() if isinstance(layer, nn.Linear)]


def descend(
    network: nn.Module,
    mode: str,
    optimiser: torch.optim.Optimizer,
    inputs: Float[Tensor, "batch features"],
    labels: Int[Tensor, " batch"],
) -> None:
    """Take a step of biotorch's network on the mean cross entropy, as its documentation shows."""
    loss = nn.functional.cross_entropy
    optimiser.zero_grad()
    outputs = network(inputs, labels, loss) if mode == "dfa" else network(inputs)
    torch.autograd.backward(loss(outputs, labels))
    optimiser.step()


def as_ensemble(networks: Sequence[Sequence[LinearLayer]], mode: str) -> Perceptrons:
    """Return tanh networks of biotorch, each given by its layers, as one ensemble for `RULES[mode]`.

    Weights, biases and F_l are copies. Raises ValueError for a mode that `RULES` does not have, no networks, or
    layers without the `weight_backward` that the mode needs.
    """
    _require_mode(mode)
    if not networks:
        raise ValueError("an ensemble needs one network or more; got none")
    by_layer = list(zip(*networks, strict=True))
    weights = [torch.stack([layer.weight.detach() for layer in same]) for same in by_layer]
    biases = [torch.stack([layer.bias.detach() for layer in same]) for same in by_layer]
    feedback: list[Tensor | None] = [None] * (len(by_layer) - 1)
    if RULES[mode].feedback != "none":
        feedback = [torch.stack([_weight_backward(layer).mT for layer in same]) for same in by_layer[1:]]
    return Perceptrons(weights, feedback, "tanh", tuple(range(len(networks))), biases)


def mean_gradients(
    ensemble: Perceptrons,
    mode: str,
    inputs: Float[Tensor, "members batch features"],
    labels: Int[Tensor, "members batch"],
) -> list[dict[str, Tensor]]:
    """Return what `RULES[mode]` has each layer descend for the *mean* cross entropy of a batch, by parameter."""
    layers = ensemble.forward(inputs)
    target = one_hot(labels, layers[-1].shape[-1], layers[-1].dtype)
    teaching = ensemble.teach(RULES[mode], layers, CrossEntropy().error(layers[-1], target), target)
    batch = inputs.shape[-2]
    return [{name: total / batch for name, total in (each or {}).items()} for each in teaching.gradients]


def _weight_backward(layer: LinearLayer) -> Float[Tensor, "rows below"]:
    if not isinstance(layer, FeedbackLayer):
        raise ValueError("a mode with feedback needs layers with `weight_backward`; got a layer without")
    return layer.weight_backward.detach()


def _require_mode(mode: str) -> None:
    if mode not in RULES:
        raise ValueError(f"the modes of biotorch compared here are {', '.join(RULES)}; got {mode!r}")
