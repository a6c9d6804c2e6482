"""The book on one page, arranged for paper: a cover, contents, every answer open, links that stay inside."""

import re
from importlib import metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

LICENCES = "Text and figures under CC BY 4.0, code under the MIT licence."
_INSIDE = re.compile(r"[\w./-]+\.html(#.*)")


def arrange(html: str) -> str:
    """Return Sphinx's single page, as HTML, made ready to be printed.

    The theme's own heading for printing gives way to a cover with the version and to a list of all pages; solutions are
    open; a link to the page itself by its file's name, which a printed book has not, becomes one within it, and one to
    a file goes. Works in the bibliography get names that no other place has.

    Raises ValueError where that page is not built as the book's theme builds it.
    """
    from bs4 import BeautifulSoup

    page = BeautifulSoup(html, "html.parser")
    article = page.select_one("article.bd-article")
    book = article.find("section", recursive=False) if article else None
    if article is None or book is None:
        raise ValueError("expected a page with an article of class bd-article that holds a section, found none")
    for heading in page.select("#jb-print-docs-body"):
        heading.decompose()
    for answer in article.select("details"):
        answer["open"] = ""
    _name_works(article)
    for link in article.select("a[href]"):
        if inside := _INSIDE.fullmatch(str(link["href"])):
            link["href"] = inside[1]
        elif str(link["href"]).startswith(("_images/", "_static/", "_sources/")):
            link.unwrap()
    article["class"] = "bd-article printed-book"
    article.insert(0, _contents(page, book))
    article.insert(0, _cover(page, book))
    return str(page)


def _name_works(article: "Tag") -> None:
    for work in article.select("#bibliography .citation[id]"):
        work["id"] = f"work-{work['id']}"
    for link in article.select(".bibtex-citation a[href]"):
        link["href"] = re.sub(r"^.*#", "#work-", str(link["href"]))


def _new(page: "BeautifulSoup", name: str, text: str = "", **attributes: str) -> "Tag":
    tag = page.new_tag(name, attrs={key.rstrip("_"): value for key, value in attributes.items()})
    if text:
        tag.string = text
    return tag


def _cover(page: "BeautifulSoup", book: "Tag") -> "Tag":
    cover = _new(page, "section", class_="print-cover")
    cover.append(_new(page, "h1", _words(_heading(book))))
    for line in (f"Version {metadata.version('feedback-alignment')}", LICENCES):
        cover.append(_new(page, "p", line))
    return cover


def _heading(section: "Tag") -> "Tag":
    heading = section.find(re.compile("h[1-6]"))
    if heading is None:
        raise ValueError("expected each page of the book to have a heading, found one without")
    return heading


def _words(heading: "Tag") -> str:
    """Return a heading without the sign that links to it."""
    return heading.get_text().rstrip("#")


def _contents(page: "BeautifulSoup", book: "Tag") -> "Tag":
    contents = _new(page, "nav", class_="print-contents")
    contents.append(_new(page, "h2", "Contents"))
    contents.append(_listed(page, book))
    return contents


def _listed(page: "BeautifulSoup", above: "Tag") -> "Tag":
    """List the pages below one page, and those below them; their anchors become those of their headings."""
    entries = _new(page, "ol")
    for anchor in above.select(":scope > .toctree-wrapper > span[id^=document-]"):
        section = anchor.find_next_sibling("section")
        if section is None:
            raise ValueError(f"expected a page of the book after the anchor {anchor['id']}, found none")
        heading = _heading(section)
        heading["id"] = anchor["id"]
        entry = _new(page, "li")
        entry.append(_new(page, "a", _words(heading), href=f"#{anchor['id']}"))
        below = _listed(page, section)
        if below.contents:
            entry.append(below)
        entries.append(entry)
        anchor.decompose()
    return entries
