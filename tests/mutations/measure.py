"""Plant each fault of `planted.py` in a copy of src/, run the tests that ought to notice, and write down which did.

    python tests/mutations/measure.py [--into book/mutations.json] [--again]

Each fault has a process of its own, forked from one that has loaded the libraries, but nothing of this package. The
two-layer theory's loops are not compiled anew for each: the tests that are run are small. The tests must pass on an
untouched copy first. The file is written after each fault; `--again` keeps what it says of faults that were caught, and
tries those that were not or are new.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from planted import PLANTED, Planted

ROOT = Path(__file__).parents[2]
SOURCE = Path("src", "feedback_alignment")
RECORD = ROOT / "book" / "mutations.json"
PATIENCE = 600.0
"""Seconds for the tests of one fault, on a machine that is busy with other things; who needs more hangs."""
INTERPRETED = "tests/teacher_student/"
PASSED, FAILED, CRASHED = 0, 1, 70


def load_libraries() -> None:
    """Import what every test needs, so that no fork has to; the settings are those of the tests."""
    os.environ["OMP_NUM_THREADS"] = "1"
    sys.dont_write_bytecode = True  # else a changed file of the same size and second would pass for the one before
    import beartype.claw  # noqa: F401
    import hypothesis  # noqa: F401
    import jaxtyping  # noqa: F401
    import mpmath  # noqa: F401
    import numba  # noqa: F401
    import pytest  # noqa: F401
    import scipy.integrate
    import scipy.optimize
    import scipy.sparse.linalg
    import scipy.stats  # noqa: F401
    import torch  # noqa: F401
    import xarray  # noqa: F401


def outcome(copy: Path, tests: Sequence[str], log: Path) -> int | None:
    """Run tests of this clone on the sources in `copy` and return pytest's exit status; None if they hang."""
    child = os.fork()
    if child == 0:
        status = CRASHED  # whatever happens, nothing of the parent's is unwound here
        try:
            status = _run_pytest(copy, tests, log)
        finally:
            os._exit(status)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _run_pytest(copy: Path, tests: Sequence[str], log: Path) -> int:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ["PYTHONPATH"] = str(copy / "src")
    sys.path.insert(0, str(copy / "src"))
    import numba
    import pytest

    numba.config.DISABLE_JIT = int(tests[0].startswith(INTERPRETED))
    os.chdir(ROOT)
    loaded_before = "ignore::pytest.PytestAssertRewriteWarning"
    return int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-W", loaded_before, "-m", "not long", *tests]))


def plant(fault: Planted, copy: Path) -> None:
    """Put a fault into the copy; the file is first as it is here. Raises ValueError unless the text is there once."""
    text = (ROOT / SOURCE / fault.file).read_text(encoding="utf-8")
    if text.count(fault.old) != 1:
        raise ValueError(f"{fault.file} must hold {fault.old!r} once; it does {text.count(fault.old)} times")
    (copy / SOURCE / fault.file).write_text(text.replace(fault.old, fault.new), encoding="utf-8")


def measure(faults: Sequence[Planted], folder: Path) -> Iterator[bool]:
    """Yield, fault by fault, whether the tests noticed it.

    Raises RuntimeError where they fail without any fault, or end in another way than by failing.
    """
    copy, log = folder / "copy", folder / "log.txt"
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__"))
    sound = set()
    for fault in faults:
        if fault.tests not in sound and outcome(copy, fault.tests, log) != PASSED:
            raise RuntimeError(f"{' '.join(fault.tests)} fail on an untouched copy:\n{log.read_text()[-3000:]}")
        sound.add(fault.tests)
        plant(fault, copy)
        status = outcome(copy, fault.tests, log)
        shutil.copyfile(ROOT / SOURCE / fault.file, copy / SOURCE / fault.file)
        if status not in (PASSED, FAILED, None):
            raise RuntimeError(f"pytest ended with {status} for {fault}:\n{log.read_text()[-3000:]}")
        print(f"{'MISSED' if status == PASSED else 'caught'}: {fault.file}: {fault.old!r} -> {fault.new!r}", flush=True)
        yield status != PASSED


def plain(fault: Planted) -> dict[str, Any]:
    """Return what tells a fault from others."""
    return {"file": fault.file, "old": fault.old, "new": fault.new, "tests": list(fault.tests)}


def known(record: Path) -> dict[str, dict[str, Any]]:
    """Return what was written down before of faults that were caught, by what tells them from others."""
    if not record.is_file():
        return {}
    rows = json.loads(record.read_text(encoding="utf-8"))["faults"]
    return {
        json.dumps({name: row[name] for name in ("file", "old", "new", "tests")}): row for row in rows if row["caught"]
    }


def write(rows: Sequence[dict[str, Any]], record: Path) -> None:
    """Write down what became of each fault, and how many were caught, whole or not at all."""
    caught = sum(row["caught"] for row in rows)
    content = {"planted": len(rows), "caught": caught, "missed": len(rows) - caught, "faults": list(rows)}
    partial = record.with_suffix(".part")
    partial.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(record)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write the file and return 0 if every fault was caught, else 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, default=RECORD)
    parser.add_argument("--again", action="store_true", help="only what was missed, or is new")
    chosen = parser.parse_args(arguments)
    rows = known(chosen.into) if chosen.again else {}
    load_libraries()
    commit = subprocess.run(
        ["git", "-C", str(ROOT), "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    names = {json.dumps(plain(fault)): fault for fault in PLANTED}
    untried = {name: fault for name, fault in names.items() if name not in rows}
    with tempfile.TemporaryDirectory() as folder:
        for name, caught in zip(untried, measure(list(untried.values()), Path(folder)), strict=True):
            rows[name] = {**plain(untried[name]), "caught": caught, "commit": commit}
            write([rows[name] for name in names if name in rows], chosen.into)
    missed = [name for name in names if not rows[name]["caught"]]
    print(f"{len(names) - len(missed)} of {len(names)} caught, written to {chosen.into}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
