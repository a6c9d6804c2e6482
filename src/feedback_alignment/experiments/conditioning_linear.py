"""Deep linear networks under DFA from zero weights, followed in their alignment matrices alone.

There W_l = F_l A_l F_{l−1}ᵀ, and neither the A_l nor what is measured depends on more of F than its Gram matrices
F_lᵀF_l: a step costs nothing that grows with the width. Members lead every array.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from feedback_alignment.experiments.alignment_products import Products, mean_over_samples
from feedback_alignment.experiments.conditioning_runs import Training, conditions, grams, order, probe
from feedback_alignment.experiments.conditioning_tasks import Task, sums_of_products
from feedback_alignment.experiments.pieces import Arrays

Stack = Float[np.ndarray, "members _ _"]
"""A matrix for each member."""


def zero_matrices(members: int, inputs: int, outputs: int, layers: int) -> list[Stack]:
    """Return A_1 … A_L of an untrained network, all zero."""
    return [np.zeros((members, outputs, inputs)), *(np.zeros((members, outputs, outputs)) for _ in range(layers - 1))]


def maps(A: Sequence[Stack], grams: Sequence[Stack]) -> list[Stack]:
    """Return U_0 = 1, U_1 = A_1 and U_l = A_l F_{l−1}ᵀF_{l−1} U_{l−1}: h_l = F_l U_l x, and the output is U_L x.

    `grams` holds F_1ᵀF_1 … F_{L−1}ᵀF_{L−1}, each (members, n_L, n_L).
    """
    found = [np.broadcast_to(np.eye(A[0].shape[-1]), (len(A[0]), A[0].shape[-1], A[0].shape[-1])), A[0]]
    for part, gram in zip(A[1:], grams, strict=True):
        found.append(part @ gram @ found[-1])
    return found


def step(A: list[Stack], grams: Sequence[Stack], input_moment: Stack, cross_moment: Stack, rate: float) -> None:
    """Take one step of DFA in place: A_l ← A_l − rate (U_L Σ − C) U_{l−1}ᵀ.

    Σ = Σ_samples x xᵀ and C = Σ_samples y xᵀ of the batch are all that the step depends on. All steps are formed before
    any matrix changes.
    """
    U = maps(A, grams)
    M = U[-1] @ input_moment - cross_moment
    steps = [rate * M @ below.swapaxes(-1, -2) for below in U[:-1]]
    for part, change in zip(A, steps, strict=True):
        part -= change


def weight_products(A: Sequence[Stack], grams: Sequence[Stack]) -> Products:
    """Return what weight alignment is made of: for l = 2 … L the products of W_l with F_l F_{l−1}ᵀ, where F_L = 1."""
    top = np.broadcast_to(np.eye(A[0].shape[1]), grams[0].shape)
    layers = list(zip(A[1:], [*grams[1:], top], grams, strict=True))
    return Products(
        np.stack([_trace(up @ part @ down) for part, up, down in layers], axis=-1),
        np.stack([_trace(part.swapaxes(-1, -2) @ up @ part @ down) for part, up, down in layers], axis=-1),
        np.stack([_trace(up @ down) for _, up, down in layers], axis=-1),
    )


def gradient_products(
    A: Sequence[Stack], grams: Sequence[Stack], errors: Float[np.ndarray, "members samples outputs"]
) -> Products:
    """Return what gradient alignment is made of: products of F_l e with W_{l+1}ᵀ … W_Lᵀ e, for each sample and l < L.

    The latter vector is F_l v_l with v_{L−1} = A_Lᵀ e and v_{l−1} = A_lᵀ F_lᵀF_l v_l.
    """
    found = []
    v = errors @ A[-1]
    for index in range(len(grams) - 1, -1, -1):
        gram = grams[index]
        found.append([((a @ gram) * b).sum(-1) for a, b in ((errors, v), (errors, errors), (v, v))])
        v = v @ gram @ A[index]
    return Products(*(np.stack(column[::-1], axis=-1) for column in zip(*found, strict=True)))


def follow(task: Task, training: Training) -> Arrays:
    """Train a task's members in lockstep and return what is seen at each of the times, arrays (times, members, …).

    `weight`, `gradient` and `probe` alignment: the last column is that of all layers together; `gradient` is the mean
    over samples of the cosine for the network's own errors, `probe` for errors in all directions alike. `condition`:
    see `conditions`. `loss`: mean over samples of ‖ŷ − y‖².

    Raises FloatingPointError, with the epoch, when a member is no longer finite.
    """
    samples, outputs = task.targets.shape[2:]
    G = grams(task.seeds, training, outputs)
    A = zero_matrices(len(task.seeds), task.inputs.shape[-1], outputs, training.hidden + 1)
    seen: list[Arrays] = []
    for epoch in range(training.epochs):
        chosen = order(epoch, samples, training.batch)
        input_moments, cross_moments = sums_of_products(task.inputs[:, chosen], task.targets[:, :, chosen])
        try:
            with np.errstate(over="raise", invalid="raise"):
                for batch in range(len(chosen)):
                    step(A, G, input_moments[:, batch], cross_moments[:, batch], training.rate)
                if epoch + 1 in training.observe_at:
                    seen.append(_see(A, G, task, training.observed))
        except FloatingPointError as error:
            raise FloatingPointError(
                f"the alignment matrices are no longer finite after epoch {epoch + 1}: lower the learning rate"
            ) from error
    return {name: np.stack([entry[name] for entry in seen]) for name in seen[0]}


def _see(A: list[Stack], G: list[Stack], task: Task, observed: int) -> Arrays:
    x, y = task.inputs[:, None, :observed], task.targets[:, :, :observed]
    learned = maps(A, G)[-1].reshape(*y.shape[:2], y.shape[-1], x.shape[-1])
    error = (x @ learned.swapaxes(-1, -2) - y).reshape(-1, *y.shape[2:])
    isotropic = np.broadcast_to(probe(*error.shape[1:]), error.shape)
    return {
        "weight": weight_products(A, G).cosines(),
        "gradient": mean_over_samples(gradient_products(A, G, error).cosines()),
        "probe": mean_over_samples(gradient_products(A, G, isotropic).cosines()),
        "condition": conditions(A[1:], G),
        "loss": (error**2).sum(-1).mean(-1),
    }


def _trace(matrix: Stack) -> Float[np.ndarray, " members"]:
    return np.asarray(np.trace(matrix, axis1=-2, axis2=-1))
