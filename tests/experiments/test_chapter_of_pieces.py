"""Chapters put together from pieces: computing all, taking those that are finished, and what the provenance says."""

from dataclasses import dataclass

import numpy as np
import pytest
import xarray as xr

from feedback_alignment.companion import store
from feedback_alignment.companion.monitor import Monitor
from feedback_alignment.experiments import kept_pieces
from feedback_alignment.experiments.chapter_of_pieces import ChapterOfKeptPieces


@dataclass(frozen=True)
class Squares:
    numbers: tuple[int, ...]
    kind: str = "squares, 1"

    @property
    def name(self):
        return f"squares from {self.numbers[0]}"

    def compute(self, device, progress, checkpoint):
        values = np.square(self.numbers)
        origin = {f"origin of {self.numbers[0]}": "arithmetic"}
        return xr.Dataset({"square": ("number", values)}, {"number": list(self.numbers)}, {"told": "no"}), origin


WORKS = (Squares((1, 2)), Squares((3, 4)), Squares((5, 6)))


@dataclass(frozen=True)
class Settings:
    profile: str = "paper"
    seeds: tuple[int, ...] = (0,)
    reduced: tuple[str, ...] = ("little",)

    @property
    def works(self):
        return WORKS

    @property
    def groups(self):
        return {"of the first kind": WORKS[:1], "of both": WORKS[1:], "of the last": WORKS[2:]}


def together(settings, found):
    return kept_pieces.end_to_end("number", settings.works, found)


CHAPTER = ChapterOfKeptPieces("00_squares", 2, together)


def test_all_pieces_are_computed_and_put_together():
    dataset = CHAPTER.run(Settings())
    record = store.provenance(dataset)
    assert dataset.square.values.tolist() == [1, 4, 9, 16, 25, 36]
    assert "told" not in dataset.attrs
    assert (record["chapter"], record["science_version"]) == ("00_squares", 2)
    assert record["reduced"] == ["little"]
    assert record["data"] == {f"origin of {first}": "arithmetic" for first in (1, 3, 5)}


def test_the_provenance_of_finished_pieces_names_parts_and_what_is_missing(tmp_path):
    with pytest.raises(ValueError, match="none of 3 pieces is finished"):
        CHAPTER.assemble(Settings(), tmp_path)
    with Monitor(tmp_path / "checkpoints" / "squares", {}, results=tmp_path) as progress:
        kept_pieces.done(WORKS[:2], "cpu", progress)
    dataset = CHAPTER.assemble(Settings(), tmp_path)
    record = store.provenance(dataset)
    assert dataset.square.values.tolist() == [1, 4, 9, 16]
    assert record["reduced"] == [
        "little",
        "1 of 2 pieces of both not there yet (squares from 5)",
        "1 of 1 pieces of the last not there yet",
    ]
    assert len(record["parts"]) == 2
    assert record["wall_seconds"] == sum(part["wall_seconds"] for part in record["parts"])
    assert "piece" not in record


def test_a_run_keeps_its_pieces_for_the_next(tmp_path):
    with Monitor(tmp_path / "checkpoints" / "squares", {}, results=tmp_path) as progress:
        CHAPTER.run(Settings(), progress=progress)
    assert store.provenance(CHAPTER.assemble(Settings(), tmp_path))["reduced"] == ["little"]
