"""Every picture says in words what it shows: a page with a picture that lacks alternative text draws a warning."""

from html.parser import HTMLParser
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

_LOGGER = logging.getLogger(__name__)


class _Pictures(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "img" and not (attributes.get("alt") or "").strip():
            self.silent.append(attributes.get("src") or "(no source)")


def pictures_without_text(html: str) -> list[str]:
    """Return the sources of the `img` elements in `html` whose alternative text is missing or blank."""
    pictures = _Pictures()
    pictures.feed(html)
    pictures.close()
    return pictures.silent


def _check_page(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    for source in pictures_without_text(context.get("body") or ""):
        # An embedded picture is its own, very long, source.
        _LOGGER.warning(
            "picture %s has no alternative text: set mystnb.image.alt in the cell's metadata, or its alt option",
            source[:80],
            location=page,
            type="alternative_text",
        )


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", _check_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
