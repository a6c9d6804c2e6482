"""Ctrl-C at the commands around a run: the exit status, what stays, and how to go on. (Runs: see test_monitor.py.)"""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from feedback_alignment import experiments
from feedback_alignment.companion import figure_files, pdf, site, store
from feedback_alignment.companion.figure_files import Listed
from feedback_alignment.experiments import commands, figure_export, paper


def press_ctrl_c(*arguments: object, **named: object) -> None:
    signal.raise_signal(signal.SIGINT)


@pytest.fixture
def missing_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FEEDBACK_ALIGNMENT_RESULTS", str(tmp_path / "results"))
    return tmp_path / "results"


def test_at_the_question_of_make_paper(missing_results, monkeypatch, capsys):
    monkeypatch.setattr("builtins.input", press_ctrl_c)
    monkeypatch.setattr(commands, "run", lambda *arguments, **named: pytest.fail("must not start"))
    assert paper.main() == 130
    assert capsys.readouterr().err == "interrupted; 'make paper' goes on from the last checkpoint\n"
    assert not missing_results.exists()


def test_in_a_chapter_of_make_paper_none_is_started_after_it(missing_results, monkeypatch, capsys):
    started = []

    def run(chapter: str, **options: object) -> None:
        started.append(chapter)
        press_ctrl_c()

    monkeypatch.setattr("builtins.input", lambda question: "y")
    monkeypatch.setattr(commands, "run", run)
    assert paper.main() == 130
    assert started == [experiments.CHAPTERS[0]]
    assert "'make paper' goes on from the last checkpoint" in capsys.readouterr().err


def no_answer(question: str) -> str:
    raise EOFError


def test_make_paper_without_a_terminal_starts_nothing(missing_results, monkeypatch, capsys):
    monkeypatch.setattr("builtins.input", no_answer)
    assert paper.main() == 1
    assert capsys.readouterr().err == "nobody answered, nothing was started: run 'make paper' in a terminal\n"


@pytest.mark.parametrize(
    "error",
    [OSError(28, "No space left on device"), store.DamagedResultError("x is damaged"), FloatingPointError("diverged")],
)
def test_a_failure_of_make_paper_is_no_traceback(missing_results, monkeypatch, capsys, error):
    def fail(chapter: str, **options: object) -> None:
        raise error

    monkeypatch.setattr("builtins.input", lambda question: "y")
    monkeypatch.setattr(commands, "run", fail)
    assert paper.main() == 1
    assert capsys.readouterr().err == f"error: {error}; 'make paper' goes on from the last checkpoint\n"


def test_between_chapters_of_make_figures_those_that_are_done_stay_listed(tmp_path, monkeypatch, capsys):
    old = [Listed(f"old-{chapter}", chapter, "f", "", "C.", "R.", "svg", "before") for chapter in ("02_x", "03_x")]
    figure_files.write_list(old, tmp_path)
    new = Listed("new", "01_x", "f", "", "C.", "R.", "svg", "now")

    def draw(root: Path, notebook: Path, *rest: object) -> list[Listed]:
        return [new] if notebook.stem == "01_x" else press_ctrl_c()

    monkeypatch.setattr(figure_export.notebook_files, "find_chapters", lambda *words: {c: Path(c) for c in chapters})
    monkeypatch.setattr(figure_export, "export_changed", draw)
    chapters = ("01_x", "02_x", "03_x")
    monkeypatch.setattr(experiments, "CHAPTERS", chapters)
    assert figure_export.main(["--into", str(tmp_path)]) == 130
    assert capsys.readouterr().err == "interrupted; the same command goes on from here\n"
    assert figure_files.read_list(tmp_path) == [new, *old]


@pytest.mark.parametrize(
    ("command", "step", "words"),
    [
        (site.main, "feedback_alignment.companion.site.build", "the same command builds the pages anew"),
        (pdf.main, "feedback_alignment.companion.site.build", "nothing was printed; the same command starts anew"),
    ],
)
def test_in_a_build(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: Callable[[list[str]], int],
    step: str,
    words: str,
) -> None:
    monkeypatch.setattr(step, press_ctrl_c)
    monkeypatch.setattr(pdf, "find_browser", lambda: None)
    assert command(["--notebooks", str(tmp_path), "--into", str(tmp_path / "made")]) == 130
    assert capsys.readouterr().err == f"interrupted; {words}\n"
    assert list(tmp_path.iterdir()) == []
