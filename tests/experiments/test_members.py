"""Growing evidence: further members of chapter 01, computed apart and merged into its stored result."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import xarray as xr

from feedback_alignment import experiments
from feedback_alignment.__main__ import main
from feedback_alignment.companion import monitor, provenance, store
from feedback_alignment.experiments import credit_assignment, devices, members, stored

CHAPTER = "01_credit_assignment"
FOUR = replace(credit_assignment.SETTINGS["smoke"], profile="paper", seeds=(0, 1, 2, 3))


@pytest.fixture(autouse=True)
def paper_of_four_members(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show the commands chapter 01 with a small paper profile, and chapter 02."""
    monkeypatch.setattr(experiments, "CHAPTERS", (CHAPTER, "02_two_phases"))
    monkeypatch.setitem(credit_assignment.SETTINGS, "paper", FOUR)


@pytest.fixture(scope="module")
def whole() -> xr.Dataset:
    return credit_assignment.run(FOUR)


def words(folder: Path, *more: str) -> list[str]:
    return ["run", "01", "--profile", "paper", "--results", str(folder / "results"), *more]


def result(folder: Path) -> Path:
    return store.result_path(folder / "results", CHAPTER)


def listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """State and members of chapter 01's paper profile."""
    capsys.readouterr()
    assert main(["list", "--results", str(folder / "results")]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if f"{CHAPTER}  paper" in line)
    return re.split("  +", line)[2:4]


def agree(found: xr.Dataset, expected: xr.Dataset) -> None:
    """Tolerance: float64 rounding over 32 steps, as products of other sizes add up in another order."""
    xr.testing.assert_allclose(found.drop_attrs(deep=False), expected.drop_attrs(deep=False), rtol=1e-9, atol=1e-12)
    assert {name: values.dims for name, values in found.items()} == {n: v.dims for n, v in expected.items()}
    assert found.member.attrs == expected.member.attrs


def test_further_members_are_merged_until_the_paper_is_reached(tmp_path, whole, capsys):
    assert listed(tmp_path, capsys) == ["missing", "0 of 4"]
    assert main(words(tmp_path, "--members", "0:2")) == 0
    assert listed(tmp_path, capsys) == ["reduced", "2 of 4"]
    assert store.provenance(store.read(result(tmp_path)))["reduced"] == ["2 of 4 members"]
    assert main(words(tmp_path, "--members", "3")) == 0
    assert listed(tmp_path, capsys) == ["reduced", "3 of 4"]
    agree(store.read(result(tmp_path)), whole.sel(member=[0, 1, 3]))
    assert main(words(tmp_path, "--members", "2:4")) == 0
    assert listed(tmp_path, capsys) == ["stored", "4 of 4"]
    found = stored.stored_result("01", tmp_path / "results")
    agree(found, whole)
    record = store.provenance(found)
    assert record["settings"] == provenance.settings_as_data(FOUR)
    assert record["reduced"] == []
    assert [part["seeds"] for part in record["pieces"]] == [[0, 1], [3], [2]]
    assert [part["commit"] for part in record["pieces"]] == [provenance.commit()] * 3
    before = result(tmp_path).read_bytes()
    assert main(words(tmp_path)) == 0
    assert "is there for these settings" in capsys.readouterr().out
    assert main(words(tmp_path, "--members", "1:3")) == 0
    assert result(tmp_path).read_bytes() == before


def test_a_run_without_members_computes_those_that_are_not_there(tmp_path, whole, monkeypatch):
    asked = []
    run = credit_assignment.run
    monkeypatch.setattr(credit_assignment, "run", lambda *words: asked.append(words[0].seeds) or run(*words))
    assert main(words(tmp_path, "--members", "1:3")) == 0
    assert main(words(tmp_path)) == 0
    assert asked == [(1, 2), (0, 3)]
    agree(store.read(result(tmp_path)), whole)


def test_more_members_than_the_paper_has_may_be_stored(tmp_path, capsys):
    assert main(words(tmp_path, "--members", "0:5")) == 0
    assert listed(tmp_path, capsys) == ["stored", "5 of 4"]


def test_groups_are_pieces_of_their_own(tmp_path, whole):
    assert main(words(tmp_path, "--group", "3")) == 0
    found = store.read(result(tmp_path))
    agree(found, whole)
    assert [part["seeds"] for part in store.provenance(found)["pieces"]] == [[0, 1, 2], [3]]
    assert not list((tmp_path / "checkpoints").rglob("*.checkpoint"))


def test_finished_groups_last_where_a_later_one_is_stopped(tmp_path, whole, monkeypatch, capsys):
    """Every look at the clock takes a second, and a group of two about four hundred."""

    class Clock:
        now = 0.0

        def monotonic(self):
            Clock.now += 1.0
            return Clock.now

    with monkeypatch.context() as patch:
        patch.setattr(monitor, "time", Clock())
        patch.setattr("feedback_alignment.experiments.computing.time", Clock())
        assert main(words(tmp_path, "--group", "2", "--time-limit", "1200")) == 75
    assert listed(tmp_path, capsys) == ["reduced", "2 of 4"]
    assert main(words(tmp_path, "--group", "2")) == 0
    agree(store.read(result(tmp_path)), whole)


