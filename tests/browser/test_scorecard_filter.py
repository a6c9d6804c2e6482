"""The scorecard's filter in a real browser: by source, verdict and words, in another order, by keyboard, not at all."""

import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from arrival import arrive_at

ROWS = ".claims-table tbody tr:visible"
SHOWN = """() => [...document.querySelectorAll('.claims-table tbody tr')]
  .filter((row) => row.checkVisibility())
  .map((row) => ({
    key: row.id,
    source: row.querySelector('.claim-source').textContent,
    verdict: row.querySelector('.verdict').textContent,
    chapter: row.closest('section').id,
    statement: row.querySelector('th').textContent,
  }))"""
CHAPTERS = """() => [...document.querySelectorAll('#scorecard > section')]
  .filter((chapter) => chapter.checkVisibility())
  .map((chapter) => chapter.id)"""


@pytest.fixture(scope="module")
def opened(browser: Any, book: str) -> Iterator[Any]:
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        arrive_at(page, f"{book}book/scorecard.html")
        yield page


@pytest.fixture
def scorecard(opened: Any) -> Any:
    """The scorecard with all of its rows, as it is on arrival."""
    opened.get_by_role("button", name="Show all").click()
    said(opened, re.compile(r"^(\d+) of \1 claims shown$"))
    return opened


def shown(page: Any) -> list[dict[str, str]]:
    return page.evaluate(SHOWN)


def said(page: Any, words: str | re.Pattern[str]) -> None:
    page.get_by_role("status").filter(has_text=words).wait_for()


@pytest.mark.parametrize(
    ("control", "value", "holds"),
    [
        ("Source", "Chu and Bacho 2024", lambda row: row["source"].startswith("Chu and Bacho 2024")),
        ("Source", "this book", lambda row: row["source"] == "this book"),
        ("Verdict", "disagrees", lambda row: row["verdict"] == "disagrees"),
        ("Verdict", "reduced", lambda row: row["verdict"].startswith("reduced")),
    ],
)
def test_a_choice_shows_all_that_fit_and_nothing_else(
    scorecard: Any, control: str, value: str, holds: Callable[[dict[str, str]], bool]
):
    every = shown(scorecard)
    scorecard.get_by_label(control, exact=True).select_option(value)
    wanted = [row for row in every if holds(row)]
    assert 0 < len(wanted) < len(every)
    said(scorecard, f"{len(wanted)} of {len(every)} claims shown")
    assert shown(scorecard) == wanted
    assert scorecard.evaluate(CHAPTERS) == list(dict.fromkeys(row["chapter"] for row in wanted))


def test_words_and_choices_narrow_together_and_one_button_ends_it(scorecard: Any):
    every = shown(scorecard)
    scorecard.get_by_label("Source", exact=True).select_option("Refinetti et al. 2021")
    scorecard.get_by_label("Words", exact=True).fill("PLATEAU  eq. 31")
    found = shown(scorecard)
    assert found
    for row in found:
        assert row["source"].startswith("Refinetti et al. 2021")
        assert "31" in row["source"] + row["statement"]
    scorecard.get_by_label("Words", exact=True).fill("zygomorphic")
    said(scorecard, f"None of {len(every)} claims has all of that")
    assert shown(scorecard) == []
    scorecard.get_by_role("button", name="Show all").click()
    said(scorecard, f"{len(every)} of {len(every)} claims shown")
    assert shown(scorecard) == every


def test_orders_sort_within_each_chapter(scorecard: Any):
    every = shown(scorecard)
    order = scorecard.get_by_label("Order", exact=True)
    order.select_option(label="verdict, disagreements first")
    ranks = {"disagrees": 0, "agrees": 1, "reduced": 2, "not reproducible": 3}
    found = [(row["chapter"], ranks[row["verdict"].split(" (")[0]]) for row in shown(scorecard)]
    chapters = list(dict.fromkeys(chapter for chapter, _ in found))
    assert chapters == list(dict.fromkeys(row["chapter"] for row in every))
    assert found == sorted(found, key=lambda pair: (chapters.index(pair[0]), pair[1]))
    order.select_option(label="source, then number")
    for chapter in chapters:
        sources = [row["source"] for row in shown(scorecard) if row["chapter"] == chapter]
        groups = [source for source, _ in itertools.groupby(sources)]
        assert len(groups) == len(set(groups))
        for kind in ("Eq.", "Fig.", "Table"):
            numbers = [
                int(found[1]) for source in groups if (found := re.fullmatch(rf".+ \d{{4}}, {kind} (\d+)", source))
            ]
            assert numbers == sorted(numbers)
    order.select_option(label="as in the chapter")
    assert shown(scorecard) == every


def test_the_keyboard_alone_filters(scorecard: Any):
    scorecard.get_by_label("Source", exact=True).focus()
    scorecard.keyboard.press("Tab")
    assert scorecard.evaluate("document.activeElement.labels[0].textContent") == "Verdict"
    scorecard.keyboard.press("ArrowDown")
    assert {row["verdict"] for row in shown(scorecard)} == {"disagrees"}
    scorecard.keyboard.press("Tab")
    scorecard.keyboard.type("softmax")
    assert {row["chapter"] for row in shown(scorecard)} == {shown(scorecard)[-1]["chapter"]}
    scorecard.keyboard.press("Enter")
    assert shown(scorecard)


def test_a_link_to_a_claim_that_is_filtered_away_shows_it(scorecard: Any):
    every = shown(scorecard)
    hidden = next(row for row in every if row["verdict"] == "agrees")
    scorecard.get_by_label("Verdict", exact=True).select_option("disagrees")
    assert not scorecard.locator(f'[id="{hidden["key"]}"]').is_visible()
    scorecard.evaluate("key => { location.hash = key; }", hidden["key"])
    scorecard.locator(f'[id="{hidden["key"]}"]').wait_for(state="visible")
    assert shown(scorecard) == every


def test_other_pages_have_no_filter(page: Any, book: str):
    arrive_at(page, f"{book}notebooks/01_credit_assignment.html")
    assert page.locator(".scorecard-filter").count() == 0


def test_without_scripts_the_page_is_plain_tables(browser: Any, book: str):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{book}book/scorecard.html")
        assert page.locator(".scorecard-filter").count() == 0
        assert page.locator(ROWS).count() == page.locator(".claims-table tbody tr").count() > 100
