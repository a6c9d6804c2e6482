"""A disk that fills up at any page of any file: what was there stands, nothing is left over, the message helps."""

import errno
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import nbformat
import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from feedback_alignment import compilation
from feedback_alignment.__main__ import main
from feedback_alignment.companion import figure_files, monitor, notebook_files, provenance, scorecard, store
from feedback_alignment.companion.checkpoints import CheckpointFile
from feedback_alignment.companion.figure_files import Listed, Shown
from feedback_alignment.companion.piece_files import PieceFile
from feedback_alignment.experiments import credit_assignment

PAGE = 4096
MESSAGE = r"No space left on device: .* could not be written and is as it was; make room or give permission there"
IDENTITY = {"kind": "example", "settings": {}}


def numbers(version: int) -> np.ndarray:
    return np.random.default_rng(version).normal(size=2500)


def result(folder: Path, version: int) -> None:
    dataset = xr.Dataset({"x": ("member", numbers(version))}, attrs={"provenance": "{}"})
    store.write(dataset, store.result_path(folder, "07_example"))


def piece(folder: Path, version: int) -> None:
    dataset = provenance.stamp_piece(
        xr.Dataset({"x": ("member", numbers(version))}),
        identity=IDENTITY,
        commit="c",
        device="cpu",
        wall_seconds=1.0,
        data={},
    )
    PieceFile(folder, folder, "one", IDENTITY).write(dataset)


def checkpoint(folder: Path, version: int) -> None:
    CheckpointFile(folder, IDENTITY, "BP").write({"weights": numbers(version)})


def notebook(folder: Path, version: int) -> None:
    cell = nbformat.v4.new_markdown_cell(str(numbers(version).tolist()), id="one")
    notebook_files.write(nbformat.v4.new_notebook(cells=[cell]), folder / "07_example.ipynb")


def page(folder: Path, version: int) -> None:
    claims = [{"key": f"{version}-{i}", "verdict": "agrees"} for i in range(200)]
    rows = [
        {
            **claim,
            "source": "Author 2020",
            "statement": "",
            "expected": "",
            "measured": "1",
            "standard_error": "0",
            "seeds": 0,
            "margin": "0",
            "tolerance": "",
            "scale": "paper",
            "outcome": "inside",
        }
        for claim in claims
    ]
    scorecard.write([scorecard.Entry("07_example", "Title", rows, "here")], folder / "scorecard.md")


def figures_list(folder: Path, version: int) -> None:
    figure_files.write_list([Listed(str(x), *["-"] * 7) for x in numbers(version)[:300]], folder)


WRITERS = {writer.__name__: writer for writer in (result, piece, checkpoint, notebook, page, figures_list)}


def leave(disk: Path, pages: int) -> None:
    """Fill the disk up to so many pages."""
    ballast = disk / "ballast"
    ballast.unlink(missing_ok=True)
    free = os.statvfs(disk).f_bavail
    ballast.write_bytes(bytes((free - pages) * PAGE))
    assert os.statvfs(disk).f_bavail == pages


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_wherever_the_disk_is_full_the_old_file_stands(small_disk: Path, write: Callable[[Path, int], None]) -> None:
    folder = small_disk / "files"
    write(folder, 1)
    before = contents(folder)
    needed = -(-max(map(len, before.values())) // PAGE)
    assert needed > 2
    for pages in range(needed):
        leave(small_disk, pages)
        with pytest.raises(OSError, match=MESSAGE) as full:
            write(folder, 2)
        assert full.value.errno == errno.ENOSPC
        assert contents(folder) == before
    leave(small_disk, needed + 1)
    write(folder, 2)
    after = contents(folder)
    assert after.keys() == before.keys()
    assert after != before


@pytest.mark.long
def test_a_figure_that_finds_no_room_leaves_whole_files(small_disk: Path) -> None:
    drawing = Figure(figsize=(2, 1))
    drawing.subplots().plot(np.arange(500), label="line")
    shown = Shown("line", "A line.", "A rising line.")
    folder = small_disk / "files"
    whole = {path.name: path.read_bytes() for path in figure_files.write(drawing, shown, folder / "line")}
    for path in folder.iterdir():
        path.unlink()
    leave(small_disk, -(-len(whole["line.svg"]) // PAGE))
    with pytest.raises(OSError, match=MESSAGE):
        figure_files.write(drawing, shown, folder / "line")
    assert contents(folder) == {"line.svg": whole["line.svg"]}


def _double(x: float) -> float:
    return 2 * x


def test_compiled_code_that_finds_no_room_is_used_all_the_same(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compilation, "cache_folder", lambda sources: small_disk / "code")
    function = compilation.compiled(_double)
    leave(small_disk, 0)
    with pytest.warns(RuntimeWarning, match=r"cannot be kept in .* \(No space left on device\) .* make room there, or"):
        assert function(3.0) == 6.0
    (small_disk / "ballast").unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert compilation.compiled(_double)(3.0) == 6.0
    assert sum(compilation.compiled(_double).stats.cache_hits.values()) == 0


@pytest.mark.long
def test_a_run_on_a_full_disk_says_so_and_goes_on_when_there_is_room(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(monitor, "CHECKPOINT_SECONDS", 0.0)
    words = ["run", "01", "--profile", "smoke", "--results", str(small_disk / "results")]
    for pages in (2, 8, 20):  # the disk is full at the clock, at a state, after several
        leave(small_disk, pages)
        assert main(words) == 1
        assert "error: [Errno 28] No space left on device: " in (message := capsys.readouterr().err)
        assert "make room or give permission there, and repeat the command" in message
        assert "Traceback" not in message
    (small_disk / "ballast").unlink()
    assert main(words) == 0
    found = store.read(store.result_path(small_disk / "results", "01_credit_assignment", "smoke"))
    expected = credit_assignment.run(credit_assignment.SETTINGS["smoke"])
    for name in expected.data_vars:
        assert found[name].values.tobytes() == expected[name].values.tobytes()
    assert not list((small_disk / "checkpoints").rglob("*.*"))
