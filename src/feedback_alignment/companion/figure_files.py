"""Figures as files to take away: SVG and PDF, the numbers that they show as CSV, and a list of all."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from feedback_alignment import atomic
from feedback_alignment.companion import drawn_numbers, notebook_files
from feedback_alignment.companion.pictures import STYLE
from feedback_alignment.companion.plain_text import escaped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LIST = "figures.csv"

_DRAWN = re.compile(r"""figures\[["'](?P<key>[\w-]+)["']\]""")
_AFTER = re.compile(
    r"\bAfter [^.]*?(?P<kind>Figs?\.|Table)\s(?P<number>\d+[a-z]?)[^.]*? of (?P<author>\w+)"
    r"[^.]*?(?:\. )?\((?P<year>\d{4})\)"
)


@dataclass(frozen=True)
class Shown:
    """A figure of a chapter as its notebook shows it."""

    key: str
    """Its name among the chapter's figures."""
    caption: str
    alternative_text: str

    @property
    def after(self) -> str:
        """The figure or table of a paper that it follows, such as 'refinetti-2021-fig-5'; empty if there is none."""
        found = _AFTER.search(self.caption)
        if found is None:
            return ""
        kind = "table" if found["kind"] == "Table" else "fig"
        return f"{found['author'].lower()}-{found['year']}-{kind}-{found['number']}"


@dataclass(frozen=True)
class Listed:
    """A line of the list: the files' common name, what they show and where that comes from."""

    file: str
    chapter: str
    figure: str
    after: str
    caption: str
    result: str
    files: str
    """The endings of its files."""
    made_from: str
    """A digest of all that it depends on."""


def shown_figures(notebook: Path) -> list[Shown]:
    """Return the figures of a chapter that its notebook shows, in order."""
    found = []
    for cell in notebook_files.read(notebook).cells:
        about, drawn = cell.metadata.get("mystnb", {}), _DRAWN.search(cell.source)
        if drawn and "figure" in about:
            found.append(Shown(drawn["key"], about["figure"]["caption"], about["image"]["alt"]))
    return found


def file_name(chapter: str, shown: Shown) -> str:
    """Return the files' name without its ending: the paper's figure first, where there is one."""
    own = f"chapter-{chapter[:2]}-{shown.key.replace('_', '-')}"
    return f"{shown.after}.{own}" if shown.after else own


def write(figure: "Figure", shown: Shown, stem: Path) -> list[Path]:
    """Write `stem`.svg, .pdf and, where the figure shows numbers, .csv; the same bytes for the same figure."""
    from matplotlib import rc_context

    written = []
    with rc_context({**STYLE, "svg.hashsalt": stem.name, "svg.fonttype": "none", "pdf.fonttype": 42}):
        for ending, metadata in (
            ("svg", {"Date": None, "Title": shown.after or stem.name, "Description": shown.alternative_text}),
            ("pdf", {"CreationDate": None, "Title": shown.after or stem.name, "Subject": shown.caption}),
        ):
            content = io.BytesIO()
            figure.savefig(content, format=ending, metadata=metadata)
            written.append(_with_ending(stem, ending))
            atomic.write_bytes(written[-1], content.getvalue())
    found = drawn_numbers.rows(figure)
    if found:
        written.append(_with_ending(stem, "csv"))
        atomic.write_text(written[-1], drawn_numbers.as_csv(found))
    return written


def _with_ending(stem: Path, ending: str) -> Path:
    return stem.with_name(f"{stem.name}.{ending}")


def write_list(lines: Sequence[Listed], folder: Path) -> Path:
    """Write the list of all figures of a folder."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([field.name for field in fields(Listed)])
    writer.writerows(astuple(line) for line in lines)
    atomic.write_text(folder / LIST, text.getvalue())
    return folder / LIST


def read_list(folder: Path) -> list[Listed]:
    """Return the lines of the list of a folder; none where there is no list.

    Raises ValueError for a list that is damaged.
    """
    path = folder / LIST
    if not path.is_file():
        return []
    names = [field.name for field in fields(Listed)]
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            head, *rows = csv.reader(lines, strict=True)
        if head != names or any(len(row) != len(names) for row in rows):
            raise ValueError(f"expected the columns {', '.join(names)}")
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{path} is damaged ({error}): delete it and run 'make figures' again") from error
    return [Listed(*row) for row in rows]


def is_complete(line: Listed, folder: Path) -> bool:
    """Whether all files of a line are there."""
    return all((folder / f"{line.file}.{ending}").is_file() for ending in line.files.split())


def offered(lines: Sequence[Listed], address: str) -> str:
    """Return the list as Markdown: by chapter, each figure with links to its files below `address`."""
    if not lines:
        return "*No files have been made in this copy of the book: run `make figures`, and build it again.*"
    text, chapter = [], ""
    for line in lines:
        if line.chapter != chapter:
            chapter = line.chapter
            text += [f"## {{doc}}`../notebooks/{chapter}`", "", escaped(line.result), ""]
        links = ", ".join(
            f'<a href="{escaped(f"{address}/{line.file}.{ending}")}" download>{escaped(ending.upper())}</a>'
            for ending in line.files.split()
        )
        text.append(f"- <code>{escaped(line.file)}</code>: {links}. {line.caption}")
    return "\n".join(text)
