"""Finished pieces of work: found again by their settings, whichever chapter asks."""

import numpy as np
import pytest
import xarray as xr

from feedback_alignment.companion import provenance, store
from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.companion.piece_files import PieceFile, piece_path, read_piece

IDENTITY = {"kind": "example", "version": 1, "settings": {"rate": 0.1, "seeds": [0, 1]}}


def piece(tmp_path, name="one example", **changes):
    return PieceFile(tmp_path / "results", tmp_path / "checkpoints", name, {**IDENTITY, **changes})


def stamped(identity=IDENTITY):
    dataset = xr.Dataset({"error": ("epoch", np.array([0.5, 0.25]))})
    return provenance.stamp_piece(
        dataset, identity=identity, commit="abc", device="cpu", wall_seconds=2.04, data={"file": "hash"}
    )


def test_a_finished_piece_is_found_by_its_settings_alone(tmp_path):
    assert piece(tmp_path).read() is None
    piece(tmp_path).write(stamped())
    xr.testing.assert_equal(piece(tmp_path).read(), stamped())
    xr.testing.assert_equal(read_piece(tmp_path / "results", "one example", IDENTITY), stamped())
    assert store.provenance(piece(tmp_path).read()) == store.provenance(stamped())
    assert piece(tmp_path, version=2).read() is None
    assert piece(tmp_path, settings={"rate": 0.2, "seeds": [0, 1]}).read() is None
    (path,) = (tmp_path / "results" / "pieces").iterdir()
    assert path == piece_path(tmp_path / "results", "one example", IDENTITY)
    assert path.name.startswith("one-example.")


def test_the_provenance_says_where_a_piece_comes_from():
    record = store.provenance(stamped())
    assert record["piece"] == IDENTITY
    assert record["commit"] == "abc"
    assert record["wall_seconds"] == 2.0
    assert record["data"] == {"file": "hash"}
    assert record["device"].startswith("CPU")
    assert "numpy" in record["versions"]


def test_a_piece_of_other_settings_under_this_name_is_refused(tmp_path):
    piece(tmp_path).write(stamped({**IDENTITY, "version": 3}))
    with pytest.raises(store.DamagedResultError, match="belongs to a piece with other settings"):
        piece(tmp_path).read()


def test_a_damaged_piece_is_refused(tmp_path):
    piece(tmp_path).write(stamped())
    path = piece_path(tmp_path / "results", "one example", IDENTITY)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(store.DamagedResultError):
        piece(tmp_path).read()


def test_the_checkpoint_keeps_the_time_spent_and_goes_when_the_piece_is_finished(tmp_path):
    first = piece(tmp_path)
    assert first.checkpoint.read() is None
    first.checkpoint.write({"steps": np.array(7)})
    first.checkpoint._spent_before = 100.0
    first.checkpoint.write({"steps": np.array(8)})
    again = piece(tmp_path)
    assert again.checkpoint.elapsed() < 50
    state = again.checkpoint.read()
    assert list(state) == ["steps"]
    assert state["steps"] == 8
    assert 100 <= again.checkpoint.elapsed() < 150
    again.write(stamped())
    assert not again.checkpoint.path.exists()


def test_a_monitor_keeps_pieces_beside_results_and_checkpoints_of_all_chapters(tmp_path):
    kept = {}
    for chapter in ("06_example", "07_example"):
        with Monitor(tmp_path / "checkpoints" / chapter, {"chapter": chapter}, results=tmp_path / "results") as monitor:
            kept[chapter] = monitor.piece("one example", IDENTITY)
    kept["06_example"].checkpoint.write({"steps": np.array(1)})
    assert kept["07_example"].checkpoint.read()["steps"] == 1
    kept["06_example"].write(stamped())
    xr.testing.assert_equal(kept["07_example"].read(), stamped())


def test_a_quiet_run_keeps_no_piece():
    assert Quiet().piece("one example", IDENTITY) is None
