"""What importing costs, and where compiled code is kept."""

import json
import os
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from feedback_alignment import compilation

SOURCE = Path(compilation.__file__).parents[1]


def run(code: str, **environment: str) -> str:
    """What a fresh interpreter prints, with the package's sources first on its path."""
    completed = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(SOURCE)} | environment,
    )
    return completed.stdout


def _same(x: float) -> float:
    return x


def test_importing_is_quick_and_compiles_nothing() -> None:
    code = (
        "import json, sys, time; start = time.perf_counter(); import feedback_alignment.teacher_student;"
        "print(json.dumps([time.perf_counter() - start, 'numba' in sys.modules, 'scipy' in sys.modules]))"
    )
    seconds, numba, scipy = json.loads(run(code))
    assert seconds < 1.5
    assert not numba
    assert not scipy


def test_compiled_code_is_kept_for_the_next_session(tmp_path: Path) -> None:
    code = (
        "from feedback_alignment.teacher_student import minors;"
        "minors.exact_product(1.0, 2.0); print(sum(minors.exact_product.stats.cache_hits.values()))"
    )
    assert run(code, NUMBA_CACHE_DIR=str(tmp_path)).strip() == "0"
    (folder,) = tmp_path.iterdir()
    assert list(folder.rglob("*.nbc"))
    assert run(code, NUMBA_CACHE_DIR=str(tmp_path)).strip() == "1"


def test_every_state_of_the_sources_has_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Numba looks at a function's own file only; the functions it calls may have changed.
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(compilation, "cache_folder", compilation.cache_folder.__wrapped__)
    before = compilation.cache_folder(SOURCE)
    assert before == compilation.cache_folder(SOURCE)
    monkeypatch.setattr(compilation, "_digest", lambda sources: "another")
    assert compilation.cache_folder(SOURCE) == tmp_path / "compiled-another"
    assert before.parent == tmp_path


def test_code_of_sources_that_nothing_runs_any_more_is_removed_after_a_week(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    for name, days in (("compiled-old", 8), ("compiled-recent", 6), ("mine", 8)):
        (tmp_path / name / "inside").mkdir(parents=True)
        os.utime(tmp_path / name, (time.time() - days * 86400,) * 2)
    own = compilation.cache_folder.__wrapped__(SOURCE)
    os.utime(own, (time.time() - 8 * 86400,) * 2)
    assert compilation.cache_folder.__wrapped__(SOURCE) == own  # using it renews it
    assert {path.name for path in tmp_path.iterdir()} == {"compiled-recent", "mine", own.name}


def test_numba_keeps_its_own_setting() -> None:
    import numba

    configured = numba.config.CACHE_DIR
    compilation.compiled(_same)
    assert configured == numba.config.CACHE_DIR


def _kept(folder: Path) -> dict[str, Path]:
    """The files of one compiled function: its index and its code."""
    (index,), (code,) = folder.rglob("*.nbi"), folder.rglob("*.nbc")
    return {"index": index, "code": code}


def _hits() -> int:
    """Call a function that was compiled before, as a new session does, and say whether the kept code was used."""
    function = compilation.compiled(_same)
    assert function(2.5) == 2.5
    return sum(function.stats.cache_hits.values())


DAMAGES = {
    "empty": lambda content: b"",
    "cut short": lambda content: content[:-1],
    "altered": lambda content: content[:-40] + bytes([content[-40] ^ 1]) + content[-39:],
    "not ours": lambda content: b"x" * len(content),
}


@pytest.mark.parametrize("which", ["index", "code"])
def test_kept_code_that_is_truncated_or_altered_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    monkeypatch.setattr(compilation, "cache_folder", lambda sources: tmp_path)
    assert _hits() == 0
    for damage in DAMAGES.values():
        assert _hits() == 1
        path = _kept(tmp_path)[which]
        path.write_bytes(damage(path.read_bytes()))
        assert _hits() == 0
    assert _hits() == 1


def test_code_kept_by_another_version_of_numba_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation, "cache_folder", lambda sources: tmp_path)
    assert [_hits(), _hits()] == [0, 1]
    monkeypatch.setattr("numba.__version__", "0.0")
    assert [_hits(), _hits()] == [0, 1]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_where_nothing_else_can_be_written_a_private_temporary_folder_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    blocked = tmp_path / "file"
    blocked.touch()  # a folder cannot be made in a file, whoever asks
    monkeypatch.setattr(compilation, "_candidates", lambda sources: iter([blocked]))
    folder = compilation.cache_folder.__wrapped__(SOURCE)
    assert folder.parent.parent == tmp_path
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    assert compilation.cache_folder.__wrapped__(SOURCE) == folder

    folder.parent.chmod(0o777)  # as somebody else might have made it
    assert compilation.cache_folder.__wrapped__(SOURCE).parent != folder.parent
