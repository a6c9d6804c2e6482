"""Reading the scorecard back gives what was written; links lead to its rows; patterns name claims that are there."""

import pytest

from feedback_alignment.companion import scorecard, scorecard_rows
from feedback_alignment.companion.claims import Claim, Expected, Measured, Tolerance, estimate


def claim(
    key: str, value: float, scale: str = "paper", statement: str = "A statement", **more: str
) -> dict[str, object]:
    expected, tolerance = Expected("> 0", low=0), Tolerance("three standard errors")
    return Claim(
        key, "Paper, Fig. 1", statement, expected, Measured(value, 0.01, 5), tolerance, scale, **more
    ).as_dict()


ROWS = [
    claim("01-a", 0.5),
    claim("01-b", -0.5, statement='A "quoted" <statement> & more'),
    claim("02-a", 0.5, "quick"),
    claim("02-b", 0.5, not_reproducible="no numbers in our copy"),
]
PAGE = scorecard.page(
    [scorecard.Entry("01_one", "One", ROWS[:2], "here"), scorecard.Entry("02_two", "Two", ROWS[2:], "there")]
)


def test_what_was_written_is_read():
    found = scorecard_rows.read(PAGE)
    assert list(found) == ["01-a", "01-b", "02-a", "02-b"]
    for row in ROWS:
        read = found[row["key"]]
        assert (read.key, read.source, read.statement) == (row["key"], row["source"], row["statement"])
        assert (read.verdict, read.expected, read.estimate) == (row["verdict"], row["expected"], estimate(row))
    assert [each.verdict for each in found.values()] == ["agrees", "disagrees", "reduced", "not reproducible"]
    assert [each.scale for each in found.values()] == ["paper", "paper", "quick", "paper"]


def test_a_row_without_its_parts_is_refused():
    with pytest.raises(ValueError, match="row '01-a' lacks a part"):
        scorecard_rows.read('<table><tr id="claim-01-a"><th>A statement</th></tr></table>')


def test_links_lead_to_the_row_and_quote_nothing_raw():
    link = scorecard_rows.read(PAGE)["01-b"].link()
    assert link.startswith(
        '<a href="scorecard.html#claim-01-b" title="A &quot;quoted&quot; &lt;statement&gt; &amp; more [Paper'
    )
    assert link.endswith("<code>01-b</code></a>")
    assert '<a href="#claim-01-b"' in scorecard_rows.read(PAGE)["01-b"].link("")


def test_patterns_choose_in_the_scorecards_order_and_each_once():
    claims = scorecard_rows.read(PAGE)
    assert [each.key for each in scorecard_rows.chosen(["02-*", "01-b", "*-b"], claims)] == ["01-b", "02-a", "02-b"]
    assert scorecard_rows.chosen([], claims) == []
    with pytest.raises(ValueError, match=r"no claim on the scorecard matches '03-\*'"):
        scorecard_rows.chosen(["01-a", "03-*"], claims)
