"""Convolution as one large matrix φ(H) with tied entries, and how far such a matrix can align with feedback.

Refinetti et al. 2021, Sec. 4.2: weight alignment asks φ(H_l) ∝ F_l F_{l−1}ᵀ. What a convolution cannot do is stated
here twice: by the best cosine it can reach, and by its rank.
"""

from dataclasses import dataclass
from math import prod

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True)
class Convolution:
    """A convolution without bias as deep-learning libraries have it: kernels slide, unflipped, over a padded image."""

    in_channels: int
    out_channels: int
    kernel: tuple[int, int]
    """Height and width."""
    image: tuple[int, int]
    """Height and width of the input."""
    stride: int = 1
    padding: int = 0
    """Rows and columns of zeros on each side."""

    def __post_init__(self) -> None:
        counts = (self.in_channels, self.out_channels, *self.kernel, *self.image, self.stride)
        if min(counts) < 1 or self.padding < 0:
            raise ValueError(
                "channels, kernel, image and stride must be at least 1 and padding at least 0; got "
                f"{counts} and {self.padding}"
            )
        if min(self.output) < 1:
            raise ValueError(
                f"a kernel {self.kernel} does not fit into an image {self.image} with padding {self.padding}: "
                "take a smaller kernel or more padding"
            )

    @property
    def output(self) -> tuple[int, int]:
        """Height and width of the output."""
        return tuple(  # type: ignore[return-value]
            (i + 2 * self.padding - k) // self.stride + 1 for i, k in zip(self.image, self.kernel, strict=True)
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of φ(H): output and input entries, channel by channel and row by row."""
        return self.out_channels * prod(self.output), self.in_channels * prod(self.image)

    @property
    def kernel_shape(self) -> tuple[int, int, int, int]:
        """Shape of H: output channels, input channels, height, width."""
        return self.out_channels, self.in_channels, *self.kernel

    def tied_entries(self) -> Int[np.ndarray, "rows columns"]:
        """Return which entry of the flattened kernel stands at each place of φ(H); −1 where φ(H) is zero."""
        rows, columns = (np.arange(n) for n in self.output)
        pattern = np.full((self.out_channels, *self.output, self.in_channels, *self.image), -1)
        entries = np.arange(prod(self.kernel_shape)).reshape(self.kernel_shape)
        for a, b in np.ndindex(self.kernel):
            i, j = rows * self.stride + a - self.padding, columns * self.stride + b - self.padding
            inside = (np.flatnonzero((at >= 0) & (at < n)) for at, n in zip((i, j), self.image, strict=True))
            r, c = np.meshgrid(*inside, indexing="ij")
            for o, k in np.ndindex(self.out_channels, self.in_channels):
                pattern[o, r, c, k, i[r], j[c]] = entries[o, k, a, b]
        return pattern.reshape(self.shape)

    def matrix(
        self, H: Float[np.ndarray, "out_channels in_channels height width"]
    ) -> Float[np.ndarray, "rows columns"]:
        """Return φ(H), which takes a flattened image to the flattened result of convolving it with H.

        Raises ValueError for a kernel of another shape than `kernel_shape`.
        """
        if H.shape != self.kernel_shape:
            raise ValueError(f"the kernel must have shape {self.kernel_shape}; got {H.shape}")
        pattern = self.tied_entries()
        return np.where(pattern < 0, 0.0, H.ravel()[pattern])

    def closest_kernel(
        self, M: Float[np.ndarray, "rows columns"]
    ) -> Float[np.ndarray, "out_channels in_channels height width"]:
        """Return the H whose φ(H) = P M is closest to M: the average of M over the places that each entry is tied to.

        Entries that only ever meet padding stand at no place, and are zero.

        Raises ValueError for M of another shape than `shape`.
        """
        if M.shape != self.shape:
            raise ValueError(f"the matrix must have the shape of φ(H), {self.shape}; got {M.shape}")
        pattern = self.tied_entries()
        used = pattern >= 0
        size = prod(self.kernel_shape)
        sums = np.bincount(pattern[used], weights=M[used], minlength=size)
        places = np.bincount(pattern[used], minlength=size)
        averages: np.ndarray = sums / np.maximum(places, 1)
        return averages.reshape(self.kernel_shape)

    def best_cosine(self, M: Float[np.ndarray, "rows columns"]) -> float:
        """Return ‖P M‖ / ‖M‖, the largest cosine that any φ(H) has with M.

        Raises ValueError for M of another shape than `shape`, and for M = 0.
        """
        size = float(np.linalg.norm(M))
        if size == 0:
            raise ValueError("the matrix is zero and has no direction")
        return float(np.linalg.norm(self.matrix(self.closest_kernel(M)))) / size

    @property
    def parameters(self) -> int:
        """Return d, the kernel entries that stand somewhere in φ(H): all but those that only ever meet padding."""
        used = (
            sum(any(0 <= at * self.stride + a - self.padding < i for at in range(n)) for a in range(k))
            for n, i, k in zip(self.output, self.image, self.kernel, strict=True)
        )
        return self.out_channels * self.in_channels * prod(used)

    @property
    def expected_share(self) -> float:
        """Return E‖P M‖² / E‖M‖² = d / (rows × columns) for M = F Gᵀ with independent entries of mean zero."""
        return self.parameters / prod(self.shape)

    @property
    def full_windows(self) -> int:
        """Return at how many output positions the whole window lies inside the image.

        φ(H) has at least this rank for every H that is not zero, while F_l F_{l−1}ᵀ has at most rank n_L.
        """
        return prod(
            sum(0 <= at * self.stride - self.padding <= i - k for at in range(n))
            for n, i, k in zip(self.output, self.image, self.kernel, strict=True)
        )
