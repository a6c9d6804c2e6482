"""What the command line does with chapters: list them, run one, write the scorecard, describe the environment."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feedback_alignment import atomic, experiments
from feedback_alignment.companion import merging, provenance, scorecard, store
from feedback_alignment.companion.checkpoints import DamagedCheckpointError
from feedback_alignment.companion.store import ResultError
from feedback_alignment.experiments.computing import compute_here, compute_on_cluster, groups_of
from feedback_alignment.experiments.devices import prepare_device
from feedback_alignment.experiments.members import are_independent, members_in_paper, require_independent, settings_for
from feedback_alignment.experiments.stored import read, state_and_members, stored_result

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["DamagedCheckpointError", "ResultError", "environment", "listing", "run", "write_scorecard"]

PROFILES = ("smoke", "quick", "paper")


def listing(results: Path | None = None) -> str:
    """Return the table of chapters, profiles, states, members and costs, and where results were looked for."""
    directory = store.results_directory(results)
    rows = [("chapter", "profile", "result", "members", "cost")]
    for chapter in experiments.CHAPTERS:
        experiment = experiments.load(chapter)
        for profile in PROFILES:
            found, members = state_and_members(chapter, profile, directory)
            shown = "run live" if found == "missing" and profile != "paper" else found
            counted = f"{members} of {members_in_paper(chapter, profile)}"
            rows.append((chapter, profile, shown, counted, experiment.COST[profile]))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, f"results are looked for in {directory}"])


def run(
    chapter: str,
    *,
    profile: str,
    device: str,
    results: Path | None,
    checkpoints: Path | None,
    time_limit: float | None,
    force: bool,
    members: Sequence[int] | None = None,
    group: int | None = None,
    scheduler: str | None = None,
) -> str:
    """Compute a chapter, store the result and return a line that says where; skip what is stored already.

    `members` are the seeds to compute, by default all of the profile; `group` is how many of them make one piece, by
    default all of them here and one on a cluster; `scheduler` is the address of a Dask scheduler that hands pieces to
    its workers. Each finished piece is merged into the stored file.

    Raises ValueError for an unknown chapter or device or a chapter that cannot be computed member by member, OSError
    for folders that cannot be written to, StaleResultError or DamagedResultError for a file that only `force` may
    replace, StoppedError when the time limit or Ctrl-C ended the run, and what the chapter raises.
    """
    chapter = experiments.chapter_name(chapter)
    for option, given in (("--members", members), ("--group", group), ("--scheduler", scheduler)):
        if given is not None:
            require_independent(chapter, option)
    if scheduler is None:
        prepare_device(device)
    directory = store.results_directory(results)
    path = store.result_path(directory, chapter, profile)
    held = read(chapter, profile, directory) if path.exists() and not force else None
    wanted = experiments.load(chapter).SETTINGS[profile].seeds if members is None else members
    lacking = wanted if held is None else _lacking(chapter, wanted, held)
    if not lacking:
        return f"{path} is there for these settings; --force runs again"
    folder = checkpoints or directory.parent / "checkpoints"
    _require_writable(directory, "--results")
    _require_writable(folder, "--checkpoints")
    here = folder / chapter
    if scheduler is None:
        groups = groups_of(lacking, len(lacking) if group is None else group)
        pieces = compute_here(chapter, profile, groups, device, here, time_limit, directory)
    else:
        groups = groups_of(lacking, 1 if group is None else group)
        pieces = compute_on_cluster(scheduler, chapter, profile, groups, device, here, time_limit)
    replacing = force or not are_independent(chapter)
    for dataset in pieces:
        with atomic.alone_in(directory):  # another run may add members of its own
            if path.exists() and not replacing:
                dataset = _together(chapter, profile, read(chapter, profile, directory), dataset)
            store.write(dataset, path)
        replacing = not are_independent(chapter)
    return f"stored {path}"


def _lacking(chapter: str, wanted: Sequence[int], held: "xr.Dataset") -> tuple[int, ...]:
    """Return which of the wanted members a stored result lacks: all, if it says that something of each is `missing`."""
    if are_independent(chapter):
        return tuple(seed for seed in wanted if seed not in merging.members(held))
    return tuple(wanted) if "missing" in store.provenance(held) else ()


def _together(chapter: str, profile: str, held: "xr.Dataset", dataset: "xr.Dataset") -> "xr.Dataset":
    """Return what is stored with the members of a piece that it lacks: another run may have stored some of them."""

    def settings(seeds: Sequence[int]) -> dict[str, Any]:
        return provenance.settings_as_data(settings_for(chapter, profile, seeds))

    known = merging.members(held)
    new = tuple(seed for seed in merging.members(dataset) if seed not in known)
    if not new:
        return held
    return merging.merge([held, merging.select(dataset, new, settings(new))], settings((*known, *new)))


def _require_writable(folder: Path, option: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(
            f"nothing can be written to {folder} ({error.strerror}): name another folder with {option}"
        ) from error


def write_scorecard(into: Path | None = None, results: Path | None = None) -> Path:
    """Write the scorecard page and return its path.

    Raises ValueError outside a clone when `into` is missing.
    """
    root = store.clone_root()
    if root is None:
        raise ValueError("the scorecard is made from a clone's notebooks: run this in a clone of the repository")
    directory = store.results_directory(results)
    entries = [
        scorecard.entry(chapter, root / "notebooks" / f"{chapter}.ipynb", stored_claims(chapter, directory))
        for chapter in experiments.CHAPTERS
    ]
    path = into or root / "book" / "scorecard.md"
    scorecard.write(entries, path)
    return path


def stored_claims(chapter: str, directory: Path) -> list[dict[str, Any]] | None:
    """Return the claims of a chapter's stored paper-scale result as plain data, or None if there is none.

    Raises StaleResultError or DamagedResultError.
    """
    dataset = stored_result(chapter, directory)
    return None if dataset is None else [claim.as_dict() for claim in experiments.load(chapter).claims(dataset)]


def environment() -> str:
    """Return versions, devices and data found, one a line."""
    import torch

    from feedback_alignment.networks import archives

    lines = [f"{name} {version}" for name, version in provenance.versions().items()]
    lines.append(f"device cpu: {provenance.device_name('cpu')}")
    lines += [f"device cuda:{index}: {torch.cuda.get_device_name(index)}" for index in range(torch.cuda.device_count())]
    lines += [f"data {name}: {found}" for name, found in archives.data_available().items()]
    lines.append(f"commit {provenance.commit()}")
    lines.append(f"results in {store.results_directory()}")
    return "\n".join(lines)
