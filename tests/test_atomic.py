"""Files are there whole or not at all, whatever happens while they are written."""

import errno
import os
import stat
from pathlib import Path

import pytest

from feedback_alignment import atomic


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_bytes_and_text_arrive_and_replace_what_was_there(tmp_path):
    path = tmp_path / "new" / "folder" / "file"
    atomic.write_bytes(path, b"\0first\r\n")
    assert contents(path.parent) == {"file": b"\0first\r\n"}
    atomic.write_text(path, "second – å\n")
    assert contents(path.parent) == {"file": "second – å\n".encode()}


def test_others_may_read_the_file(tmp_path):
    path = tmp_path / "file"
    atomic.write_bytes(path, b"")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


class FullDisk:
    """A file that takes three bytes and no more."""

    def __init__(self, descriptor: int, mode: str):
        self.file = open(descriptor, mode)  # noqa: SIM115

    def __enter__(self):
        return self

    def __exit__(self, *reason):
        self.file.close()

    def write(self, content: bytes):
        self.file.write(content[:3])
        self.file.flush()
        raise OSError(errno.ENOSPC, "No space left on device")


def raising(error: BaseException):
    def fail(*arguments: object, **named: object):
        raise error

    return fail


FAILURES = {
    "disk full": ("fdopen", FullDisk, OSError),
    "flush fails": ("fsync", raising(OSError(errno.EIO, "Input/output error")), OSError),
    "interrupted": ("fsync", raising(KeyboardInterrupt()), KeyboardInterrupt),
    "rename fails": ("replace", raising(OSError(errno.EACCES, "Permission denied")), OSError),
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("before", [{}, {"file": b"old"}])
def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch, failure, before):
    for name, content in before.items():
        (tmp_path / name).write_bytes(content)
    function, replacement, error = FAILURES[failure]
    monkeypatch.setattr(os, function, replacement)
    with pytest.raises(error):
        atomic.write_bytes(tmp_path / "file", b"new and longer")
    monkeypatch.undo()
    assert contents(tmp_path) == before


def test_the_bytes_are_on_the_disk_before_they_take_the_name(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    flushed = []

    def fsync(descriptor: int) -> None:
        flushed.append((path.read_bytes(), os.fstat(descriptor).st_size))

    monkeypatch.setattr(os, "fsync", fsync)
    atomic.write_bytes(path, b"new content")
    assert flushed == [(b"old", len(b"new content"))]
    assert path.read_bytes() == b"new content"


def test_a_folder_that_cannot_be_made_is_an_error_of_the_file_system(tmp_path):
    (tmp_path / "file").write_bytes(b"in the way")
    with pytest.raises((FileExistsError, NotADirectoryError)):
        atomic.write_bytes(tmp_path / "file" / "below", b"")
    assert contents(tmp_path) == {"file": b"in the way"}
