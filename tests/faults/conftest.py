"""Faults of the machine, and where each is covered.

| fault | what must hold | tests |
|---|---|---|
| a full disk, at every page | each kind of file is the old or the new one, and the message says how to go on | `test_full_disk.py` |
| a failing write, flush or rename | the same, by standing in for the system's calls | `../test_atomic.py` |
| kill -9 while a file is written | the file is whole; what is left over goes | `test_killed_writers.py` |
| kill -9 and Ctrl-C in a run | it goes on and ends bit for bit as if untouched | `../companion/test_monitor.py` |
| kill -9 of a worker, Ctrl-C on a cluster | finished pieces last | `../experiments/test_computing.py` |
| Ctrl-C in a notebook, a build, `make paper` | no half-written file; the message says how to go on | `../companion/test_execution.py`, `test_interrupted_commands.py` |
| two runs of one chapter at once | no member is lost | `test_two_runs_at_once.py` |
| read-only results, checkpoints, downloads, installation, home | an error that names the folder and another way, or another folder | `test_permissions.py` |
| truncated or altered results, checkpoints, pieces | refused by name | `../companion/test_store.py`, `test_checkpoints.py`, `test_piece_files.py` there |
| truncated or altered compiled code, list of figures, executed notebooks | made anew, or refused by name | `../test_compilation.py`, `../companion/test_figure_files.py`, `test_damaged_notebooks.py` |
| truncated or altered downloads, no network, hostile archives | refused or mended; the mirrors and the way round are named | `../networks/test_archives.py`, `test_permissions.py` |
| any bytes at all in any file that is read | a valid value or the reader's own error | `../fuzzing/` |
"""  # noqa: E501

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SMALL_DISK_BYTES = 1 << 20
VERSION_3 = 0x20080522  # of Linux's calls that read and set capabilities
PASSING_PERMISSIONS = 0b110  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """An empty file system of a megabyte."""
    folder = tmp_path / "small disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK_BYTES}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only the administrator of a Linux machine may mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def permissions_count() -> Iterator[None]:
    """Take from the administrator, for this thread, what lets him pass over permissions."""
    if os.geteuid() != 0:
        yield
        return
    if sys.platform != "linux":
        pytest.skip("only on Linux can the administrator be made to obey permissions")
    system = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable: first the lower 32 capabilities, then the rest
    assert system.capget(header, sets) == 0
    effective = sets[0]
    sets[0] = effective & ~PASSING_PERMISSIONS
    assert system.capset(header, sets) == 0
    yield
    sets[0] = effective
    assert system.capset(header, sets) == 0


@pytest.fixture
def as_others() -> list[str]:
    """What to put before a command so that permissions count in its process."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("without setpriv, the administrator cannot start a process that obeys permissions")
    dropped = "-dac_override,-dac_read_search"
    return ["setpriv", f"--inh-caps={dropped}", f"--bounding-set={dropped}"]
