"""The page that is printed: a cover, contents in the book's order, and links that lead to a place on it."""

import pytest
from bs4 import BeautifulSoup

import feedback_alignment
from feedback_alignment.companion.printed_page import arrange

HEADERLINK = '<a class="headerlink" href="#x">#</a>'
CITATION = '<span class="bibtex-citation" id="id1">[<a href="book/intro.html#id2">2021</a>]</span>'
SINGLE_PAGE = f"""<html><body>
<div id="jb-print-docs-body"><h1>The book</h1></div>
<article class="bd-article"><section id="the-book"><h1>The book{HEADERLINK}</h1>
<p>After {CITATION}, see <a href="book/intro.html#term-plateau">plateau</a>, <a href="#document-book/theory">theory</a>,
<a href="https://doi.org/10.1">elsewhere</a> and <a href="_images/curve.png"><img src="_images/curve.png"></a>.</p>
<div class="toctree-wrapper compound"><span id="document-notebooks/01_first"></span>
<section id="first"><h2>1. First{HEADERLINK}</h2><details><summary>Solution</summary><p id="id2">None.</p></details>
<div class="toctree-wrapper compound"><span id="document-book/theory"></span>
<section id="theory"><h3>1.1. Theory{HEADERLINK}</h3></section></div></section>
<span id="document-book/bibliography"></span>
<section id="bibliography"><h2>Bibliography{HEADERLINK}</h2><div class="citation" id="id2">Somebody, 2021.</div>
<dl><dt id="term-plateau">plateau</dt></dl></section></div>
</section></article></body></html>"""


@pytest.fixture
def arranged() -> BeautifulSoup:
    return BeautifulSoup(arrange(SINGLE_PAGE), "html.parser")


def test_the_cover_comes_first_with_title_version_and_licences(arranged):
    cover = arranged.select_one("article > :first-child")
    assert cover["class"] == ["print-cover"]
    assert cover.h1.get_text() == "The book"
    assert feedback_alignment.__version__ in cover.get_text()
    assert "CC BY 4.0" in cover.get_text()
    assert arranged.select("#jb-print-docs-body") == []


def test_contents_list_every_page_in_order_and_below_its_chapter(arranged):
    chapters = arranged.select(".print-contents > ol > li")
    assert [chapter.a.get_text() for chapter in chapters] == ["1. First", "Bibliography"]
    assert [page.get_text() for page in chapters[0].select(":scope > ol a")] == ["1.1. Theory"]
    assert chapters[1].select(":scope > ol") == []


def test_links_lead_to_a_place_on_the_page_or_out_of_the_book(arranged):
    links = [link["href"] for link in arranged.select("article > section:not(.print-cover) p a")]
    assert links == ["#work-id2", "#term-plateau", "#document-book/theory", "https://doi.org/10.1"]
    for link in arranged.select("article a[href^='#']:not(.headerlink)"):
        assert len(arranged.select(f"[id='{link['href'].removeprefix('#')}']")) == 1, link
    assert arranged.select_one("p img") is not None


def test_solutions_are_open(arranged):
    assert all(answer.has_attr("open") for answer in arranged.select("details"))


@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        ("<p>no book</p>", "article of class bd-article"),
        ('<article class="bd-article"><p>no section</p></article>', "that holds a section"),
        (SINGLE_PAGE.replace(f"<h3>1.1. Theory{HEADERLINK}</h3>", ""), "found one without"),
        (
            SINGLE_PAGE.replace("section id", "div id").replace('<div id="the-book"', '<section id="the-book"'),
            "after the",
        ),
    ],
)
def test_a_page_built_otherwise_is_refused(page, complaint):
    with pytest.raises(ValueError, match=complaint):
        arrange(page)
