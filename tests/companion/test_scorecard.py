"""The scorecard page: written from stored claims or a notebook's own output, the same every time, all of it text."""

import json
from pathlib import Path

import pytest

from feedback_alignment.companion import scorecard
from feedback_alignment.companion.claims import Claim, Expected, Measured, Tolerance
from feedback_alignment.companion.claims_table import CLAIMS_MIME, ClaimsTable, claims_html

CHAPTER = "07_example"


def rows(*values: float, scale: str = "paper", statement: str = "A statement") -> list[dict[str, object]]:
    return [
        Claim(
            f"07-{index}",
            "Paper, Fig. 1",
            statement,
            Expected("> 0", low=0),
            Measured(value, 0.01, 5),
            Tolerance("three standard errors"),
            scale,
        ).as_dict()
        for index, value in enumerate(values)
    ]


def display(data: dict[str, object]) -> dict[str, object]:
    return {
        "cell_type": "code",
        "source": "table",
        "metadata": {},
        "execution_count": 1,
        "outputs": [{"output_type": "display_data", "metadata": {}, "data": data}],
    }


TITLE = ["# Seventh: *what* follows\n", "Words."]


def notebook(folder: Path, *cells: dict[str, object], title: str | list[str] = TITLE) -> Path:
    path = folder / f"{CHAPTER}.ipynb"
    first = {"cell_type": "markdown", "metadata": {}, "source": title}
    path.write_text(json.dumps({"cells": [first, *cells], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


@pytest.fixture
def live(tmp_path: Path) -> Path:
    table = {CLAIMS_MIME: rows(0.5, scale="quick")}
    return notebook(tmp_path, display({"text/plain": "x"}), display(table), {"cell_type": "markdown", "source": "end"})


def test_stored_claims_come_first(live):
    entry = scorecard.entry(CHAPTER, live, rows(0.5, -0.5))
    assert entry.claims == rows(0.5, -0.5)
    assert (entry.chapter, entry.title) == (CHAPTER, "Seventh: *what* follows")
    assert entry.origin == "the stored paper-scale run"


def test_claims_that_the_stored_run_lacks_come_from_the_notebook(live):
    entry = scorecard.entry(CHAPTER, live, [])
    assert entry.claims == rows(0.5, scale="quick")
    assert entry.origin == "the stored paper-scale run; what it lacks so far, from the quick run in the page"
    stored = [{**row, "scale": "paper"} for row in rows(0.5)]
    assert scorecard.entry(CHAPTER, live, stored).claims == stored


def test_without_a_stored_run_the_notebooks_own_claims_are_shown(live):
    entry = scorecard.entry(CHAPTER, live, None)
    assert entry.claims == rows(0.5, scale="quick")
    assert entry.origin == "the quick run in the page; no paper-scale run is stored yet"


def test_a_notebooks_last_table_counts(tmp_path):
    path = notebook(tmp_path, display({CLAIMS_MIME: rows(1.0)}), display({CLAIMS_MIME: rows(2.0)}))
    assert scorecard.entry(CHAPTER, path, None).claims == rows(2.0)


def test_what_a_claims_table_displays_is_what_the_scorecard_reads(tmp_path):
    claim = Claim(
        "07-0",
        "Paper, Fig. 1",
        "A statement",
        Expected("> 0", low=0),
        Measured(0.5, 0.01, 5),
        Tolerance("three standard errors"),
        "quick",
    )
    path = notebook(tmp_path, display(ClaimsTable([claim])._repr_mimebundle_()))
    assert scorecard.entry(CHAPTER, path, None).claims == rows(0.5, scale="quick")


@pytest.mark.parametrize("cells", [[], [display({"text/plain": "x"})], [{"cell_type": "code", "source": ""}]])
def test_a_notebook_without_claims_is_refused(tmp_path, cells):
    path = notebook(tmp_path, *cells)
    with pytest.raises(ValueError, match=r"07_example\.ipynb has no table of claims among its outputs: show "):
        scorecard.entry(CHAPTER, path, None)
    assert scorecard.entry(CHAPTER, path, rows(0.5)).claims


@pytest.mark.parametrize("title", ["Words\n# Title", "## Subtitle", "#Title", "", []])
def test_a_notebook_without_a_title_is_refused(tmp_path, title):
    with pytest.raises(ValueError, match=r"07_example\.ipynb must begin with a title \('# \.\.\.'\); got"):
        scorecard.entry(CHAPTER, notebook(tmp_path, title=title), rows(0.5))


def test_an_empty_notebook_is_refused(tmp_path):
    path = tmp_path / "07_example.ipynb"
    path.write_text('{"cells": []}')
    with pytest.raises(ValueError, match="must begin with a title"):
        scorecard.entry(CHAPTER, path, rows(0.5))


def test_a_missing_notebook_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="07_example"):
        scorecard.entry(CHAPTER, tmp_path / "07_example.ipynb", rows(0.5))


@pytest.fixture
def entries(live: Path) -> list[scorecard.Entry]:
    return [scorecard.entry(CHAPTER, live, rows(0.5, 0.6, -0.5, 0.0)), scorecard.entry(CHAPTER, live, None)]


def test_the_page_is_the_same_every_time(entries, tmp_path):
    page = scorecard.page(entries)
    assert scorecard.page(entries) == page
    for folder in ("one", "two"):
        scorecard.write(entries, tmp_path / folder / "scorecard.md")
        assert (tmp_path / folder / "scorecard.md").read_text(encoding="utf-8") == page


def test_the_page_counts_all_claims_and_shows_each_chapter(entries):
    page = scorecard.page(entries)
    assert page.startswith("# Scorecard\n")
    assert "| Paper | 5 | 2 | 1 | 2 | 0 | 0.1 |\n| all | 5 | 2 | 1 | 2 | 0 | 0.1 |" in page
    assert scorecard.CHANCE in page
    assert page.count("## [Seventh: *what* follows](../notebooks/07_example.ipynb)") == 2
    assert "\nFrom the stored paper-scale run.\n" in page
    assert "\nFrom the quick run in the page; no paper-scale run is stored yet.\n" in page
    for entry in entries:
        assert f"```{{raw}} html\n{claims_html(entry.claims, caption=entry.title)}\n```\n" in page


def claim(source: str, verdict: str) -> dict[str, object]:
    return {"source": source, "verdict": verdict, "seeds": 3, "standard_error": "0.1", "margin": "0.3"}


def test_totals_by_paper_and_verdict_with_what_chance_would_do():
    first = [claim("Author et al. 2020, Fig. 1", "agrees")] * 3 + [claim("Author et al. 2020, SM Eq. 2", "reduced")]
    claims = [*first, claim("this book", "not reproducible"), claim("Other 2021", "disagrees")]
    # P(|t_2| > 3) is 1 - 3 / √11, by the closed form of Student's t with two degrees of freedom.
    each = 1 - 3 / 11**0.5
    assert scorecard.totals(claims).splitlines() == [
        "| source | claims | agrees | disagrees | reduced | not reproducible | by chance |",
        "|---|---|---|---|---|---|---|",
        f"| Author et al. 2020 | 4 | 3 | 0 | 1 | 0 | {3 * each:.1f} |",
        f"| this book | 1 | 0 | 0 | 0 | 1 | {0:.1f} |",
        f"| Other 2021 | 1 | 0 | 1 | 0 | 0 | {each:.1f} |",
        f"| all | 6 | 3 | 1 | 1 | 1 | {4 * each:.1f} |",
    ]


@pytest.mark.parametrize(
    ("source", "paper"),
    [
        ("Refinetti et al. 2021, Eq. 8, corrected", "Refinetti et al. 2021"),
        ("d'Ascoli 2021, structure of predictions", "d'Ascoli 2021"),
        ("Refinetti et al. 2021, Related work (Frenkel et al. 2019)", "Refinetti et al. 2021"),
        ("this book", "this book"),
        ("Slides, page 3", "Slides"),
    ],
)
def test_the_paper_is_what_a_source_begins_with(source, paper):
    assert scorecard.paper_of({"source": source}) == paper


def test_nothing_a_claim_says_becomes_markup(live):
    page = scorecard.page([scorecard.entry(CHAPTER, live, rows(0.5, statement="<script>alert(1)</script>\n```\n# x"))])
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    # The table stands in one line, so that no text can end the block of raw HTML around it.
    assert [line for line in page.splitlines() if line.startswith("```")] == ["```{raw} html", "```"]
