"""The page on performance, made of measurements and costs that are made up here."""

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from test_measurements import CIRCUMSTANCES

from feedback_alignment.companion import performance, store
from feedback_alignment.companion.measurements import Measurement, Record

MADE = Record(
    "made_up",
    "Sizes 1-2-3.",
    CIRCUMSTANCES,
    (
        Measurement("one thread", "loop / ensemble", (5.0, 4.5, 4.0), least=4.0, bound="arithmetic"),
        Measurement("one thread", "part of the whole", (0.12,), most=0.1),
        Measurement("one thread", "a step", (12.0,), unit="µs"),
        Measurement("growth", "10 steps", (1.0,), "fast", "ms"),
        Measurement("growth", "10 steps", (4.0,), "slow", "ms", least=2.0),
    ),
)
WITHOUT_GOALS = Record("another", "", CIRCUMSTANCES, (Measurement("g", "r", (1.0,)),))


def cells(table: str) -> list[list[str]]:
    """The rows of a table."""
    body = table.partition("\n\n* -")[2].partition("\n```")[0]
    return [[cell.strip() for cell in row.split("\n  -")] for row in body.split("\n* -")]


def test_goals_stand_beside_what_was_measured():
    text = performance.verdicts({"made_up": MADE, "another": WITHOUT_GOALS})
    assert text.startswith("Of 3 goals, 2 are met.\n\n")
    assert cells(text) == [
        ["What", "Measured", "Goal", "Verdict", "What bounds it"],
        ["`made_up`: one thread: loop / ensemble", r"4.50 \[4.00, 5.00\]", "≥\N{NO-BREAK SPACE}4", "met", "arithmetic"],
        ["`made_up`: one thread: part of the whole", "0.120", "≤\N{NO-BREAK SPACE}0.1", "**not met**", "–"],
        ["`made_up`: growth: 10 steps, slow", "4.00 ms", "≥\N{NO-BREAK SPACE}2", "met", "–"],
    ]


def test_without_a_goal_there_is_no_verdict():
    with pytest.raises(ValueError, match="no measurement has a goal; the benchmarks are another"):
        performance.verdicts({"another": WITHOUT_GOALS})


def test_a_section_has_a_table_for_each_group():
    text = performance.section(MADE)
    origin, *groups = text.split("\n\n**")
    assert origin.startswith("Sizes 1-2-3. Measured on 2 cores")
    assert [group.partition("**")[0] for group in groups] == ["one thread", "growth"]
    assert cells(groups[0])[2:] == [
        ["part of the whole", "0.120", "≤\N{NO-BREAK SPACE}0.1", "not met", "–"],
        ["a step", "12.0 µs", "–", "–", "–"],
    ]
    assert cells(groups[1]) == [["What", "fast", "slow"], ["10 steps", "1.00 ms", "4.00 ms"]]


def stored(folder: Path, reduced: list[str]) -> None:
    record = {"wall_seconds": 7200.0, "device": "CPU (x86_64), 2 threads", "date": "2026-11-22", "reduced": reduced}
    dataset = xr.Dataset({"x": ("n", np.zeros(1))}, attrs={"provenance": json.dumps(record)})
    store.write(dataset, store.result_path(folder, "01_made_up"))


def written(folder: Path, metadata: dict[str, object]) -> None:
    (folder / "01_made_up.ipynb").write_text(json.dumps({"metadata": metadata}), encoding="utf-8")


def test_a_chapter_costs_what_its_files_say(tmp_path):
    expected = {"01_made_up": {"smoke": "1 s", "quick": "9 s", "paper": "3 h on two cores"}}
    written(tmp_path, {})
    assert cells(performance.chapter_costs(tmp_path, tmp_path, expected))[1] == [
        "[01 made up](../notebooks/01_made_up.ipynb)",
        "1 s",
        "not measured yet",
        "nothing stored; expected: 3 h on two cores",
        "not measured",
    ]
    written(tmp_path, {"feedback_alignment": {"seconds": 11.6, "device": "CPU (x86_64), 1 thread"}})
    stored(tmp_path, [])
    row = cells(performance.chapter_costs(tmp_path, tmp_path, expected))[1]
    assert row[2:4] == [r"12 s on CPU (x86\_64), 1 thread", r"2.0 h on CPU (x86\_64), 2 threads, 2026-11-22"]
    stored(tmp_path, ["3 seeds of 10"])
    assert cells(performance.chapter_costs(tmp_path, tmp_path, expected))[1][3].endswith("; reduced against the paper")
