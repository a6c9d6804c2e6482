from dataclasses import dataclass

import numpy as np
import pytest
import xarray as xr

from feedback_alignment.companion import store
from feedback_alignment.companion.monitor import Monitor, Quiet
from feedback_alignment.experiments import kept_pieces


@dataclass(frozen=True)
class Squares:
    """A piece of work that says how often it was done."""

    numbers: tuple[int, ...]
    kind: str = "squares, 1"

    @property
    def name(self):
        return f"squares from {self.numbers[0]}"

    def compute(self, device, progress, checkpoint):
        DONE.append(self.numbers)
        values = np.square(self.numbers)
        return xr.Dataset({"square": ("number", values)}, {"number": list(self.numbers)}), {"origin": "arithmetic"}


DONE: list[tuple[int, ...]] = []
WORKS = (Squares((1, 2)), Squares((3, 4)), Squares((5, 6)))


@pytest.fixture(autouse=True)
def _nothing_done():
    DONE.clear()


def monitor(folder):
    return Monitor(folder / "checkpoints" / "squares", {}, results=folder)


def test_what_is_stored_is_not_done_again(tmp_path):
    with monitor(tmp_path) as progress:
        kept_pieces.done(WORKS[:2], "cpu", progress)
        found = kept_pieces.done(WORKS, "cpu", progress)
    assert [work.numbers for work in WORKS] == DONE
    assert found[WORKS[2]].square.values.tolist() == [25, 36]
    assert store.provenance(found[WORKS[0]])["piece"] == kept_pieces.identity(WORKS[0])


def test_without_a_store_all_is_done():
    kept_pieces.done(WORKS, "cpu", Quiet())
    kept_pieces.done(WORKS, "cpu", Quiet())
    assert len(DONE) == 6


def test_another_kind_is_another_piece(tmp_path):
    with monitor(tmp_path) as progress:
        kept_pieces.done([Squares((1, 2)), Squares((1, 2), "squares, 2")], "cpu", progress)
    assert len(DONE) == 2


def test_finished_pieces_are_found_and_none_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"none of 3 pieces is finished in .*: run the chapter first"):
        kept_pieces.finished(WORKS, tmp_path)
    with monitor(tmp_path) as progress:
        kept_pieces.done(WORKS[1:2], "cpu", progress)
    assert list(kept_pieces.finished(WORKS, tmp_path)) == [WORKS[1]]


def test_pieces_side_by_side_and_end_to_end():
    found = kept_pieces.done(WORKS[:2], "cpu", Quiet())
    joined = kept_pieces.end_to_end("number", WORKS, found)
    assert joined.square.values.tolist() == [1, 4, 9, 16]
    assert kept_pieces.end_to_end("number", WORKS[2:], found) is None
    beside = kept_pieces.along("part", {"a": found[WORKS[0]], "b": None, "c": found[WORKS[1]]})
    np.testing.assert_array_equal(beside.square.sel(part="c", number=[3, 4]), [9, 16])
    assert beside.square.sel(part="b").isnull().all()
    assert beside.part.values.tolist() == ["a", "b", "c"]
    assert not kept_pieces.along("part", {"a": None})
