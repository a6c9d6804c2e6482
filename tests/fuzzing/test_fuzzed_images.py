"""Files of MNIST and CIFAR-10 with any bytes: images, or DataFileError; nothing unpickled, no header believed."""

import gzip
import io
import pickle
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hostile_bytes import EFFORT, altered, any_bytes, for_all, judge
from hypothesis import strategies as st

from feedback_alignment.networks import archives, image_files
from feedback_alignment.networks.image_files import DataFileError

ROWS = 20
LABELS = (np.arange(ROWS) % 10).astype(np.uint8)
PIXELS = np.random.default_rng(0).integers(0, 256, (ROWS, 28, 28), np.uint8)


def idx(values: np.ndarray) -> bytes:
    return bytes((0, 0, 8, values.ndim)) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def batch() -> bytes:
    rows = np.random.default_rng(1).integers(0, 256, (ROWS, 3073), np.uint8)
    rows[:, 0] = LABELS
    return rows.tobytes()


def archive() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name in archives.CIFAR10_BATCHES:
            info = tarfile.TarInfo(f"{archives.CIFAR10_FOLDER}/{name}")
            info.size = len(batch())
            tar.addfile(info, io.BytesIO(batch()))
    return content.getvalue()


def headers(valid: bytes, size: int) -> st.SearchStrategy[bytes]:
    """`valid` altered within its first `size` bytes: elsewhere, most bytes are as good as any."""
    return altered(valid[:size]).map(lambda head: head + valid[size:])


@pytest.mark.parametrize("examples", EFFORT)
def test_an_idx_file_is_read_or_refused(tmp_path, examples):
    path, labels_path = tmp_path / "images.gz", tmp_path / "labels.gz"
    labels_path.write_bytes(gzip.compress(idx(LABELS)))
    plain, packed = idx(PIXELS), gzip.compress(idx(PIXELS), compresslevel=1)
    files = st.one_of(headers(plain, 16).map(gzip.compress), headers(packed, 40), any_bytes(packed))

    @for_all(examples, files)
    def holds(content: bytes) -> None:
        path.write_bytes(content)
        judge(lambda: image_files.read_idx(path, (ROWS, 28, 28)), DataFileError)
        judge(lambda: image_files.read_mnist(path, labels_path, ROWS), DataFileError)
        judge(lambda: image_files.read_mnist(labels_path, path, ROWS), DataFileError)


def test_a_header_that_claims_two_thousand_million_images_costs_nothing(tmp_path):
    path = tmp_path / "images.gz"
    for sizes in ((2**31, 28, 28), (2**32 - 1,) * 3):
        path.write_bytes(gzip.compress(bytes((0, 0, 8, 3)) + struct.pack(">3I", *sizes) + PIXELS.tobytes()))
        assert not judge(lambda: image_files.read_idx(path, (ROWS, 28, 28)), DataFileError)


@pytest.mark.parametrize("examples", EFFORT)
def test_a_batch_of_cifar10_is_read_or_refused(tmp_path, examples):
    path = tmp_path / "batch.bin"

    @for_all(examples, any_bytes(batch()))
    def holds(content: bytes) -> None:
        path.write_bytes(content)
        judge(lambda: image_files.read_cifar10(path, ROWS), DataFileError)


def test_the_pickled_version_of_cifar10_is_refused_unread(tmp_path):
    class Trap:
        def __reduce__(self):
            return Path.touch, (tmp_path / "touched",)

    path = tmp_path / "batch.bin"
    path.write_bytes(pickle.dumps({b"labels": Trap()}))
    assert not judge(lambda: image_files.read_cifar10(path, ROWS), DataFileError)
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize("examples", EFFORT)
def test_an_archive_of_cifar10_is_extracted_or_refused_and_writes_nowhere_else(tmp_path, monkeypatch, examples):
    monkeypatch.setattr(archives, "CIFAR10_BATCH_BYTES", len(batch()))
    monkeypatch.setattr(archives.atomic, "write_bytes", lambda path, content: written.append(path))
    valid, path, folder, written = archive(), tmp_path / "cifar.tar.gz", tmp_path / "out", []
    names = [archives.CIFAR10_FOLDER, "..", "/etc", "data_batch_1.bin", "test_batch.bin", "link", ""]
    kinds = [
        tarfile.REGTYPE,
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.DIRTYPE,
        tarfile.CHRTYPE,
        tarfile.GNUTYPE_SPARSE,
    ]

    @st.composite
    def with_members(draw: st.DrawFn) -> bytes:
        content = io.BytesIO(valid)
        with tarfile.open(fileobj=content, mode="a") as tar:
            info = tarfile.TarInfo("/".join(draw(st.lists(st.sampled_from(names), min_size=1, max_size=4))))
            info.type, info.linkname = draw(st.sampled_from(kinds)), draw(st.sampled_from(["/etc/passwd", "../x", ""]))
            tar.addfile(info)
        return content.getvalue()

    files = st.one_of(headers(valid, 512), with_members(), any_bytes(valid)).map(lambda tar: gzip.compress(tar, 0))

    @for_all(examples, files | any_bytes(gzip.compress(valid, 1)))
    def holds(content: bytes) -> None:
        path.write_bytes(content)
        judge(lambda: archives.extract_cifar10(path, folder), DataFileError)
        assert {found.parent for found in written} <= {folder}
        assert sorted(tmp_path.iterdir()) == [path, folder]
        assert not list(folder.iterdir())
        written.clear()
