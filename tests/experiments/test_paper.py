"""`make paper` lists what is missing with its cost, asks, and runs nothing that it was not told to."""

from pathlib import Path

import pytest

from feedback_alignment import experiments
from feedback_alignment.companion.monitor import InterruptRequestedError
from feedback_alignment.experiments import commands, paper


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """No result is stored; the list of chapters that were started."""
    started: list[str] = []
    monkeypatch.setenv("FEEDBACK_ALIGNMENT_RESULTS", str(tmp_path))
    monkeypatch.setattr(commands, "run", lambda chapter, **options: started.append(chapter) or f"stored {chapter}")
    return started


def answer(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setattr("builtins.input", lambda question: word)


def test_cost_is_shown_and_no_means_no(
    asked: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(monkeypatch, "n")
    assert paper.main() == 0
    shown = capsys.readouterr().out
    for chapter in experiments.CHAPTERS:
        assert f"{chapter}: missing, expected cost {experiments.load(chapter).COST['paper']}" in shown
    assert asked == []


def test_yes_runs_every_missing_chapter(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "y")
    assert paper.main() == 0
    assert asked == list(experiments.CHAPTERS)


def test_interruption_says_how_to_go_on(
    asked: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(chapter: str, **options: object) -> str:
        raise InterruptRequestedError("interrupted")

    answer(monkeypatch, "y")
    monkeypatch.setattr(commands, "run", interrupted)
    assert paper.main() == 130
    assert "goes on from the last checkpoint" in capsys.readouterr().err


def test_nothing_missing_asks_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(paper, "state_and_members", lambda chapter, profile, directory: ("stored", 10))
    monkeypatch.setattr("builtins.input", lambda question: pytest.fail("asked although nothing is missing"))
    assert paper.main() == 0
    assert "nothing is missing" in capsys.readouterr().out


def test_only_a_result_that_can_take_the_members_it_lacks_is_missing(
    asked: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    forced: dict[str, bool] = {}
    monkeypatch.setattr(commands, "run", lambda chapter, **options: forced.update({chapter: options["force"]}))
    monkeypatch.setattr(paper, "state_and_members", lambda chapter, profile, directory: ("reduced", 3))
    answer(monkeypatch, "y")
    assert paper.main() == 0
    assert forced == {"01_credit_assignment": False}
    assert "01_credit_assignment: reduced, expected cost" in capsys.readouterr().out
    monkeypatch.setattr(paper, "state_and_members", lambda chapter, profile, directory: ("stale", 0))
    assert paper.main() == 0
    assert forced == dict.fromkeys(experiments.CHAPTERS, True)
