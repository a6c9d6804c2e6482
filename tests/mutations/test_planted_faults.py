"""The faults that are planted in src/: that they can be, that what is written down of them is about them, and a few."""

import json
from pathlib import Path

import measure
import pytest
from planted import PLANTED, Planted

RECORD = json.loads(measure.RECORD.read_text(encoding="utf-8"))


def test_there_are_at_least_forty_in_every_part_of_the_package():
    assert len(PLANTED) == len({(fault.file, fault.old, fault.new) for fault in PLANTED}) >= 40
    parts = {fault.file.partition("/")[0] for fault in PLANTED}
    assert {"teacher_student", "deep_linear", "networks", "experiments", "companion", "streams.py"} == parts


@pytest.mark.parametrize("fault", PLANTED, ids=lambda fault: f"{fault.file}: {fault.old}")
def test_each_can_be_planted_and_has_tests(tmp_path: Path, fault: Planted):
    path = tmp_path / measure.SOURCE / fault.file
    path.parent.mkdir(parents=True)
    measure.plant(fault, tmp_path)
    text = path.read_text(encoding="utf-8")
    assert text != (measure.ROOT / measure.SOURCE / fault.file).read_text(encoding="utf-8")
    assert (measure.ROOT / fault.tests[0]).is_file()
    if path.suffix == ".py":
        compile(text, path.name, "exec")


def test_a_text_that_is_not_there_once_cannot_be_replaced(tmp_path: Path):
    with pytest.raises(ValueError, match=r"streams\.py must hold 'no such text' once; it does 0 times"):
        measure.plant(Planted("streams.py", "no such text", "", ()), tmp_path)


def test_what_is_written_down_is_about_these_faults():
    """Else: make mutations."""
    keys = ("file", "old", "new", "tests")
    assert [{key: row[key] for key in keys} for row in RECORD["faults"]] == [measure.plain(fault) for fault in PLANTED]
    assert all(isinstance(row["caught"], bool) and len(row["commit"].rstrip("+")) == 40 for row in RECORD["faults"])
    assert RECORD["planted"] == len(PLANTED)
    assert RECORD["caught"] == sum(row["caught"] for row in RECORD["faults"]) == len(PLANTED) - RECORD["missed"]


def test_only_what_was_caught_is_not_tried_again(tmp_path: Path):
    path = tmp_path / "mutations.json"
    assert measure.known(path) == {}
    first, second = (
        dict(measure.plain(fault), caught=caught) for fault, caught in zip(PLANTED[:2], (True, False), strict=True)
    )
    path.write_text(json.dumps({"faults": [first, second]}))
    assert measure.known(path) == {json.dumps(measure.plain(PLANTED[0])): first}


@pytest.mark.long
def test_a_few_are_caught_as_it_is_written_down(tmp_path: Path):
    """One of each part; all of them: make mutations. In a process of its own, which loads nothing of the package."""
    import subprocess
    import sys

    chosen = sorted({fault.file.partition("/")[0]: index for index, fault in enumerate(PLANTED)}.values())
    code = (
        "import sys, pathlib, measure; measure.load_libraries();"
        f"found = list(measure.measure([measure.PLANTED[i] for i in {chosen}], pathlib.Path(sys.argv[1])));"
        "print(found)"
    )
    here = str(Path(__file__).parent)
    answer = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=here, capture_output=True, text=True, check=False
    )
    expected = [RECORD["faults"][index]["caught"] for index in chosen]
    assert answer.stdout.splitlines()[-1:] == [str(expected)], answer.stdout + answer.stderr
