"""What the command line does with chapters: list them, run one, write the scorecard, describe the environment."""

import tempfile
from pathlib import Path
from typing import Any

from feedback_alignment import experiments
from feedback_alignment.companion import provenance, scorecard, store
from feedback_alignment.companion.checkpoints import DamagedCheckpointError
from feedback_alignment.companion.monitor import Monitor
from feedback_alignment.companion.store import ResultError
from feedback_alignment.experiments.stored import identity, state, stored_result

__all__ = ["DamagedCheckpointError", "ResultError", "environment", "listing", "run", "write_scorecard"]

PROFILES = ("smoke", "quick", "paper")


def listing(results: Path | None = None) -> str:
    """Return the table of chapters, profiles, states and costs, and where results were looked for."""
    directory = store.results_directory(results)
    rows = [("chapter", "profile", "result", "cost")]
    for chapter in experiments.CHAPTERS:
        experiment = experiments.load(chapter)
        for profile in PROFILES:
            found = state(chapter, profile, directory)
            shown = "run live" if found == "missing" and profile != "paper" else found
            rows.append((chapter, profile, shown, experiment.COST[profile]))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
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
) -> str:
    """Compute a chapter, store the result and return a line that says where; skip what is stored already.

    Raises ValueError for an unknown chapter or device, OSError for folders that cannot be written to,
    StaleResultError or DamagedResultError for a file that only `force` may replace, StoppedError when the time limit
    or Ctrl-C ended the run, and what the chapter raises.
    """
    chapter = experiments.chapter_name(chapter)
    _require_device(device)
    directory = store.results_directory(results)
    path = store.result_path(directory, chapter, profile)
    belongs = identity(chapter, profile)
    if path.exists() and not force and "missing" not in store.provenance(store.read_for(path, belongs)):
        return f"{path} is there for these settings; --force runs again"
    experiment = experiments.load(chapter)
    folder = checkpoints or directory.parent / "checkpoints"
    _require_writable(directory, "--results")
    _require_writable(folder, "--checkpoints")
    known = {
        "chapter": chapter,
        "science_version": belongs.science_version,
        "settings": belongs.settings,
        "device": device,
    }
    with Monitor(folder / chapter, known, time_limit, directory) as monitor:
        dataset = experiment.run(experiment.SETTINGS[profile], device, monitor)
        store.write(dataset, path)
        monitor.delete_checkpoints()
    return f"stored {path}"


def _require_device(device: str) -> None:
    import torch

    try:
        torch.zeros(1, dtype=torch.float64, device=device).cpu()
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).splitlines()[0].partition(". ")[0]
        raise ValueError(
            f"device {device!r} cannot be used here ({reason}): 'python -m feedback_alignment check' "
            "lists the devices; --device cpu always works"
        ) from error


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
