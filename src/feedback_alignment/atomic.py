"""Files that are there whole or not at all."""

import os
import tempfile
from pathlib import Path


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` so that a reader, a crash or a full disk never meets half of it.

    The bytes go to a temporary file in the same folder, are flushed to disk, and take the final name in one step.
    Parent folders are made as needed. Raises OSError as the file system gives it; the old file, if any, then stands.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.chmod(0o644)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_text(path: Path, content: str) -> None:
    """Write `content` to `path` as UTF-8, whole or not at all (see `write_bytes`)."""
    write_bytes(path, content.encode())
