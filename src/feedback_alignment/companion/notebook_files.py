"""Notebooks as files: which chapters there are, reading one, writing one whole."""

import difflib
import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feedback_alignment import atomic
from feedback_alignment.companion import store

if TYPE_CHECKING:
    from nbformat import NotebookNode

_CHAPTER = re.compile(r"(?P<number>\d\d)_(?P<name>[a-z0-9_]+)")
_MEND = "restore it with 'git checkout', or write it anew with Jupyter"


class NotebookFileError(ValueError):
    """A file that cannot be read as a notebook."""


class UnknownChapterError(ValueError):
    """A chapter that has no notebook."""


def clone_root() -> Path:
    """Return the root of the clone that this package runs from.

    Raises FileNotFoundError where there is none, as in an installed wheel: notebooks are in the clone only.
    """
    root = store.clone_root()
    if root is None:
        raise FileNotFoundError(
            "the notebooks are in the clone of the repository, not in the installed package: "
            "clone it and install it there with `pip install --editable .`"
        )
    return root


def split_name(chapter: str) -> tuple[str, str]:
    """Split '01_credit_assignment' into its number '01' and its name 'credit_assignment'."""
    match = _CHAPTER.fullmatch(chapter)
    if match is None:
        raise ValueError(f"a chapter is named NN_name, such as 01_credit_assignment; got {chapter!r}")
    return match["number"], match["name"]


def find_chapters(root: Path, wanted: Sequence[str] = ()) -> dict[str, Path]:
    """Map chapter names to the notebooks `root`/notebooks/NN_name.ipynb, in order of their numbers.

    `wanted` selects chapters by number, name or both ('01', 'credit_assignment', '01_credit_assignment'); empty means
    all. Raises UnknownChapterError, with a suggestion, for one that has no notebook.
    """
    every = {p.stem: p for p in sorted((root / "notebooks").glob("*.ipynb")) if _CHAPTER.fullmatch(p.stem)}
    spellings = {spelling: chapter for chapter in every for spelling in (*split_name(chapter), chapter)}
    for name in wanted:
        if name not in spellings:
            close = difflib.get_close_matches(name, spellings, n=1)
            hint = f"did you mean {spellings[close[0]]}?" if close else f"there are: {', '.join(every) or 'none yet'}"
            raise UnknownChapterError(f"no chapter {name!r} in {root / 'notebooks'}: {hint}")
    selected = {spellings[name] for name in wanted} if wanted else set(every)
    return {chapter: path for chapter, path in every.items() if chapter in selected}


def content_of(path: Path) -> dict[str, Any]:
    """Return what the file of a notebook holds as plain data: an object with a list of cells, each with its source.

    Raises NotebookFileError for a file that holds anything else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise NotebookFileError(f"{path} is not JSON ({error}): {_MEND}") from error
    cells = content.get("cells") if isinstance(content, dict) else None
    if not isinstance(cells, list) or not all(map(_is_cell, cells)):
        raise NotebookFileError(f"{path} is not a notebook, which has cells with a source each: {_MEND}")
    found: dict[str, Any] = content
    return found


def _is_cell(cell: object) -> bool:
    if not isinstance(cell, dict) or "source" not in cell:
        return False
    outputs = cell.get("outputs", [])
    return isinstance(outputs, list) and all(
        isinstance(output, dict) and isinstance(output.get("data", {}), dict) for output in outputs
    )


def read(path: Path) -> "NotebookNode":
    """Read a notebook as nbformat 4.5; cells without an id get one derived from their contents.

    Raises NotebookFileError for a file that is not a valid notebook of format 4.
    """
    import nbformat

    content = content_of(path)
    minor = content.get("nbformat_minor", 0)
    if content.get("nbformat") != 4 or not isinstance(minor, int):
        raise NotebookFileError(f"{path} is not a notebook of format 4: {_MEND}")
    content["nbformat_minor"] = max(5, minor)
    for cell, identity in zip(content["cells"], content_ids(content["cells"]), strict=True):
        cell.setdefault("id", identity)
    try:
        nbformat.validate(content)
        notebook: NotebookNode = nbformat.reads(json.dumps(content), as_version=4)  # type: ignore[no-untyped-call]
    except nbformat.ValidationError as error:
        raise NotebookFileError(f"{path} is not a valid notebook ({error.message}): {_MEND}") from error
    except (AttributeError, KeyError, TypeError, RecursionError) as error:  # its checks trip over values of odd kinds
        raise NotebookFileError(f"{path} is not a valid notebook ({error}): {_MEND}") from error
    return notebook


def content_ids(cells: Sequence[dict[str, object]]) -> list[str]:
    """Return an id for each cell from its type and source, so that an edit changes one id and a rerun none."""
    ids: list[str] = []
    for cell in cells:
        source = cell["source"]
        text = source if isinstance(source, str) else "".join(map(str, source if isinstance(source, list) else []))
        identity = hashlib.sha256(f"{cell.get('cell_type')}\n{text}".encode()).hexdigest()[:8]
        repeats = sum(known.split("-")[0] == identity for known in ids)
        ids.append(f"{identity}-{repeats + 1}" if repeats else identity)
    return ids


def text_of(notebook: "NotebookNode") -> str:
    """Return the notebook as it stands in a file: indent 1, keys sorted, newline at the end."""
    import nbformat

    text: str = nbformat.writes(notebook, version=nbformat.NO_CONVERT)  # type: ignore[no-untyped-call]
    return text.rstrip("\n") + "\n"


def write(notebook: "NotebookNode", path: Path) -> None:
    """Write a notebook, whole or not at all."""
    atomic.write_text(path, text_of(notebook))


def tags(cell: "NotebookNode") -> list[str]:
    """Return a cell's tags."""
    return list(cell.metadata.get("tags", []))


def joined_streams(outputs: "Sequence[NotebookNode]") -> "list[NotebookNode]":
    """Return the outputs with text that came in pieces joined: how it was cut depends on the machine's pace."""
    joined: list[NotebookNode] = []
    for output in outputs:
        last = joined[-1] if joined else None
        if last is not None and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            joined.append(output)
    return joined


def describe(index: int, source: str) -> str:
    """Name a cell for a message: its number, counted from 1 over all cells, and its first line."""
    first = next((line.strip() for line in source.splitlines() if line.strip()), "empty")
    return f"cell {index + 1} ({first[:77] + '...' if len(first) > 80 else first})"
