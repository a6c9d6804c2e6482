"""What a committed notebook promises, and every way in which one breaks it.

`python -m feedback_alignment.companion.contract [FILE ...]` prints the faults.
"""

import argparse
import ast
import difflib
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from feedback_alignment.companion import notebook_files, running

if TYPE_CHECKING:
    from nbformat import NotebookNode

MAX_BYTES = 500_000
MIN_ALTERNATIVE_TEXT = 20
PARAMETERS = {"profile": running.DEFAULT_PROFILE}
NBVAL_TAGS = ("nbval-skip", "nbval-ignore-output", "nbval-check-output", "nbval-raises-exception", "raises-exception")
COLAB_TAGS = ("remove-cell", "nbval-skip")
COLAB_TEST = '"google.colab" in sys.modules'
_REFRESH = "run `make refresh`"
_PROGRESS = re.compile(r"\bit/s\b|\bs/it\b|\d%\||\r|^Wall time: |^CPU times: |\belapsed\b", re.MULTILINE)
_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b", re.IGNORECASE)


def check_contract(path: Path) -> list[str]:
    """Return the faults of a notebook, each a sentence that names the cell and the mend; none means that it keeps all.

    The contract: kernel python3; a title; a hidden Colab cell first; one parameters cell with the quick profile; every
    cell run once, in order, with its outputs; no errors, stderr, progress or timings in them; a caption, a name of its
    own and an alternative text for every picture; no misspelt nbval tag; under 500 kB.
    """
    try:
        notebook = notebook_files.read(path)
    except notebook_files.NotebookFileError as error:
        return [f"{error}."]
    faults = list(_file_faults(path, notebook))
    faults += _colab_faults(notebook)
    faults += _parameters_faults(notebook)
    faults += _execution_faults(notebook)
    names: set[str] = set()
    for index, cell in enumerate(notebook.cells):
        of_cell = [*_tag_faults(cell), *_output_faults(cell), *_picture_faults(cell, names)]
        faults += [f"{notebook_files.describe(index, cell.source)} {fault}" for fault in of_cell]
    return faults


def _file_faults(path: Path, notebook: "NotebookNode") -> Iterator[str]:
    size = path.stat().st_size
    if size >= MAX_BYTES:
        yield f"The file has {size:,} bytes, the limit is {MAX_BYTES:,}: make pictures smaller or print less."
    kernel = notebook.metadata.get("kernelspec", {}).get("name")
    if kernel != "python3":
        yield f"metadata.kernelspec.name must be 'python3', it is {kernel!r}: choose the kernel Python 3."
    first = notebook.cells[0] if notebook.cells else None
    if first is None or first.cell_type != "markdown" or not first.source.startswith("# "):
        yield "The first cell must be Markdown that starts with the title, `# ...`: put the title there."


def _code(notebook: "NotebookNode") -> "list[tuple[int, NotebookNode]]":
    return [(index, cell) for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]


def _colab_faults(notebook: "NotebookNode") -> Iterator[str]:
    for index, cell in _code(notebook)[:1]:
        place = f"The first code cell, {notebook_files.describe(index, cell.source)},"
        if COLAB_TEST not in cell.source.replace("'", '"'):
            yield f"{place} must set up Colab under `if {COLAB_TEST}:`: put that cell first."
        missing = [tag for tag in COLAB_TAGS if tag not in notebook_files.tags(cell)]
        if missing:
            yield f"{place} lacks the tag {' and '.join(missing)}: add it in the cell's metadata."


def _parameters_faults(notebook: "NotebookNode") -> Iterator[str]:
    tagged = [cell for _, cell in _code(notebook) if "parameters" in notebook_files.tags(cell)]
    if any(running.INJECTED in notebook_files.tags(cell) for _, cell in _code(notebook)):
        yield f"A cell tagged `{running.INJECTED}` is left from a run: clean the notebook."
    if len(tagged) != 1:
        yield f"There must be one code cell tagged `parameters`, there are {len(tagged)}: tag one, with the profile."
        return
    expected = "; ".join(f'{name} = "{value}"' for name, value in PARAMETERS.items())
    found: dict[str, object] = {}
    try:
        for statement in ast.parse(tagged[0].source).body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    found[name] = ast.literal_eval(value)
                case _:
                    found[ast.unparse(statement)] = None
    except (SyntaxError, ValueError):
        found = {tagged[0].source: None}
    if found != PARAMETERS:
        yield f"The parameters cell must be `{expected}` and nothing else, it is `{tagged[0].source}`: correct it."


