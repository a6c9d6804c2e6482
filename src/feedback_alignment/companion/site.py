"""The book as a site: its sources staged in one folder, built with warnings as errors, and built only when changed.

`python -m feedback_alignment.companion.site --notebooks DIR --into _build/site` takes the book of this clone and the
executed notebooks of DIR, stages them in `_build/source` and leaves the pages in `_build/site/html`. A site is marked
as up to date, by a digest of all it was made from, only after a build without a single warning.
"""

import argparse
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from feedback_alignment import atomic
from feedback_alignment.companion import repository, store

BUILDERS = ("html", "singlehtml")
FIGURES = Path("book") / "_static" / "figures"
"""Where, in the staged sources, the figures lie that readers can take away."""
MARK = "built-from.json"

_TOOLS = (
    "docutils",
    "jupyter-book",
    "myst-nb",
    "myst-parser",
    "pydata-sphinx-theme",
    "pygments",
    "sphinx",
    "sphinx-book-theme",
    "sphinx-copybutton",
    "sphinx-design",
    "sphinx-external-toc",
    "sphinx-multitoc-numbering",
    "sphinx-togglebutton",
    "sphinxcontrib-bibtex",
)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_WARNING = re.compile(r"\b(?:WARNING|ERROR|CRITICAL|Exception|Extension error)\b")


class BuildError(RuntimeError):
    """The book does not build; `warnings` are the lines that say why, with paths relative to the book's sources."""

    def __init__(self, warnings: Sequence[str]) -> None:
        self.warnings = tuple(warnings)
        super().__init__("the book does not build; mend these first:\n" + "\n".join(f"  {line}" for line in warnings))


@dataclass(frozen=True)
class Site:
    """A built site: the page to open, and whether this call built it or found it up to date."""

    index: Path
    rebuilt: bool


def clone_folder() -> Path:
    """Return the root of the clone that this package runs from.

    Raises FileNotFoundError where the package is installed without its clone: a wheel holds no book.
    """
    folder = store.clone_root()
    if folder is None:
        raise FileNotFoundError(
            "the book is in the repository's clone, not in the installed package: clone it and run `make book` there"
        )
    return folder


def stage(clone: Path, notebooks: Path, results: Path, source: Path, figures: Path | None = None) -> None:
    """Copy all that the book is made from into the folder `source`, replacing what was there.

    `clone` holds `_config.yml`, `_toc.yml` and `book/`; the notebooks of the folder `notebooks` become `notebooks/`,
    and the stored paper-scale results of the folder `results`, which may be missing, become `results/`. The files of
    the folder `figures`, made by `make figures`, become files that pages can offer. What benchmarks measured,
    `benchmarks/results/*.json`, comes along under the same name.
    Raises FileNotFoundError if `notebooks` holds no notebook.
    """
    chapters = sorted(notebooks.glob("*.ipynb"))
    if not chapters:
        raise FileNotFoundError(f"expected notebooks (*.ipynb) in {notebooks}, found none: `make book` puts them there")
    if source.exists():
        shutil.rmtree(source)
    source.mkdir(parents=True)
    for name in ("_config.yml", "_toc.yml"):
        shutil.copyfile(clone / name, source / name)
    shutil.copytree(clone / "book", source / "book", ignore=shutil.ignore_patterns("__pycache__", ".*"))
    measured = Path("benchmarks", "results")
    for folder, files in (
        (Path("notebooks"), chapters),
        (Path("results"), sorted(results.glob("*.paper.nc"))),
        (measured, sorted((clone / measured).glob("*.json"))),
    ):
        (source / folder).mkdir(parents=True)
        for file in files:
            shutil.copyfile(file, source / folder / file.name)
    if figures is not None and figures.is_dir():
        shutil.copytree(figures, source / FIGURES, ignore=shutil.ignore_patterns(".*"))


