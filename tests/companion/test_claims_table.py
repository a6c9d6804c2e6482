"""The table of claims: text, a table for assistive technology too, data; and nothing but text in its cells."""

import json
from html.parser import HTMLParser

import pytest

from feedback_alignment.companion.claims import Claim, Expected, Measured, Tolerance
from feedback_alignment.companion.claims_table import CLAIMS_MIME, ClaimsTable, claims_html, claims_text

HOSTILE = "<script>alert(\"1\")</script> & 'x'"


def make(key: str = "00-a", value: float = 0.5, scale: str = "paper", text: str = "plain", **more: object) -> Claim:
    return Claim(
        key,
        f"{text} source",
        f"{text} statement",
        Expected(f"{text} > 0", low=0),
        Measured(value, 0.01, 5),
        Tolerance(f"{text} reason"),
        scale,
        **more,
    )


class Table(HTMLParser):
    """The text of every cell, and every tag with its attributes."""

    def __init__(self, html: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(html)
        self.close()
        assert not self.open, "every tag must be closed"

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.open.append(tag)
        if tag in ("th", "td", "caption"):
            self.texts.append((tag, ""))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        tag, text = self.texts[-1]
        self.texts[-1] = tag, text + data

    def cells(self, tag: str) -> list[str]:
        return [text for found, text in self.texts if found == tag]


def test_a_table_has_caption_scopes_and_one_row_a_claim():
    rows = [make().as_dict(), make("00-b", -0.5).as_dict()]
    table = Table(claims_html(rows, caption="Chapter"))
    assert table.cells("caption") == ["Chapter"]
    assert table.cells("th") == [
        "Claim",
        "Verdict",
        "Paper",
        "Here",
        "Tolerance",
        *["plain statement plain source"] * 2,
    ]
    scopes = [attributes["scope"] for tag, attributes in table.tags if tag == "th"]
    assert scopes == ["col"] * 5 + ["row"] * 2
    first = ["agrees", "plain > 0", "0.500 ± 0.010 (5 seeds, paper)", "± 0.03: plain reason"]
    assert table.cells("td")[:4] == first
    assert table.cells("td")[4] == "disagrees"
    assert [attributes["id"] for tag, attributes in table.tags if tag == "tr" and attributes] == [
        "claim-00-a",
        "claim-00-b",
    ]


def test_a_number_without_seeds_is_called_exact():
    claim = Claim("k", "s", "s", Expected("0", 0, 0), Measured.exact(0.0), Tolerance("rounding", 0, 1e-14), "paper")
    assert Table(claims_html([claim.as_dict()])).cells("td")[2:] == ["0 (exact, paper)", "± < 1e-12: rounding"]


@pytest.mark.parametrize("live", [False, True])
def test_whatever_a_claim_says_stays_text(live):
    claim = make("00-" + HOSTILE, text=HOSTILE, scale="quick")
    hopeless = make("00-hopeless", not_reproducible=HOSTILE)
    rows = [
        {**claim.as_dict(), "outcome": HOSTILE, "verdict": "reduced"},
        hopeless.as_dict(),
        {**make().as_dict(), "verdict": HOSTILE, "scale": HOSTILE, "measured": "1"},
    ]
    html = claims_html(rows, caption=HOSTILE, live=rows if live else None)
    table = Table(html)
    assert {tag for tag, _ in table.tags} == {"table", "caption", "thead", "tbody", "tr", "th", "td", "span"}
    assert {name for _, attributes in table.tags for name in attributes} == {"class", "id", "scope"}
    assert "<script" not in html
    assert table.cells("caption") == [HOSTILE]
    assert f"{HOSTILE} statement {HOSTILE} source" in table.cells("th")
    for text in (
        f"{HOSTILE} > 0",
        f"± 0.03: {HOSTILE} reason",
        f"reduced (so far {HOSTILE})",
        f"not reproducible ({HOSTILE})",
        HOSTILE,
    ):
        assert text in table.cells("td")


def test_each_verdict_is_marked_by_word_and_class():
    claims = [make("a"), make("b", -0.5), make("c", 0.02), make("d", not_reproducible="the data are private")]
    table = Table(claims_html([claim.as_dict() for claim in claims]))
    assert table.cells("td")[0::4] == [
        "agrees",
        "disagrees",
        "reduced (so far undecided)",
        "not reproducible (the data are private)",
    ]
    classes = [attributes["class"] for tag, attributes in table.tags if tag == "td" and attributes]
    assert classes == [
        "verdict verdict-agrees",
        "verdict verdict-disagrees",
        "verdict verdict-reduced",
        "verdict verdict-not-reproducible",
    ]


def test_text_has_one_line_a_claim():
    rows = [make(scale="quick").as_dict(), make("00-b", not_reproducible="the data are private").as_dict()]
    assert claims_text(rows).splitlines() == [
        "reduced (so far inside): plain statement [plain source]; paper plain > 0, here 0.500 ± 0.010 (n = 5, quick)",
        "not reproducible (the data are private): plain statement [plain source]; paper plain > 0, "
        "here 0.500 ± 0.010 (n = 5, paper)",
    ]


def test_the_notebook_gets_text_html_and_data_of_the_live_run():
    live = [make(scale="quick"), make("00-b", scale="quick")]
    shown = ClaimsTable(live)._repr_mimebundle_()
    rows = [claim.as_dict() for claim in live]
    assert shown == {"text/plain": claims_text(rows), "text/html": claims_html(rows), CLAIMS_MIME: rows}
    assert json.loads(json.dumps(shown)) == shown


def test_the_stored_run_is_shown_with_the_live_numbers_beside_it():
    live, stored = [make(value=0.25, scale="quick")], [make(value=0.75)]
    shown = ClaimsTable(live, stored)._repr_mimebundle_()
    assert shown[CLAIMS_MIME] == [live[0].as_dict()]
    assert "0.250" in shown["text/plain"]
    assert "0.750" not in shown["text/plain"]
    table = Table(shown["text/html"])
    assert "Live run" in table.cells("th")
    assert table.cells("td") == [
        "agrees",
        "plain > 0",
        "0.750 ± 0.010 (5 seeds, paper)",
        "0.250 ± 0.010 (5 seeds, quick): inside",
        "± 0.03: plain reason",
    ]


def test_a_claim_that_one_run_lacks_is_shown_as_the_other_has_it():
    live = [make("00-both", 0.25, "quick"), make("00-live", 0.35, "quick")]
    stored = [make("00-stored", 0.65), make("00-both", 0.75)]
    shown = ClaimsTable(live, stored)._repr_mimebundle_()
    assert shown[CLAIMS_MIME] == [claim.as_dict() for claim in live]
    cells = Table(shown["text/html"]).cells("td")
    assert [cells[column::5] for column in (0, 2, 3)] == [
        ["agrees", "agrees", "reduced (so far inside)"],
        ["0.650 ± 0.010 (5 seeds, paper)", "0.750 ± 0.010 (5 seeds, paper)", "0.350 ± 0.010 (5 seeds, quick)"],
        ["–", "0.250 ± 0.010 (5 seeds, quick): inside", "0.350 ± 0.010 (5 seeds, quick): inside"],
    ]


@pytest.mark.parametrize(("live", "stored"), [(["a", "a"], None), (["a"], ["b", "b"])])
def test_keys_are_unique_in_each_run(live, stored):
    with pytest.raises(ValueError, match="claims of one run need different keys; got"):
        ClaimsTable([make(key) for key in live], None if stored is None else [make(key) for key in stored])
