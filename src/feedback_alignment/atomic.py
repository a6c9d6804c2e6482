"""Files that are there whole or not at all."""

import contextlib
import glob
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ABANDONED_SECONDS = 3600.0


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` so that a reader, a crash or a full disk never meets half of it.

    The bytes go to a temporary file in the same folder, are flushed to disk, and take the final name in one step.
    Parent folders are made as needed; what a writer that was killed has left goes after an hour. Raises OSError, of the
    kind that the file system gives, which names `path`; the old file, if any, then stands.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        try:
            _fill(descriptor, Path(name), content)
            Path(name).replace(path)
            _remove_abandoned(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OSError(
            error.errno,
            f"{error.strerror or error}: {path} could not be written and is as it was; make room or give permission "
            "there, and repeat the command",
        ) from error


def _fill(descriptor: int, partial: Path, content: bytes) -> None:
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.chmod(0o644)


def _remove_abandoned(path: Path) -> None:
    """Remove what writers of this file have left that were killed."""
    for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with contextlib.suppress(FileNotFoundError):  # another process may be removing it too
            if time.time() - part.stat().st_mtime > ABANDONED_SECONDS:
                part.unlink()


def write_text(path: Path, content: str) -> None:
    """Write `content` to `path` as UTF-8, whole or not at all (see `write_bytes`)."""
    write_bytes(path, content.encode())


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Wait for all others that hold `folder` in this way, and let none of them in until the block ends.

    For what reads a file, changes it and writes it back. Other processes of this machine wait; a process that dies lets
    go. Raises OSError for a folder that is not there.
    """
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
