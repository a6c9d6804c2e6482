"""What holds on every page of the book, in light and in dark, in a wide window and in one as narrow as a telephone."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from sphinx_external_toc.parsing import parse_toc_yaml

ROOT = Path(__file__).resolve().parents[2]
NARROW = {"width": 390, "height": 844}
WIDE = {"width": 1280, "height": 900}
# axe would fetch the style sheets again, with addresses that it resolves wrongly.
AXE_OPTIONS = {"resultTypes": ["violations"], "preload": False}

SIDEWAYS = """() => {
  window.scrollTo(1000, 0);
  const root = document.documentElement;
  return {scrolled: window.scrollX, too_wide: root.scrollWidth - root.clientWidth};
}"""
UNREACHABLE = """() => [...document.querySelectorAll('.bd-article *')]
  .filter((box) => ['auto', 'scroll'].includes(getComputedStyle(box).overflowX)
    && box.clientWidth > 0 && box.scrollWidth > box.clientWidth + 1
    && !(box.tabIndex === 0 && box.getAttribute('aria-label') && box.getAttribute('role')))
  .map((box) => box.outerHTML.slice(0, 120))"""


PAGES = [*parse_toc_yaml(ROOT / "_toc.yml"), "search"]


@dataclass
class Visit:
    """What one visit to a page showed."""

    console: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    faults: dict[str, list[str]] = field(default_factory=dict)
    """axe's serious and critical findings by width of the window."""
    sideways: dict[str, int] = field(default_factory=dict)
    unreachable: list[str] = field(default_factory=list)
    equations: int = 0
    typeset: int = 0
    misread: int = 0
    theme: str = ""


def axe_faults(page: Any) -> list[str]:
    found = Axe().run(page, options=AXE_OPTIONS).response["violations"]
    return [
        f"{fault['id']}: {fault['nodes'][0]['html'][:160]} {fault['nodes'][0]['failureSummary']}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]


@pytest.fixture(
    scope="module",
    params=[(name, theme) for name in PAGES for theme in ("light", "dark")],
    ids=lambda pair: "-".join(pair),
)
def visit(request: pytest.FixtureRequest, browser: Any, book: str) -> Visit:
    name, theme = request.param
    seen = Visit()
    with browser.new_context(viewport=WIDE, color_scheme=theme) as context:
        page = context.new_page()
        page.on("console", lambda message: seen.console.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: seen.console.append(f"error: {error}"))
        page.on(
            "request",
            lambda request: None if request.url.startswith((book, "data:")) else seen.foreign.append(request.url),
        )
        page.on("response", lambda answer: seen.failed.append(answer.url) if answer.status >= 400 else None)
        page.goto(f"{book}{name}.html", wait_until="networkidle")
        page.evaluate("() => window.MathJax?.startup?.promise")
        page.evaluate("() => document.fonts.ready.then(() => true)")
        seen.theme = page.evaluate("document.documentElement.dataset.theme")
        seen.equations = page.locator(".bd-article .math").count()
        seen.typeset = page.locator(".bd-article .math mjx-container").count()
        seen.misread = page.locator("mjx-merror, [data-mjx-error]").count()
        seen.faults["wide"] = axe_faults(page)
        page.set_viewport_size(NARROW)
        page.wait_for_timeout(300)
        seen.sideways = page.evaluate(SIDEWAYS)
        seen.unreachable = page.evaluate(UNREACHABLE)
        seen.faults["narrow"] = axe_faults(page)
    return seen


def test_the_theme_follows_the_reader(visit, request):
    assert visit.theme == request.node.callspec.params["visit"][1]


def test_the_console_is_clean(visit):
    assert visit.console == []


def test_nothing_is_asked_of_another_host_and_nothing_is_missing(visit):
    assert visit.foreign == []
    assert visit.failed == []


def test_equations_are_typeset(visit):
    assert visit.typeset == visit.equations
    assert visit.misread == 0


def test_axe_finds_no_serious_fault(visit):
    assert visit.faults == {"wide": [], "narrow": []}


def test_a_narrow_page_does_not_scroll_sideways(visit):
    assert visit.sideways == {"scrolled": 0, "too_wide": 0}


def test_boxes_that_scroll_are_within_reach_of_the_keyboard_and_named(visit):
    assert visit.unreachable == []
