"""Keeping the committed notebooks: cleaned, with their outputs, and made anew when asked.

    python -m feedback_alignment.companion.notebooks clean [--check] [FILE ...]
    python -m feedback_alignment.companion.notebooks refresh [CHAPTER ...]

A cleaned notebook holds nothing that differs between two runs of the same code with the same numbers, so that a
difference in version control is a difference in the chapter.
"""

import argparse
import copy
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from feedback_alignment import atomic
from feedback_alignment.companion import execution, notebook_files, running

if TYPE_CHECKING:
    from nbformat import NotebookNode

_RUN_TRACES = ("papermill", "execution", "ExecuteTime")


def clean(notebook: "NotebookNode") -> "NotebookNode":
    """Return a notebook without what differs between reruns; outputs stay.

    Dropped: injected parameters, time stamps, papermill's records, Python's patch version, digests, empty tag lists.
    Ids come from the cells' contents; text printed in pieces is joined; seconds are whole. Cleaning twice gives the
    same as once.
    """
    cleaned = copy.deepcopy(notebook)
    cleaned.cells = [cell for cell in cleaned.cells if running.INJECTED not in notebook_files.tags(cell)]
    cleaned.metadata.pop("papermill", None)
    cleaned.metadata.get("language_info", {}).pop("version", None)
    record = cleaned.metadata.get(running.RECORD)
    if record is not None:
        kept = {key: record[key] for key in ("profile", "device") if key in record}
        if "seconds" in record:
            kept["seconds"] = float(round(record["seconds"]))
        cleaned.metadata[running.RECORD] = kept
    for cell, identity in zip(cleaned.cells, notebook_files.content_ids(cleaned.cells), strict=True):
        cell.id = identity
        for trace in _RUN_TRACES:
            cell.metadata.pop(trace, None)
        if not cell.metadata.get("tags", True):
            del cell.metadata["tags"]
        if cell.cell_type == "code":
            cell.outputs = notebook_files.joined_streams(cell.outputs)
    return cleaned


def clean_file(path: Path, check: bool = False) -> bool:
    """Clean one notebook file in place; return whether it was not clean. With `check`, only look.

    The file is written only where cleaning changes it. Raises NotebookFileError, FileNotFoundError.
    """
    cleaned = notebook_files.text_of(clean(notebook_files.read(path)))
    changed = cleaned.encode() != path.read_bytes()
    if changed and not check:
        atomic.write_text(path, cleaned)
    return changed


def refresh(root: Path, chapter: str) -> execution.Outcome:
    """Execute a chapter of the clone at `root` at the quick profile and put the cleaned result into notebooks/.

    The old file stands until the new one is complete. Raises ChapterError for a notebook that fails or whose outputs
    hold an error or text on stderr, NotebookFileError.
    """
    path = notebook_files.find_chapters(root, [chapter])[chapter]
    executed = running.run_notebook(root, chapter, notebook_files.read(path), running.DEFAULT_PROFILE)
    seconds = executed.metadata[running.RECORD]["seconds"]
    cleaned = clean(executed)
    for index, cell in enumerate(cleaned.cells):
        for output in cell.get("outputs", []):
            if output.output_type == "error" or output.get("name") == "stderr":
                text = output.get("text", output.get("evalue", ""))
                raise running.ChapterError(
                    f"{chapter}: {notebook_files.describe(index, cell.source)} left "
                    f"{'an error' if output.output_type == 'error' else 'text on stderr'} in its output, "
                    f"{path} stays as it was: {text.strip()}"
                )
    notebook_files.write(cleaned, path)
    return execution.Outcome("refreshed", seconds)


def main(argv: Sequence[str] | None = None, root: Path | None = None) -> int:
    """Run the command line; return 0, or 1 for a failure or a notebook that `--check` finds unclean, 2 for a name."""
    parser = argparse.ArgumentParser(prog="python -m feedback_alignment.companion.notebooks")
    commands = parser.add_subparsers(dest="command", required=True)
    cleaning = commands.add_parser("clean", help="strip what differs between reruns; outputs stay")
    cleaning.add_argument("files", nargs="*", type=Path, metavar="FILE", help="all of notebooks/ if none is given")
    cleaning.add_argument("--check", action="store_true", help="change nothing; exit 1 if a file is not clean")
    refreshing = commands.add_parser("refresh", help="execute at the quick profile and write into notebooks/")
    refreshing.add_argument("chapters", nargs="*", metavar="CHAPTER", help="number, name or both; all if none is given")
    arguments = parser.parse_args(argv)
    try:
        if arguments.command == "clean":
            files: list[Path] = arguments.files or list(notebook_files.find_chapters(_root(root)).values())
            return _clean_files(files, arguments.check)
        clone = _root(root)
        chapters = notebook_files.find_chapters(clone, arguments.chapters)
    except (notebook_files.UnknownChapterError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 2
    return execution.run_all(chapters, lambda chapter: refresh(clone, chapter))


def _root(root: Path | None) -> Path:
    return (root or notebook_files.clone_root()).resolve()


def _clean_files(files: Iterable[Path], check: bool) -> int:
    status = 0
    for path in files:
        try:
            changed = clean_file(path, check)
        except notebook_files.NotebookFileError as error:
            print(error, file=sys.stderr)
            status = 1
            continue
        if changed:
            print(f"{path}: {'not clean' if check else 'cleaned'}")
            status = max(status, int(check))
    return status


if __name__ == "__main__":
    sys.exit(main())
