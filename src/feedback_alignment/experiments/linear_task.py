"""A linear map to be learned from white Gaussian inputs: the task of the deep linear chapters."""

import numpy as np
from jaxtyping import Float

from feedback_alignment.streams import generator


def linear_map(inputs: int, outputs: int, seed: int) -> Float[np.ndarray, "n_L n_0"]:
    """Return T with independent entries N(0, 1/n_0)."""
    T: np.ndarray = generator(seed, "teacher").standard_normal((outputs, inputs)) / np.sqrt(inputs)
    return T


def linear_task(
    inputs: int, outputs: int, steps: int, batch: int, seed: int
) -> tuple[Float[np.ndarray, "steps n_0 batch"], Float[np.ndarray, "steps n_L batch"]]:
    """Return batches of white Gaussian inputs, samples as columns, and what the seed's map makes of them."""
    x = generator(seed, "samples").standard_normal((steps, inputs, batch))
    return x, linear_map(inputs, outputs, seed) @ x
