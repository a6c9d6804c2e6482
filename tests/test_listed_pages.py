"""The pages that are made of lists: every claim, equation, figure, page and test that a list names is there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
import yaml
from test_book_extensions import extension, forget_extensions  # noqa: F401

from feedback_alignment.companion import equation_map, errata, papers, scorecard_rows

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "book"


@cache
def scorecard() -> dict[str, scorecard_rows.ScoredClaim]:
    return scorecard_rows.read((BOOK / "scorecard.md").read_text(encoding="utf-8"))


@cache
def functions(path: Path) -> frozenset[str]:
    """The names of a file's functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def missing_tests(names: list[str]) -> list[str]:
    """Those of the test ids, path::name, that no file has."""
    parts = [name.partition("::") for name in names]
    return [
        "".join(part)
        for part in parts
        if not part[2].startswith("test_") or not (ROOT / part[0]).is_file() or part[2] not in functions(ROOT / part[0])
    ]


@cache
def equations() -> dict[str, str]:
    """What implements each labelled equation."""
    return yaml.safe_load((BOOK / "equations.yml").read_text(encoding="utf-8"))


@cache
def figures() -> frozenset[str]:
    """The names of the notebooks' figures."""
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "notebooks").glob("*.ipynb"))
    return frozenset(name for source in sources for name in re.findall(r'"name": "(fig-[\w-]+)"', source))


def missing_references(text: str) -> list[str]:
    """The equations, figures and pages that a Markdown text refers to and the book does not have."""
    wrong = [label for label in re.findall(r"\{eq\}`([^`]+)`", text) if label not in equations()]
    wrong += [name for name in re.findall(r"\{numref\}`([^`]+)`", text) if name not in figures()]
    return wrong + [path for path in re.findall(r"\]\(([^)#]+)", text) if not (BOOK / path).is_file()]


def test_what_is_missing_is_seen():
    here = "tests/test_listed_pages.py"
    names = [
        f"{here}::test_what_is_missing_is_seen",
        f"{here}::test_nothing",
        f"{here}::missing_tests",
        "tests/no.py::test_a",
    ]
    assert missing_tests(names) == names[1:]
    text = "{eq}`eq-bp` {eq}`eq-none` {numref}`fig-accuracy` {numref}`fig-none` [a](intro.md) [b](none.md)"
    assert missing_references(text) == ["eq-none", "fig-none", "none.md"]


def test_every_erratum_names_tests_claims_and_places_that_exist():
    papers = errata.read(BOOK / "errata.yml")
    entries = [erratum for paper in papers for erratum in paper.errata]
    assert missing_tests([test for erratum in entries for test in erratum.tests]) == []
    for erratum in entries:
        scorecard_rows.chosen(erratum.claims, scorecard())
        assert missing_references(erratum.shown) == [], erratum.key


@pytest.mark.parametrize(
    ("key", "figures", "tables", "numbered"),
    [("refinetti2021", 12, 0, 57), ("launay2019", 4, 4, 8), ("chu2024", 5, 0, 11)],
)
def test_every_figure_table_and_equation_of_the_papers_is_listed(key, figures, tables, numbered):
    """The numbers are those of the last figure, table and equation in each paper, supplements included."""
    (paper,) = (each for each in papers.read(BOOK / "papers.yml") if each.key == key)
    assert [len(paper.items[kind]) for kind in papers.KINDS] == [figures, tables, numbered]


def test_every_listed_item_names_what_exists():
    for paper in papers.read(BOOK / "papers.yml"):
        for items in paper.items.values():
            for item in items.values():
                scorecard_rows.chosen(item.claims, scorecard())
                assert set(item.equations) <= set(equations())
                assert missing_references(item.shown) == []
                assert not item.missing or item.missing.startswith(("Not yet", "Not reproducible here because "))


def test_every_equation_with_a_function_names_tests_that_exist():
    tests = equation_map.read_tests(BOOK / "equation_tests.yml")
    assert missing_tests([test for several in tests.values() for test in several]) == []
    assert {label for label, name in equations().items() if name != equation_map.DERIVATION} <= set(tests)


def test_the_bibliography_has_the_papers():
    entries = (BOOK / "references.bib").read_text(encoding="utf-8")
    for paper in (*errata.read(BOOK / "errata.yml"), *papers.read(BOOK / "papers.yml")):
        assert f"{{{paper.key}," in entries


def test_letters_are_plain_text():
    for paper in errata.read(BOOK / "errata.yml"):
        text = errata.letter(paper, extension("listed_pages").CLOSING)
        assert not re.search(r"[$`\\]", text), paper.key
        assert max(len(line) for line in text.splitlines()) <= errata.LINE


@pytest.mark.parametrize("page", ["errata", "coverage", "equation_map", "against_others", "performance"])
def test_every_list_has_its_place_on_its_page(page):
    listed = extension("listed_pages")
    lists = listed.PAGES[f"book/{page}"](BOOK, scorecard(), "scorecard.html")
    text = listed.filled((BOOK / f"{page}.md").read_text(encoding="utf-8"), lists)
    assert "<!-- list" not in text
    assert all(content in text for content in lists.values())


def test_marks_and_lists_must_match():
    filled = extension("listed_pages").filled
    assert filled("a\n\n<!-- list: one -->\n\nb", {"one": "| \\1 |"}) == "a\n\n| \\1 |\n\nb"
    for source in ("a", "<!-- list: two -->", "<!-- list: one -->\n<!-- list: two -->"):
        with pytest.raises(ValueError, match=r"marks and lists do not match: (one|one, two|two); there are lists one"):
            filled(source, {"one": ""})
