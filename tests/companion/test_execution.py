"""Executing chapters of a tiny clone: when, when not, and what a failure leaves."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from small_notebooks import code, executions, notebook, plant, printed

from feedback_alignment.companion import dependencies, execution, notebook_files, notebooks, running

PATIENCE = 300  # seconds, for a machine that is busy with other things


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "executed"


def test_a_chapter_is_executed_again_only_when_something_it_depends_on_has_changed(tiny_clone, into, capsys):
    source, target = tiny_clone / "notebooks" / "01_probe.ipynb", into / "01_probe.ipynb"
    committed = source.read_bytes()

    def make() -> str:
        assert execution.main(["--into", str(into)], root=tiny_clone) == 0
        return capsys.readouterr().out

    assert "01_probe: executed in " in make()
    assert printed(target) == "quick 1 1 notebooks\n"
    assert source.read_bytes() == committed
    assert [p.name for p in into.iterdir()] == ["01_probe.ipynb"]
    executed = notebook_files.read(target)
    assert not any("injected-parameters" in notebook_files.tags(cell) for cell in executed.cells)
    record = executed.metadata.feedback_alignment
    assert (record.profile, record.device) == ("quick", "CPU, one thread")
    assert 0.1 < record.seconds < 60

    before = target.stat().st_mtime_ns
    assert make() == "01_probe: unchanged\n"
    (tiny_clone / "src/tiny/unrelated.py").write_text("CHANGED = True\n")
    assert make() == "01_probe: unchanged\n"
    assert (executions(tiny_clone), target.stat().st_mtime_ns) == (1, before)

    (tiny_clone / "src/tiny/deep.py").write_text("ANSWER = 2\n")
    assert "01_probe: executed in " in make()
    assert executions(tiny_clone) == 2
    assert printed(target) == "quick 2 1 notebooks\n"

    target.write_text(target.read_text()[:200])
    assert execution.main(["--into", str(into)], root=tiny_clone) == 0
    assert "is not JSON" in capsys.readouterr().err
    assert executions(tiny_clone) == 3


def test_new_prose_is_put_above_the_old_outputs_and_other_profiles_are_injected(tiny_clone, into, capfd):
    source, target = tiny_clone / "notebooks" / "01_probe.ipynb", into / "01_probe.ipynb"
    assert execution.execute_chapter(tiny_clone, "01_probe", into, "smoke").action == "executed"
    assert capfd.readouterr() == ("", "")
    assert printed(target) == "smoke 1 1 notebooks\n"
    assert notebook_files.read(target).metadata.feedback_alignment.profile == "smoke"

    changed = notebook_files.read(source)
    changed.cells[0].source = "# Another title"
    changed.cells[4].metadata["mystnb"] = {"figure": {"caption": "New"}}
    changed.cells.insert(1, nbformat.v4.new_markdown_cell("More text."))
    notebook_files.write(changed, source)
    assert execution.execute_chapter(tiny_clone, "01_probe", into, "smoke").action == "text updated"
    assert execution.execute_chapter(tiny_clone, "01_probe", into, "smoke").action == "unchanged"
    assert executions(tiny_clone) == 1
    updated = notebook_files.read(target)
    assert [cell.source for cell in updated.cells[:2]] == ["# Another title", "More text."]
    assert updated.cells[4].metadata.tags == ["injected-parameters"]
    assert updated.cells[6].metadata.mystnb.figure.caption == "New"
    assert printed(target) == "smoke 1 1 notebooks\n"


def test_a_failing_chapter_is_named_with_its_cell_leaves_no_file_and_does_not_stop_the_others(tiny_clone, into, capsys):
    plant(
        tiny_clone, "00_broken", code("x = 0"), nbformat.v4.new_markdown_cell("Now divide."), code("# why not\n1 / x")
    )
    plant(tiny_clone, "02_dying", code("import os\n\nos._exit(3)"), code("print('never')"))
    stale = notebook_files.read(tiny_clone / "notebooks" / "00_broken.ipynb")
    stale.metadata["feedback_alignment"] = {"inputs": "of an older version", "profile": "smoke"}
    notebook_files.write(stale, into / "00_broken.ipynb")

    assert execution.main(["--into", str(into), "--profile", "smoke"], root=tiny_clone) == 1
    output = capsys.readouterr()
    assert "00_broken: failed" in output.out
    assert "01_probe: executed in " in output.out
    summary = output.err.split("2 failed:")[1]
    assert "00_broken: cell 6 (# why not) raised ZeroDivisionError: division by zero" in summary
    assert "02_dying: cell 4 (import os) ended the kernel" in summary
    assert "----> 2 1 / x" in output.err
    assert [p.name for p in into.iterdir()] == ["01_probe.ipynb"]


def test_what_the_kernels_process_prints_stays_out_of_the_terminal_and_is_kept_for_a_kernel_that_dies(
    tiny_clone, into, capfd
):
    print_past_the_notebook = 'import os\n\nos.write(2, b"last words")'
    plant(tiny_clone, "02_murmuring", code(print_past_the_notebook))
    assert execution.execute_chapter(tiny_clone, "02_murmuring", into).action == "executed"
    plant(tiny_clone, "03_dying", code(f"{print_past_the_notebook}\nos._exit(1)"))
    with pytest.raises(running.ChapterError, match=r"03_dying: cell 4 .* ended the kernel") as caught:
        execution.execute_chapter(tiny_clone, "03_dying", into)
    assert caught.value.details == "last words"
    assert capfd.readouterr() == ("", "")


def test_an_interrupt_ends_the_command_without_a_half_written_file(tiny_clone, into):
    marker = tiny_clone / "started"
    plant(tiny_clone, "00_slow", code(f"import time\nopen({str(marker)!r}, 'w').close()\ntime.sleep(60)"))
    call = (
        "import pathlib, sys; from feedback_alignment.companion import execution; "
        f"sys.exit(execution.main(['--into', {str(into)!r}], root=pathlib.Path({str(tiny_clone)!r})))"
    )
    process = subprocess.Popen([sys.executable, "-c", call], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + PATIENCE
    while not marker.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, error
    assert "00_slow: interrupted" in output
    assert "01_probe" not in output
    assert not into.exists() or not list(into.iterdir())


def test_a_misspelt_parameter_a_foreign_kernel_and_left_over_parameters_are_refused_by_name(tiny_clone, into):
    plant(tiny_clone, "02_misspelt", parameters='profil = "quick"')
    with pytest.raises(
        running.ChapterError, match=r"02_misspelt: the cell tagged `parameters` must set `profile`.*sets profil"
    ):
        execution.execute_chapter(tiny_clone, "02_misspelt", into, "smoke")
    plant(tiny_clone, "03_left_over", code('profile = "paper"', "injected-parameters"))
    with pytest.raises(running.ChapterError, match="03_left_over: a cell tagged `injected-parameters`"):
        execution.execute_chapter(tiny_clone, "03_left_over", into)
    foreign = notebook()
    foreign.metadata.kernelspec.name = "conda-env-py"
    notebook_files.write(foreign, tiny_clone / "notebooks" / "04_foreign.ipynb")
    with pytest.raises(running.ChapterError, match=r"04_foreign: .* must be 'python3'; got 'conda-env-py'"):
        execution.execute_chapter(tiny_clone, "04_foreign", into)
    plant(tiny_clone, "05_no_python", code("x = ("))
    with pytest.raises(dependencies.UnreadableSourceError, match=r"05_no_python: cell 4 \(x = \(\)"):
        execution.execute_chapter(tiny_clone, "05_no_python", into)
    with pytest.raises(running.ChapterError, match="holds the source notebooks"):
        execution.execute_chapter(tiny_clone, "01_probe", tiny_clone / "notebooks")
    assert not into.exists()


def test_chapters_are_found_by_number_name_or_both_and_unknown_ones_get_a_suggestion(tiny_clone, into, capsys):
    plant(tiny_clone, "02_other")
    (tiny_clone / "notebooks" / "scratch.ipynb").write_text("{}")
    assert list(notebook_files.find_chapters(tiny_clone)) == ["01_probe", "02_other"]
    for spelling in ("02", "other", "02_other"):
        assert list(notebook_files.find_chapters(tiny_clone, [spelling])) == ["02_other"]
    assert execution.main(["--into", str(into), "01_prob"], root=tiny_clone) == 2
    assert "no chapter '01_prob'" in (error := capsys.readouterr().err)
    assert "did you mean 01_probe?" in error
    assert notebooks.main(["refresh", "nothing-like-it"], root=tiny_clone) == 2
    assert "there are: 01_probe, 02_other" in capsys.readouterr().err
    for path in (tiny_clone / "notebooks").iterdir():
        path.unlink()
    assert execution.main(["--into", str(into)], root=tiny_clone) == 2
    assert "found none" in capsys.readouterr().err


def test_outputs_of_chapters_that_are_gone_are_removed_and_other_files_are_left_alone(tiny_clone, into):
    gone, foreign = notebook(), notebook()
    gone.metadata["feedback_alignment"] = {"inputs": "x"}
    for name, content in (("01_old_name", gone), ("01_probe", gone), ("99_a_readers_own", foreign)):
        notebook_files.write(content, into / f"{name}.ipynb")
    assert execution.remove_orphans(tiny_clone, into) == ["01_old_name"]
    assert sorted(p.stem for p in into.iterdir()) == ["01_probe", "99_a_readers_own"]


def test_text_printed_in_pieces_is_one_output(tiny_clone, into):
    slowly = code(
        'import sys\nimport time\n\nfor word in "one", "two":\n    print(word, flush=True)\n    time.sleep(0.5)'
    )
    plant(tiny_clone, "01_probe", slowly)
    execution.execute_chapter(tiny_clone, "01_probe", into)
    (output,) = notebook_files.read(into / "01_probe.ipynb").cells[-1].outputs
    assert output.text == "one\ntwo\n"
