"""Pages made of lists: a line `<!-- list: NAME -->` in a page's source gives way to the list when the book is built."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from equation_code import MAP, read_map
from sphinx.application import Sphinx
from sphinx.util import logging

from feedback_alignment import experiments
from feedback_alignment.companion import (
    api_reference,
    coverage,
    equation_map,
    errata,
    figure_files,
    measured_tables,
    measurements,
    papers,
    performance,
    scorecard_rows,
)
from feedback_alignment.companion.scorecard_rows import ScoredClaim

CLOSING = (
    "Everything above can be checked in the book: each point has a derivation or a measurement there, and a test. "
    "Should we be the ones who are wrong, we would be glad to know."
)

MEASURED = Path("benchmarks", "results")
OTHERS = "against_others"
"""The benchmark that has a page of its own."""

PACKAGES = ("teacher_student", "deep_linear", "networks")

_MARK = re.compile(r"^<!-- list: (?P<name>[\w-]+) -->$", re.MULTILINE)
_LOGGER = logging.getLogger(__name__)
_Lists = Callable[[Path, Mapping[str, ScoredClaim], str], Mapping[str, str]]


def errata_lists(book: Path, claims: Mapping[str, ScoredClaim], scorecard: str) -> dict[str, str]:
    """Return the lists of the errata page: the summary, each paper's findings, and each letter."""
    entries = errata.read(book / "errata.yml")
    lists = {"summary": errata.summary(entries)}
    for paper in entries:
        lists[paper.key] = errata.sections(paper, claims, scorecard)
        lists[f"letter-{paper.key}"] = f"```text\n{errata.letter(paper, CLOSING)}\n```"
    return lists


def figure_lists(book: Path, claims: Mapping[str, ScoredClaim], scorecard: str) -> dict[str, str]:
    """Return the list of figures to take away."""
    return {"figures": figure_files.offered(figure_files.read_list(book / "_static" / "figures"), "../_static/figures")}


def coverage_lists(book: Path, claims: Mapping[str, ScoredClaim], scorecard: str) -> dict[str, str]:
    """Return the lists of the page on what the papers have: the counts, and each paper's items."""
    items = papers.read(book / "papers.yml")
    return {
        "counts": coverage.counts(items, claims),
        **{paper.key: coverage.table(paper, claims, scorecard) for paper in items},
    }


def equation_lists(book: Path, claims: Mapping[str, ScoredClaim], scorecard: str) -> dict[str, str]:
    """Return the lists of the equation map: each paper's equations, and the book's."""
    items = papers.read(book / "papers.yml")
    code, tests = read_map(book / MAP.name), equation_map.read_tests(book / "equation_tests.yml")
    tables = {paper.key: equation_map.by_paper(paper, code, tests) for paper in items}
    return {**tables, "book": equation_map.by_book(items, code, tests)}


def reference_lists(book: Path, claims: Mapping[str, ScoredClaim], scorecard: str) -> dict[str, str]:
    """Return the public names of each package."""
    return {name.replace("_", "-"): api_reference.page(f"feedback_alignment.{name}") for name in PACKAGES}


def other_lists(book: Path, claims: Mapping[str, ScoredClaim], scorecard: str) -> dict[str, str]:
    """Return the tables of the page on other packages, and where they were measured."""
    record = measurements.read(book.parent / MEASURED / f"{OTHERS}.json")
    tables = {
        "gradient": measured_tables.largest,
        "accuracy": measured_tables.mean_and_error,
        "time": measured_tables.median_and_range,
    }
    shown = {
        name: measured_tables.crossed(measured_tables.group(record, name), "Rule", cell)
        for name, cell in tables.items()
    }
    return shown | {"origin": measured_tables.origin(record)}


def performance_lists(book: Path, claims: Mapping[str, ScoredClaim], scorecard: str) -> dict[str, str]:
    """Return the verdicts on all goals, what each benchmark measured, and what the chapters cost."""
    records = measurements.read_all(book.parent / MEASURED)
    mine = {name: record for name, record in records.items() if name != OTHERS}
    expected = {chapter: experiments.load(chapter).COST for chapter in experiments.CHAPTERS}
    costs = performance.chapter_costs(book.parent / "notebooks", book.parent / "results", expected)
    sections = {name: performance.section(record) for name, record in mine.items()}
    return {"verdicts": performance.verdicts(mine), "chapters": costs, **sections}


PAGES: Mapping[str, _Lists] = {
    "book/against_others": other_lists,
    "book/api": reference_lists,
    "book/errata": errata_lists,
    "book/coverage": coverage_lists,
    "book/equation_map": equation_lists,
    "book/figures": figure_lists,
    "book/performance": performance_lists,
}


def filled(source: str, lists: Mapping[str, str]) -> str:
    """Return a page's source with its marks replaced.

    Raises ValueError for a mark that names no list, and for a list that no mark names.
    """
    named = [match["name"] for match in _MARK.finditer(source)]
    wrong = sorted({*named} ^ {*lists})
    if wrong:
        raise ValueError(f"marks and lists do not match: {', '.join(wrong)}; there are lists {', '.join(lists)}")
    return _MARK.sub(lambda match: lists[match["name"]], source)


def _fill(app: Sphinx, page: str, source: list[str]) -> None:
    if page not in PAGES:
        return
    book = Path(app.srcdir) / "book"
    address = "" if app.builder.name == "singlehtml" else scorecard_rows.ADDRESS
    claims = scorecard_rows.read((book / "scorecard.md").read_text(encoding="utf-8"))
    try:
        source[0] = filled(source[0], PAGES[page](book, claims, address))
    except ValueError as problem:
        _LOGGER.warning("%s", problem, location=page, type="listed_pages")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", _fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