def _execution_faults(notebook: "NotebookNode") -> Iterator[str]:
    count = 0
    for index, cell in _code(notebook):
        if cell.execution_count is None:
            if cell.source.strip() and "nbval-skip" not in notebook_files.tags(cell):
                yield f"{notebook_files.describe(index, cell.source)} has not been run: {_REFRESH}."
            continue
        count += 1
        if cell.execution_count != count:
            yield (
                f"{notebook_files.describe(index, cell.source)} was run as number {cell.execution_count}, in order it "
                f"is {count}: {_REFRESH}."
            )
            return


def _tag_faults(cell: "NotebookNode") -> Iterator[str]:
    for tag in notebook_files.tags(cell):
        spelling = _as_tag(tag)
        close = difflib.get_close_matches(spelling, NBVAL_TAGS, n=1, cutoff=0.8)
        if tag not in NBVAL_TAGS and (close or spelling.startswith("nbval")):
            yield f"has the tag `{tag}`, which nbval ignores: it knows {', '.join(NBVAL_TAGS)}."
    for line in cell.source.splitlines() if cell.cell_type == "code" else ():
        comment = line.strip().lstrip("#").strip()
        if line.strip().startswith("#") and comment.startswith("NBVAL") and _as_tag(comment) not in NBVAL_TAGS:
            yield f"has the comment `{comment}`, which nbval ignores: use a tag, one of {', '.join(NBVAL_TAGS)}."


def _as_tag(spelling: str) -> str:
    return spelling.lower().replace("_", "-").replace(" ", "-")


def _output_faults(cell: "NotebookNode") -> Iterator[str]:
    outputs = cell.get("outputs", [])
    for output in outputs:
        if output.output_type == "error":
            yield f"ended in an error ({output.ename}: {output.evalue}): mend it and {_REFRESH}."
        if output.get("name") == "stderr":
            yield f"wrote to stderr ({output.text.strip()[:80]}): mend the cause of the warning and {_REFRESH}."
        for text in _texts(output):
            if found := _PROGRESS.search(text):
                yield f"shows progress or a timing ({found.group()!r}): print none, it differs between runs."
            if found := _ADDRESS.search(text):
                yield f"shows a memory address ({found.group()}): end the cell with `;` or show something else."
    if cell.cell_type == "code" and not outputs and _must_print(cell) and "nbval-skip" not in notebook_files.tags(cell):
        yield f"has no output, yet it prints: {_REFRESH}."


def _texts(output: "NotebookNode") -> Iterator[str]:
    if "text" in output:
        yield output.text
    for mime, content in output.get("data", {}).items():
        if mime.startswith("text/"):
            yield content


def _must_print(cell: "NotebookNode") -> bool:
    try:
        statements = ast.parse(cell.source).body
    except SyntaxError:  # IPython's own syntax: what it prints cannot be told from here
        return False
    return any(
        isinstance(s, ast.Expr) and isinstance(s.value, ast.Call) and getattr(s.value.func, "id", "") == "print"
        for s in statements
    )


def _picture_faults(cell: "NotebookNode", names: set[str]) -> Iterator[str]:
    """Yield the faults of a cell's pictures; `names` are those taken by earlier pictures, and grows."""
    pictures = sum(any(m.startswith("image/") for m in o.get("data", {})) for o in cell.get("outputs", []))
    described = cell.metadata.get("mystnb", {})
    if not pictures:
        if "image" in described or "figure" in described:
            yield f"describes a picture in metadata.mystnb and shows none: {_REFRESH}, or take the description out."
        return
    if pictures > 1:
        yield f"shows {pictures} pictures, which would share one caption and name: give each a cell of its own."
    alternative = str(described.get("image", {}).get("alt", "")).strip()
    if len(alternative) < MIN_ALTERNATIVE_TEXT:
        yield (
            f"shows a picture whose metadata.mystnb.image.alt has {len(alternative)} characters: say in at least "
            f"{MIN_ALTERNATIVE_TEXT} what it shows, for readers who cannot see it."
        )
    figure = described.get("figure", {})
    if not str(figure.get("caption", "")).strip():
        yield "shows a picture without a caption: write metadata.mystnb.figure.caption."
    name = str(figure.get("name", "")).strip()
    if not name:
        yield "shows a picture without a name to refer to: write metadata.mystnb.figure.name."
    elif name in names:
        yield f"shows a picture named {name!r}, as an earlier one is: change metadata.mystnb.figure.name."
    names.add(name)


def main(argv: Sequence[str] | None = None, root: Path | None = None) -> int:
    """Print the faults of notebooks, by default of all committed ones; return 1 if there are any."""
    parser = argparse.ArgumentParser(prog="python -m feedback_alignment.companion.contract")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="all of notebooks/ if none is given")
    files = parser.parse_args(argv).files
    if not files:
        files = list(notebook_files.find_chapters((root or notebook_files.clone_root()).resolve()).values())
    faults = [f"{path}: {fault}" for path in files for fault in check_contract(path)]
    print("\n".join(faults) if faults else f"{len(files)} notebooks keep the contract")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
