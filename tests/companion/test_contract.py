"""Every fault that the notebook contract names, planted one by one."""

from collections.abc import Callable

import nbformat
import pytest
from small_notebooks import code, notebook

from feedback_alignment.companion import contract, notebook_files

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def picture(name: str) -> nbformat.NotebookNode:
    cell = code(
        "figure",
        mystnb={
            "figure": {"caption": "Accuracy over epochs.", "name": name},
            "image": {"alt": "Four curves rise from one tenth to nine tenths."},
        },
    )
    cell.outputs = [
        nbformat.v4.new_output("display_data", data={"image/png": PIXEL, "text/plain": "<Figure size 640x480>"})
    ]
    return cell


def exemplary() -> nbformat.NotebookNode:
    content = notebook(code("print(1)"), picture("fig-one"), picture("fig-two"))
    content.cells[3].outputs = [nbformat.v4.new_output("stream", name="stdout", text="1\n")]
    for count, cell in enumerate(content.cells[1:], start=1):
        cell.execution_count = count
    return content


def error_output() -> nbformat.NotebookNode:
    return nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=[])


def stdout(text: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_output("stream", name="stdout", text=text)


FAULTS: dict[str, tuple[Callable[[nbformat.NotebookNode], object], str]] = {
    "kernel": (lambda nb: nb.metadata.kernelspec.update(name="venv"), "kernelspec.name must be 'python3'"),
    "no kernel": (lambda nb: nb.metadata.pop("kernelspec"), "kernelspec.name must be 'python3'"),
    "title": (lambda nb: nb.cells[0].update(source="Title"), "first cell must be Markdown"),
    "size": (lambda nb: nb.cells[0].update(source="# " + 500_000 * "x"), "the limit is 500,000"),
    "Colab test": (lambda nb: nb.cells[1].update(source="import google.colab"), "must set up Colab under"),
    "Colab hidden": (lambda nb: nb.cells[1].metadata.update(tags=["nbval-skip"]), "lacks the tag remove-cell"),
    "Colab skipped": (lambda nb: nb.cells[1].metadata.update(tags=["remove-cell"]), "lacks the tag nbval-skip"),
    "no parameters": (lambda nb: nb.cells[2].metadata.clear(), "there are 0"),
    "two parameters": (lambda nb: nb.cells[3].metadata.update(tags=["parameters"]), "there are 2"),
    "parameter name": (lambda nb: nb.cells[2].update(source='profil = "quick"'), 'must be `profile = "quick"`'),
    "parameter value": (lambda nb: nb.cells[2].update(source='profile = "paper"'), 'must be `profile = "quick"`'),
    "more parameters": (lambda nb: nb.cells[2].update(source='profile = "quick"\nseed = 1'), "nothing else"),
    "injected": (lambda nb: nb.cells[3].metadata.update(tags=["injected-parameters"]), "is left from a run"),
    "not run": (lambda nb: nb.cells[3].update(execution_count=None), "has not been run"),
    "out of order": (lambda nb: nb.cells[3].update(execution_count=9), "was run as number 9, in order it is 3"),
    "output lost": (lambda nb: nb.cells[3].update(outputs=[]), "has no output, yet it prints"),
    "picture lost": (lambda nb: nb.cells[4].update(outputs=[]), "describes a picture"),
    "error": (lambda nb: nb.cells[3].outputs.append(error_output()), "ended in an error (ValueError: no)"),
    "stderr": (lambda nb: nb.cells[3].outputs[0].update(name="stderr"), "wrote to stderr (1)"),
    "no alternative text": (lambda nb: nb.cells[4].metadata.mystnb.pop("image"), "image.alt has 0 characters"),
    "short text": (lambda nb: nb.cells[4].metadata.mystnb.image.update(alt=19 * "x"), "image.alt has 19 characters"),
    "no caption": (lambda nb: nb.cells[4].metadata.mystnb.figure.pop("caption"), "without a caption"),
    "no name": (lambda nb: nb.cells[4].metadata.mystnb.figure.pop("name"), "without a name"),
    "same name": (lambda nb: nb.cells[4].metadata.mystnb.figure.update(name="fig-two"), "named 'fig-two', as"),
    "two pictures": (lambda nb: nb.cells[4].outputs.append(nb.cells[5].outputs[0]), "shows 2 pictures"),
    "tag with underscore": (lambda nb: nb.cells[3].metadata.update(tags=["nbval_skip"]), "the tag `nbval_skip`"),
    "unknown nbval tag": (lambda nb: nb.cells[3].metadata.update(tags=["nbval-lax"]), "the tag `nbval-lax`"),
    "misspelt tag": (lambda nb: nb.cells[3].metadata.update(tags=["raise-exception"]), "the tag `raise-exception`"),
    "misspelt comment": (lambda nb: nb.cells[3].update(source="# NBVAL_SKIPP\nprint(1)"), "comment `NBVAL_SKIPP`"),
    "iterations": (lambda nb: nb.cells[3].outputs.append(stdout("3.1 it/s")), "progress or a timing ('it/s')"),
    "slow iterations": (lambda nb: nb.cells[3].outputs.append(stdout("3.1 s/it")), "progress or a timing ('s/it')"),
    "bar": (lambda nb: nb.cells[3].outputs.append(stdout("50%|###  |")), "progress or a timing ('0%|')"),
    "overwritten line": (lambda nb: nb.cells[3].outputs.append(stdout("1\r2")), "progress or a timing"),
    "timing magic": (lambda nb: nb.cells[3].outputs.append(stdout("a\nWall time: 3 ms")), "('Wall time: ')"),
    "address": (lambda nb: nb.cells[3].outputs.append(stdout("<Axes at 0x7fab12cd34>")), "address (0x7fab12cd34)"),
}  # fmt: skip


def test_an_exemplary_notebook_has_no_fault(tmp_path):
    path = tmp_path / "01_probe.ipynb"
    notebook_files.write(exemplary(), path)
    assert contract.check_contract(path) == []
    assert contract.main([str(path)]) == 0


@pytest.mark.parametrize("fault", FAULTS)
def test_each_breach_of_the_contract_is_found_and_named(tmp_path, fault):
    plant_fault, message = FAULTS[fault]
    content = exemplary()
    plant_fault(content)
    path = tmp_path / "01_probe.ipynb"
    notebook_files.write(content, path)
    faults = contract.check_contract(path)
    assert [f for f in faults if message in f], faults
    assert all(f.endswith(".") for f in faults)


def test_the_contract_command_lists_faults_and_reports_a_file_that_is_no_notebook(tmp_path, capsys):
    path = tmp_path / "01_probe.ipynb"
    path.write_text("no")
    assert contract.main([str(path)]) == 1
    assert "is not JSON" in capsys.readouterr().out
