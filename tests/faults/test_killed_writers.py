"""Processes killed while they write: the file is whole, and what they leave goes with time."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from feedback_alignment import atomic

WRITER = """
import hashlib, itertools, sys
from pathlib import Path
from feedback_alignment import atomic

for version in itertools.count():
    body = str(version).encode() * 200_000
    atomic.write_bytes(Path(sys.argv[1]), hashlib.sha256(body).digest() + body)
    print("written", flush=True)
"""
COUNTER = """
import sys
from pathlib import Path
from feedback_alignment import atomic

path = Path(sys.argv[1])
for _ in range(40):
    with atomic.alone_in(path.parent):
        atomic.write_text(path, str(int(path.read_text()) + 1))
"""


@pytest.mark.parametrize("milliseconds", [0, 3, 11])
def test_a_writer_that_is_killed_leaves_a_whole_file(tmp_path: Path, milliseconds: int) -> None:
    path = tmp_path / "file"
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE) as writer:
        for _ in range(3):
            assert writer.stdout.readline() == b"written\n"
        time.sleep(milliseconds / 1000)
        writer.kill()
    assert writer.returncode == -signal.SIGKILL
    content = path.read_bytes()
    assert hashlib.sha256(content[32:]).digest() == content[:32]
    assert {found.name for found in tmp_path.iterdir() if found.suffix != ".part"} == {"file"}


def test_what_killed_writers_left_goes_after_an_hour(tmp_path: Path) -> None:
    # Names in which a pattern for names would see more than letters, too.
    path, other = tmp_path / "file [1]", tmp_path / "other"
    old, recent, foreign = (tmp_path / f".{name}.part" for name in ("file [1].a", "file [1].b", "other.a"))
    for part, age in ((old, 2 * atomic.ABANDONED_SECONDS), (recent, 0.0), (foreign, 2 * atomic.ABANDONED_SECONDS)):
        part.write_bytes(b"half")
        os.utime(part, (time.time() - age,) * 2)
    atomic.write_bytes(path, b"whole")
    assert sorted(tmp_path.iterdir()) == sorted([path, recent, foreign])
    atomic.write_bytes(other, b"whole")
    assert sorted(tmp_path.iterdir()) == sorted([path, other, recent])


def test_processes_that_change_one_file_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "counter"
    path.write_text("0")
    processes = [subprocess.Popen([sys.executable, "-c", COUNTER, str(path)]) for _ in range(3)]
    assert [process.wait(timeout=300) for process in processes] == [0, 0, 0]
    assert path.read_text() == "120"


def test_who_dies_lets_go(tmp_path: Path) -> None:
    code = f"import os; from pathlib import Path; from feedback_alignment import atomic\nwith atomic.alone_in(Path({str(tmp_path)!r})): os._exit(0)"  # noqa: E501
    subprocess.run([sys.executable, "-c", code], check=True)
    with atomic.alone_in(tmp_path):
        pass
