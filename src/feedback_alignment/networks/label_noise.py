"""Label noise: training with labels some of which were drawn at random."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64

from feedback_alignment.networks.data import check_labels
from feedback_alignment.streams import generator as stream


def noisy_labels(
    labels: Int64[np.ndarray, " samples"], fraction: float, classes: int, seeds: Sequence[int]
) -> Int64[np.ndarray, "members samples"]:
    """Return one set of labels a member, each corrupted by `corrupt_labels` from the member's stream 'label noise'.

    Raises ValueError as `corrupt_labels` does.
    """
    return np.stack([corrupt_labels(labels, fraction, classes, stream(seed, "label noise")) for seed in seeds])


def corrupt_labels(
    labels: Int64[np.ndarray, " samples"], fraction: float, classes: int, generator: np.random.Generator
) -> Int64[np.ndarray, " samples"]:
    """Return labels of which each was replaced, with probability `fraction`, by one drawn uniformly from all classes.

    The new label may be the old one, as in the code released with Refinetti et al. (2021): a share of
    fraction · (1 - 1/classes) ends up wrong. The same generator state with a larger fraction replaces the same labels
    and more.

    Raises ValueError for a fraction outside [0, 1] or a label outside 0 to classes - 1.
    """
    _check(labels, fraction, classes)
    replaced = generator.random(len(labels)) < fraction
    return np.where(replaced, generator.integers(0, classes, len(labels)), labels)


def shuffle_labels(
    labels: Int64[np.ndarray, " samples"], fraction: float, classes: int, generator: np.random.Generator
) -> Int64[np.ndarray, " samples"]:
    """Return labels of which a random share, round(fraction · samples) of them, were permuted among themselves.

    Every class keeps its number of samples: the words of Refinetti et al. (2021, Sec. 4.1) taken literally. With
    equally frequent classes the share that ends up wrong is, on average, that of `corrupt_labels`.

    Raises ValueError as `corrupt_labels` does.
    """
    _check(labels, fraction, classes)
    chosen = generator.permutation(len(labels))[: round(fraction * len(labels))]
    shuffled = labels.copy()
    shuffled[chosen] = labels[generator.permutation(chosen)]
    return shuffled


def softened_targets(
    labels: Int64[np.ndarray, " samples"], fraction: float, classes: int
) -> Float64[np.ndarray, "samples classes"]:
    """Return the mean over all draws of `corrupt_labels`, as probabilities: (1 − p) of the label, p/C of every class.

    The same signal without the noise: there is nothing in these targets that only memorising could fit.

    Raises ValueError as `corrupt_labels` does.
    """
    _check(labels, fraction, classes)
    softened: Float64[np.ndarray, "samples classes"] = (1 - fraction) * np.eye(classes)[labels] + fraction / classes
    return softened


def _check(labels: Int64[np.ndarray, " samples"], fraction: float, classes: int) -> None:
    check_labels("labels", labels, classes)
    if not 0 <= fraction <= 1:
        raise ValueError(f"fraction must be a probability in [0, 1]; got {fraction}")
