"""The two binary formats of labelled images, read and checked: MNIST's gzipped IDX files and CIFAR-10's batches.

Pixels are bytes from 0 to 255 and labels are bytes from 0 to 9. Nothing here unpickles anything.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

CIFAR10_BATCH_SAMPLES = 10_000
_CIFAR10_ROW_BYTES = 1 + 3 * 32 * 32
CIFAR10_BATCH_BYTES = CIFAR10_BATCH_SAMPLES * _CIFAR10_ROW_BYTES


class DataFileError(ValueError):
    """A data file is damaged, or is not what its name says."""


def read_idx(path: Path, shape: tuple[int, ...]) -> UInt8[np.ndarray, "..."]:
    """Return the array of unsigned bytes in a gzipped IDX file, whose header must announce exactly `shape`.

    At most one byte more than announced is ever decompressed. Raises DataFileError for a file that is damaged, cut
    short, too long, of another type or of another shape.
    """
    count = math.prod(shape)
    try:
        with gzip.open(path) as stream:
            magic = stream.read(4)
            sizes = stream.read(4 * len(shape)) if magic == bytes((0, 0, 8, len(shape))) else b""
            body = stream.read(count + 1) if sizes == struct.pack(f">{len(shape)}I", *shape) else b""
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataFileError(f"{path}: not a whole gzip file ({error}): get it again") from error
    if len(magic) < 4:
        raise DataFileError(f"{path}: cut short: {len(magic)} bytes, less than the header of an IDX file")
    if magic[:3] != b"\0\0\x08":
        raise DataFileError(f"{path}: wrong magic number: expected 000008.. (unsigned bytes), got {magic.hex()}")
    if magic[3] != len(shape):
        raise DataFileError(
            f"{path}: expected {len(shape)} dimensions, got {magic[3]}: are the files of images and labels exchanged?"
        )
    if len(sizes) < 4 * len(shape):
        raise DataFileError(f"{path}: cut short: {4 + len(sizes)} bytes, less than the header of an IDX file")
    announced = struct.unpack(f">{len(shape)}I", sizes)
    if announced != shape:
        raise DataFileError(f"{path}: expected sizes {shape}, the header announces {announced}")
    if len(body) < count:
        raise DataFileError(f"{path}: cut short: expected {count} values after the header, got {len(body)}")
    if len(body) > count:
        raise DataFileError(f"{path}: more bytes follow the {count} values that the header announces")
    return np.frombuffer(body, np.uint8).reshape(shape)


def read_mnist(
    images_path: Path, labels_path: Path, samples: int
) -> tuple[UInt8[np.ndarray, "samples 1 28 28"], UInt8[np.ndarray, " samples"]]:
    """Return images and labels from a pair of MNIST's files.

    Raises DataFileError as `read_idx` does, and for labels above 9, classes that never occur, or pixels that stay in
    the lower half of 0 to 255.
    """
    images, labels = read_idx(images_path, (samples, 28, 28)), read_idx(labels_path, (samples,))
    _check_values(images, images_path, labels, labels_path)
    return images[:, None], labels


def read_cifar10(
    path: Path, samples: int = CIFAR10_BATCH_SAMPLES
) -> tuple[UInt8[np.ndarray, "samples 3 32 32"], UInt8[np.ndarray, " samples"]]:
    """Return images and labels from one batch: rows of a label byte and the red, green and blue plane.

    Raises DataFileError for a wrong size and, as `read_mnist` does, for wrong values.
    """
    expected = samples * _CIFAR10_ROW_BYTES
    with path.open("rb") as stream:
        content = stream.read(expected + 1)
    if len(content) < expected:
        raise DataFileError(f"{path}: cut short: expected {expected} bytes, got {len(content)}: get it again")
    if len(content) > expected:
        raise DataFileError(f"{path}: expected {expected} bytes, more follow: is it the binary version of CIFAR-10?")
    rows = np.frombuffer(content, np.uint8).reshape(samples, _CIFAR10_ROW_BYTES)
    images, labels = rows[:, 1:].reshape(samples, 3, 32, 32), rows[:, 0]
    _check_values(images, path, labels, path)
    return images, labels


def _check_values(
    images: UInt8[np.ndarray, " samples *pixels"],
    images_path: Path,
    labels: UInt8[np.ndarray, " samples"],
    labels_path: Path,
) -> None:
    counts = np.bincount(labels, minlength=10)
    if len(counts) > 10:
        raise DataFileError(f"{labels_path}: labels must be 0 to 9; got {len(counts) - 1}")
    if not counts.all():
        raise DataFileError(f"{labels_path}: no label {int(np.argmin(counts))}: each of 0 to 9 must occur")
    if images.max() < 128:
        raise DataFileError(f"{images_path}: pixels must use 0 to 255; got at most {images.max()}: are they rescaled?")
