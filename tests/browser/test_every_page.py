"""What holds on every page of the book, in light and in dark, in a wide window and in one as narrow as a telephone."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import contrast
import pytest
from arrival import arrive_at
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser
from sphinx_external_toc.parsing import parse_toc_yaml

ROOT = Path(__file__).resolve().parents[2]
NARROW = {"width": 390, "height": 844}
WIDE = {"width": 1280, "height": 900}
# axe would fetch the style sheets again, with addresses that it resolves wrongly.
AXE_OPTIONS = {"resultTypes": ["violations"], "preload": False}
# A change of theme shows its last colours without delay.
AT_ONCE = "*, ::before, ::after { transition: none !important; animation: none !important; }"
# Both windows and both themes, each once; everyday with some words of each style, else with every word.
EVERYDAY = ("wide light", "narrow dark")
OTHERS = ("wide dark", "narrow light")

SIDEWAYS = """() => {
  window.scrollTo(1000, 0);
  const root = document.documentElement;
  return {scrolled: window.scrollX, too_wide: root.scrollWidth - root.clientWidth};
}"""
NEXT_FRAME = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"
# The middle one of those that can be seen and have words of their own: more than a character, not only in boxes with a
# colour of theirs.
PALE = """([kind, colour]) => {
  const lengthOf = (node) => node.nodeType === Node.TEXT_NODE ? node.nodeValue.trim().length : 0;
  const words = (box) => [...box.childNodes].some((node) => lengthOf(node) > 1);
  const seen = [...document.querySelectorAll(kind)].filter((box) => box.checkVisibility() && words(box));
  seen[Math.floor(seen.length / 2)].style.color = colour;
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
    """axe's serious and critical findings by width of the window and theme."""
    sideways: dict[str, int] = field(default_factory=dict)
    unreachable: list[str] = field(default_factory=list)
    equations: int = 0
    typeset: int = 0
    misread: int = 0
    themes: list[str] = field(default_factory=list)


def axe_faults(page: Any, options: Mapping[str, Any] = AXE_OPTIONS, of: str = "html") -> list[str]:
    found = Axe().run(page, context={"include": [[of]]}, options=options).response["violations"]
    return [
        f"{fault['id']}: {node['html'][:160]} {node['failureSummary']}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


def contrast_faults_by_samples(page: Any) -> list[str]:
    contrast.mark_samples(page)
    only = AXE_OPTIONS | {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
    return axe_faults(page, only, f"[{contrast.MARK}]")


def axe_faults_by_samples(page: Any) -> list[str]:
    """What `axe_faults` finds, but for the contrast of words of whose style others were looked at."""
    all_but_contrast = AXE_OPTIONS | {"rules": {"color-contrast": {"enabled": False}}}
    return axe_faults(page, all_but_contrast) + contrast_faults_by_samples(page)


def by_day_and_by_night(
    page: Any, width: str, seen: Visit, asked: Collection[str], faults: Callable[[Any], list[str]]
) -> None:
    """Note the theme in light and in dark, and axe's faults where they are asked for."""
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        page.evaluate(NEXT_FRAME)  # media queries are answered before a frame is drawn
        seen.themes.append(page.evaluate("document.documentElement.dataset.theme"))
        if f"{width} {theme}" in asked:
            seen.faults[f"{width} {theme}"] = faults(page)


def visited(
    name: str, browser: Browser, book: str, asked: Collection[str], faults: Callable[[Any], list[str]]
) -> Visit:
    """A visit that begins by day in a wide window; night falls once, and once more after the window became narrow."""
    seen = Visit()
    with browser.new_context(viewport=WIDE, color_scheme="light") as context:
        page = context.new_page()
        page.on("console", lambda message: seen.console.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: seen.console.append(f"error: {error}"))
        page.on(
            "request",
            lambda request: None if request.url.startswith((book, "data:")) else seen.foreign.append(request.url),
        )
        page.on("response", lambda answer: seen.failed.append(answer.url) if answer.status >= 400 else None)
        arrive_at(page, f"{book}{name}.html")
        page.evaluate("() => window.MathJax?.startup?.promise")
        page.evaluate("() => document.fonts.ready.then(() => true)")
        page.add_style_tag(content=AT_ONCE)
        seen.equations = page.locator(".bd-article .math").count()
        seen.typeset = page.locator(".bd-article .math mjx-container").count()
        seen.misread = page.locator("mjx-merror, [data-mjx-error]").count()
        by_day_and_by_night(page, "wide", seen, asked, faults)
        page.set_viewport_size(NARROW)
        page.wait_for_timeout(300)
        by_day_and_by_night(page, "narrow", seen, asked, faults)
        seen.sideways = page.evaluate(SIDEWAYS)
        seen.unreachable = page.evaluate(UNREACHABLE)
    return seen


@pytest.fixture(scope="module", params=PAGES)
def visit(request: pytest.FixtureRequest, browser: Browser, book: str) -> Visit:
    return visited(request.param, browser, book, EVERYDAY, axe_faults_by_samples)


def test_the_theme_follows_the_reader(visit):
    assert visit.themes == ["light", "dark", "light", "dark"]


def test_the_console_is_clean(visit):
    assert visit.console == []


def test_nothing_is_asked_of_another_host_and_nothing_is_missing(visit):
    assert visit.foreign == []
    assert visit.failed == []


def test_equations_are_typeset(visit):
    assert visit.typeset == visit.equations
    assert visit.misread == 0


def test_axe_finds_no_serious_fault(visit):
    assert visit.faults == {view: [] for view in EVERYDAY}


@pytest.mark.long
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_serious_fault_in_the_other_views(name, browser, book):
    assert visited(name, browser, book, OTHERS, axe_faults).faults == {view: [] for view in OTHERS}


def test_one_pale_word_among_many_of_its_like_is_found_and_so_is_a_ground_behind_them(page, book):
    arrive_at(page, f"{book}book/errata.html")
    assert contrast_faults_by_samples(page) == []
    pale = {"p": "#ddddda", "p a": "#dddddb", "h3": "#dddddc", "td p": "#dddddd"}
    for kind, colour in pale.items():
        page.evaluate(PALE, [f".bd-article {kind}", colour])
    found = " ".join(contrast_faults_by_samples(page))
    assert [kind for kind, colour in pale.items() if f"foreground color: {colour}" not in found] == []
    page.add_style_tag(content=".bd-article p { background: #444444; }")
    assert len(contrast_faults_by_samples(page)) > len(pale)


def test_a_narrow_page_does_not_scroll_sideways(visit):
    assert visit.sideways == {"scrolled": 0, "too_wide": 0}


def test_boxes_that_scroll_are_within_reach_of_the_keyboard_and_named(visit):
    assert visit.unreachable == []
