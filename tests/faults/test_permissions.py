"""Folders that may not be written: results, checkpoints, downloads, the installation, the home folder; and no network.

Each refusal names the folder and another way, comes before anything is computed, and leaves nothing behind.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from feedback_alignment import atomic, compilation
from feedback_alignment.__main__ import main
from feedback_alignment.companion import figure_files, store
from feedback_alignment.experiments import credit_assignment, figure_export
from feedback_alignment.networks import archives
from feedback_alignment.networks.archives import DataUnavailableError, OfficialFile

ROOT = Path(__file__).parents[2]


@pytest.fixture
def read_only(tmp_path: Path, permissions_count: None) -> Iterator[Path]:
    folder = tmp_path / "read-only"
    folder.mkdir()
    (folder / "file").write_bytes(b"as it was")
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)
    assert [path.read_bytes() for path in folder.iterdir()] == [b"as it was"]


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing answers, and no data is given or cached."""

    def refuse(*arguments: object, **named: object) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.delenv(archives.DATA_VARIABLE, raising=False)
    monkeypatch.setenv(archives.CACHE_VARIABLE, str(tmp_path / "cache"))


def test_a_file_that_may_not_be_written_is_named_and_stays(read_only):
    with pytest.raises(PermissionError, match=r"Permission denied: .*read-only/file could not be written and is as it"):
        atomic.write_bytes(read_only / "file", b"new")
    with pytest.raises(PermissionError, match=r"read-only/new/file could not be written .* give permission there"):
        atomic.write_bytes(read_only / "new" / "file", b"new")


@pytest.mark.parametrize("option", ["--results", "--checkpoints"])
def test_a_run_that_could_not_be_stored_does_not_start(read_only, tmp_path, monkeypatch, capsys, option):
    monkeypatch.setattr(credit_assignment, "run", lambda *arguments: pytest.fail("must not start"))
    folders = {"--results": tmp_path / "results", "--checkpoints": tmp_path / "checkpoints", option: read_only}
    words = (word for name, folder in folders.items() for word in (name, str(folder)))
    assert main(["run", "01", "--profile", "smoke", *words]) == 1
    message = f"error: nothing can be written to {read_only} (Permission denied): name another folder with {option}\n"
    assert capsys.readouterr().err == message


def test_results_in_a_folder_that_cannot_be_written_are_read(read_only, smoke_result):
    read_only.chmod(0o755)
    path = store.result_path(read_only, "01_credit_assignment", "smoke")
    store.write(smoke_result, path)
    read_only.chmod(0o555)
    assert store.read(path).attrs["provenance"] == smoke_result.attrs["provenance"]
    assert main(["run", "01", "--profile", "smoke", "--results", str(read_only)]) == 0
    read_only.chmod(0o755)
    path.unlink()


def test_figures_that_cannot_be_written_are_an_error(read_only, capsys, monkeypatch):
    monkeypatch.setattr(figure_export, "export_changed", lambda *arguments: [])
    assert figure_export.main(["01", "--into", str(read_only)]) == 1
    assert f"{figure_files.LIST} could not be written and is as it was" in capsys.readouterr().err


def test_downloads_that_cannot_be_kept_are_an_error(read_only):
    official = OfficialFile("letters.bin", 3, "0" * 64, ("http://127.0.0.1:9/",))
    with pytest.raises(DataUnavailableError, match=r"cannot use the folder .*read-only/cache .*FEEDBACK_ALIGNMENT_CAC"):
        archives.fetch(official, read_only / "cache")


def test_compiled_code_goes_where_it_can(read_only, tmp_path, monkeypatch):
    """The installation cannot be written, then nor can the home folder."""
    installed = read_only / "feedback_alignment"
    read_only.chmod(0o755)
    shutil.copytree(Path(compilation.__file__).parent / "teacher_student", installed / "teacher_student")
    for folder in (installed / "teacher_student", installed, read_only):
        shutil.rmtree(folder / "__pycache__", ignore_errors=True)
        folder.chmod(0o555)
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    place = compilation.cache_folder.__wrapped__(installed / "teacher_student")
    assert place.parent == tmp_path / "home" / "feedback-alignment"
    monkeypatch.setenv("XDG_CACHE_HOME", str(read_only))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    place = compilation.cache_folder.__wrapped__(installed / "teacher_student")
    assert place.parent == tmp_path / f"feedback-alignment-{os.getuid()}"
    for folder in (read_only, installed, installed / "teacher_student"):
        folder.chmod(0o755)
    shutil.rmtree(installed)


@pytest.mark.usefixtures("no_network")
def test_without_network_a_run_says_how_to_bring_the_data(tmp_path, capsys):
    assert main(["run", "06", "--profile", "paper", "--results", str(tmp_path / "results")]) == 1
    message = capsys.readouterr().err
    assert "error: could not download train-images-idx3-ubyte.gz (9.9 MB); tried" in message
    for mirror in archives.MNIST[0].mirrors:
        assert mirror in message
    assert "Check the network, or set FEEDBACK_ALIGNMENT_DATA to a folder with mnist/*-ubyte.gz" in message
    assert "Traceback" not in message
    assert not list((tmp_path / "results").iterdir())


RUN_WITHOUT_A_HOME = """
import json, sys
from pathlib import Path
from feedback_alignment.__main__ import main
from feedback_alignment.companion import notebook_files, running

source = notebook_files.read(Path(sys.argv[1]))
executed = running.run_notebook(Path(sys.argv[2]), "01_probe", source, "quick")
status = main(["run", "01", "--profile", "smoke", "--results", sys.argv[3]])
print(json.dumps([status, executed.cells[-1].outputs[-1].text]))
"""


@pytest.mark.long
def test_a_home_and_an_installation_that_cannot_be_written_stop_neither_a_notebook_nor_a_run(tmp_path, as_others):
    from nbformat import v4

    home, clone = tmp_path / "home", tmp_path / "clone"
    home.mkdir()
    (clone / "notebooks").mkdir(parents=True)
    shutil.copytree(ROOT / "src", clone / "src", ignore=shutil.ignore_patterns("__pycache__"))
    cells = [
        v4.new_code_cell('profile = "quick"', metadata={"tags": ["parameters"]}),
        v4.new_code_cell("import matplotlib.pyplot\nfrom feedback_alignment import teacher_student\nprint('done')"),
    ]
    probe = v4.new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    path = clone / "notebooks" / "01_probe.ipynb"
    path.write_text(json.dumps(probe))
    folders = [home, *(folder for folder in clone.rglob("*") if folder.is_dir()), clone]
    for folder in folders:
        folder.chmod(0o555)
    hidden = ("XDG_", "JUPYTER_", "IPYTHON", "MPL", "NUMBA", "FEEDBACK")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    environment |= {"HOME": str(home), "PYTHONPATH": str(clone / "src")}
    command = [*as_others, sys.executable, "-c", RUN_WITHOUT_A_HOME, str(path), str(clone), str(tmp_path / "results")]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)
    for folder in folders:
        folder.chmod(0o755)
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout.splitlines()[-1]) == [0, "done\n"]
    assert list(home.iterdir()) == []
