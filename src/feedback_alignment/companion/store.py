"""Stored results: one netCDF file a chapter and profile, with provenance and a hash of itself inside.

A file is read only if it is whole (SHA-256), ours (it carries that hash) and about what was asked for (chapter,
settings, science version). Everything else is refused by name, with the way to mend it. It is plain netCDF 3, which
any tool opens.
"""

import hashlib
import io
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feedback_alignment import atomic

if TYPE_CHECKING:
    import xarray as xr

# A netCDF 3 text attribute: padded name, type "char", length 64, the text itself.
DIGEST = re.compile(rb"sha256\0\0\0\0\0\x02\0\0\0\x40([0-9a-f]{64})")
BLANK = b"0" * 64
MAX_BYTES = 4_000_000


MEND = "restore it with 'git checkout', or delete it and run the chapter again"


class ResultError(Exception):
    """A stored result that cannot be used."""


class MissingResultError(ResultError):
    """There is no such file."""


class DamagedResultError(ResultError):
    """The file is truncated, altered, or not a result of this project."""


class StaleResultError(ResultError):
    """The file is sound but belongs to other settings or to another version of the chapter's science."""


@dataclass(frozen=True)
class Identity:
    """What a stored result belongs to."""

    chapter: str
    profile: str
    science_version: int
    settings: dict[str, Any]
    """The settings as plain JSON data."""


def results_directory(explicit: Path | None = None) -> Path:
    """Return where results are looked for.

    `explicit` if given; else the environment variable FEEDBACK_ALIGNMENT_RESULTS; else `results/` of the clone that
    this package runs from; else `results/` of the current folder. The folder need not exist.
    """
    if explicit is not None:
        return explicit
    if named := os.environ.get("FEEDBACK_ALIGNMENT_RESULTS"):
        return Path(named)
    root = clone_root()
    return (root or Path.cwd()) / "results"


def clone_root() -> Path | None:
    """Return the root of the clone that this package runs from, or None for an installed package."""
    root = Path(__file__).resolve().parents[3]
    return root if (root / "pyproject.toml").is_file() and (root / "src" / "feedback_alignment").is_dir() else None


def result_path(directory: Path, chapter: str, profile: str = "paper") -> Path:
    """Return the file of a chapter's result."""
    return directory / f"{chapter}.{profile}.nc"


def write(dataset: "xr.Dataset", path: Path) -> None:
    """Store `dataset`, whole or not at all.

    Its attribute `provenance` must be a JSON object (see `companion.provenance`). Raises ValueError for a dataset
    without one, with a second attribute of the hash's form, or whose file would exceed 4 MB.
    """
    provenance(dataset)
    content = _encode(dataset)
    if len(content) > MAX_BYTES:
        raise ValueError(
            f"{path.name} would have {len(content):,} bytes; at most {MAX_BYTES:,} are stored: "
            "keep fewer observations or lower precision"
        )
    atomic.write_bytes(path, content)


def read(path: Path) -> "xr.Dataset":
    """Read and verify a stored result.

    Raises MissingResultError or DamagedResultError.
    """
    import xarray as xr

    try:
        content = path.read_bytes()
    except FileNotFoundError:
        chapter, _, profile = path.stem.partition(".")
        raise MissingResultError(
            f"{path} does not exist: compute it with 'python -m feedback_alignment run {chapter} "
            f"--profile {profile or 'paper'}'"
        ) from None
    marks = DIGEST.findall(content)
    if not content.startswith(b"CDF") or len(marks) != 1:
        raise DamagedResultError(
            f"{path} is truncated or not a result of this project "
            f"(no netCDF 3 file with one 'sha256' attribute): {MEND}"
        )
    if _digest(content) != marks[0]:
        raise DamagedResultError(f"{path} is truncated or altered (its SHA-256 does not match its contents): {MEND}")
    try:
        dataset = xr.load_dataset(io.BytesIO(content), engine="scipy")
        provenance(dataset)
    except Exception as error:  # the reader of netCDF raises errors of many kinds
        raise DamagedResultError(f"{path} is not a result of this project ({error}): {MEND}") from error
    return dataset


def read_for(path: Path, identity: Identity) -> "xr.Dataset":
    """Read a stored result that must belong to `identity`.

    Raises MissingResultError, DamagedResultError, or StaleResultError naming what differs.
    """
    dataset = read(path)
    require(dataset, str(path), identity)
    return dataset


def require(dataset: "xr.Dataset", name: str, identity: Identity) -> None:
    """Raise StaleResultError, naming what differs, unless the dataset called `name` belongs to `identity`."""
    found = provenance(dataset)
    wanted = {
        "chapter": identity.chapter,
        "profile": identity.profile,
        "science_version": identity.science_version,
        "settings": identity.settings,
    }
    different = [key for key, value in wanted.items() if found.get(key) != value]
    if different:
        details = "; ".join(_difference(key, found.get(key), wanted[key]) for key in different)
        raise StaleResultError(
            f"{name} is stale: {details}. Run 'python -m feedback_alignment run {identity.chapter} "
            f"--profile {identity.profile} --force' to replace it"
        )


def provenance(dataset: "xr.Dataset") -> dict[str, Any]:
    """Return the provenance that a dataset carries.

    Raises ValueError for a dataset without a readable one.
    """
    try:
        record = json.loads(dataset.attrs["provenance"])
    except (KeyError, TypeError, RecursionError, json.JSONDecodeError):
        record = None
    if not isinstance(record, dict):
        raise ValueError(
            "the dataset's attribute 'provenance' must be a JSON object; "
            f"got {dataset.attrs.get('provenance')!r}: make it with companion.provenance.stamp"
        )
    return record


def _difference(name: str, found: Any, wanted: Any) -> str:
    if isinstance(found, dict) and isinstance(wanted, dict):
        keys = [key for key in sorted({*found, *wanted}) if found.get(key) != wanted.get(key)]
        return ", ".join(f"{name}.{key} is {found.get(key)!r}, not {wanted.get(key)!r}" for key in keys)
    return f"{name} is {found!r}, not {wanted!r}"


def _encode(dataset: "xr.Dataset") -> bytes:
    blank = bytes(dataset.assign_attrs(sha256=BLANK.decode()).to_netcdf(engine="scipy"))
    if len(DIGEST.findall(blank)) != 1:
        raise ValueError(
            "a stored dataset must have no other attribute 'sha256' of 64 hexadecimal digits, for one of "
            "its variables, than the file's own: rename it"
        )
    return _with_digest(blank, _digest(blank))


def _digest(content: bytes) -> bytes:
    """SHA-256 of the file as it is with 64 zeros in place of the hash."""
    return hashlib.sha256(_with_digest(content, BLANK)).hexdigest().encode()


def _with_digest(content: bytes, digest: bytes) -> bytes:
    start, end = next(DIGEST.finditer(content)).span(1)
    return content[:start] + digest + content[end:]
