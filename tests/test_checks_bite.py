"""Proof that the checks bite: one alteration at a time in a copy of the clone, and the check that must fail does."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from feedback_alignment.companion import store

ROOT = Path(__file__).parents[1]
NOTEBOOK = "notebooks/01_credit_assignment.ipynb"
RESULT = "results/01_credit_assignment.paper.nc"
# Of the chapters the one that is altered: what becomes of one notebook does not depend on the others.
NBVAL = ("--nbval", NOTEBOOK, "-p", "no:cacheprovider", "-q")
SCORECARD = ("tests/test_scorecard_page.py", "-q")
CONTRACT = ("tests/test_notebooks.py", "-q", "-k", "contract")


@dataclass(frozen=True)
class Alteration:
    """What is altered, the pytest call that must notice, and words of its complaint."""

    name: str
    alter: Callable[[Path], None]
    check: tuple[str, ...]
    complaint: str


def replace(path: str, old: str, new: str) -> Callable[[Path], None]:
    def alter(clone: Path) -> None:
        text = (clone / path).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{path} should hold {old!r} once"
        (clone / path).write_text(text.replace(old, new), encoding="utf-8")

    return alter


def flip_a_byte(clone: Path) -> None:
    content = bytearray((clone / RESULT).read_bytes())
    content[len(content) // 2] ^= 1
    (clone / RESULT).write_bytes(content)


def shift_a_stored_number(clone: Path) -> None:
    dataset = store.read(clone / RESULT)
    dataset["test_accuracy"][{"rule": 2, "epoch": -1, "member": 0}] -= 0.01
    store.write(dataset, clone / RESULT)


def change_a_printed_number(clone: Path) -> None:
    notebook = json.loads((clone / NOTEBOOK).read_text(encoding="utf-8"))
    lines = [
        (output["text"], index)
        for cell in notebook["cells"]
        for output in cell.get("outputs", [])
        if output["output_type"] == "stream"
        for index, line in enumerate(output["text"])
        if line.startswith("direct_feedback_alignment")
    ]
    (text, index) = lines[0]
    text[index] = text[index].replace("0.9", "0.8", 1)
    (clone / NOTEBOOK).write_text(json.dumps(notebook, indent=1), encoding="utf-8")


def drop_an_alternative_text(clone: Path) -> None:
    notebook = json.loads((clone / NOTEBOOK).read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if "image" in cell["metadata"].get("mystnb", {})]
    cells[0]["metadata"]["mystnb"]["image"]["alt"] = ""
    (clone / NOTEBOOK).write_text(json.dumps(notebook, indent=1), encoding="utf-8")


EXPERIMENT = "src/feedback_alignment/experiments/credit_assignment.py"
TOLERANCE = 'Tolerance("three standard errors over seeds; nothing else is uncertain"'
ALTERATIONS = [
    Alteration("a flipped byte in a stored result", flip_a_byte, SCORECARD, "truncated or altered"),
    Alteration("a stored number, its hash made anew", shift_a_stored_number, SCORECARD, "regenerates_identically"),
    Alteration("a printed number", change_a_printed_number, NBVAL, "mismatch"),
    Alteration(
        "the sign of a learning rule",
        replace(
            "src/feedback_alignment/networks/rules.py",
            "return layer.through_feedback(layer.error)",
            "return -layer.through_feedback(layer.error)",
        ),
        NBVAL,
        "mismatch",
    ),
    Alteration("a tolerance, in the page", replace(EXPERIMENT, TOLERANCE, TOLERANCE + ", 2.9"), NBVAL, "mismatch"),
    Alteration(
        "a tolerance, on the scorecard",
        replace(EXPERIMENT, TOLERANCE, TOLERANCE + ", 2.9"),
        SCORECARD,
        "regenerates_identically",
    ),
    Alteration("an alternative text", drop_an_alternative_text, CONTRACT, "alt"),
]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of the working tree: the tracked files and those that git does not ignore."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in listed.splitlines():
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / name)
    return tmp_path


def run_check(clone: Path, check: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(clone / "src"), "OMP_NUM_THREADS": "1"}
    environment.pop("FEEDBACK_ALIGNMENT_RESULTS", None)
    return subprocess.run(
        [sys.executable, "-m", "pytest", *check],
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.long
@pytest.mark.parametrize("check", [NBVAL, SCORECARD, CONTRACT], ids=["nbval", "scorecard", "contract"])
def test_check_passes_on_an_untouched_copy(clone: Path, check: tuple[str, ...]) -> None:
    outcome = run_check(clone, check)
    assert outcome.returncode == 0, outcome.stdout[-3000:] + outcome.stderr[-1000:]


@pytest.mark.long
@pytest.mark.parametrize("alteration", ALTERATIONS, ids=lambda alteration: alteration.name)
def test_check_notices(clone: Path, alteration: Alteration) -> None:
    alteration.alter(clone)
    outcome = run_check(clone, alteration.check)
    assert outcome.returncode == 1, f"{alteration.name} went unnoticed:\n{outcome.stdout[-3000:]}"
    assert alteration.complaint in outcome.stdout
