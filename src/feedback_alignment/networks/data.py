"""Labelled images in memory: digits, MNIST and CIFAR-10, and what the chapters do to them before training.

Inputs are float32 of shape (samples, channels, height, width); labels are int64 of shape (samples,), from 0 to
classes - 1. Every change returns new images; where the data came from stays with them in `source`.
"""

import difflib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8

from feedback_alignment.networks import archives, image_files
from feedback_alignment.streams import generator as stream

_ROUNDING = 1e-5


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """A training set and a test set of images with one label each, validated.

    `offset` and `scale` hold one number for all channels or one per channel: inputs are (pixel - offset) / scale, with
    pixels from 0 to 1 (no unit). As loaded they are 0 and 1. `source` is the provenance: where the data came from,
    hashes, and which split.

    Raises ValueError, naming the field, for a wrong shape or type, a value that is not finite, a pixel outside [0, 1],
    or a label outside 0 to classes - 1.
    """

    name: str
    train_inputs: Float32[np.ndarray, "train channels height width"]
    train_labels: Int64[np.ndarray, " train"]
    test_inputs: Float32[np.ndarray, "test channels height width"]
    test_labels: Int64[np.ndarray, " test"]
    classes: int
    source: dict[str, str]
    offset: tuple[float, ...] = (0.0,)
    scale: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        if self.classes < 2:
            raise ValueError(f"{self.name}: classes must be at least 2; got {self.classes}")
        for part in ("train", "test"):
            inputs, labels = getattr(self, f"{part}_inputs"), getattr(self, f"{part}_labels")
            self._check_inputs(f"{self.name}: {part}_inputs", inputs)
            check_labels(f"{self.name}: {part}_labels", labels, self.classes)
            if len(labels) != len(inputs):
                raise ValueError(
                    f"{self.name}: {part}_labels must hold {len(inputs)} labels, one for each image; got {len(labels)}"
                )
        if self.train_inputs.shape[1:] != self.test_inputs.shape[1:]:
            raise ValueError(
                f"{self.name}: test_inputs must be images of shape {self.train_inputs.shape[1:]}, as in train_inputs; "
                f"got {self.test_inputs.shape[1:]}"
            )

    def _check_inputs(self, field: str, inputs: np.ndarray) -> None:
        if inputs.ndim != 4 or inputs.dtype != np.float32 or 0 in inputs.shape:
            raise ValueError(
                f"{field} must be float32 of shape (samples, channels, height, width), none of them 0; "
                f"got {inputs.dtype} of shape {inputs.shape}"
            )
        channels = inputs.shape[1]
        for name, values in (("offset", self.offset), ("scale", self.scale)):
            if len(values) not in (1, channels) or not np.isfinite(values).all():
                raise ValueError(f"{self.name}: {name} must be 1 or {channels} finite numbers; got {values}")
        if min(self.scale) <= 0:
            raise ValueError(f"{self.name}: scale must be positive; got {self.scale}")
        low, high = inputs.min(axis=(0, 2, 3)), inputs.max(axis=(0, 2, 3))
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            raise ValueError(f"{field} must be finite; got NaN or infinity")
        low, high = (np.asarray(self.offset) + np.asarray(self.scale) * bound for bound in (low, high))
        if low.min() < -_ROUNDING or high.max() > 1 + _ROUNDING:
            raise ValueError(
                f"{field} must come from pixels in [0, 1]; got {low.min():.6g} to {high.max():.6g}: "
                "divide them by the largest possible value, or state offset and scale"
            )

    @property
    def flat(
        self,
    ) -> tuple[Float32[np.ndarray, "train features"], Float32[np.ndarray, "test features"]]:
        """Training and test inputs as matrices (samples, features), features = channels · height · width; no copy."""
        train, test = self.train_inputs, self.test_inputs
        return train.reshape(len(train), -1), test.reshape(len(test), -1)

    def subset(self, train: int, test: int) -> "LabelledImages":
        """Return the first `train` training images and the first `test` test images, without copying them.

        Raises ValueError if there are not that many, or for less than one.
        """
        for part, wanted, available in (
            ("train", train, len(self.train_inputs)),
            ("test", test, len(self.test_inputs)),
        ):
            if not 1 <= wanted <= available:
                raise ValueError(f"{self.name}: {part} must be 1 to {available} images; got {wanted}")
        return replace(
            self,
            train_inputs=self.train_inputs[:train],
            train_labels=self.train_labels[:train],
            test_inputs=self.test_inputs[:test],
            test_labels=self.test_labels[:test],
            source=self.source | {"subset": f"first {train} train, first {test} test"},
        )


def load(name: str) -> LabelledImages:
    """Return a data set by name.

    'digits' comes with scikit-learn and touches no network: 1,797 real handwritten digits of 8×8 pixels, shuffled by a
    fixed stream (seed 0, 'digits split'; not stratified) and split into 1,437 for training and 360 for testing.
    'mnist' (60,000 and 10,000 of 1×28×28) and 'cifar10' (50,000 and 10,000 of 3×32×32) keep the official split and
    order; see `feedback_alignment.networks.archives` for where they are looked for.

    Raises ValueError for another name, DataUnavailableError (in `archives`) for files that are missing, and
    DataFileError (in `image_files`) for damaged ones.
    """
    loaders: dict[str, Callable[[], LabelledImages]] = {"digits": _digits, "mnist": _mnist, "cifar10": _cifar10}
    if name not in loaders:
        close = difflib.get_close_matches(name.lower().replace("-", ""), loaders, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"unknown data set {name!r}: expected one of {', '.join(loaders)}{hint}")
    return loaders[name]()


