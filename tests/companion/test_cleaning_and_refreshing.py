"""Cleaning notebooks, and writing fresh outputs into the committed ones."""

import copy
import json
import os
import subprocess
import sys

import nbformat
from small_notebooks import code, notebook, plant, printed

from feedback_alignment.companion import notebook_files, notebooks


def dirty() -> nbformat.NotebookNode:
    content = notebook(
        code('profile = "smoke"', "injected-parameters"),
        code("print(1); print(2)", papermill={"status": "completed"}, execution={"iopub.execute_input": "2024"}),
        code("print(1); print(2)"),
    )
    stream = nbformat.v4.new_output
    content.cells[4].outputs = [
        stream("stream", name="stdout", text="1\n"),
        stream("stream", name="stdout", text="2\n"),
        stream("stream", name="stderr", text="careful\n"),
        stream("stream", name="stdout", text="3\n"),
        stream("execute_result", data={"text/plain": "3"}, execution_count=3),
    ]
    content.cells[4].execution_count = 3
    content.cells[0].metadata["tags"] = []
    content.metadata["papermill"] = {"start_time": "2024", "input_path": "somewhere"}
    content.metadata["language_info"] = {"name": "python", "version": "3.11.7", "pygments_lexer": "ipython3"}
    content.metadata["feedback_alignment"] = {
        "profile": "quick",
        "seconds": 12.6,
        "device": "CPU",
        "inputs": "1",
        "text": "2",
    }
    return content


def test_cleaning_keeps_outputs_and_drops_what_differs_between_reruns():
    original = dirty()
    untouched = copy.deepcopy(original)
    cleaned = notebooks.clean(original)
    assert [cell.source for cell in cleaned.cells] == [c.source for i, c in enumerate(original.cells) if i != 3]
    outputs = cleaned.cells[3].outputs
    assert [(o.get("name"), o.get("text")) for o in outputs] == [
        ("stdout", "1\n2\n"), ("stderr", "careful\n"), ("stdout", "3\n"), (None, None),
    ]  # fmt: skip
    assert cleaned.cells[3].execution_count == 3
    assert cleaned.cells[3].metadata == {}
    assert cleaned.cells[0].metadata == {}
    assert set(cleaned.metadata) == {"kernelspec", "language_info", "feedback_alignment"}
    assert cleaned.metadata.language_info == {"name": "python", "pygments_lexer": "ipython3"}
    assert cleaned.metadata.feedback_alignment == {"profile": "quick", "seconds": 13.0, "device": "CPU"}
    assert len({cell.id for cell in cleaned.cells}) == len(cleaned.cells)
    assert original == untouched


def test_cleaning_gives_the_same_file_whatever_the_random_ids_and_only_once(tmp_path, capsys):
    paths = [tmp_path / name for name in ("a.ipynb", "b.ipynb")]
    for path in paths:
        notebook_files.write(dirty(), path)
    assert paths[0].read_bytes() != paths[1].read_bytes()
    compact = json.dumps(json.loads(paths[1].read_text()), sort_keys=False, ensure_ascii=True)
    paths[1].write_text(compact)

    assert notebooks.main(["clean", "--check", *map(str, paths)]) == 1
    assert capsys.readouterr().out.count("not clean") == 2
    assert paths[1].read_text() == compact
    assert notebooks.main(["clean", *map(str, paths)]) == 0
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert paths[0].read_bytes().endswith(b"\n}\n")
    stamp = paths[0].stat().st_mtime_ns
    capsys.readouterr()
    assert notebooks.main(["clean", "--check", *map(str, paths)]) == 0
    assert notebooks.main(["clean", *map(str, paths)]) == 0
    assert capsys.readouterr().out == ""
    assert paths[0].stat().st_mtime_ns == stamp
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.ipynb", "b.ipynb"]


def test_a_cell_edit_changes_the_id_of_that_cell_only():
    content = notebook(code("x = 1"), code("x = 1"))
    before = [cell.id for cell in notebooks.clean(content).cells]
    content.cells[1].source += "\n"
    after = [cell.id for cell in notebooks.clean(content).cells]
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False, True, True, True]


def test_cleaning_names_a_file_that_is_no_notebook_and_leaves_it(tmp_path, capsys):
    broken, other = tmp_path / "broken.ipynb", tmp_path / "other.ipynb"
    broken.write_text('{"cells": [')
    other.write_text('{"cells": [], "nbformat": 3}')
    assert notebooks.main(["clean", str(broken), str(other)]) == 1
    error = capsys.readouterr().err
    assert "broken.ipynb is not JSON" in error
    assert "other.ipynb is not a notebook of format 4" in error
    assert broken.read_text() == '{"cells": ['


def test_refreshing_twice_gives_the_same_file_which_nbval_accepts(tiny_clone):
    path = tiny_clone / "notebooks" / "01_probe.ipynb"
    assert notebooks.main(["refresh", "01"], root=tiny_clone) == 0
    first = notebook_files.read(path)
    assert printed(path) == "quick 1 1 notebooks\n"
    assert set(first.metadata.feedback_alignment) == {"profile", "seconds", "device"}
    assert not notebooks.clean_file(path, check=True)
    assert notebooks.main(["refresh"], root=tiny_clone) == 0
    second = notebook_files.read(path)
    first.metadata.feedback_alignment.seconds = second.metadata.feedback_alignment.seconds
    assert notebook_files.text_of(second) == notebook_files.text_of(first)

    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(tiny_clone / "src")}
    command = [sys.executable, "-m", "pytest", "--nbval", "-p", "no:cacheprovider", "--rootdir", tiny_clone, path]
    answer = subprocess.run(command, env=environment, cwd=tiny_clone, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout
    assert "4 passed, 1 skipped" in answer.stdout


def test_refreshing_refuses_text_on_stderr_and_failures_and_leaves_the_committed_file(tiny_clone, capsys):
    loud = plant(tiny_clone, "02_loud", code("import warnings\n\nwarnings.warn('too warm')"))
    failing = plant(tiny_clone, "03_failing", code("raise LookupError('gone')"))
    before = loud.read_bytes(), failing.read_bytes()
    assert notebooks.main(["refresh", "02", "03"], root=tiny_clone) == 1
    error = capsys.readouterr().err
    assert "02_loud: cell 4 (import warnings) left text on stderr in its output" in error
    assert "too warm" in error
    assert "03_failing: cell 4 (raise LookupError('gone')) raised LookupError: gone" in error
    assert (loud.read_bytes(), failing.read_bytes()) == before
