"""How an ensemble of perceptrons is handed to the compiled loop: which runs it can take, and one member after another.

Each member takes all its steps alone, so that its bits depend neither on its companions nor on the number of threads,
which work on different members at the same time.
"""

import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from feedback_alignment.networks.compiled import elementwise
from feedback_alignment.networks.compiled.descent import BP as HEARS_BP
from feedback_alignment.networks.compiled.descent import DFA as HEARS_DFA
from feedback_alignment.networks.compiled.descent import DRTP as HEARS_DRTP
from feedback_alignment.networks.compiled.descent import FA as HEARS_FA
from feedback_alignment.networks.compiled.descent import NOTHING, descend
from feedback_alignment.networks.ensemble import StepSize
from feedback_alignment.networks.losses import CrossEntropy, SquaredError
from feedback_alignment.networks.rules import BP, DFA, DRTP, FA, ByLayer, LastLayerOnly, Rule
from feedback_alignment.networks.slopes import kink

_TEACHERS: dict[type, int] = {
    BP: HEARS_BP,
    FA: HEARS_FA,
    DFA: HEARS_DFA,
    DRTP: HEARS_DRTP,
    LastLayerOnly: NOTHING,
}
_SMOOTH = {"tanh": elementwise.TANH, "erf": elementwise.ERF}


@dataclass(frozen=True)
class CompiledDescent:
    """One rule, loss and activation in the terms of the compiled loop."""

    teachers: list[int]
    """What each hidden layer hears."""
    softmax: bool
    """Whether the error is that of the cross entropy, or of the squared error."""
    activation: str
    weights: list[Float[Tensor, "members _ _"]]
    """W_1 … W_L, which are changed in place."""
    biases: list[Float[Tensor, "members _"]] | None
    """b_1 … b_L, likewise, or None."""
    feedback: list[Float[Tensor, "members _ _"] | None]

    def run(
        self,
        inputs: Float[Tensor, "samples features"],
        targets: Float[Tensor, "*members samples outputs"],
        orders: Int[Tensor, "members steps batch"],
        step: StepSize,
    ) -> None:
        """Take one step for each batch of `orders`, the members shared out between torch's number of threads.

        Raises IndexError for an order that names no sample.
        """
        if orders.numel() and not 0 <= int(orders.min()) <= int(orders.max()) < len(inputs):
            raise IndexError(
                f"orders must hold indices of samples, 0 … {len(inputs) - 1}; "
                f"got {int(orders.min())} … {int(orders.max())}"
            )
        members, batch = len(orders), orders.shape[2]
        x, order = np.ascontiguousarray(inputs.numpy()), np.ascontiguousarray(orders.numpy())
        own = targets.ndim == 3
        y = np.ascontiguousarray((targets.expand(members, -1, -1) if own else targets).numpy())
        hidden, output = (
            rates * members if len(rates) == 1 else rates
            for rates in (step.hidden_rates(batch), step.output_rates(batch))
        )
        W, b, F = (
            [array.numpy() for array in arrays if array is not None]
            for arrays in (self.weights, self.biases or [], self.feedback)
        )
        real = x.dtype.type
        sizes = np.array([W[0].shape[2], *(W_l.shape[1] for W_l in W)])
        columns = np.array([0 if F_l is None else F_l.shape[2] for F_l in self.feedback])
        hears = np.array(self.teachers)
        slopes = np.array((0.0, 0.0) if self.activation in _SMOOTH else kink(self.activation), real)
        activation = _SMOOTH.get(self.activation, elementwise.PIECEWISE_LINEAR)

        def run_member(member: int) -> None:
            flat_W, flat_b, flat_F = (_flat(arrays, member, real) for arrays in (W, b, F))
            descend(
                sizes,
                flat_W,
                flat_b,
                flat_F,
                columns,
                hears,
                activation,
                slopes,
                self.softmax,
                x,
                y[member] if own else y,
                order[member],
                real(hidden[member]),
                real(output[member]),
            )
            for arrays, flat in ((W, flat_W), (b, flat_b)):
                _put_back(flat, arrays, member)

        threads = min(members, torch.get_num_threads())
        if threads == 1:
            for member in range(members):
                run_member(member)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(run_member, range(members)))


def _flat(arrays: Sequence[np.ndarray], member: int, real: type) -> np.ndarray:
    return np.concatenate([np.zeros(0, real), *(array[member].ravel() for array in arrays)])


def _put_back(flat: np.ndarray, arrays: Sequence[np.ndarray], member: int) -> None:
    ends = itertools.accumulate((array[member].size for array in arrays), initial=0)
    for (start, end), array in zip(itertools.pairwise(ends), arrays, strict=True):
        array[member] = flat[start:end].reshape(array.shape[1:])


def teachers(rule: Rule, hidden_layers: int) -> list[int] | None:
    """Return what each hidden layer hears under `rule`, or None for a rule that the compiled loop does not know.

    A rule derived from one of the package's own is a rule of its own.
    """
    if type(rule) is ByLayer and len(rule.rules) == hidden_layers:
        each = [teachers(part, hidden_layers) for part in rule.rules]
        return [own[index] for index, own in enumerate(each) if own is not None] if None not in each else None
    known = _TEACHERS.get(type(rule))
    return None if known is None else [known] * hidden_layers


def compiled_descent(
    rule: Rule,
    step: StepSize,
    activation: str,
    weights: list[Tensor],
    biases: list[Tensor] | None,
    feedback: list[Tensor | None],
    data: Sequence[Tensor],
) -> CompiledDescent | None:
    """Return the run in the compiled loop's terms, or None where it must go step by step.

    The loop takes the package's own rules and losses with feedback that fits them, on a CPU, with weights and `data`
    (inputs and targets) all in float32 or all in float64.
    """
    hears = teachers(rule, len(weights) - 1)
    real = weights[0].dtype
    known = hears is not None and type(step.loss) in (CrossEntropy, SquaredError)
    here = all(array.device.type == "cpu" and array.dtype == real for array in (*weights, *data))
    if hears is None or not known or not here or real not in (torch.float32, torch.float64):
        return None
    n_out = weights[-1].shape[1]
    for own, F, above in zip(hears, feedback, weights[1:], strict=True):
        wanted = {HEARS_FA: above.shape[1], HEARS_DFA: n_out, HEARS_DRTP: n_out}.get(own)
        if wanted is not None and (F is None or F.shape[2] != wanted or F.dtype != real):
            return None
    return CompiledDescent(hears, type(step.loss) is CrossEntropy, activation, weights, biases, feedback)
