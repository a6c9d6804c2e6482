"""Mends what Sphinx and the theme leave hard to reach: the sidebar's toggles, the bibliography, and raw tables."""

import re
from typing import Any

from bs4 import BeautifulSoup
from docutils import nodes
from sphinx.application import Sphinx

_CLAIMS = re.compile(r'<table class="claims-table">.*?</table>', re.DOTALL)


def name_toggles(navigation: BeautifulSoup) -> BeautifulSoup:
    """Return the sidebar's tree with a name on each toggle, which by itself holds nothing but an icon."""
    for entry in navigation.select("li"):
        chapter, toggle = entry.find("a"), entry.select_one(":scope > details > summary")
        if chapter is not None and toggle is not None:
            toggle["aria-label"] = f"Pages of {chapter.get_text(strip=True)}"
    return navigation


def list_citations(body: str) -> str:
    """Return a page's HTML with the works of a bibliography as items of its list: their own role is deprecated."""
    return body.replace('role="doc-biblioentry"', 'role="listitem"')


def box_claims(body: str) -> str:
    """Return a page's HTML with each table of claims in a box that scrolls, as the theme gives to its own tables."""
    return _CLAIMS.sub(r'<div class="pst-scrollable-table-container">\g<0></div>', body)


def _mend(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    if "body" in context:
        context["body"] = box_claims(list_citations(context["body"]))
    navigation = context["generate_toctree_html"]
    context["generate_toctree_html"] = lambda *args, **options: name_toggles(navigation(*args, **options))


def setup(app: Sphinx) -> dict[str, bool]:
    # After the theme, which puts its functions into the context at the default priority of 500.
    app.connect("html-page-context", _mend, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
