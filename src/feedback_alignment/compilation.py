"""Compilation of numerical loops with numba, kept on disk between sessions wherever some folder can be written."""

import hashlib
import inspect
import os
import pickle
import shutil
import stat
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile

Function = TypeVar("Function", bound=Callable[..., object])

UNUSED_SECONDS = 7 * 24 * 3600.0


def _digest(sources: Path) -> str:
    """Return a digest of all modules in the folder `sources`, and of this one, which says how code is kept.

    Numba notices a change in a function's own file only, and would go on using old code of the functions it calls.
    """
    modules = [*sorted(sources.glob("*.py")), Path(__file__)]
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


class _WholeFiles(IndexDataCacheFile):
    """Numba's files of one function, each with a hash of its contents before them.

    A file that is not whole counts as missing, and a disk that takes no more costs a warning, not the run: the function
    is compiled again.
    """

    def save(self, key: object, data: object) -> None:
        try:
            super().save(key, data)  # type: ignore[no-untyped-call]
        except OSError as error:
            warnings.warn(
                f"compiled code cannot be kept in {self._cache_path} ({error.strerror}) and is made anew in each "
                "session: make room there, or name another folder with NUMBA_CACHE_DIR",
                RuntimeWarning,
                stacklevel=2,
            )

    def _load_index(self) -> dict[object, str]:
        try:
            stamp, names = pickle.loads(_checked(Path(self._index_path)))  # noqa: S301  # as private as code itself
        except (FileNotFoundError, _NotWholeError):
            return {}
        return names if stamp == [self._version, self._source_stamp] else {}

    def _save_index(self, overloads: dict[object, str]) -> None:
        self._write(self._index_path, ([self._version, self._source_stamp], overloads))

    def _load_data(self, name: str) -> object:
        path: str = self._data_path(name)  # type: ignore[no-untyped-call]
        return pickle.loads(_checked(Path(path)))  # noqa: S301  # as private as code itself

    def _save_data(self, name: str, data: object) -> None:
        self._write(self._data_path(name), data)  # type: ignore[no-untyped-call]

    def _write(self, path: str, data: object) -> None:
        content: bytes = self._dump(data)  # type: ignore[no-untyped-call]
        with self._open_for_write(path) as file:
            file.write(hashlib.sha256(content).digest() + content)


class _NotWholeError(OSError):
    """A file is not as it was written; numba takes an OSError for a file that is not there."""


def _checked(path: Path) -> bytes:
    content = path.read_bytes()
    if hashlib.sha256(content[32:]).digest() != content[:32]:
        raise _NotWholeError
    return content[32:]


class _KeptCode(FunctionCache):
    """The compiled code of one function, in files that are used only while they are whole."""

    def __init__(self, function: Callable[..., object]):
        super().__init__(function)  # type: ignore[no-untyped-call]
        place = self._cache_path, self._impl.filename_base, self._impl.locator.get_source_stamp()
        self._cache_file = _WholeFiles(*place)  # type: ignore[no-untyped-call]


def compiled(function: Function) -> Function:
    """Compile `function` on its first call, and keep the machine code in `cache_folder` between sessions.

    What it calls must stand in modules of the same folder. Kept code that is truncated or altered is made anew; where
    it cannot be kept, a warning says so.
    """
    config: Any = numba.config
    configured = config.CACHE_DIR
    sources = Path(inspect.getfile(function)).parent
    config.CACHE_DIR = str(cache_folder(sources))  # numba reads it when it decorates
    try:
        dispatcher: Any = numba.njit(error_model="numpy", nogil=True)(function)
        dispatcher._cache = _KeptCode(function)  # what njit(cache=True) does, with files of our own
    finally:
        config.CACHE_DIR = configured
    return cast(Function, dispatcher)
