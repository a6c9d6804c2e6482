"""Links to the explorer that carry settings: where they lead, and that the explorer knows what they set."""

import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from docutils import nodes
from docutils.utils import new_document
from sphinx import addnodes

ROOT = Path(__file__).resolve().parents[1]
PAGES = (
    "notebooks/02_two_phases.ipynb",
    "notebooks/03_overparametrisation.ipynb",
    "book/two_phases_theory.md",
    "book/overparametrisation_theory.md",
)


@pytest.fixture
def links(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "book" / "_ext"))
    import explorer_links

    yield explorer_links
    del sys.modules["explorer_links"]


def pending(target, place):
    return addnodes.pending_xref("", nodes.inline("", "by BP"), refdomain="doc", reftarget=target, reftargetid=place)


def resolved(links, link, builder):
    document = new_document("page")
    document += nodes.paragraph("", "", link)
    made_by = SimpleNamespace(name=builder, get_relative_uri=lambda page, there: f"../{there}.html")
    document.settings.env = SimpleNamespace(docname="notebooks/02_two_phases", app=SimpleNamespace(builder=made_by))
    links.CarriedSettings(document).run()
    return document[0][0]


def test_settings_are_carried_to_the_explorer(links):
    link = resolved(links, pending("book/explorer", "rule=bp&F1=1"), "html")
    assert isinstance(link, nodes.reference)
    assert link["refuri"] == "../book/explorer.html#rule=bp&F1=1"
    assert link.astext() == "by BP"


def test_the_book_as_one_page_leads_to_the_explorer_itself(links):
    link = resolved(links, pending("book/explorer", "rule=bp"), "singlehtml")
    assert isinstance(link, addnodes.pending_xref)
    assert link["reftargetid"] is None


@pytest.mark.parametrize(
    ("target", "place"), [("book/explorer", "what-to-try"), ("book/explorer", None), ("book/intro", "a=1")]
)
def test_other_links_are_left_alone(links, target, place):
    link = resolved(links, pending(target, place), "html")
    assert isinstance(link, addnodes.pending_xref)
    assert link["reftargetid"] == place


@pytest.mark.parametrize("page", PAGES)
def test_the_explorer_knows_what_the_pages_set(page):
    known = set(re.findall(r'\{ key: "(\w+)"', (ROOT / "book/_static/explorer/settings.js").read_text()))
    assert {"eta", "F1", "teacher2"} <= known
    carried = re.findall(r"explorer\.md#([^)\s]+)\)", (ROOT / page).read_text())
    assert carried
    for setting in (setting for settings in carried for setting in settings.split("&")):
        name, _, value = setting.partition("=")
        assert value in ("dfa", "bp") if name == "rule" else name in known and float(value) >= -10, setting
