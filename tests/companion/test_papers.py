"""What papers have: read from a file, shown as tables, held against equations, functions, tests and claims."""

import re
from pathlib import Path

import pytest
import yaml

from feedback_alignment.companion import coverage, equation_map, papers
from feedback_alignment.companion.scorecard_rows import ScoredClaim

CLAIMS = {
    key: ScoredClaim(key, source, "A statement", verdict, "> 0", "1")
    for key, source, verdict in (
        ("01-a", "Author 2020, Fig. 1b", "agrees"),
        ("01-b", "this book", "agrees"),
        ("01-c", "Author 2020, Sec. 2 and Fig. 1", "disagrees"),
        ("02-a", "Author 2020, SM Eqs 1, 3", "not reproducible"),
        ("03-a", "Another 2020, Fig. 1 and Eq. 1", "agrees"),
    )
}
CODE = {"eq-a": "numpy.positive", "eq-b": "derivation", "eq-c": "numpy.negative"}
TESTS = {"eq-a": ["tests/t.py::test_a"], "eq-b": ["tests/t.py::test_a", "tests/t.py::test_b"], "eq-c": ["t.py::test_c"]}


def entry(**more: object) -> dict[str, object]:
    return {
        "key": "author2020",
        "name": "Author 2020",
        "figures": {1: {"about": "curves", "shown": "{numref}`fig-a`", "claims": ["01-b"]}, 2: {"missing": "Not yet."}},
        "tables": {},
        "equations": {1: {"equations": ["eq-a", "eq-b"]}, 2: {"equations": ["eq-b"]}},
        **more,
    }


def written(folder: Path, content: object) -> Path:
    path = folder / "papers.yml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture
def paper(tmp_path: Path) -> papers.Paper:
    return papers.read(written(tmp_path, [entry()]))[0]


def cells(table: str) -> list[list[str]]:
    """The rows of a list-table."""
    rows: list[list[str]] = []
    for line in table.splitlines():
        if line.startswith("* - "):
            rows.append([])
        if line[:4] in ("* - ", "  - "):
            rows[-1].append(line[4:])
    return rows


