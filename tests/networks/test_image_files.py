import gzip
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from feedback_alignment.networks import image_files
from feedback_alignment.networks.image_files import DataFileError

ROWS = 40


def idx(values: np.ndarray, magic: bytes | None = None, sizes: tuple[int, ...] | None = None) -> bytes:
    sizes = values.shape if sizes is None else sizes
    return (magic or bytes((0, 0, 8, len(sizes)))) + struct.pack(f">{len(sizes)}I", *sizes) + values.tobytes()


VALUES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


def test_idx_is_read_in_row_major_order(tmp_path):
    path = tmp_path / "values.gz"
    path.write_bytes(gzip.compress(idx(VALUES)))
    assert np.array_equal(image_files.read_idx(path, (2, 3, 4)), VALUES)


DAMAGED = {
    "empty": (gzip.compress(b""), "cut short: 0 bytes"),
    "half a magic number": (gzip.compress(b"\0\0\x08"), "cut short: 3 bytes"),
    "half a header": (gzip.compress(idx(VALUES)[:10]), "cut short: 10 bytes"),
    "one value less": (gzip.compress(idx(VALUES)[:-1]), "cut short: expected 24 values after the header, got 23"),
    "one byte more": (gzip.compress(idx(VALUES) + b"\0"), "more bytes follow the 24 values"),
    "floats": (gzip.compress(idx(VALUES, magic=b"\0\0\x0d\x03")), "wrong magic number: .*, got 00000d03"),
    "text": (gzip.compress(b"plain text of some length"), "wrong magic number: .*, got 706c6169"),
    "labels": (gzip.compress(idx(VALUES.ravel())), r"expected 3 dimensions, got 1: are the files .* exchanged\?"),
    "other sizes": (gzip.compress(idx(VALUES, sizes=(3, 2, 4))), r"expected sizes \(2, 3, 4\), .* \(3, 2, 4\)"),
    "huge sizes": (
        gzip.compress(idx(VALUES, sizes=(2**32 - 1,) * 3)),
        "expected sizes .* announces .4294967295, 42949",
    ),
    "cut in the trailer": (gzip.compress(idx(VALUES))[:-1], "not a whole gzip file .*: get it again"),
    "cut in the data": (gzip.compress(idx(VALUES))[:-12], "not a whole gzip file .*: get it again"),
    "wrong checksum": (gzip.compress(idx(VALUES))[:-8] + bytes(8), r"not a whole gzip file \(CRC check failed"),
    "rubbish behind": (gzip.compress(idx(VALUES)) + b"rubbish", "not a whole gzip file"),
    "invalid block": (gzip.compress(idx(VALUES))[:10] + b"\x07" * 20, "not a whole gzip file .*invalid block type"),
    "not compressed": (idx(VALUES), "not a whole gzip file"),
}


@pytest.mark.parametrize(("content", "message"), DAMAGED.values(), ids=DAMAGED.keys())
def test_damaged_idx_files_are_refused(tmp_path, content, message):
    path = tmp_path / "values.gz"
    path.write_bytes(content)
    with pytest.raises(DataFileError, match=rf"values\.gz: {message}"):
        image_files.read_idx(path, (2, 3, 4))


def test_a_decompression_bomb_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(idx(VALUES) + bytes(64_000_000), compresslevel=1))
    tracemalloc.start()
    with pytest.raises(DataFileError, match="more bytes follow"):
        image_files.read_idx(path, (2, 3, 4))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def batch() -> bytes:
    content = np.random.default_rng(0).integers(0, 256, (ROWS, 3073), np.uint8)
    content[:, 0] = np.arange(ROWS) % 10
    return content.tobytes()


def write_pair(folder: Path, images: np.ndarray, labels: np.ndarray) -> tuple[Path, Path]:
    paths = folder / "images.gz", folder / "labels.gz"
    for path, values in zip(paths, (images, labels), strict=True):
        path.write_bytes(gzip.compress(idx(values)))
    return paths


def test_mnist_pairs_and_cifar10_batches_are_read(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (ROWS, 28, 28), np.uint8)
    digits = (np.arange(ROWS) % 10).astype(np.uint8)
    images, labels = image_files.read_mnist(*write_pair(tmp_path, pixels, digits), ROWS)
    assert np.array_equal(images, pixels[:, None])
    assert np.array_equal(labels, digits)
    (tmp_path / "batch.bin").write_bytes(batch())
    images, labels = image_files.read_cifar10(tmp_path / "batch.bin", ROWS)
    raw = np.frombuffer(batch(), np.uint8)
    assert images.shape == (ROWS, 3, 32, 32)
    assert labels.tolist() == digits.tolist()
    green_plane_second_row_third_pixel = raw[7 * 3073 + 1 + 1024 + 32 + 2]
    assert images[7, 1, 1, 2] == green_plane_second_row_third_pixel


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[:-1], f"cut short: expected {ROWS * 3073} bytes, got {(ROWS - 1) * 3073}"),
        (lambda rows: np.concatenate([rows, rows[:1]]), "more follow: is it the binary version"),
        (lambda rows: np.where(np.arange(3073) == 0, 10, rows), "labels must be 0 to 9; got 10"),
        (lambda rows: np.where(np.arange(3073) == 0, 1, rows), "no label 0: each of 0 to 9 must occur"),
        (lambda rows: np.where(np.arange(3073) > 0, rows // 200, rows), r"pixels must use 0 to 255; got at most 1: "),
    ],
    ids=["short", "long", "label 10", "one class", "rescaled"],
)
def test_cifar10_batches_with_wrong_sizes_or_values_are_refused(tmp_path, change, message):
    path = tmp_path / "batch.bin"
    path.write_bytes(change(np.frombuffer(batch(), np.uint8).reshape(ROWS, 3073)).astype(np.uint8).tobytes())
    with pytest.raises(DataFileError, match=rf"batch\.bin: .*{message}"):
        image_files.read_cifar10(path, ROWS)


def test_mnist_with_wrong_values_is_refused_under_the_right_files_name(tmp_path):
    pixels, digits = np.full((ROWS, 28, 28), 255, np.uint8), (np.arange(ROWS) % 10).astype(np.uint8)
    with pytest.raises(DataFileError, match=r"labels\.gz: labels must be 0 to 9; got 17"):
        image_files.read_mnist(*write_pair(tmp_path, pixels, digits + 8), ROWS)
    with pytest.raises(DataFileError, match=r"images\.gz: pixels must use 0 to 255; got at most 1"):
        image_files.read_mnist(*write_pair(tmp_path, pixels // 255, digits), ROWS)
