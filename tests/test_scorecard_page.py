"""The committed scorecard is what the stored results and committed notebooks give."""

from pathlib import Path

import pytest

from feedback_alignment import experiments
from feedback_alignment.companion import store
from feedback_alignment.experiments import commands
from feedback_alignment.experiments.stored import state

ROOT = Path(__file__).parents[1]


def test_scorecard_regenerates_identically(tmp_path: Path) -> None:
    written = commands.write_scorecard(tmp_path / "scorecard.md")
    assert written.read_text(encoding="utf-8") == (ROOT / "book/scorecard.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("chapter", experiments.CHAPTERS)
def test_stored_result_belongs_to_its_chapter(chapter: str) -> None:
    assert state(chapter, "paper", store.results_directory()) in ("stored", "reduced", "missing")


def test_results_hold_nothing_but_known_chapters() -> None:
    known = {f"{chapter}.paper.nc" for chapter in experiments.CHAPTERS}
    assert {path.name for path in (ROOT / "results").glob("*.nc")} <= known
