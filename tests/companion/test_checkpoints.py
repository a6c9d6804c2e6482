"""Checkpoints: the last state of the same run, or none, or an error that names the file."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from feedback_alignment.companion.checkpoints import CheckpointFile, DamagedCheckpointError

IDENTITY = {"chapter": "01_example", "settings": {"rate": 0.1, "note": "å – π"}, "device": "cpu"}
STATE = {
    "weights 1": np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3),
    "seen 0 accuracy": np.array([0.5, np.nan, -0.0, np.inf]),
    "steps done": np.array(2**40),
    "empty": np.zeros((0, 3)),
    "words": np.array(["å", "last layer only"]),
}


def checkpoint(folder: Path, stage: str = "last layer only", **changes: object) -> CheckpointFile:
    return CheckpointFile(folder, {**IDENTITY, **changes}, stage)


@pytest.fixture
def written(tmp_path: Path) -> CheckpointFile:
    file = checkpoint(tmp_path)
    file.write(STATE)
    return file


def test_the_state_comes_back_bit_for_bit(written):
    found = checkpoint(written.path.parent).read()
    assert list(found) == list(STATE)
    for name, values in STATE.items():
        assert found[name].dtype == values.dtype
        assert found[name].shape == values.shape
        assert found[name].tobytes() == values.tobytes()


def test_no_file_is_no_state(tmp_path):
    assert checkpoint(tmp_path / "none").read() is None


def test_a_new_state_replaces_the_old_one(written):
    written.write({"steps done": np.array(2)})
    assert written.read() == {"steps done": np.array(2)}
    assert list(written.path.parent.iterdir()) == [written.path]


def test_deleting_twice_is_no_error(written):
    written.delete()
    written.delete()
    assert written.read() is None


@pytest.mark.parametrize(
    "other",
    [
        {"stage": "BP"},
        {"device": "cuda"},
        {"settings": {"rate": 0.2, "note": "å – π"}},
        {"science_version": 2},
    ],
)
def test_another_run_or_stage_never_sees_the_state(written, other):
    file = checkpoint(written.path.parent, **other)
    assert file.path != written.path
    assert file.read() is None
    # Not even where its file is moved to the other's name.
    written.path.rename(file.path)
    with pytest.raises(DamagedCheckpointError) as caught:
        file.read()
    assert str(caught.value).startswith(f"checkpoint {file.path} belongs to a run with other settings: delete it, or")


def test_the_order_of_the_identity_does_not_matter(written):
    turned = CheckpointFile(written.path.parent, dict(reversed(IDENTITY.items())), "last layer only")
    assert turned.path == written.path


def refused(file: CheckpointFile) -> None:
    with pytest.raises(DamagedCheckpointError) as caught:
        file.read()
    assert str(caught.value).startswith(f"checkpoint {file.path} is truncated, altered or foreign: delete it and run")


def test_every_flipped_byte_is_noticed(tmp_path):
    file = checkpoint(tmp_path)
    file.write({"steps done": np.array(1)})
    whole = file.path.read_bytes()
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= 1 << position % 8
        file.path.write_bytes(changed)
        refused(file)


@pytest.mark.parametrize("kept", [0, 10, 96, 97, 200, -1])
def test_a_truncated_file_is_refused(written, kept):
    written.path.write_bytes(written.path.read_bytes()[:kept])
    refused(written)


@pytest.mark.parametrize("content", [b"\n", b"<html>\n</html>", b"PK\3\4" + bytes(100), bytes(range(256))])
def test_a_foreign_file_is_refused(written, content):
    written.path.write_bytes(content)
    refused(written)


def test_an_interrupted_write_leaves_the_last_state(written, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            written.write({"steps done": np.array(2)})
    assert written.read().keys() == STATE.keys()
    assert list(written.path.parent.iterdir()) == [written.path]


def test_python_objects_are_refused_rather_than_pickled(written):
    with pytest.raises(TypeError, match="numbers or text; 'surprise' holds Python objects"):
        written.write({"surprise": np.array([{}, None], dtype=object)})
    assert written.read().keys() == STATE.keys()


def test_a_state_cannot_pass_for_another_identity(written):
    with pytest.raises(TypeError, match="identity"):
        written.write({"identity": np.array(1)})
