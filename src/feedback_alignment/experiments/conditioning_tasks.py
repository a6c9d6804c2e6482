"""The regression tasks of chapter 05; members share their samples and differ in the statistics imposed on them."""

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
    """Samples of each member, and the seed that its feedback and weights are drawn from."""

    inputs: Float[np.ndarray, "members samples inputs"]
    targets: Float[np.ndarray, "members samples outputs"]
    seeds: tuple[int, ...]

    @property
    def moments(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Means over samples of x xᵀ, y xᵀ and y yᵀ, a matrix for each member."""
        x, y, samples = self.inputs, self.targets, self.inputs.shape[1]
        x_rows, y_rows = x.swapaxes(-1, -2), y.swapaxes(-1, -2)
        return x_rows @ x / samples, y_rows @ x / samples, y_rows @ y / samples


def independent_targets(
    seeds: Sequence[int], samples: int, inputs: int, alphas: Sequence[float], betas: Sequence[float]
) -> Task:
    """Return x ~ N(0, 1) and, independent of it, y ~ N(0, Σ(α, β)) in two dimensions (Refinetti et al. 2021, Eq. 20).

    A member for each seed, α and β, in this order of axes; those of one seed are made of the same draws.
    """
    x = [generator(seed, "samples").standard_normal((samples, inputs)) for seed in seeds]
    independent = [generator(seed, "targets").standard_normal((samples, 2)) for seed in seeds]
    return _mixed(x, independent, seeds, alphas, betas)


def uneven_inputs(seeds: Sequence[int], samples: int, inputs: int, conditions: Sequence[float]) -> Task:
    """Return inputs of unequal variance with perfectly balanced targets, a member for each seed and condition number κ.

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
    return Task(np.stack(x), np.stack(y), tuple(np.repeat(seeds, len(conditions)).tolist()))


def handwritten_digits(seeds: Sequence[int], alphas: Sequence[float], betas: Sequence[float]) -> Task:
    """Return the training digits with one-hot targets, standardised and mixed by Σ(α, β) within pairs of classes.

    The pairs are 0 and 1, 2 and 3, and so on. A member for each seed, α and β, in this order of axes.
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
    targets = [correlate(z, alpha, beta) for z in independent for alpha, beta in cells]
    return Task(
        np.repeat(np.stack(x), len(cells), axis=0), np.stack(targets), tuple(np.repeat(seeds, len(cells)).tolist())
    )