def _digits() -> LabelledImages:
    import sklearn
    from sklearn.datasets import load_digits

    bundled = load_digits()
    order = stream(0, "digits split").permutation(len(bundled.target))
    inputs = (bundled.images[order, None] / 16).astype(np.float32)
    labels = bundled.target[order].astype(np.int64)
    pixels = np.ascontiguousarray(bundled.images, np.uint8).tobytes() + bundled.target.astype(np.uint8).tobytes()
    return LabelledImages(
        "digits",
        inputs[:1437],
        labels[:1437],
        inputs[1437:],
        labels[1437:],
        classes=10,
        source={
            "origin": f"load_digits of scikit-learn {sklearn.__version__}",
            "SHA-256 of pixels and labels as bytes": hashlib.sha256(pixels).hexdigest(),
            "split": "1437 train, 360 test; shuffled with seed 0, stream 'digits split'; not stratified",
        },
    )


def _mnist() -> LabelledImages:
    paths, source = archives.mnist_files()
    train, test = (
        image_files.read_mnist(paths[f"{part}-images-idx3-ubyte.gz"], paths[f"{part}-labels-idx1-ubyte.gz"], samples)
        for part, samples in (("train", 60_000), ("t10k", 10_000))
    )
    return _from_bytes("mnist", train, test, source)


def _cifar10() -> LabelledImages:
    paths, source = archives.cifar10_files()
    *batches, test = (image_files.read_cifar10(paths[name]) for name in archives.CIFAR10_BATCHES)
    train = np.concatenate([images for images, _ in batches]), np.concatenate([labels for _, labels in batches])
    return _from_bytes("cifar10", train, test, source)


def _from_bytes(
    name: str,
    train: tuple[UInt8[np.ndarray, "train channels height width"], UInt8[np.ndarray, " train"]],
    test: tuple[UInt8[np.ndarray, "test channels height width"], UInt8[np.ndarray, " test"]],
    source: dict[str, str],
) -> LabelledImages:
    train_inputs, test_inputs = (np.divide(images, 255, dtype=np.float32) for images, _ in (train, test))
    train_labels, test_labels = (labels.astype(np.int64) for _, labels in (train, test))
    return LabelledImages(name, train_inputs, train_labels, test_inputs, test_labels, classes=10, source=source)


def standardise(images: LabelledImages, per_channel: bool) -> LabelledImages:
    """Return images shifted and scaled so that the training inputs have mean 0 and standard deviation 1.

    Mean and standard deviation (divisor: the number of values) are those of the training set only, over all its values
    or separately for each channel, and are applied to the test set as well. `offset` and `scale` record the change.

    Raises ValueError where all training values, or all of one channel, are the same.
    """
    axes = (0, 2, 3) if per_channel else (0, 1, 2, 3)
    low, high = images.train_inputs.min(axis=axes), images.train_inputs.max(axis=axes)
    constant = np.flatnonzero(low == high)
    if constant.size:
        where = f"channel {constant[0]} of train_inputs" if per_channel else "train_inputs"
        value = np.atleast_1d(low)[constant[0]]
        raise ValueError(f"{images.name}: cannot standardise: {where} must vary; got {value:.6g} throughout")
    mean, deviation = _moments(images.train_inputs, axes)

    def standardised(inputs: Float32[np.ndarray, " samples *image"]) -> Float32[np.ndarray, " samples *image"]:
        result = inputs - mean.astype(np.float32)
        result /= deviation.astype(np.float32)
        return result

    offset = np.asarray(images.offset) + np.asarray(images.scale) * mean.ravel()
    scale = np.asarray(images.scale) * deviation.ravel()
    return replace(
        images,
        train_inputs=standardised(images.train_inputs),
        test_inputs=standardised(images.test_inputs),
        offset=tuple(offset.tolist()),
        scale=tuple(scale.tolist()),
    )


def _moments(
    inputs: Float32[np.ndarray, " samples *image"], axes: tuple[int, ...]
) -> tuple[Float64[np.ndarray, " 1 *parts"], Float64[np.ndarray, " 1 *parts"]]:
    """Return mean and standard deviation in float64, over pieces of the samples to spare memory."""
    pieces = np.array_split(inputs, -(-len(inputs) // 4096))
    total = sum(piece.sum(axis=axes, dtype=np.float64, keepdims=True) for piece in pieces)
    values = inputs.size // np.size(total)
    mean = total / values
    variance = sum(np.square(piece - mean).sum(axis=axes, keepdims=True) for piece in pieces) / values
    return mean, np.sqrt(variance)


def resize(images: LabelledImages, side: int) -> LabelledImages:
    """Return images of shape (channels, side, side) by bilinear interpolation with anti-aliasing.

    When an image shrinks, the triangle of weights is widened by the ratio of the sizes, so that every pixel counts.

    Raises ValueError for a side below 1.
    """
    import torch

    if side < 1:
        raise ValueError(f"{images.name}: side must be at least 1 pixel; got {side}")

    def resized(
        inputs: Float32[np.ndarray, "samples channels height width"],
    ) -> Float32[np.ndarray, "samples channels side side"]:
        return torch.nn.functional.interpolate(
            torch.from_numpy(inputs), size=(side, side), mode="bilinear", antialias=True
        ).numpy()

    return replace(images, train_inputs=resized(images.train_inputs), test_inputs=resized(images.test_inputs))


def check_labels(field: str, labels: np.ndarray, classes: int) -> None:
    """Raise ValueError, naming `field`, unless `labels` are int64 of shape (samples,) from 0 to classes - 1."""
    if labels.ndim != 1 or labels.dtype != np.int64 or not labels.size:
        raise ValueError(
            f"{field} must be int64 of shape (samples,), at least one; got {labels.dtype} of {labels.shape}"
        )
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"{field} must be 0 to {classes - 1}; got {labels.min()} to {labels.max()}")
