"""No markup from data reaches a page: each generated page shows it letter by letter, whatever signs it holds.

Data are stored results, claims in notebooks' outputs and the list of figures. What stands in the book's own files and
in docstrings is written by hand and may hold markup. Notebooks' tables are in test_claims_table.py; what roles, boxes
and drawn figures show goes through docutils' text nodes.
"""

import re
from collections.abc import Callable

import pytest
from bs4 import BeautifulSoup
from markdown_it.renderer import RendererHTML
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser

from feedback_alignment.companion import coverage, errata, figure_files, scorecard
from feedback_alignment.companion.figure_files import Listed
from feedback_alignment.companion.papers import Item
from feedback_alignment.companion.plain_text import escaped
from feedback_alignment.companion.scorecard_rows import ScoredClaim

EXTENSIONS = {"colon_fence", "deflist", "dollarmath", "smartquotes", "strikethrough", "substitution"}
HOSTILE = (
    "<script>alert(1)</script> <img src=x onerror=alert(1)> [link](javascript:alert) ![picture](x) **bold** `code` "
    '$math$ {eq}`role` {{name}} | cell &lt; &amp; \\< ~~struck~~ "quoted"\n```\n:::\n# heading\n%comment\n'
)
SHOWN = " ".join(HOSTILE.split())
FORBIDDEN = ("script", "img", "strong", "h1", "del", "s", "em", ".math", "[onerror]", 'a[href^="javascript"]')

CLAIM = ScoredClaim(HOSTILE, f"{HOSTILE} 2020", HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE)
ROW = dict.fromkeys(("key", "statement", "expected", "tolerance", "scale", "outcome", "verdict", "reason"), HOSTILE) | {
    "source": f"{HOSTILE} 2020",
    "measured": "1",
    "standard_error": "0.1",
    "margin": "0.3",
    "seeds": 3,
}
ERRATUM = errata.Erratum("a", "Eq. 1", "title", "right", "printed", "found", "shown", ("t.py::test",), ("",))


def scorecard_page() -> str:
    return scorecard.page([scorecard.Entry("01_x", "Title", [ROW], "the stored run")])


def errata_page() -> str:
    paper = errata.Paper("a", "A", "Dear authors", (ERRATUM,))
    return errata.sections(paper, {"": CLAIM})


def coverage_page() -> str:
    paper = coverage.Paper("a", HOSTILE, {"figures": {1: Item(claims=("*",))}, "tables": {}, "equations": {}})
    return coverage.table(paper, {HOSTILE: CLAIM})


def figures_page() -> str:
    one_word = "".join(HOSTILE.split())
    return figure_files.offered([Listed(HOSTILE, "01_x", "f", "", "A caption.", HOSTILE, one_word, "")], "figures")


def rendered(page: str) -> BeautifulSoup:
    """The page as HTML; what stands in directives, fences with a name in braces, as if it stood there by itself."""
    text = re.sub(r"^(```.*|:[\w-]+:.*)$", "", page, flags=re.MULTILINE)
    parser = create_md_parser(MdParserConfig(enable_extensions=EXTENSIONS), RendererHTML)
    return BeautifulSoup(parser.render(text), "html.parser")


@pytest.mark.parametrize("page", [scorecard_page, errata_page, coverage_page, figures_page])
def test_a_generated_page_shows_data_as_text(page: Callable[[], str]) -> None:
    html = rendered(page())
    markup = [element for element in html.select(", ".join(FORBIDDEN)) if "alert" in element.get_text() + str(element)]
    assert [element for element in markup if element.name != "em" or element.get_text().strip() != SHOWN] == []
    assert SHOWN in " ".join(html.get_text().split())


@pytest.mark.parametrize("place", ["{}", "# {}", "| a |\n|---|\n| {} |", "- {}", "*{}*", "<p>{}</p>", "<b>{}</b>"])
def test_escaped_text_is_itself_everywhere(place: str) -> None:
    html = rendered(place.format(escaped(HOSTILE)))
    shown = [" ".join(element.get_text().split()) for element in html.find_all(True)]
    assert SHOWN in shown
    assert len(html.find_all(True)) == len(rendered(place.format("x")).find_all(True))


def test_escaped_text_stays_readable() -> None:
    assert escaped("0.91 ± 0.02 (n = 5), larger than −1") == "0.91 ± 0.02 (n = 5), larger than −1"
    assert escaped(" > 0 ") == "&#62; 0"
