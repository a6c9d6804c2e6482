"""Images shifted and scaled by constants that are given, where a data set's own mean and deviation are not wanted."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from feedback_alignment.networks.data import LabelledImages

CIFAR10_CONSTANTS = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
"""Offsets and scales in wide use, and in the code released with Launay et al. 2019.

The offsets are the training set's means. The scales are not its deviations, which are 0.247, 0.243 and 0.262, but the
mean over images of the deviation within an image, so that scaled pixels have a variance of about 1.5.
"""


def shift_and_scale(images: LabelledImages, offset: Sequence[float], scale: Sequence[float]) -> LabelledImages:
    """Return images as (value - offset) / scale, with one number of each for every channel.

    Raises ValueError for other than one number a channel, or a scale that is not positive.
    """
    channels = images.train_inputs.shape[1]
    if len(offset) != channels or len(scale) != channels or min(scale) <= 0:
        raise ValueError(
            f"{images.name}: offset and scale must be {channels} numbers, one a channel, scales positive; "
            f"got {tuple(offset)} and {tuple(scale)}"
        )
    b, s = (np.asarray(values, np.float32)[:, None, None] for values in (offset, scale))
    return replace(
        images,
        train_inputs=(images.train_inputs - b) / s,
        test_inputs=(images.test_inputs - b) / s,
        offset=tuple(np.asarray(images.offset) + np.asarray(images.scale) * np.asarray(offset)),
        scale=tuple(np.asarray(images.scale) * np.asarray(scale)),
    )
