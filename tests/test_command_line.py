"""The command line: what it prints, what it stores and skips, and its exit status for everything that goes wrong."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from feedback_alignment import experiments
from feedback_alignment.__main__ import KNOWN_WORDS, main, parser
from feedback_alignment.companion import provenance, store
from feedback_alignment.companion.scorecard import notebook_claims
from feedback_alignment.experiments import commands, credit_assignment, stored

CHAPTER = "01_credit_assignment"
CLONE = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def book_of_one_chapter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show the commands chapter 01 only, so that what they list does not depend on how many chapters there are."""
    monkeypatch.setattr(experiments, "CHAPTERS", (CHAPTER,))


def put(
    folder: Path,
    dataset: xr.Dataset,
    profile: str = "paper",
    version: int = credit_assignment.SCIENCE_VERSION,
    **changes: object,
) -> Path:
    """Store `dataset` as though it came from another profile, or other settings, than it did."""
    settings = replace(credit_assignment.SETTINGS[profile], **changes)
    path = store.result_path(folder, CHAPTER, profile)
    store.write(
        provenance.stamp(
            dataset,
            chapter=CHAPTER,
            science_version=version,
            settings=settings,
            commit="c",
            device="cpu",
            wall_seconds=1.0,
            data={},
        ),
        path,
    )
    return path


def states(output: str) -> dict[str, list[str]]:
    """State, members and cost of each profile."""
    rows = [re.split("  +", line) for line in output.splitlines()[1:-1]]
    return {profile: rest for _, profile, *rest in rows}


