"""The committed notebooks: their contract, their cleanness, and that every chapter runs at the smoke profile.

Their numbers are compared by `pytest --nbval notebooks/`, which the Makefile calls.
"""

import ast
from pathlib import Path

import pytest

from feedback_alignment import experiments
from feedback_alignment.companion import execution, notebook_files, notebooks
from feedback_alignment.companion.claims_table import ClaimsTable
from feedback_alignment.companion.contract import check_contract
from feedback_alignment.companion.pictures import Picture

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = notebook_files.find_chapters(ROOT)
SHORTEST = "01_credit_assignment"


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


def test_the_shortest_chapter_runs_at_the_smoke_profile_the_way_make_book_runs_it(tmp_path, capsys):
    committed = CHAPTERS[SHORTEST].read_bytes()
    assert execution.main(["--into", str(tmp_path), "--profile", "smoke", SHORTEST]) == 0, capsys.readouterr().err
    assert CHAPTERS[SHORTEST].read_bytes() == committed
    executed = notebook_files.read(tmp_path / f"{SHORTEST}.ipynb")
    assert executed.metadata.feedback_alignment.profile == "smoke"
    written = [o.get("name", o.output_type) for cell in executed.cells for o in cell.get("outputs", [])]
    assert "stderr" not in written
    assert written


def value_of(source, namespace):
    """Run a cell and return its value, the one that a notebook shows below it; None where it ends with a statement."""
    *statements, last = ast.parse(source).body
    if not isinstance(last, ast.Expr):
        exec(source, namespace)
        return None
    exec(compile(ast.Module(statements, []), "<cell>", "exec"), namespace)
    return eval(compile(ast.Expression(last.value), "<cell>", "eval"), namespace)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_cells_of_the_chapter_run_at_the_smoke_profile(chapter, smoke_run, monkeypatch, capsys):
    """Cell by cell in this process, with the dataset that the chapter's own tests have; a warning is an error here."""
    experiment = experiments.load(chapter)
    live, settings = smoke_run(chapter), []
    monkeypatch.setattr(experiment, "run", lambda given: settings.append(given) or live)
    monkeypatch.chdir(ROOT / "notebooks")
    namespace, values = {"__name__": "__main__"}, []
    for cell in notebook_files.read(CHAPTERS[chapter]).cells:
        if cell.cell_type == "code":
            values.append(value_of(cell.source, namespace))
            if "parameters" in notebook_files.tags(cell):
                assert namespace["profile"] == "quick"
                namespace["profile"] = "smoke"
    assert settings == [experiment.SETTINGS["smoke"]]
    printed, complaints = capsys.readouterr()
    assert printed
    assert complaints == ""
    assert sum(isinstance(value, Picture) for value in values) >= 2
    (table,) = (value for value in values if isinstance(value, ClaimsTable))
    assert [row["key"] for row in table.live] == [claim.key for claim in experiment.claims(live)]
