"""Executing chapters with papermill, only those whose inputs have changed.

    python -m feedback_alignment.companion.execution --into _build/notebooks [--profile quick] [CHAPTER ...]

An executed notebook records in its metadata what it was made from, so that the output and its record are one file: it
is there whole and as recorded, or not at all. An output that is out of date is removed before its chapter runs; after
a failure or an interruption none is left that could be taken for a fresh one. Where only prose, captions or other
metadata changed, the old outputs are put under the new text and nothing runs. notebooks/ itself is never written.
"""

import argparse
import copy
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from feedback_alignment.companion import dependencies, notebook_files
from feedback_alignment.companion.running import DEFAULT_PROFILE, INJECTED, RECORD, ChapterError, run_notebook

if TYPE_CHECKING:
    from nbformat import NotebookNode


@dataclass(frozen=True)
class Outcome:
    """What became of one chapter; `seconds` is the wall time it took, 0 where nothing ran."""

    action: Literal["executed", "text updated", "unchanged", "refreshed"]
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"{self.action} in {self.seconds:.1f} s" if self.seconds else self.action


def execute_chapter(root: Path, chapter: str, into: Path, profile: str = DEFAULT_PROFILE) -> Outcome:
    """Bring the executed notebook `into`/`chapter`.ipynb up to date with the clone at `root`.

    Raises ChapterError if the notebook fails or if `into` is the folder of the source notebooks, UnknownChapterError,
    NotebookFileError, UnreadableSourceError.
    """
    if into.resolve() == (root / "notebooks").resolve():
        raise ChapterError(
            f"{chapter}: {into} holds the source notebooks: execute into another folder, such as _build/notebooks"
        )
    source = notebook_files.read(notebook_files.find_chapters(root, [chapter])[chapter])
    target = into / f"{chapter}.ipynb"
    inputs = dependencies.execution_digest(root, chapter, source, profile)
    text = dependencies.text_digest(source)
    previous = _previous(target)
    record = previous.metadata.get(RECORD, {}) if previous is not None else {}
    if previous is not None and record.get("inputs") == inputs:
        if record.get("text") == text:
            return Outcome("unchanged")
        updated = _with_outputs_of(source, previous)
        updated.metadata[RECORD] = {**record, "text": text}
        notebook_files.write(updated, target)
        return Outcome("text updated")
    target.unlink(missing_ok=True)
    executed = run_notebook(root, chapter, source, profile)
    executed.metadata[RECORD].update(inputs=inputs, text=text)
    notebook_files.write(executed, target)
    return Outcome("executed", executed.metadata[RECORD]["seconds"])


def remove_orphans(root: Path, into: Path) -> list[str]:
    """Remove executed notebooks whose chapter is gone or renamed; return their names. Other files stay."""
    chapters = notebook_files.find_chapters(root)
    orphans = [path for path in sorted(into.glob("*.ipynb")) if path.stem not in chapters and _is_ours(path)]
    for path in orphans:
        path.unlink()
    return [path.stem for path in orphans]


def _is_ours(path: Path) -> bool:
    notebook = _previous(path)
    return notebook is not None and "inputs" in notebook.metadata.get(RECORD, {})


def _previous(target: Path) -> "NotebookNode | None":
    try:
        return notebook_files.read(target)
    except FileNotFoundError:
        return None
    except notebook_files.NotebookFileError as error:
        print(f"ignored: {error}", file=sys.stderr)
        return None


def _with_outputs_of(source: "NotebookNode", executed: "NotebookNode") -> "NotebookNode":
    """Return `source` with the outputs and injected parameters of `executed`, whose code cells are the same."""
    merged = copy.deepcopy(source)
    code = [cell for cell in executed.cells if cell.cell_type == "code"]
    injected = [cell for cell in code if INJECTED in notebook_files.tags(cell)]
    answers = [cell for cell in code if INJECTED not in notebook_files.tags(cell)]
    for cell, answer in zip((c for c in merged.cells if c.cell_type == "code"), answers, strict=True):
        cell.outputs, cell.execution_count = answer.outputs, answer.execution_count
    if injected:
        below = 1 + next(i for i, cell in enumerate(merged.cells) if "parameters" in notebook_files.tags(cell))
        merged.cells[below:below] = injected
    return merged


def main(argv: Sequence[str] | None = None, root: Path | None = None) -> int:
    """Run the command line; return 0, or 1 if a chapter failed, 2 if there is no such chapter, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m feedback_alignment.companion.execution", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("chapters", nargs="*", metavar="CHAPTER", help="number, name or both; all if none is given")
    parser.add_argument("--into", type=Path, required=True, help="folder of the executed notebooks")
    parser.add_argument("--profile", default=DEFAULT_PROFILE, help="profile to execute at (default: %(default)s)")
    arguments = parser.parse_args(argv)
    root = (root or notebook_files.clone_root()).resolve()
    into = arguments.into.resolve()
    try:
        chapters = notebook_files.find_chapters(root, arguments.chapters)
    except notebook_files.UnknownChapterError as error:
        print(error, file=sys.stderr)
        return 2
    if not chapters:
        print(f"expected notebooks NN_name.ipynb in {root / 'notebooks'}, found none: restore them", file=sys.stderr)
        return 2
    if not arguments.chapters:
        for orphan in remove_orphans(root, into):
            print(f"{orphan}: removed, since its notebook is gone")
    return run_all(chapters, lambda chapter: execute_chapter(root, chapter, into, arguments.profile))


def run_all(chapters: Iterable[str], step: Callable[[str], Outcome]) -> int:
    """Take one step for every chapter, going on after failures; print progress and, at the end, what failed.

    Returns 0, or 1 if a chapter failed, or 130 after Ctrl-C.
    """
    failures: list[str] = []
    for chapter in chapters:
        print(f"{chapter}: ", end="", flush=True)
        try:
            print(step(chapter), flush=True)
        except KeyboardInterrupt:
            print("interrupted; the same command goes on from here", flush=True)
            return 130
        except (ChapterError, notebook_files.NotebookFileError, dependencies.UnreadableSourceError) as error:
            print("failed", flush=True)
            print("\n".join(filter(None, (getattr(error, "details", ""), str(error)))), file=sys.stderr, flush=True)
            failures.append(str(error))
    if failures:
        print(f"\n{len(failures)} failed:", *failures, sep="\n  ", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
