"""What a reader does: search, switch the theme, open a chapter elsewhere, come along with the keyboard only."""

import re
from typing import Any

import pytest
import tiny_book
from arrival import arrive_at
from conftest import ADDRESS

CHAPTER = "notebooks/01_credit_assignment"
LUMINANCE = """(selector) => {
  const [red, green, blue] = getComputedStyle(document.querySelector(selector)).backgroundColor.match(/[\\d.]+/g);
  return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255;
}"""


def test_search_finds_a_word(page: Any, book: str):
    arrive_at(page, f"{book}book/intro.html")
    page.keyboard.press("Control+k")
    page.locator("#pst-search-dialog[open] input[type=search]:focus").wait_for()
    page.keyboard.type("alignment")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=alignment*")
    # The results come in one by one.
    page.locator(f'#search-results ul.search li a[href*="{CHAPTER}"]').first.wait_for()


def test_search_says_when_it_finds_nothing(page: Any, book: str):
    arrive_at(page, f"{book}search.html?q=zygomorphic")
    page.get_by_text(re.compile("did not match any documents")).wait_for()
    assert page.locator("#search-results ul.search li a").count() == 0


def test_the_switch_changes_the_theme_and_the_choice_lasts(page: Any, book: str):
    arrive_at(page, f"{book}{CHAPTER}.html")
    seen = {}
    for _ in range(3):
        page.locator("button.theme-switch-button:visible").click()
        theme = page.evaluate("document.documentElement.dataset.theme")
        seen[theme] = page.evaluate(LUMINANCE, "body")
    assert set(seen) == {"light", "dark"}
    assert seen["light"] > 0.9
    assert seen["dark"] < 0.1

    while page.evaluate("document.documentElement.dataset.mode") != "dark":
        page.locator("button.theme-switch-button:visible").click()
    arrive_at(page, f"{book}book/intro.html")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_a_page_opened_in_the_dark_is_dark_and_its_plots_stay_legible(page: Any, book: str):
    complaints = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.emulate_media(color_scheme="dark")
    arrive_at(page, f"{book}{CHAPTER}.html")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert complaints == []
    plots = page.locator(".bd-article .cell:not(.tag_keep-colours) .cell_output img")
    assert plots.count() > 0
    for style in plots.evaluate_all("plots => plots.map(plot => getComputedStyle(plot).filter)"):
        assert style == "invert(0.92) hue-rotate(180deg)"


def test_the_chapter_opens_on_colab_where_the_repository_is_known(page: Any, tiny_book_with_address: str):
    chapter = f"notebooks/{tiny_book.CHAPTER}"
    arrive_at(page, f"{tiny_book_with_address}{chapter}.html")
    page.get_by_role("button", name="Launch interactive content").click()
    link = page.locator("a[href*='colab']")
    assert link.is_visible()
    repository = ADDRESS.removeprefix("https://github.com/")
    expected = f"https://colab.research.google.com/github/{repository}/blob/main/{chapter}.ipynb"
    assert link.get_attribute("href") == expected
    assert page.locator(f"a[href='{ADDRESS}']").is_visible()


def test_without_a_repository_there_is_no_colab_button_but_a_download(page: Any, book: str):
    arrive_at(page, f"{book}{CHAPTER}.html")
    assert page.locator("a[href*='colab']").count() == 0
    assert page.get_by_role("button", name="Launch interactive content").count() == 0
    page.get_by_role("button", name="Download this page").click()
    link = page.locator("a[href$='.ipynb']").first
    assert link.is_visible()
    answer = page.request.get(link.evaluate("link => link.href"))
    assert answer.ok
    assert answer.json()["nbformat"] == 4


def test_the_keyboard_reaches_the_content(page: Any, book: str):
    arrive_at(page, f"{book}{CHAPTER}.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent.trim()") == "Skip to main content"
    assert page.locator(":focus").is_visible()
    page.keyboard.press("Enter")
    inside = "document.querySelector('#main-content').contains(document.activeElement)"
    for _ in range(20):
        page.keyboard.press("Tab")
        assert page.evaluate(inside)
        if page.evaluate("document.activeElement.closest('article.bd-article') !== null"):
            return
    pytest.fail("twenty steps of the Tab key after the skip link do not reach the text")


def test_a_box_that_scrolls_moves_with_the_arrow_keys(page: Any, book: str):
    page.set_viewport_size({"width": 390, "height": 844})
    arrive_at(page, f"{book}{CHAPTER}.html")
    box = page.locator(".bd-article [data-scrolls]:visible").first
    box.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.activeElement.scrollLeft > 0")


def test_the_front_door_leads_to_the_introduction(page: Any, book: str):
    page.goto(book)
    page.wait_for_url("**/book/intro.html")
    assert page.locator("h1:visible").count() == 1
