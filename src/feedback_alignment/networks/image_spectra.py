"""How evenly an image's power is spread over spatial frequencies: a number for how like noise it looks."""

import math

import torch
from jaxtyping import Float
from torch import Tensor


def spectral_entropy(images: Float[Tensor, "*many channels rows columns"]) -> Float[Tensor, "*many"]:
    """Return −Σ_k p_k log p_k / log K, with p_k the share of spatial frequency k in the power of all channels together.

    0 for an image of one frequency, such as one colour, and 1 for one with equal power at all K frequencies, such as a
    single bright pixel. White noise comes near 1, as near as chance lets it. What is measured does not depend on the
    image's size, contrast, or place. Raises ValueError for an image of one pixel, and for one that is 0 everywhere.
    """
    frequencies = images.shape[-2] * images.shape[-1]
    if frequencies < 2:
        raise ValueError(f"an image needs two pixels or more to have a spectrum; got the shape {tuple(images.shape)}")
    power = torch.fft.fft2(images.double()).abs().square().sum(-3).flatten(-2)
    total = power.sum(-1, keepdim=True)
    if not bool((total > 0).all()):
        raise ValueError("an image that is 0 everywhere has no spectrum: leave it out")
    entropy: Tensor = torch.special.entr(power / total).sum(-1)
    return entropy / math.log(frequencies)