def build(
    clone: Path, notebooks: Path, results: Path, into: Path, builder: str = "html", figures: Path | None = None
) -> Site:
    """Build the book of `clone` with the executed `notebooks` and the stored `results` into the folder `into`.

    `figures` is a folder of figures to take away, which pages then offer.

    The sources are staged in `source` beside `into`; the pages land in `into/<builder>`, where `builder` is `html` or
    `singlehtml` (all on one page, for printing). If nothing has changed since the last build without warnings, nothing
    is built. Each build starts afresh, for Sphinx repeats no warning of a page that it does not read again.

    Raises BuildError if there is any warning; the pages of an earlier build are then kept, but no longer count as up to
    date. Raises FileNotFoundError for a missing notebook folder and ModuleNotFoundError where Jupyter Book is missing.
    """
    if builder not in BUILDERS:
        raise ValueError(f"the builder must be one of {', '.join(BUILDERS)}; got {builder!r}")
    source, pages, mark = into.parent / "source", into / builder, into / f"{builder}-{MARK}"
    address = repository.repository_address(clone) or ""
    stage(clone, notebooks, results, source, figures)
    made_from = {"sources": _digest(source), "repository": address, "tools": _versions(), "builder": builder}
    if (pages / "index.html").is_file() and _read_mark(mark) == made_from:
        return Site(index=pages / "index.html", rebuilt=False)
    mark.unlink(missing_ok=True)
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into, prefix=".build-") as temporary:
        _run_jupyter_book(source, Path(temporary), builder, address)
        if pages.exists():
            shutil.rmtree(pages)
        (Path(temporary) / "_build" / builder).replace(pages)
    atomic.write_text(mark, json.dumps(made_from, indent=1))
    return Site(index=pages / "index.html", rebuilt=True)


def _run_jupyter_book(source: Path, output: Path, builder: str, address: str) -> None:
    environment = os.environ | {repository.VARIABLE: address}
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(source)]
    command += ["--path-output", str(output), "--builder", builder, "--all", "-q", "-W", "-n", "--keep-going"]
    # The source folder is not the working folder: Jupyter Book would put it on the path of its own imports.
    answer = subprocess.run(command, env=environment, cwd=output, capture_output=True, text=True, check=False)
    said, complaint = (_COLOUR.sub("", text).replace(f"{source}/", "") for text in (answer.stdout, answer.stderr))
    built = (output / "_build" / builder / "index.html").is_file()
    warnings = [line for line in complaint.splitlines() if _WARNING.search(line)]
    if warnings or answer.returncode != 0 or not built:
        raise BuildError(warnings or (said + complaint).splitlines()[-20:])


def _digest(source: Path) -> str:
    """Return one SHA-256 over names and contents of the staged files and of the package, whose settings pages show."""
    total = hashlib.sha256()
    for name, path in _inputs(source):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{content}  {name}\n".encode())
    return total.hexdigest()


def _inputs(source: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(source.rglob("*")):
        if path.is_file():
            yield path.relative_to(source).as_posix(), path
    package = Path(__file__).parents[1]
    for path in sorted(package.rglob("*.py")):
        yield f"package:{path.relative_to(package).as_posix()}", path


def _versions() -> dict[str, str]:
    try:
        return {tool: importlib.metadata.version(tool) for tool in _TOOLS}
    except importlib.metadata.PackageNotFoundError as missing:
        raise ModuleNotFoundError(
            f"the book needs {missing.name}, which is not installed: run `make book`, which installs it"
        ) from missing


def _read_mark(mark: Path) -> object:
    """Return what the site was made from, or None if that is not known (no mark, or one that cannot be read)."""
    try:
        return json.loads(mark.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError, RecursionError):
        return None


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the site from the command line; return 0, or 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(
        prog="python -m feedback_alignment.companion.site", description="Build the book from executed notebooks."
    )
    parser.add_argument("--notebooks", type=Path, required=True, metavar="DIR", help="folder of executed notebooks")
    parser.add_argument("--into", type=Path, default=Path("_build/site"), metavar="DIR", help="default: _build/site")
    parser.add_argument("--results", type=Path, metavar="DIR", help="stored paper-scale results; default: the clone's")
    parser.add_argument("--figures", type=Path, metavar="DIR", help="figures to take away, made by `make figures`")
    parser.add_argument("--builder", choices=BUILDERS, default="html", help="singlehtml: all on one page, for printing")
    given = parser.parse_args(arguments)
    try:
        results = store.results_directory(given.results)
        folders = given.notebooks.resolve(), results.resolve(), given.into.resolve()
        site = build(clone_folder(), *folders, given.builder, given.figures)
    except KeyboardInterrupt:
        print("interrupted; the same command builds the pages anew", file=sys.stderr)
        return 130
    except (BuildError, OSError, ImportError, ValueError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    print("The book is built." if site.rebuilt else "The book is up to date: nothing to build.")
    print(f"Open {site.index}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