def failing(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Exit status and message of a command that must fail without a word on the standard output."""
    status = main(words)
    output, errors = capsys.readouterr()
    assert output == ""
    return status, errors


def test_list_tells_stored_from_stale_and_damaged(tmp_path, smoke_result, capsys):
    put(tmp_path, smoke_result, "smoke")
    put(tmp_path, smoke_result, "quick", version=credit_assignment.SCIENCE_VERSION + 1)
    damaged = put(tmp_path, smoke_result, "paper")
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert main(["list", "--results", str(tmp_path)]) == 0
    output = capsys.readouterr().out
    cost = credit_assignment.COST
    assert output.splitlines()[0].split() == ["chapter", "profile", "result", "members", "cost"]
    assert [line.split()[0] for line in output.splitlines()[1:-1]] == [CHAPTER] * 3
    assert states(output) == {
        "smoke": ["stored", "2 of 2", cost["smoke"]],
        "quick": ["stale", "0 of 5", cost["quick"]],
        "paper": ["damaged", "0 of 10", cost["paper"]],
    }


def test_list_tells_reduced_from_missing(tmp_path, smoke_result, capsys, monkeypatch):
    assert main(["list", "--results", str(tmp_path)]) == 0
    output = capsys.readouterr().out
    assert [state for state, *_ in states(output).values()] == ["run live", "run live", "missing"]
    fewer = replace(credit_assignment.SETTINGS["paper"], seeds=(0, 1), reduced=("2 seeds",))
    monkeypatch.setitem(credit_assignment.SETTINGS, "paper", fewer)
    put(tmp_path, smoke_result, "paper")
    assert main(["list", "--results", str(tmp_path)]) == 0
    assert states(capsys.readouterr().out)["paper"][0] == "reduced"


def test_list_says_where_it_looks(tmp_path, monkeypatch, capsys):
    def told(*words: str) -> str:
        assert main(["list", *words]) == 0
        return capsys.readouterr().out.splitlines()[-1].removeprefix("results are looked for in ")

    given, named, current = (str(tmp_path / name) for name in ("given", "named", "results"))
    assert told() == str(CLONE / "results")
    monkeypatch.chdir(tmp_path)
    assert told() == str(CLONE / "results")
    monkeypatch.setattr(store, "clone_root", lambda: None)
    assert told() == current
    monkeypatch.setenv("FEEDBACK_ALIGNMENT_RESULTS", named)
    assert told() == named
    assert told("--results", given) == given
    assert list(tmp_path.iterdir()) == []


def test_run_stores_then_skips_then_computes_again(tmp_path, smoke_result, monkeypatch, capsys):
    words = ["run", "credit_assignment", "--profile", "smoke", "--results", str(tmp_path / "results")]
    path = store.result_path(tmp_path / "results", CHAPTER, "smoke")
    assert main(words) == 0
    output, errors = capsys.readouterr()
    assert output == f"stored {path}\n"
    assert "last layer only: 100%" in errors
    found = store.read(path)
    xr.testing.assert_identical(found.drop_attrs(deep=False), smoke_result.drop_attrs(deep=False))
    record = store.provenance(found)
    assert record["settings"] == provenance.settings_as_data(credit_assignment.SETTINGS["smoke"])
    assert record["profile"] == "smoke"
    assert record["commit"] == provenance.commit()
    assert list((tmp_path / "checkpoints").rglob("*.*")) == []

    runs = []
    monkeypatch.setattr(credit_assignment, "run", lambda *arguments: runs.append(arguments) or smoke_result)
    stored_at = path.stat().st_mtime_ns
    assert main(words) == 0
    assert capsys.readouterr().out == f"{path} is there for these settings; --force runs again\n"
    assert (runs, path.stat().st_mtime_ns) == ([], stored_at)

    assert main([*words, "--force"]) == 0
    assert capsys.readouterr().out == f"stored {path}\n"
    assert [arguments[:2] for arguments in runs] == [(credit_assignment.SETTINGS["smoke"], "cpu")]
    assert path.stat().st_mtime_ns > stored_at


def test_results_of_two_folders_do_not_mix(tmp_path, smoke_result, monkeypatch, capsys):
    monkeypatch.setattr(credit_assignment, "run", lambda *arguments: smoke_result)
    one, other = tmp_path / "one" / "results", tmp_path / "other" / "results"
    monkeypatch.setenv("FEEDBACK_ALIGNMENT_RESULTS", str(one))
    assert main(["run", "01", "--profile", "smoke"]) == 0
    assert main(["run", "01", "--profile", "smoke", "--results", str(other)]) == 0
    for folder in (one, other):
        assert [path.name for path in folder.iterdir()] == [f"{CHAPTER}.smoke.nc"]
    assert "stored" not in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["stale", "damaged", "foreign"])
def test_a_file_that_cannot_be_used_is_not_replaced_unless_forced(tmp_path, smoke_result, monkeypatch, capsys, damage):
    monkeypatch.setattr(credit_assignment, "run", lambda *arguments: smoke_result)
    path = put(tmp_path, smoke_result, "smoke", version=99 if damage == "stale" else credit_assignment.SCIENCE_VERSION)
    if damage != "stale":
        path.write_bytes(path.read_bytes()[:-1] if damage == "damaged" else b"<html>")
    before = path.read_bytes()
    words = ["run", "01", "--profile", "smoke", "--results", str(tmp_path)]
    status, message = failing(capsys, *words)
    assert status == 1
    assert message.startswith(f"error: {path} is {'stale' if damage == 'stale' else 'truncated'}")
    assert path.read_bytes() == before
    assert main([*words, "--force"]) == 0
    assert store.read(path).attrs["provenance"] == smoke_result.attrs["provenance"]


def test_failures_of_a_chapter_are_errors_without_a_traceback(tmp_path, monkeypatch, capsys):
    def diverge(*arguments: object) -> None:
        raise FloatingPointError("weights under BP are no longer finite")

    monkeypatch.setattr(credit_assignment, "run", diverge)
    words = ["run", "01", "--profile", "smoke", "--results", str(tmp_path)]
    assert failing(capsys, *words) == (1, "error: weights under BP are no longer finite\n")
    assert list(tmp_path.glob("*.nc")) == []


@pytest.mark.parametrize(
    ("word", "suggestion"),
    [
        ("credit_asignment", "did you mean '01_credit_assignment'?"),
        ("1_credit_assignment", "did you mean '01_cr"),
        ("02", "did you mean '01_credit_assignment'?"),
        ("zzz", "chapters: 01_credit_assignment"),
    ],
)
def test_an_unknown_chapter_gets_a_suggestion(capsys, word, suggestion):
    status, message = failing(capsys, "run", word)
    assert status == 1
    assert message.startswith(f"error: no chapter is called {word!r}; {suggestion}")


@pytest.mark.parametrize("word", ["01", "1", "credit_assignment", "01_credit_assignment"])
def test_a_chapter_has_a_number_and_a_name(word, tmp_path, smoke_result, capsys):
    path = put(tmp_path, smoke_result, "smoke")
    assert main(["run", word, "--profile", "smoke", "--results", str(tmp_path)]) == 0
    assert str(path) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "suggestion"),
    [
        (["lst"], "list"),
        (["score-card"], "scorecard"),
        (["run", "01", "--profile", "papr"], "paper"),
        (["run", "01", "--profile=papr"], "paper"),
        (["run", "01", "--forse"], "--force"),
        (["list", "--resluts=x"], "--results"),
        (["run", "01", "--time-limt", "3"], "--time-limit"),
    ],
)
def test_wrong_words_give_the_usage_and_a_suggestion(capsys, words, suggestion):
    status, message = failing(capsys, *words)
    assert status == 2
    assert message.startswith("usage: python -m feedback_alignment")
    assert ": error: " in message
    assert message.endswith(f"; did you mean '{suggestion}'?\n")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["zzzzz"], "invalid choice: 'zzzzz'"),
        (["run"], "required: chapter"),
        (["check", "01"], "arguments: 01"),
        ([], "required: {list,run,scorecard,check}"),
        (["run", "01", "--time-limit", "soon"], "float value: 'soon'"),
    ],
)
def test_words_without_a_near_one_give_the_usage_alone(capsys, words, complaint):
    status, message = failing(capsys, *words)
    assert status == 2
    assert message.startswith("usage: python -m feedback_alignment")
    assert complaint in message
    assert "did you mean" not in message


def test_every_option_can_be_suggested():
    subparsers = parser()._subparsers._group_actions[0].choices
    options = {option for command in subparsers.values() for option in command._option_string_actions}
    assert {option for option in options if option.startswith("--")} <= set(KNOWN_WORDS)
    assert set(subparsers) <= set(KNOWN_WORDS)


@pytest.mark.parametrize("device", ["cuda:99", "gpu", "meta"])
def test_a_device_that_is_not_there_is_an_error(tmp_path, capsys, device):
    status, message = failing(capsys, "run", "01", "--profile", "smoke", "--results", str(tmp_path), "--device", device)
    assert status == 1
    assert message.startswith(f"error: device '{device}' cannot be used here (")
    assert message.endswith("'python -m feedback_alignment check' lists the devices; cpu always works\n")
    assert message.count("\n") == 1
    assert len(message) < 400
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_cuda_without_a_gpu_is_an_error(tmp_path, capsys):
    status, message = failing(capsys, "run", "01", "--results", str(tmp_path), "--device", "cuda")
    assert status == 1
    assert message.startswith("error: device 'cuda' cannot be used here (")


@pytest.mark.parametrize("limit", ["0", "-3", "nan"])
def test_a_time_limit_is_a_positive_number(tmp_path, capsys, limit):
    status, message = failing(
        capsys, "run", "01", "--profile", "smoke", "--results", str(tmp_path / "results"), f"--time-limit={limit}"
    )
    assert status == 1
    assert message == f"error: the time limit must be a positive number of seconds; got {float(limit)}\n"


@pytest.mark.parametrize("option", ["--results", "--checkpoints"])
def test_a_folder_that_cannot_be_written_to_is_an_error_before_the_run(tmp_path, monkeypatch, capsys, option):
    folder = tmp_path / "folder"
    folder.write_text("a file in the way")
    monkeypatch.setattr(credit_assignment, "run", lambda *arguments: pytest.fail("must not start"))
    folders = {"--results": tmp_path / "results", "--checkpoints": tmp_path / "checkpoints", option: folder}
    status, message = failing(
        capsys, "run", "01", "--profile", "smoke", *(str(word) for pair in folders.items() for word in pair)
    )
    assert status == 1
    assert message.startswith(f"error: nothing can be written to {folder} (")
    assert message.endswith(f"): name another folder with {option}\n")


def test_a_read_only_file_system_is_an_error_before_the_run(tmp_path, monkeypatch, capsys):
    def refuse(**named: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(commands.tempfile, "TemporaryFile", refuse)
    monkeypatch.setattr(credit_assignment, "run", lambda *arguments: pytest.fail("must not start"))
    status, message = failing(capsys, "run", "01", "--profile", "smoke", "--results", str(tmp_path))
    assert (status, message) == (
        1,
        f"error: nothing can be written to {tmp_path} (Read-only file system): name another folder with --results\n",
    )


def test_ctrl_c_outside_a_run_is_no_traceback(monkeypatch, capsys):
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "listing", interrupt)
    assert failing(capsys, "list") == (130, "interrupted\n")


def test_check_prints_what_a_bug_report_needs(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FEEDBACK_ALIGNMENT_DATA", str(tmp_path))
    monkeypatch.setenv("FEEDBACK_ALIGNMENT_RESULTS", str(tmp_path / "here"))
    assert main(["check"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, version in provenance.versions().items():
        assert f"{name} {version}" in lines
    assert f"device cpu: {provenance.device_name('cpu')}" in lines
    assert sum(line.startswith("device cuda:") for line in lines) == torch.cuda.device_count()
    assert any(line.startswith("data digits: in scikit-learn ") for line in lines)
    assert any(line.startswith("data mnist: missing: FEEDBACK_ALIGNMENT_DATA is set, but") for line in lines)
    assert f"commit {provenance.commit()}" in lines
    assert lines[-1] == f"results in {tmp_path / 'here'}"


def test_check_names_every_gpu(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"card {device}")
    assert main(["check"]) == 0
    assert {"device cuda:0: card 0", "device cuda:1: card 1"} <= set(capsys.readouterr().out.splitlines())


def test_the_scorecard_shows_the_stored_run(tmp_path, smoke_result, capsys):
    put(tmp_path, smoke_result, "paper")
    page = tmp_path / "pages" / "scorecard.md"
    words = ["scorecard", "--results", str(tmp_path), "--into", str(page)]
    assert main(words) == 0
    assert capsys.readouterr().out == f"wrote {page}\n"
    text = page.read_text(encoding="utf-8")
    assert "From the stored paper-scale run." in text
    paper = put(tmp_path, smoke_result, "paper")
    for claim in credit_assignment.claims(store.read(paper)):
        assert f'id="claim-{claim.key}"' in text
        assert claim.scale == "paper"
    assert main(words) == 0
    assert page.read_text(encoding="utf-8") == text


def test_the_scorecard_without_a_stored_run_shows_the_notebook(tmp_path, capsys):
    page = tmp_path / "scorecard.md"
    assert main(["scorecard", "--results", str(tmp_path), "--into", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert "From the quick run in the page; no paper-scale run is stored yet." in text
    notebook = CLONE / "notebooks" / f"{CHAPTER}.ipynb"
    for claim in notebook_claims(json.loads(notebook.read_text(encoding="utf-8")), notebook.name):
        assert f'id="claim-{claim["key"]}"' in text


def test_a_stale_result_never_reaches_the_scorecard(tmp_path, smoke_result, capsys):
    put(tmp_path, smoke_result, "paper", version=99)
    page = tmp_path / "scorecard.md"
    status, message = failing(capsys, "scorecard", "--results", str(tmp_path), "--into", str(page))
    assert status == 1
    assert "is stale: science_version is 99, not 1" in message
    assert not page.exists()


def test_the_scorecard_needs_a_clone(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(store, "clone_root", lambda: None)
    status, message = failing(capsys, "scorecard", "--into", str(tmp_path / "page.md"))
    assert (status, message) == (
        1,
        "error: the scorecard is made from a clone's notebooks: run this in a clone of the repository\n",
    )


def test_the_scorecards_place_is_in_the_book(tmp_path, monkeypatch, smoke_result, capsys):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / f"{CHAPTER}.ipynb").write_text('{"cells": [{"source": ["# Title"]}]}')
    monkeypatch.setattr(store, "clone_root", lambda: tmp_path)
    put(tmp_path / "results", smoke_result, "paper")
    assert main(["scorecard"]) == 0
    assert capsys.readouterr().out == f"wrote {tmp_path / 'book' / 'scorecard.md'}\n"
    assert "## [Title](" in (tmp_path / "book" / "scorecard.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "status", "stream", "text"),
    [
        (["lst"], 2, "stderr", "did you mean 'list'?"),
        (["--help"], 0, "stdout", "{list,run,scorecard,check}"),
        (["run", "99"], 1, "stderr", "error: no chapter is called '99'"),
    ],
)
def test_the_module_ends_with_the_status_of_its_command(words, status, stream, text, tmp_path):
    found = subprocess.run(
        [sys.executable, "-m", "feedback_alignment", *words], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert found.returncode == status
    assert text in getattr(found, stream)


def test_every_experiment_offers_what_the_protocol_asks_for(smoke_result):
    from feedback_alignment import experiments

    for chapter in experiments.CHAPTERS:
        experiment = experiments.load(chapter)
        assert isinstance(experiment, experiments.Experiment)
        assert set(experiment.SETTINGS) == set(experiment.COST) == set(commands.PROFILES)
        for profile, settings in experiment.SETTINGS.items():
            assert settings.profile == profile
            assert np.unique(settings.seeds).size == len(settings.seeds) > 1
            assert provenance.settings_as_data(settings)["reduced"] == list(settings.reduced)


def test_the_line_beside_a_stored_figure(tmp_path, smoke_result):
    assert stored.stored_result(CHAPTER, tmp_path) is None
    put(tmp_path, smoke_result, "paper")
    found = stored.stored_result("01", tmp_path)
    lines = {
        stored.NOT_STORED: stored.origin(None),
        provenance.provenance_line(store.provenance(found)): stored.origin(found),
    }
    for line, shown in lines.items():
        assert "".join(shown.split()) == "".join(line.split())
        assert max(map(len, shown.splitlines())) <= 80
    assert stored.origin(found).startswith("Stored paper-profile run: 10 seeds, 1 s on CPU (")
