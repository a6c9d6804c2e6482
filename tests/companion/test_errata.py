"""The errata: what an entry must have, how it reads on the page, and what a letter to the authors holds."""

import re
from pathlib import Path

import pytest
import yaml

from feedback_alignment.companion import errata
from feedback_alignment.companion.scorecard_rows import ScoredClaim

CLAIMS = {
    key: ScoredClaim(key, "Paper, Eq. 1", "A statement", verdict, "0", number)
    for key, verdict, number in (("01-printed", "disagrees", "2.5 ± 0.1"), ("01-right", "agrees", "0"))
}
WRONG = {
    "key": "a-1",
    "where": "Eq. 1",
    "title": "a sign",
    "weight": "wrong",
    "printed": "$y = x$",
    "found": "$y = -x$\nalways",
    "shown": "{eq}`eq-sign`",
    "tests": ["tests/test_a.py::test_sign"],
    "claims": ["01-*"],
    "letter": "The sign of x should be\nnegative.",
}
RIGHT = {**WRONG, "key": "a-2", "where": "Eq. 2", "weight": "right", "claims": []}
del RIGHT["letter"]


def written(folder: Path, *entries: dict[str, object], **more: object) -> Path:
    paper = {"key": "author2020", "name": "Author 2020", "opening": "Dear\nauthor,", "errata": list(entries), **more}
    path = folder / "errata.yml"
    path.write_text(yaml.safe_dump([paper]))
    return path


@pytest.fixture
def paper(tmp_path: Path) -> errata.Paper:
    return errata.read(written(tmp_path, WRONG, RIGHT))[0]


def test_the_file_becomes_papers_with_entries(paper):
    assert (paper.key, paper.name, [each.key for each in paper.errata]) == ("author2020", "Author 2020", ["a-1", "a-2"])
    assert paper.errata[0] == errata.Erratum(**{**WRONG, "tests": tuple(WRONG["tests"]), "claims": ("01-*",)})


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"weight": "dubious"}, "weight of 'a-1' must be one of wrong, typo, "),
        ({"tests": []}, "'a-1' needs a test that holds it and a place"),
        ({"shown": " "}, "'a-1' needs a test that holds it and a place"),
        ({"letter": ""}, "'a-1' of weight 'wrong' needs words for its authors"),
        ({"weight": "right"}, "'a-1' of weight 'right' is not for a letter"),
        ({"colour": "red"}, "erratum 'a-1': fields missing or unknown: colour; known are key, where,"),
    ],
)
def test_an_entry_that_lacks_something_is_refused(tmp_path, change, complaint):
    with pytest.raises(ValueError, match=re.escape(complaint)):
        errata.read(written(tmp_path, {**WRONG, **change}))


def test_missing_fields_and_repeated_keys_are_named(tmp_path):
    with pytest.raises(ValueError, match="erratum 'a-1': fields missing or unknown: title; known are"):
        errata.read(written(tmp_path, {name: value for name, value in WRONG.items() if name != "title"}))
    with pytest.raises(ValueError, match=r"errata\.yml: fields missing or unknown: colour; known are key, name"):
        errata.read(written(tmp_path, WRONG, colour="red"))
    with pytest.raises(ValueError, match="needs a key of its own; given twice: a-1"):
        errata.read(written(tmp_path, WRONG, WRONG))


def test_the_summary_counts_by_weight(paper):
    lines = errata.summary([paper]).splitlines()
    assert lines[0] == "| weight | Author 2020 | meaning |"
    assert lines[2] == f"| wrong | 1 | {errata.WEIGHTS['wrong']} |"
    assert [line.split(" | ")[1] for line in lines[2:]] == ["1", "0", "0", "0", "0", "1"]


def test_a_section_says_all_that_is_known(paper):
    first, second = errata.sections(paper, CLAIMS).split("\n\n(erratum-a-2)=")
    assert first.startswith("(erratum-a-1)=\n### Eq. 1: a sign\n\n**wrong**\n\nPaper\n: $y = x$\n\n")
    assert "Here\n: $y = -x$\n  always\n" in first
    assert "Shown in\n: {eq}`eq-sign`\n" in first
    assert '#claim-01-printed"' in first
    assert "</a>: 2.5 ± 0.1 (expected 0), *disagrees*; <a" in first
    assert first.endswith("Tests\n: `tests/test_a.py::test_sign`")
    assert "Measured" not in second


def test_a_claim_that_is_not_there_is_refused(paper):
    with pytest.raises(ValueError, match=r"no claim on the scorecard matches '01-\*'"):
        errata.sections(paper, {})


def test_a_letter_has_what_concerns_the_authors_in_short_lines(paper):
    text = errata.letter(paper, "Yours\nsincerely")
    assert text.startswith("Dear author,\n\n 1. Eq. 1 (wrong): The sign of x should be negative.\n\n")
    assert text.endswith("\n\nYours sincerely")
    assert "Eq. 2" not in text
    long = errata.Paper("a", "A", "word " * 60, paper.errata)
    assert max(len(line) for line in errata.letter(long, "word " * 60).splitlines()) <= errata.LINE
