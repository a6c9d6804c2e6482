"""Compilation of numerical loops with numba, kept on disk between sessions wherever some folder can be written."""

import hashlib
import inspect
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., object])

UNUSED_SECONDS = 7 * 24 * 3600.0


def _digest(sources: Path) -> str:
    """Return a digest of all modules in the folder `sources`.

    Numba notices a change in a function's own file only, and would go on using old code of the functions it calls.
    """
    modules = sorted(sources.glob("*.py"))
    return hashlib.sha256(b"".join(module.read_bytes() for module in modules)).hexdigest()[:16]


def _candidates(sources: Path) -> Iterator[Path]:
    if "NUMBA_CACHE_DIR" in os.environ:
        yield Path(os.environ["NUMBA_CACHE_DIR"])
    yield sources / "__pycache__"
    yield Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "feedback-alignment"


def _private_temporary_folder() -> Path:
    """Return a temporary folder that only this user can write.

    Machine code is run as it lies there, so a folder that somebody else made under the same name is not used.
    """
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"feedback-alignment-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    state = folder.lstat()
    if stat.S_ISDIR(state.st_mode) and (os.name == "nt" or (state.st_uid == user and not state.st_mode & 0o077)):
        return folder
    return Path(tempfile.mkdtemp(prefix="feedback-alignment-"))


def _remove_unused(base: Path) -> None:
    """Remove from `base` the code of sources that nothing has run for a week: trying a folder renews its date."""
    for folder in base.glob("compiled-*"):
        with suppress(FileNotFoundError):  # another process may be removing it too
            if time.time() - folder.stat().st_mtime > UNUSED_SECONDS:
                shutil.rmtree(folder)


@cache
def cache_folder(sources: Path) -> Path:
    """Return the folder in which the compiled code of the modules in the folder `sources` is kept.

    The first that can be written of: NUMBA_CACHE_DIR, beside the sources, the user's cache folder, a private temporary
    folder; in it a folder of its own for each state of the sources, removed when unused for a week.
    """
    name = f"compiled-{_digest(sources)}"
    for base in _candidates(sources):
        try:
            folder = base / name
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=folder):
                _remove_unused(base)
                return folder
        except OSError:
            continue  # a place that cannot be written is what the next candidate is for
    return _private_temporary_folder() / name


def compiled(function: Function) -> Function:
    """Compile `function` on its first call, and keep the machine code in `cache_folder` between sessions.

    What it calls must stand in modules of the same folder.
    """
    config: Any = numba.config
    configured = config.CACHE_DIR
    sources = Path(inspect.getfile(function)).parent
    config.CACHE_DIR = str(cache_folder(sources))  # numba reads it when it decorates
    try:
        dispatcher: Any = numba.njit(cache=True, error_model="numpy", nogil=True)(function)
    finally:
        config.CACHE_DIR = configured
    return cast(Function, dispatcher)
