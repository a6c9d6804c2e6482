"""Two runs of one chapter at once: no member that either computed is lost, and none is counted twice."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

from feedback_alignment.__main__ import main
from feedback_alignment.companion import provenance, store
from feedback_alignment.experiments import credit_assignment
from feedback_alignment.networks.training import Schedule

CHAPTER = "01_credit_assignment"
FIVE = replace(
    credit_assignment.SETTINGS["smoke"],
    profile="paper",
    seeds=(0, 1, 2, 3, 4),
    schedule=Schedule(1, 64, 0.1, "mean", (0, 1)),
)
COMMAND = f"""
import sys
from dataclasses import replace
from feedback_alignment.__main__ import main
from feedback_alignment.experiments import credit_assignment
from feedback_alignment.networks.training import Schedule

credit_assignment.SETTINGS["paper"] = replace(
    credit_assignment.SETTINGS["smoke"], profile="paper", seeds={FIVE.seeds}, schedule={FIVE.schedule!r}
)
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(autouse=True)
def paper_of_five_members(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(credit_assignment.SETTINGS, "paper", FIVE)


def words(folder: Path, *more: str) -> list[str]:
    return ["run", "01", "--profile", "paper", "--results", str(folder), *more]


def stored(folder: Path) -> xr.Dataset:
    return store.read(store.result_path(folder, CHAPTER))


def seeds_of_pieces(folder: Path) -> list[list[int]]:
    return [piece["seeds"] for piece in store.provenance(stored(folder))["pieces"]]


@pytest.fixture(scope="module")
def alone() -> xr.Dataset:
    return credit_assignment.run(FIVE)


def agree(found: xr.Dataset, expected: xr.Dataset) -> None:
    """Tolerance: float64 rounding over a few steps, as products of other sizes add up in another order."""
    xr.testing.assert_allclose(found.drop_attrs(deep=False), expected.drop_attrs(deep=False), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("first", "second", "pieces"),
    [
        pytest.param("0:2", "2:5", [[2, 3, 4], [0, 1]], id="apart", marks=pytest.mark.long),
        pytest.param("0:3", "2:5", [[2, 3, 4], [0, 1]], id="overlapping"),
        pytest.param("1:3", "0:5", None, id="nothing new", marks=pytest.mark.long),
    ],
)
def test_a_run_keeps_what_another_stored_meanwhile(tmp_path, monkeypatch, alone, first, second, pieces):
    run, started = credit_assignment.run, []

    def while_another_runs(*arguments: Any) -> xr.Dataset:
        dataset = run(*arguments)
        if not started:
            started.append(second)
            assert main(words(tmp_path, "--members", second)) == 0
        return dataset

    monkeypatch.setattr(credit_assignment, "run", while_another_runs)
    assert main(words(tmp_path, "--members", first)) == 0
    found = stored(tmp_path)
    agree(found, alone)
    record = store.provenance(found)
    assert record["settings"] == provenance.settings_as_data(FIVE)
    assert record["seeds"] == list(FIVE.seeds)
    assert pieces is None or seeds_of_pieces(tmp_path) == pieces


@pytest.mark.long
def test_processes_side_by_side_share_a_file(tmp_path, alone):
    script = tmp_path / "command.py"
    script.write_text(COMMAND)
    results = tmp_path / "results"
    parts = ("0:3", "2:5")
    commands = [
        subprocess.Popen(
            [sys.executable, str(script), *words(results, "--members", part)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for part in parts
    ]
    answers = [command.communicate(timeout=600) for command in commands]
    assert [command.returncode for command in commands] == [0] * len(parts), answers
    agree(stored(results), alone)
    assert not list((tmp_path / "checkpoints").rglob("*.checkpoint"))
    assert [path.name for path in results.iterdir()] == [f"{CHAPTER}.paper.nc"]
