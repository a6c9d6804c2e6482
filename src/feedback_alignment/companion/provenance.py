"""Where a result comes from: settings, seeds, code, versions, device, time, data, and what was reduced."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any

from feedback_alignment.companion.store import clone_root, provenance

if TYPE_CHECKING:
    import xarray as xr

CORE_PACKAGES = ("numpy", "scipy", "torch", "xarray")


def settings_as_data(settings: Any) -> dict[str, Any]:
    """Return a settings dataclass as plain JSON data (tuples as lists).

    Raises TypeError for anything but a dataclass instance.
    """
    if not is_dataclass(settings) or isinstance(settings, type):
        raise TypeError(f"settings must be an instance of a dataclass; got {settings!r}")
    data: dict[str, Any] = json.loads(json.dumps(asdict(settings)))
    return data


def stamp(
    dataset: "xr.Dataset",
    *,
    chapter: str,
    science_version: int,
    settings: Any,
    commit: str,
    device: str,
    wall_seconds: float,
    data: Mapping[str, str],
    parts: Sequence[Mapping[str, Any]] = (),
    missing: Sequence[str] = (),
) -> "xr.Dataset":
    """Return `dataset` with its provenance, one JSON string in the attribute `provenance`.

    `settings` has the fields `profile`, `seeds` and `reduced` (what is smaller than in the paper, in words) beside the
    chapter's own. `commit` is what `commit()` gave before the run. `data` maps each data file to its hash and origin.
    A result put together from finished pieces of work (see `piece_files`) keeps in `parts` where each comes from;
    `missing` says which are not there yet, and they count as reduced.
    """
    record = {
        "chapter": chapter,
        "profile": settings.profile,
        "science_version": science_version,
        "settings": settings_as_data(settings),
        "seeds": list(settings.seeds),
        "reduced": [*settings.reduced, *missing],
        **({"parts": [dict(part) for part in parts]} if parts else {}),
        **({"missing": list(missing)} if missing else {}),
        **_circumstances(commit, device, wall_seconds, data),
    }
    return dataset.assign_attrs(provenance=json.dumps(record, sort_keys=True))


def stamp_piece(
    dataset: "xr.Dataset",
    *,
    identity: Mapping[str, Any],
    commit: str,
    device: str,
    wall_seconds: float,
    data: Mapping[str, str],
) -> "xr.Dataset":
    """Return `dataset` with the provenance of a piece of work: `identity` is all that its numbers depend on."""
    record = {"piece": dict(identity), **_circumstances(commit, device, wall_seconds, data)}
    return dataset.assign_attrs(provenance=json.dumps(record, sort_keys=True))


def _circumstances(commit: str, device: str, wall_seconds: float, data: Mapping[str, str]) -> dict[str, Any]:
    return {
        "commit": commit,
        "versions": versions(),
        "device": device_name(device),
        "wall_seconds": round(wall_seconds, 1),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "data": dict(data),
    }


def commit() -> str:
    """Return the git commit of the clone, with '+' behind it if its code differs from that commit.

    Without git: the environment variable FEEDBACK_ALIGNMENT_COMMIT, else 'unknown'.
    """
    root = clone_root()
    if root is not None and (root / ".git").exists():
        try:
            head = _git(root, "rev-parse", "HEAD").strip()
            return head + ("+" if _git(root, "status", "--porcelain", "--", "src", "pyproject.toml") else "")
        except (OSError, subprocess.CalledProcessError):
            pass
    return os.environ.get("FEEDBACK_ALIGNMENT_COMMIT", "unknown")


def _git(root: Any, *arguments: str) -> str:
    return subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True, text=True).stdout


def versions() -> dict[str, str]:
    """Return the versions of Python, of this package and of the libraries that numbers depend on."""
    found = {"python": platform.python_version()}
    for name in ("feedback-alignment", *CORE_PACKAGES):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def device_name(device: str) -> str:
    """Return a readable name of the device: the GPU's model, or the CPU with the number of threads in use."""
    import torch

    if device.startswith("cuda"):
        return str(torch.cuda.get_device_name(device))
    threads = torch.get_num_threads()
    return f"CPU ({platform.machine()}), {threads} thread{'s' if threads > 1 else ''}"


def duration(seconds: float) -> str:
    """Return a time span in words: '40 s', '12 min', '3.2 h'."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


def provenance_line(record: Mapping[str, Any]) -> str:
    """Return the line of text that stands below every stored figure."""
    commits = record["commit"].split(", ")
    commit = ", ".join(each.rstrip("+")[:10] + ("+" if each.endswith("+") else "") for each in commits)
    reduced = "; reduced against the paper: " + ", ".join(record["reduced"]) if record["reduced"] else ""
    return (
        f"Stored {record['profile']}-profile run: {_seeds(record)}, {duration(record['wall_seconds'])} on "
        f"{record['device']}, torch {record['versions']['torch']}, {record['date']}, "
        f"commit {commit}{reduced}."
    )


def _seeds(record: Mapping[str, Any]) -> str:
    count, pieces = len(record["seeds"]), len(record.get("pieces", []))
    seeds = f"{count} seed" if count == 1 else f"{count} seeds"
    return f"{seeds} in {pieces} pieces" if pieces else seeds


def figure_note(datasets: Sequence["xr.Dataset"]) -> str:
    """Return the small print of a figure: where its stored panels come from; empty if all were run live."""
    records = [provenance(dataset) for dataset in datasets]
    return "\n".join(provenance_line(record) for record in records if record["profile"] == "paper")


def scale(dataset: "xr.Dataset") -> str:
    """Return the scale of a dataset's run: its profile, or 'reduced' for a paper run with something left out."""
    record = provenance(dataset)
    return "reduced" if record["profile"] == "paper" and record["reduced"] else str(record["profile"])


def title(dataset: "xr.Dataset") -> str:
    """Return the heading of a dataset's panels: scale, data and number of seeds."""
    record = provenance(dataset)
    images = record["settings"].get("images")
    return f"{scale(dataset)} run: " + (f"{images}, " if images else "") + _seeds(record)
