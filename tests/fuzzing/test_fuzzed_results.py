"""Results, pieces and checkpoints with any bytes, also under a hash made anew: a value, or the reader's error."""

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hostile_bytes import EFFORT, altered, any_bytes, for_all, judge
from hypothesis import strategies as st

from feedback_alignment.companion import provenance, store
from feedback_alignment.companion.checkpoints import MARK, CheckpointFile, DamagedCheckpointError
from feedback_alignment.companion.piece_files import piece_path, read_piece
from feedback_alignment.experiments import credit_assignment, stored

IDENTITY = {"kind": "example", "settings": {"rate": 0.1}}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def dataset() -> xr.Dataset:
    return xr.Dataset(
        {"x": (("rule", "member"), np.ones((2, 3), np.float32), {"units": "1"}), "n": ("member", [1, 2, 3])},
        coords={"rule": ["BP", "FA"], "member": [0, 1, 2], "epoch": ("epoch", [0.0], {"units": "epochs"})},
    )


def resealed(content: bytes) -> bytes:
    """The file with a hash that matches its contents, as somebody would make it who means harm."""
    if len(re.findall(store.DIGEST, content)) != 1:
        return content
    return store._with_digest(content, store._digest(content))


@pytest.mark.parametrize("examples", EFFORT)
def test_a_piece_is_read_or_refused(tmp_path, examples):
    path = piece_path(tmp_path, "one", IDENTITY)
    stamped = provenance.stamp_piece(dataset(), identity=IDENTITY, commit="c", device="cpu", wall_seconds=1.0, data={})
    store.write(stamped, path)
    valid = path.read_bytes()
    numbers = valid.index(b"sha256")  # the header; what follows it are numbers for the most part
    headers = altered(valid[:numbers]).map(lambda head: head + valid[numbers:])

    @for_all(examples, any_bytes(valid) | headers.map(resealed) | altered(valid).map(resealed))
    def holds(content: bytes) -> None:
        path.write_bytes(content)
        judge(lambda: store.read(path), store.DamagedResultError)
        judge(lambda: read_piece(tmp_path, "one", IDENTITY), store.DamagedResultError)


@pytest.mark.parametrize("examples", EFFORT)
def test_whatever_the_provenance_says_a_result_is_used_or_refused(tmp_path, smoke_result, examples):
    path = store.result_path(tmp_path, "01_credit_assignment", "smoke")
    record = store.provenance(smoke_result)
    assert record["settings"] == provenance.settings_as_data(credit_assignment.SETTINGS["smoke"])
    one_changed = st.tuples(st.sampled_from(sorted(record)), JSON).map(lambda pair: record | dict([pair]))
    settings_changed = st.tuples(st.sampled_from(sorted(record["settings"])), JSON).map(
        lambda pair: record | {"settings": record["settings"] | dict([pair])}
    )

    @for_all(examples, one_changed | settings_changed | st.dictionaries(st.sampled_from(sorted(record)), JSON))
    def holds(changed: dict) -> None:
        store.write(xr.Dataset(attrs={"provenance": json.dumps(changed)}), path)
        judge(lambda: stored.read("01", "smoke", tmp_path), store.ResultError)
        assert stored.state("01", "smoke", tmp_path) in ("stored", "reduced", "stale", "damaged")


@pytest.mark.parametrize("examples", EFFORT)
def test_a_checkpoint_is_read_or_refused(tmp_path, examples):
    file = CheckpointFile(tmp_path, IDENTITY, "BP")
    file.write({"weights": np.linspace(0, 1, 6), "words": np.array(["a", "b"])})
    valid = file.path.read_bytes()
    body = valid.partition(b"\n")[2]

    def sealed(body: bytes) -> bytes:
        return MARK + hashlib.sha256(body).hexdigest().encode() + b"\n" + body

    @for_all(examples, any_bytes(valid) | altered(body).map(sealed))
    def holds(content: bytes) -> None:
        file.path.write_bytes(content)
        judge(file.read, DamagedCheckpointError)


def test_files_as_they_were_written_are_read(tmp_path: Path) -> None:
    """Else a reader that refuses everything would pass."""
    path = piece_path(tmp_path, "one", IDENTITY)
    stamped = provenance.stamp_piece(dataset(), identity=IDENTITY, commit="c", device="cpu", wall_seconds=1.0, data={})
    store.write(stamped, path)
    assert resealed(path.read_bytes()) == path.read_bytes()
    assert judge(lambda: read_piece(tmp_path, "one", IDENTITY), store.DamagedResultError)
    file = CheckpointFile(tmp_path, IDENTITY, "BP")
    file.write({"weights": np.linspace(0, 1, 6)})
    assert judge(file.read, DamagedCheckpointError)
