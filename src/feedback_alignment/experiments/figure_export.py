"""Every chapter's figures as files to take away, drawn from the stored paper-scale results.

`python -m feedback_alignment.experiments.figure_export [CHAPTER ...] [--into DIR] [--profile quick]`
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from feedback_alignment import experiments
from feedback_alignment.companion import dependencies, figure_files, notebook_files, store
from feedback_alignment.companion.figure_files import Listed
from feedback_alignment.experiments import stored


def export(notebook: Path, into: Path, profile: str = "paper", made_from: str = "") -> list[Listed]:
    """Write the figures that a chapter's notebook shows, and return a line for each.

    They are drawn from the stored paper-scale result, or, for the other profiles, from a run made now. A chapter
    without a stored result has none, and a figure is left out whose numbers the stored result lacks.
    """
    chapter = notebook.stem
    experiment = experiments.load(chapter)
    dataset = (
        stored.stored_result(chapter) if profile == "paper" else experiment.run(experiment.SETTINGS[profile], "cpu")
    )
    if dataset is None:
        return []
    origin = " ".join(stored.origin(dataset).split())
    figures = experiment.figures(dataset)
    lines = []
    for shown in figure_files.shown_figures(notebook):
        if shown.key in figures:
            name = figure_files.file_name(chapter, shown)
            written = figure_files.write(figures[shown.key], shown, into / name)
            endings = " ".join(path.suffix[1:] for path in written)
            lines.append(Listed(name, chapter, shown.key, shown.after, shown.caption, origin, endings, made_from))
    return lines


def export_changed(root: Path, notebook: Path, into: Path, profile: str, before: Sequence[Listed]) -> list[Listed]:
    """Return the lines of `before` if nothing has changed that they were made from; else do as `export` does."""
    source = notebook_files.read(notebook)
    made_from = "-".join(
        (dependencies.execution_digest(root, notebook.stem, source, profile), dependencies.text_digest(source))
    )
    if before and all(line.made_from == made_from and figure_files.is_complete(line, into) for line in before):
        return list(before)
    return export(notebook, into, profile, made_from)


def main(arguments: Sequence[str]) -> int:
    """Export the figures of the chapters named, or of all, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m feedback_alignment.experiments.figure_export")
    parser.add_argument("chapters", nargs="*", metavar="CHAPTER", help="such as 06; all without it")
    parser.add_argument("--into", type=Path, default=Path("_build/figures"))
    parser.add_argument("--profile", choices=("smoke", "quick", "paper"), default="paper")
    chosen = parser.parse_args(arguments)
    try:
        root = notebook_files.clone_root()
        notebooks = notebook_files.find_chapters(root, chosen.chapters)
        before = figure_files.read_list(chosen.into)
        lines = {line.chapter: [each for each in before if each.chapter == line.chapter] for line in before}
        for chapter, notebook in notebooks.items():
            if chapter not in experiments.CHAPTERS:
                print(f"{chapter}: nothing of it is stored, its figures are drawn in the page alone", flush=True)
                continue
            found = export_changed(root, notebook, chosen.into, chosen.profile, lines.get(chapter, []))
            what = f"{len(found)} figures" if found else "no paper-scale result is stored; --profile quick draws a run"
            print(f"{chapter}: {what}", flush=True)
            lines[chapter] = found
            figure_files.write_list([line for name in sorted(lines) for line in lines[name]], chosen.into)
        print(f"listed in {chosen.into / figure_files.LIST}")
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    except (ValueError, OSError, store.ResultError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
