"""Pieces on a Dask cluster: a dataset equal to the local one, also when a worker dies on the way.

The scheduler and its two workers are processes of their own, as they would be on other machines.
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import xarray as xr
from distributed import Client

from feedback_alignment.companion import provenance, store
from feedback_alignment.experiments import computing, credit_assignment
from feedback_alignment.networks.training import Schedule

CHAPTER = "01_credit_assignment"
# Three pieces of one member, each of 5 rules and 240 steps: long enough to meet a worker at work.
SEEDS, SCHEDULE = (0, 1, 2), Schedule(30, 32, 0.1, "mean", (0, 3, 15, 30))
THREE = replace(credit_assignment.SETTINGS["smoke"], seeds=SEEDS, schedule=SCHEDULE)
COMMAND = f"""
import sys
from dataclasses import replace
from feedback_alignment.__main__ import main
from feedback_alignment.experiments import credit_assignment
from feedback_alignment.networks.training import Schedule

credit_assignment.SETTINGS["smoke"] = replace(
    credit_assignment.SETTINGS["smoke"], seeds={SEEDS}, schedule={SCHEDULE!r}
)
sys.exit(main(["run", "01", "--profile", "smoke", *sys.argv[1:]]))
"""


@dataclass
class Cluster:
    """A scheduler and its workers, by name."""

    folder: Path
    address: str
    workers: dict[str, subprocess.Popen[bytes]]
    client: Client

    @contextmanager
    def run(self, *more: str) -> Iterator[subprocess.Popen[str]]:
        """Start the command in a process of its own, which does not outlive the block."""
        script = self.folder / "command.py"
        script.write_text(COMMAND)
        words = [sys.executable, str(script), "--results", str(self.folder / "results"), "--scheduler", self.address]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen([*words, *more], **pipes, text=True) as command:
            try:
                yield command
            finally:
                command.kill()

    def stored(self) -> xr.Dataset:
        return store.read(store.result_path(self.folder / "results", CHAPTER, "smoke"))

    def at_work(self) -> set[str]:
        """The names of the workers that are computing a piece right now."""
        workers = self.client.scheduler_info()["workers"].values()
        return {worker["name"] for worker in workers if worker["metrics"]["task_counts"].get("executing")}


def process(folder: Path, module: str, *words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", f"distributed.cli.{module}", "--no-dashboard", *words]
    with (folder / f"{module}.{words[-1].rpartition('/')[2]}.log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder)


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited too long for {what}"
        time.sleep(0.05)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    file = tmp_path / "scheduler.json"
    place = ("--scheduler-file", str(file))
    scheduler = process(tmp_path, "dask_scheduler", "--host", "127.0.0.1", "--port", "0", *place)
    wait_for(file.exists, "the scheduler")
    alone = ("--nthreads", "1", "--no-nanny", *place)
    workers = {name: process(tmp_path, "dask_worker", *alone, "--name", name) for name in ("one", "other")}
    address = json.loads(file.read_text())["address"]
    try:
        with Client(address, set_as_default=False) as client:
            yield Cluster(tmp_path, address, workers, client)
    finally:
        for child in (*workers.values(), scheduler):
            child.kill()
            child.wait()


def assert_equal(found: xr.Dataset, expected: xr.Dataset) -> None:
    for name in expected.data_vars:
        assert found[name].dims == expected[name].dims
        assert found[name].values.tobytes() == expected[name].values.tobytes(), name
    xr.testing.assert_identical(found.drop_attrs(deep=False), expected.drop_attrs(deep=False))


def test_a_cluster_that_loses_a_worker_gathers_what_one_machine_computes(cluster):
    with cluster.run() as command:
        wait_for(lambda: cluster.at_work() == {"one", "other"} or command.poll() is not None, "both workers at work")
        assert command.poll() is None, command.communicate()
        cluster.workers["one"].send_signal(signal.SIGKILL)
        output, errors = command.communicate(timeout=120)
    assert command.returncode == 0, errors
    assert output == f"stored {store.result_path(cluster.folder / 'results', CHAPTER, 'smoke')}\n"
    assert "3/3" in errors
    assert cluster.workers["one"].wait() == -signal.SIGKILL

    found = cluster.stored()
    for seed in SEEDS:
        assert_equal(found.sel(member=[seed]), credit_assignment.run(replace(THREE, seeds=(seed,))))
    together = credit_assignment.run(THREE)
    # Rounding of float64 over 240 steps: products of other sizes add up in another order.
    xr.testing.assert_allclose(found.drop_attrs(deep=False), together.drop_attrs(deep=False), rtol=1e-7, atol=1e-9)
    record = store.provenance(found)
    assert record["settings"] == provenance.settings_as_data(THREE)
    assert sorted(part["seeds"][0] for part in record["pieces"]) == [0, 1, 2]


@pytest.mark.long
def test_ctrl_c_keeps_the_finished_pieces_and_the_rest_is_computed_later(cluster):
    path = store.result_path(cluster.folder / "results", CHAPTER, "smoke")
    with cluster.run() as command:
        wait_for(lambda: path.exists() or command.poll() is not None, "the first piece")
        command.send_signal(signal.SIGINT)
        _, errors = command.communicate(timeout=120)
    assert command.returncode == 130, errors
    assert "Traceback" not in errors
    there = cluster.stored().member.values.tolist()
    assert 1 <= len(there) < 3
    with cluster.run("--group", "2") as command:
        _, errors = command.communicate(timeout=120)
    assert command.returncode == 0, errors
    assert cluster.stored().member.values.tolist() == list(SEEDS)
    pieces = [part["seeds"] for part in store.provenance(cluster.stored())["pieces"]]
    assert sorted(seed for piece in pieces[: len(there)] for seed in piece) == there


@pytest.mark.long
def test_what_fails_on_a_worker_is_the_commands_error(cluster):
    with cluster.run("--device", "cuda:99") as command:
        _, errors = command.communicate(timeout=120)
    assert command.returncode == 1
    assert errors.splitlines()[-1].startswith("error: device 'cuda:99' cannot be used here (")
    assert not (cluster.folder / "results" / f"{CHAPTER}.smoke.nc").exists()


def test_a_scheduler_without_workers_is_an_error(cluster, monkeypatch):
    for worker in cluster.workers.values():
        worker.terminate()
        worker.wait()
    monkeypatch.setattr(computing, "CONNECT_SECONDS", 1)
    pieces = computing.compute_on_cluster(
        cluster.address, "01", "smoke", [(0,)], "cpu", cluster.folder / "checkpoints", None
    )
    with pytest.raises(RuntimeError, match=r"the scheduler at tcp://127.0.0.1:\d+ has no workers: start some"):
        next(pieces)


def test_nobody_at_the_address_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(computing, "CONNECT_SECONDS", 0.5)
    for address in ("tcp://127.0.0.1:9", "nowhere at all"):
        pieces = computing.compute_on_cluster(address, "01", "smoke", [(0,)], "cpu", tmp_path, None)
        with pytest.raises(RuntimeError, match=f"no Dask scheduler answers at '{address}' .*: give its address as it"):
            next(pieces)


def test_without_dask_the_way_to_install_it_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    pieces = computing.compute_on_cluster("tcp://x:1", "01", "smoke", [(0,)], "cpu", tmp_path, None)
    with pytest.raises(RuntimeError, match=r"install it with pip install 'feedback-alignment\[cluster\]'"):
        next(pieces)


def test_groups_cover_every_member_once():
    assert computing.groups_of(range(7), 3) == [(0, 1, 2), (3, 4, 5), (6,)]
    assert computing.groups_of((5, 3), 10) == [(5, 3)]
