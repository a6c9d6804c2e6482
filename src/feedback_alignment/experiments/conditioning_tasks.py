"""The regression tasks of chapter 05; members share their draws and differ in the statistics imposed on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Float

from feedback_alignment.networks import data
from feedback_alignment.networks.correlated_targets import correlate
from feedback_alignment.streams import generator


@dataclass(frozen=True)
class Task:
    """Sets of inputs, and for each of them one or more sets of targets: a member for every set of targets."""

    inputs: Float[np.ndarray, "sets samples inputs"]
    targets: Float[np.ndarray, "sets members_of_each samples outputs"]
    set_seeds: tuple[int, ...]
    """The seed that feedback and weights of a set's members are drawn from."""

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of every member, set by set."""
        return tuple(np.repeat(self.set_seeds, self.targets.shape[1]).tolist())

    @property
    def moments(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Means over samples of x xᵀ, y xᵀ and y yᵀ, a matrix for each member."""
        input_moments, cross_moments = sums_of_products(self.inputs, self.targets)
        samples = self.inputs.shape[1]
        y = self.targets.reshape(-1, *self.targets.shape[2:])
        return input_moments / samples, cross_moments / samples, y.swapaxes(-1, -2) @ y / samples


def sums_of_products(
    x: Float[np.ndarray, "sets *batches samples inputs"],
    y: Float[np.ndarray, "sets members_of_each *batches samples outputs"],
) -> tuple[Float[np.ndarray, "members *batches inputs inputs"], Float[np.ndarray, "members *batches outputs inputs"]]:
    """Return sums over samples of x xᵀ and y xᵀ for every member, set by set."""
    members = y.shape[1]
    squares, products = x.swapaxes(-1, -2) @ x, y.swapaxes(-1, -2) @ x[:, None]
    return np.repeat(squares, members, axis=0), products.reshape(-1, *products.shape[2:])


def independent_targets(
    seeds: Sequence[int], samples: int, inputs: int, alphas: Sequence[float], betas: Sequence[float]
) -> Task:
    """Return x ~ N(0, 1) and, independent of it, y ~ N(0, Σ(α, β)) in two dimensions (Refinetti et al. 2021, Eq. 20).

    A set of inputs for each seed, and a member for each α and β, in this order; those of a seed are made of the same
    draws.
    """
    x = [generator(seed, "samples").standard_normal((samples, inputs)) for seed in seeds]
    independent = [generator(seed, "targets").standard_normal((samples, 2)) for seed in seeds]
    return _mixed(x, independent, seeds, alphas, betas)


def uneven_inputs(seeds: Sequence[int], samples: int, inputs: int, conditions: Sequence[float]) -> Task:
    """Return inputs of unequal variance with perfectly balanced targets, a set for each seed and condition number κ.

    The variances run evenly on a logarithmic scale over a factor κ, with mean 1. The two targets are the inputs of
    largest and of smallest variance, each scaled to variance 1: E[yyᵀ] = 1, while S = T Σx² Tᵀ has the condition κ.

    Raises ValueError for a κ below 1.
    """
    if min(conditions) < 1:
        raise ValueError(f"a condition number is at least 1; got {min(conditions)}")
    x, y = [], []
    for seed in seeds:
        z = generator(seed, "samples").standard_normal((samples, inputs))
        for condition in conditions:
            variances = np.geomspace(condition, 1, inputs)
            x.append(z * np.sqrt(variances / variances.mean()))
            y.append(z[:, [0, -1]])
    return Task(np.stack(x), np.stack(y)[:, None], tuple(np.repeat(seeds, len(conditions)).tolist()))


def handwritten_digits(seeds: Sequence[int], alphas: Sequence[float], betas: Sequence[float]) -> Task:
    """Return the training digits with one-hot targets, standardised and mixed by Σ(α, β) within pairs of classes.

    The pairs are 0 and 1, 2 and 3, and so on. A member for each seed, α and β, in this order.
    """
    images = data.standardise(data.load("digits"), per_channel=False)
    one_hot = np.eye(10)[images.train_labels]
    standard = (one_hot - one_hot.mean(0)) / one_hot.std(0)
    x = images.flat[0].astype(np.float64)
    return _mixed([x] * len(seeds), [standard] * len(seeds), seeds, alphas, betas)


def _mixed(
    x: Sequence[np.ndarray],
    independent: Sequence[np.ndarray],
    seeds: Sequence[int],
    alphas: Sequence[float],
    betas: Sequence[float],
) -> Task:
    cells = list(product(alphas, betas))
    targets = [[correlate(z, alpha, beta) for alpha, beta in cells] for z in independent]
    return Task(np.stack(x), np.array(targets), tuple(seeds))
