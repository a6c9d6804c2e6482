"""Long runs: a time limit, Ctrl-C and kill -9 all leave a state from which the run ends bit for bit as if untouched."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from feedback_alignment.__main__ import main
from feedback_alignment.companion import monitor, store
from feedback_alignment.companion.checkpoints import CheckpointFile
from feedback_alignment.companion.monitor import (
    InterruptRequestedError,
    Monitor,
    Quiet,
    TimeLimitReachedError,
)
from feedback_alignment.experiments import credit_assignment
from feedback_alignment.networks.rules import BP
from feedback_alignment.networks.training import Schedule

PATIENCE = 300  # seconds, for a machine that is busy with other things
IDENTITY = {"chapter": "01_example", "settings": {"rate": 0.1}}
# Long enough to be stopped on the way: 5 rules of 96 steps, with observations between whole epochs.
STEPS = 96
LONGER = replace(credit_assignment.SETTINGS["smoke"], schedule=Schedule(12, 32, 0.1, "mean", (0, 0.4, 3, 7.7, 12)))
CHILD = f"""
import sys
from dataclasses import replace
from feedback_alignment.__main__ import main
from feedback_alignment.companion import monitor
from feedback_alignment.experiments import credit_assignment
from feedback_alignment.networks.training import Schedule

monitor.CHECKPOINT_SECONDS = 0.0
credit_assignment.SETTINGS["smoke"] = replace(credit_assignment.SETTINGS["smoke"], schedule={LONGER.schedule!r})
sys.exit(main(sys.argv[1:]))
"""


class Clock:
    """Stands in for the module `time`: every look at it moves it on by `tick` seconds."""

    def __init__(self, tick: float = 0.0):
        self.now, self.tick = 1000.0, tick

    def monotonic(self) -> float:
        self.now += self.tick
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    stopped = Clock()
    monkeypatch.setattr(monitor, "time", stopped)
    return stopped


@pytest.fixture(autouse=True)
def longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(credit_assignment.SETTINGS, "smoke", LONGER)


@pytest.fixture(scope="module")
def uninterrupted() -> xr.Dataset:
    return credit_assignment.run(LONGER)


def command(folder: Path, *more: str) -> list[str]:
    return ["run", "01", "--profile", "smoke", "--results", str(folder / "results"), *more]


def stored(folder: Path) -> Path:
    return store.result_path(folder / "results", "01_credit_assignment", "smoke")


def checkpoints(folder: Path) -> list[str]:
    return sorted(path.name.partition(".")[0] for path in (folder / "checkpoints").rglob("*.*"))


def assert_bit_for_bit(found: xr.Dataset, expected: xr.Dataset) -> None:
    assert set(found.variables) == set(expected.variables)
    assert "gradient_alignment" in found.variables
    for name in expected.data_vars:
        assert found[name].dtype == expected[name].dtype
        assert found[name].values.tobytes() == expected[name].values.tobytes(), name
    xr.testing.assert_identical(found.drop_attrs(deep=False), expected.drop_attrs(deep=False))


def wait_for(condition: Callable[[], bool], child: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < deadline, "the child took too long to get there"
        time.sleep(0.01)


@pytest.fixture
def child_in_the_third_rule(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A run in a process of its own that has finished BP and FA and is on its way through DFA."""
    script = tmp_path / "child.py"
    script.write_text(CHILD)
    child = subprocess.Popen(
        [sys.executable, str(script), *command(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_for(lambda: "DFA" in checkpoints(tmp_path), child)
    yield child
    child.kill()
    child.wait()


def test_ctrl_c_ends_cleanly_and_the_run_goes_on(tmp_path, child_in_the_third_rule, uninterrupted, capsys):
    child_in_the_third_rule.send_signal(signal.SIGINT)
    output, errors = child_in_the_third_rule.communicate(timeout=PATIENCE)
    assert child_in_the_third_rule.returncode == 130
    assert errors.splitlines()[-1] == "interrupted; the same command goes on from the last checkpoint"
    assert output == ""
    assert "Traceback" not in errors
    assert not stored(tmp_path).exists()
    assert checkpoints(tmp_path) == ["BP", "DFA", "FA", "elapsed-time"]

    assert main(command(tmp_path)) == 0
    assert_bit_for_bit(store.read(stored(tmp_path)), uninterrupted)
    assert checkpoints(tmp_path) == []


def test_kill_9_loses_only_what_came_after_the_last_checkpoint(
    tmp_path, child_in_the_third_rule, uninterrupted, monkeypatch
):
    child_in_the_third_rule.kill()
    child_in_the_third_rule.communicate(timeout=PATIENCE)
    assert child_in_the_third_rule.returncode == -signal.SIGKILL
    assert not stored(tmp_path).exists()

    steps = []
    monkeypatch.setattr(Monitor, "advance", lambda self, taken=1: steps.extend([None] * taken))
    assert main(command(tmp_path)) == 0
    assert 2 * STEPS <= len(steps) < 3 * STEPS, "BP and FA must not be computed again, DFA only in part"
    found = store.read(stored(tmp_path))
    assert_bit_for_bit(found, uninterrupted)
    assert set(checkpoints(tmp_path)) <= {""}, "at most the partial file that was being written"


def test_a_time_limit_ends_cleanly_and_the_run_goes_on(tmp_path, uninterrupted, monkeypatch, capsys):
    clock = Clock(tick=1.0)
    monkeypatch.setattr(monitor, "time", clock)
    statuses, spent = [], 0.0
    while not statuses or statuses[-1] == 75:
        started = clock.now
        statuses.append(main(command(tmp_path, "--time-limit", "600")))
        spent += clock.now - started
        output, errors = capsys.readouterr()
        if statuses[-1] == 75:
            assert errors.splitlines()[-1] == "stopped at the time limit; the same command goes on from here"
            assert output == ""
            assert not stored(tmp_path).exists()
    assert statuses == [75, 75, 75, 0]
    assert output == f"stored {stored(tmp_path)}\n"
    found = store.read(stored(tmp_path))
    assert_bit_for_bit(found, uninterrupted)
    # Between saving the time and stopping the clock ticks a few times more.
    assert spent - 10 * len(statuses) <= store.provenance(found)["wall_seconds"] <= spent
    assert checkpoints(tmp_path) == []


def test_a_run_with_other_settings_does_not_go_on_from_there(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(monitor, "time", Clock(tick=1.0))
    assert main(command(tmp_path, "--time-limit", "100")) == 75
    left = checkpoints(tmp_path)
    assert left == ["BP", "elapsed-time"]
    other = replace(LONGER, seeds=(5, 6), schedule=Schedule(1, 32, 0.1, "mean", (0, 1)))
    monkeypatch.setitem(credit_assignment.SETTINGS, "smoke", other)
    assert main(command(tmp_path)) == 0
    assert_bit_for_bit(store.read(stored(tmp_path)), credit_assignment.run(other))
    assert checkpoints(tmp_path) == left


def test_a_damaged_checkpoint_is_an_error_that_names_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(monitor, "time", Clock(tick=1.0))
    assert main(command(tmp_path, "--time-limit", "100")) == 75
    [path] = (tmp_path / "checkpoints").rglob("BP.*")
    path.write_bytes(path.read_bytes()[:-1])
    capsys.readouterr()
    assert main(command(tmp_path)) == 1
    assert f"error: checkpoint {path} is truncated, altered or foreign: delete it" in capsys.readouterr().err
    assert not stored(tmp_path).exists()


def test_checkpoints_go_where_they_are_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(monitor, "time", Clock(tick=1.0))
    elsewhere = tmp_path / "elsewhere"
    assert main(command(tmp_path, "--time-limit", "100", "--checkpoints", str(elsewhere))) == 75
    assert len(list((elsewhere / "01_credit_assignment").glob("*.checkpoint"))) == 2
    assert not (tmp_path / "checkpoints").exists()


def test_checkpoints_are_due_every_half_minute(tmp_path, clock):
    with Monitor(tmp_path, IDENTITY) as watching:
        found = []
        for _ in range(100):
            clock.now += 1
            if watching.checkpoint_due():
                found.append(clock.now - 1000)
            watching.advance()
    assert found == [30, 60, 90]


def test_looks_settle_at_a_fraction_of_a_second(tmp_path, clock):
    seconds_a_step = 0.001
    with Monitor(tmp_path, IDENTITY) as watching:
        found = []
        for _ in range(12):
            found.append(watching.patience())
            clock.now += seconds_a_step * found[-1]
            watching.checkpoint_due()
            watching.advance(found[-1])
        assert found == [1, 2, 4, 8, 16, 32, 64, 128, 128, 128, 128, 128]
        seconds_a_step = 1.0
        for _ in range(9):
            found.append(watching.patience())
            clock.now += seconds_a_step * found[-1]
            watching.checkpoint_due()
        assert found[12:] == [128, 64, 32, 16, 8, 4, 2, 1, 1]
        watching.begin("next stage", total=5, done=0)
        assert watching.patience() == 1


def test_the_loop_stops_only_after_its_state_was_asked_for(tmp_path, clock):
    with Monitor(tmp_path, IDENTITY, time_limit=5) as watching:
        clock.now += 4.9
        assert not watching.checkpoint_due()
        clock.now += 0.1
        watching.advance()
        assert watching.checkpoint_due()
        with pytest.raises(TimeLimitReachedError):
            watching.advance()


def test_the_first_ctrl_c_asks_and_the_second_stops_at_once(tmp_path):
    def interrupt_twice() -> None:
        with Monitor(tmp_path, IDENTITY) as watching:
            assert not watching.checkpoint_due()
            signal.raise_signal(signal.SIGINT)
            assert watching.checkpoint_due()
            with pytest.raises(InterruptRequestedError):
                watching.advance()
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        interrupt_twice()
    assert signal.getsignal(signal.SIGINT) is before


def test_elapsed_time_adds_up_over_interruptions(tmp_path, clock):
    for run in range(3):
        with Monitor(tmp_path, IDENTITY, time_limit=50) as watching:
            assert watching.elapsed() == 50 * run
            clock.now += 50
            assert watching.checkpoint_due()
        clock.now += 1e6
    with Monitor(tmp_path, {**IDENTITY, "settings": {"rate": 0.2}}) as other:
        assert other.elapsed() == 0


def test_time_since_the_last_checkpoint_of_a_killed_run_does_not_count(tmp_path, clock):
    killed = Monitor(tmp_path, IDENTITY)
    clock.now += 31
    assert killed.checkpoint_due()
    clock.now += 17
    assert killed.elapsed() == 48
    assert Monitor(tmp_path, IDENTITY).elapsed() == 31


def test_only_this_runs_checkpoints_are_deleted(tmp_path, clock):
    foreign = CheckpointFile(tmp_path, {"chapter": "02_other"}, "BP")
    foreign.write({"steps done": np.array(1)})
    with Monitor(tmp_path, IDENTITY, time_limit=1) as watching:
        for stage in ("BP", "last layer only"):
            watching.checkpoint(stage).write({"steps done": np.array(1)})
        clock.now += 1
        assert watching.checkpoint_due()
        assert len(list(tmp_path.iterdir())) == 4
        watching.delete_checkpoints()
    assert list(tmp_path.iterdir()) == [foreign.path]


@pytest.mark.parametrize("limit", [0, -1.5, float("nan")])
def test_a_time_limit_must_be_positive(tmp_path, limit):
    with pytest.raises(ValueError, match="the time limit must be a positive number of seconds; got"):
        Monitor(tmp_path, IDENTITY, limit)


def test_progress_goes_to_the_terminals_error_stream(tmp_path, capsys):
    with Monitor(tmp_path, IDENTITY) as watching:
        watching.begin("first stage", total=8, done=2)
        for _ in range(6):
            watching.advance()
        watching.begin("second stage", total=5, done=0)
    output, errors = capsys.readouterr()
    assert output == ""
    assert "first stage:  25%" in errors
    assert "8/8" in errors
    assert "second stage:   0%" in errors


def test_nobody_watching_means_no_display_no_stop_and_no_checkpoint(capsys):
    quiet = Quiet()
    quiet.begin("stage", total=3, done=0)
    assert not quiet.checkpoint_due()
    assert quiet.patience() > 10**9
    quiet.advance()
    assert quiet.checkpoint("stage") is None
    assert 0 <= quiet.elapsed() < 60
    assert capsys.readouterr() == ("", "")


def test_a_monitor_and_nobody_are_what_the_training_loop_wants(tmp_path):
    from feedback_alignment.networks.training import Checkpoint, Progress

    assert isinstance(Quiet(), Progress)
    assert isinstance(Monitor(tmp_path, IDENTITY), Progress)
    assert isinstance(Monitor(tmp_path, IDENTITY).checkpoint(BP.name), Checkpoint)
    assert not any(os.scandir(tmp_path))
