"""The committed notebooks: their contract, their cleanness, and that every chapter runs the way `make book` runs it.

Their numbers are compared by `pytest --nbval notebooks/`, which the Makefile calls.
"""

from pathlib import Path

import pytest

from feedback_alignment import experiments
from feedback_alignment.companion import execution, notebook_files, notebooks
from feedback_alignment.companion.contract import check_contract

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = notebook_files.find_chapters(ROOT)


WITHOUT_EXPERIMENT = ("14_write_your_own_rule",)
"""Pages that run and check no claims."""


def test_every_registered_chapter_has_its_notebook_and_no_other_file_lies_there():
    assert tuple(CHAPTERS) == (*experiments.CHAPTERS, *WITHOUT_EXPERIMENT)
    assert {p.stem for p in (ROOT / "notebooks").glob("*.ipynb")} == set(CHAPTERS)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_notebook_keeps_the_contract(chapter):
    faults = check_contract(CHAPTERS[chapter])
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_notebook_is_committed_clean_and_tells_what_it_cost(chapter):
    assert not notebooks.clean_file(CHAPTERS[chapter], check=True), "run `make refresh`, or the notebook cleaning hook"
    record = notebook_files.read(CHAPTERS[chapter]).metadata.get("feedback_alignment", {})
    assert set(record) == {"profile", "seconds", "device"}
    assert record["profile"] == "quick"
    assert record["seconds"] > 0


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_chapter_runs_at_the_smoke_profile_the_way_make_book_runs_it(chapter, tmp_path, capsys):
    committed = CHAPTERS[chapter].read_bytes()
    assert execution.main(["--into", str(tmp_path), "--profile", "smoke", chapter]) == 0, capsys.readouterr().err
    assert CHAPTERS[chapter].read_bytes() == committed
    executed = notebook_files.read(tmp_path / f"{chapter}.ipynb")
    assert executed.metadata.feedback_alignment.profile == "smoke"
    written = [o.get("name", o.output_type) for cell in executed.cells for o in cell.get("outputs", [])]
    assert "stderr" not in written
    assert written
