"""Teaching signals at the outputs of hidden layers, and the angles between those of two rules (Launay et al. 2019).

Where layers drop units or normalise, a network has two modes, and the signals of two rules can be compared in one of
them, or each in another.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from feedback_alignment.networks.losses import CrossEntropy, one_hot
from feedback_alignment.networks.network import Network
from feedback_alignment.networks.observables import cosine
from feedback_alignment.networks.operations import Mode
from feedback_alignment.networks.rules import BP, Rule

BACK_PROPAGATION = BP()


def teaching_signals(
    network: Network, rule: Rule, inputs: Float[Tensor, "samples ..."], labels: Int[Tensor, " samples"], mode: Mode
) -> list[Float[Tensor, "members samples _"] | None]:
    """Return δh_l of `rule` at the output of each hidden layer, None where it does not learn.

    Under BP that is the gradient of a sample's cross entropy with respect to h_l, c_l of Launay et al. 2019, Eq. 4;
    under DFA it is F_l e, Eq. 5. In mode 'train' dropout masks are those of the coming step.
    """
    outputs = network.weights[-1].shape[1]
    target = one_hot(labels, outputs, inputs.dtype).expand(len(network.seeds), -1, -1)
    (taught,) = network.teachings([rule], inputs, target, CrossEntropy(), mode)
    return taught.signals


def signal_cosines(
    network: Network,
    rule: Rule,
    inputs: Float[Tensor, "samples ..."],
    labels: Int[Tensor, " samples"],
    mode: Mode,
    reference_mode: Mode,
    reference: Rule = BACK_PROPAGATION,
) -> Float[Tensor, "members layers samples"]:
    """Return cos∠(δh_l, c_l) of each sample (Launay et al. 2019, Eq. 6), NaN where one of them is zero or not there.

    `mode` is that of the network while `rule` teaches it, `reference_mode` that of the same network under `reference`.
    """
    ours = teaching_signals(network, rule, inputs, labels, mode)
    true = teaching_signals(network, reference, inputs, labels, reference_mode)
    return cosines(ours, true)


def cosines(
    ours: Sequence[Float[Tensor, "members samples _"] | None],
    true: Sequence[Float[Tensor, "members samples _"] | None],
) -> Float[Tensor, "members layers samples"]:
    """Return the cosine between the signals of each sample at each layer, NaN where one of them is zero or not there.

    Raises ValueError where no layer has both.
    """
    found = [None if a is None or b is None else cosine(a, b) for a, b in zip(ours, true, strict=True)]
    there = [each for each in found if each is not None]
    if not there:
        raise ValueError("there is no angle to measure: no hidden layer has signals of both rules")
    return torch.stack([torch.full_like(there[0], torch.nan) if each is None else each for each in found], 1)
