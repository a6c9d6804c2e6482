"""Notebooks whose JSON is damaged: refused by name by every command that reads them, and never overwritten."""

import json
from pathlib import Path
from typing import Any

import pytest
from nbformat import v4

from feedback_alignment.companion import comparison, execution, notebook_files, notebooks, scorecard
from feedback_alignment.companion.notebook_files import NotebookFileError

CELL = {"cell_type": "markdown", "source": "# Title", "metadata": {}, "id": "one"}


def content(**changes: Any) -> str:
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [CELL], **changes})


DAMAGED = {
    "empty": "",
    "cut short": content()[:-5],
    "deep": "[" * 100_000,
    "a conflict of git": f"<<<<<<< HEAD\n{content()}\n=======\n{content()}\n>>>>>>> other\n",
    "not UTF-8": b"\xff\xfe",
    "a list": "[]",
    "no cells": content(cells=None),
    "cells without a source": content(cells=[{"cell_type": "markdown", "metadata": {}}]),
    "cells of text": content(cells=["# Title"]),
    "format 3": content(nbformat=3),
    "a format in words": content(nbformat_minor="five"),
    "a source of numbers": content(cells=[CELL | {"source": [1, 2]}]),
    "no kind of cell": content(cells=[{"source": "# Title", "metadata": {}}]),
    "a kind that is nothing": content(cells=[CELL | {"cell_type": None}]),
    "an id that is a list": content(cells=[CELL | {"id": []}]),
    "metadata in words": content(metadata="python"),
    "outputs in words": content(cells=[CELL | {"cell_type": "code", "execution_count": None, "outputs": "none"}]),
    "attachments in words": content(cells=[CELL | {"attachments": "picture"}]),
}


@pytest.fixture(params=DAMAGED.values(), ids=DAMAGED)
def damaged(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "notebooks" / "01_title.ipynb"
    path.parent.mkdir()
    path.write_bytes(request.param if isinstance(request.param, bytes) else request.param.encode())
    return path


def test_it_is_refused_by_name_with_the_way_to_mend_it(damaged):
    with pytest.raises(NotebookFileError) as caught:
        notebook_files.read(damaged)
    assert str(caught.value).startswith(f"{damaged} is not ")
    assert str(caught.value).endswith(": restore it with 'git checkout', or write it anew with Jupyter")


def test_no_command_overwrites_it(damaged, tmp_path, capsys):
    before = damaged.read_bytes()
    assert notebooks.main(["clean", str(damaged)]) == 1
    assert notebooks.main(["refresh"], root=tmp_path) == 1
    assert execution.main(["--into", str(tmp_path / "executed")], root=tmp_path) == 1
    assert capsys.readouterr().err.count(f"{damaged} is not ") == 5  # each failure is told, and listed at the end
    assert damaged.read_bytes() == before
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("text", [DAMAGED[name] for name in ("empty", "cut short", "deep", "a list", "cells of text")])
def test_the_scorecard_and_the_comparison_name_it_too(tmp_path, text):
    path = tmp_path / "01_title.ipynb"
    path.write_text(text)
    with pytest.raises(NotebookFileError, match=r"01_title\.ipynb is not "):
        scorecard.entry("01_title", path, None)
    with pytest.raises(NotebookFileError, match=r"01_title\.ipynb is not "):
        comparison.compare_folders(tmp_path, tmp_path)


def test_a_damaged_output_is_told_and_the_chapter_runs_again(tmp_path, capsys):
    (tmp_path / "executed").mkdir()
    target = tmp_path / "executed" / "01_title.ipynb"
    target.write_text(content()[:-5])
    assert execution._previous(target) is None
    assert capsys.readouterr().err.startswith(f"ignored: {target} is not JSON")
    notebook_files.write(v4.new_notebook(), target)
    assert execution._previous(target) is not None