def test_the_file_becomes_papers_with_items(paper):
    assert (paper.key, paper.name) == ("author2020", "Author 2020")
    assert paper.items["figures"][1] == papers.Item("curves", "{numref}`fig-a`", claims=("01-b",))
    assert paper.items["figures"][2] == papers.Item(missing="Not yet.")
    assert paper.items["tables"] == {}
    assert paper.items["equations"][2] == papers.Item(equations=("eq-b",))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            {"figures": {1: {"missing": "x"}, 3: {"missing": "x"}}},
            "figures of author2020 must be numbered 1, 2, 3 …; got [1, 3]",
        ),
        ({"equations": {1: {"about": "a sum"}}}, "Eq. 1 of author2020 is nowhere in the book"),
        ({"tables": {1: {"shows": "here"}}}, "Table 1 of author2020: unknown shows; an item has about, shown"),
        ({"theorems": {}}, "a paper has a key, a name, figures, tables, equations; got equations, figures, key,"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(tmp_path, change, complaint):
    with pytest.raises(ValueError, match=re.escape(complaint)):
        papers.read(written(tmp_path, [entry(**change)]))


@pytest.mark.parametrize(
    ("source", "kind", "found"),
    [
        ("Author 2020, Fig. 2a and Eqs 3, 5-7", "equations", {3, 5, 6, 7}),
        ("Author 2020, Fig. 2a and Eqs 3, 5-7", "figures", {2}),
        ("Author 2020, Eq. 15, SM Eqs 46, 47, corrected", "equations", {15, 46, 47}),
        ("Author 2020, Eqs 27a–27c and 30", "equations", {27, 30}),
        ("Author 2020, Figs 3 and 4, Sec. 1.1", "figures", {3, 4}),
        ("Author 2020, Table 2", "tables", {2}),
        ("Author 2020, Sec. 2.2 and SM D", "figures", set()),
    ],
)
def test_numbers_are_read_from_the_words_of_a_source(source, kind, found):
    assert coverage.numbers(source, kind) == found


def test_items_are_counted_and_those_that_are_missing_are_named(paper):
    head, line, row = coverage.counts([paper], CLAIMS).splitlines()
    assert (line, row) == ("|---|---|---|---|---|", "| Author 2020 | 2 | 0 | 2 | Fig. 2 |")
    assert head.startswith("| paper | figures | tables | equations |")
    whole = papers.Paper("a", "A", {"figures": {}, "tables": {}, "equations": {}})
    assert coverage.counts([whole], CLAIMS).endswith("| A | 0 | 0 | 0 | – |")


def test_an_excuse_ends_with_the_first_claim(paper):
    claim = ScoredClaim("04-a", "Author 2020, Figs 2 and 3", "A statement", "agrees", "> 0", "1")
    assert coverage.counts([paper], {**CLAIMS, "04-a": claim}).endswith("| 2 | 0 | 2 | – |")
    assert "Not yet." not in coverage.table(paper, {**CLAIMS, "04-a": claim})


def test_every_item_is_a_row_with_its_places_and_verdicts(paper):
    rows = cells(coverage.table(paper, CLAIMS))
    assert [row[0] for row in rows] == ["Item", "Fig. 1", "Fig. 2", "Eq. 1", "Eq. 2"]
    assert rows[1][1:3] == ["curves", "{numref}`fig-a`"]
    assert rows[1][3].startswith("<details><summary>2 agree, 1 disagrees</summary><a href=")
    assert re.findall(r"#claim-([\w-]+)", rows[1][3]) == ["01-a", "01-b", "01-c"]
    assert rows[2][2:] == ["Not yet.", "–"]
    assert rows[3][2] == "{eq}`eq-a`, {eq}`eq-b`"
    assert "<summary>1 is not reproducible</summary>" in rows[3][3]


def test_a_claim_that_is_not_there_is_refused(paper):
    with pytest.raises(ValueError, match=r"no claim on the scorecard matches '01-b'"):
        coverage.table(paper, {})


def test_a_papers_equations_lead_to_functions_and_tests_each_named_once(paper):
    rows = cells(equation_map.by_paper(paper, CODE, TESTS))
    assert rows[1:] == [
        ["Eq. 1", "{eq}`eq-a`, {eq}`eq-b`", "`numpy.positive`", "`tests/t.py::test_a`, `tests/t.py::test_b`"],
        ["Eq. 2", "{eq}`eq-b`", "–", "`tests/t.py::test_a`, `tests/t.py::test_b`"],
    ]


def test_the_books_equations_say_what_they_stand_for(paper):
    rows = cells(equation_map.by_book([paper], CODE, TESTS))
    assert [row[:3] for row in rows[1:]] == [
        ["{eq}`eq-a`", "Author 2020, Eq. 1", "`numpy.positive`"],
        ["{eq}`eq-b`", "Author 2020, Eq. 1; Author 2020, Eq. 2", "–"],
        ["{eq}`eq-c`", "–", "`numpy.negative`"],
    ]


def test_an_equation_without_function_or_test_is_refused(paper):
    with pytest.raises(ValueError, match=r"Eq\. 1 of Author 2020: no test holds eq-b"):
        equation_map.by_paper(paper, CODE, {"eq-a": TESTS["eq-a"]})
    with pytest.raises(ValueError, match="the book has no equation eq-b: mend the label"):
        equation_map.by_paper(paper, {"eq-a": "numpy.positive"}, TESTS)
    with pytest.raises(ValueError, match=r"no test, or with a test and unknown: eq-c, eq-d"):
        equation_map.by_book([paper], CODE, {"eq-a": ["t.py::test_a"], "eq-d": ["t.py::test_a"]})


@pytest.mark.parametrize(
    "content", [[], {"eq-a": []}, {"eq-a": "t.py::test_a"}, {"eq-a": ["test_a"]}, {1: ["t.py::test_a"]}]
)
def test_the_file_of_tests_maps_labels_to_lists(tmp_path, content):
    path = tmp_path / "equation_tests.yml"
    path.write_text(yaml.safe_dump(TESTS))
    assert equation_map.read_tests(path) == TESTS
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ValueError, match=r"equation_tests\.yml must map "):
        equation_map.read_tests(path)