def test_force_replaces_what_is_stored(tmp_path):
    assert main(words(tmp_path, "--members", "0:3")) == 0
    assert main(words(tmp_path, "--members", "0:2", "--force")) == 0
    assert store.read(result(tmp_path)).member.values.tolist() == [0, 1]
    assert "pieces" not in store.provenance(store.read(result(tmp_path)))


def test_a_stale_result_takes_no_further_members(tmp_path, monkeypatch, capsys):
    assert main(words(tmp_path, "--members", "0:2")) == 0
    before = result(tmp_path).read_bytes()
    capsys.readouterr()
    for attribute, value, message in (
        ("SCIENCE_VERSION", credit_assignment.SCIENCE_VERSION + 1, "is stale: science_version is"),
        ("SETTINGS", {"paper": replace(FOUR, alignment_samples=10)}, "is stale: settings.alignment_samples is 64, not"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(credit_assignment, attribute, value)
            assert main(words(tmp_path, "--members", "2:4")) == 1
        assert message in capsys.readouterr().err
        assert result(tmp_path).read_bytes() == before


@pytest.mark.parametrize("option", [("--members", "3:10"), ("--group", "2"), ("--scheduler", "tcp://127.0.0.1:1")])
def test_a_chapter_whose_numbers_lie_between_members_says_so(tmp_path, capsys, option):
    assert main(["run", "02", "--results", str(tmp_path), *option]) == 1
    assert capsys.readouterr().err == (
        "error: 02_two_phases cannot be computed member by member: its numbers lie between members or are averages "
        f"over all of them, so that its piece is the whole ensemble; run it without {option[0]}\n"
    )


def test_a_whole_that_says_what_is_missing_is_computed_again_and_replaced(tmp_path, whole, monkeypatch, capsys):
    monkeypatch.setattr(credit_assignment, "MEMBERS_ARE_INDEPENDENT", False)
    record = store.provenance(whole)
    partial = whole.assign_attrs(provenance=json.dumps(record | {"missing": ["BP"], "reduced": ["no BP yet"]}))
    computed = []
    monkeypatch.setattr(credit_assignment, "run", lambda *words: computed.append(words[0]) or whole)
    store.write(partial, result(tmp_path))
    assert listed(tmp_path, capsys) == ["reduced", "4 of 4"]
    assert main(words(tmp_path)) == 0
    assert computed == [FOUR]
    assert store.provenance(store.read(result(tmp_path))) == record
    assert main(words(tmp_path)) == 0
    assert computed == [FOUR]


@pytest.mark.parametrize("text", ["", "a", "3:3", "5:3", "-1:3", "1:2:3", "1.5", ":3"])
def test_members_are_a_range(text, tmp_path, capsys):
    assert main(words(tmp_path, f"--members={text}")) == 1
    message = f"error: members are given as FIRST:END, such as 3:10 for the seeds 3 to 9; got {text!r}\n"
    assert capsys.readouterr().err == message


def test_a_range_is_read_as_python_reads_it():
    assert members.members_range("3:10") == tuple(range(3, 10))
    assert members.members_range("7") == (7,)


@pytest.mark.parametrize("size", ["0", "-2"])
def test_a_group_has_a_member(tmp_path, capsys, size):
    assert main(words(tmp_path, f"--group={size}")) == 1
    assert capsys.readouterr().err == f"error: a group has at least one member; got --group {size}\n"


def test_the_paper_may_have_more_members_than_its_profile(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(credit_assignment, "MEMBERS_IN_PAPER", 10, raising=False)
    assert listed(tmp_path, capsys) == ["missing", "0 of 10"]
    assert members.members_in_paper("01", "smoke") == 2


def test_chapters_say_that_their_members_are_independent_only_where_the_dataset_has_members():
    dataset = credit_assignment.run(credit_assignment.SETTINGS["smoke"])
    assert members.are_independent("01")
    assert all("member" in values.dims for values in dataset.values())
    assert not members.are_independent("02")


@pytest.fixture
def tf32_allowed() -> Iterator[tuple[Any, ...]]:
    """The switches of the two places where torch may round products to TF32, both on."""
    backends = torch.backends.cudnn, torch.backends.cuda.matmul
    before = [backend.allow_tf32 for backend in backends]
    for backend in backends:
        backend.allow_tf32 = True
    yield backends
    for backend, allowed in zip(backends, before, strict=True):
        backend.allow_tf32 = allowed


def test_a_gpu_is_made_repeatable_before_it_is_touched(monkeypatch, tf32_allowed):
    found: dict[str, object] = {}

    def touch(*shape: int, **named: object) -> torch.Tensor:
        found["workspace"] = os.environ["CUBLAS_WORKSPACE_CONFIG"]
        found["tf32"] = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
        return torch.tensor([0.0])

    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    monkeypatch.setattr(torch, "use_deterministic_algorithms", lambda on: found.update(deterministic=on))
    monkeypatch.setattr(torch, "zeros", touch)
    for backend in tf32_allowed:
        assert backend.allow_tf32
    devices.prepare_device("cuda:0")
    assert found == {"deterministic": True, "workspace": ":4096:8", "tf32": (False, False)}
