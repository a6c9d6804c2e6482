"""Results that hold different members, put together; and everything that must not be."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
import xarray as xr

from feedback_alignment.companion import merging, provenance, store


@dataclass(frozen=True)
class Settings:
    profile: str = "paper"
    seeds: tuple[int, ...] = (0, 1, 2, 3)
    rate: float = 0.1
    reduced: tuple[str, ...] = ()


WHOLE = Settings()


def piece(*seeds: int, settings: Settings = WHOLE, **changes: object) -> xr.Dataset:
    """A result whose numbers are functions of the member, as those of independent members are."""
    dataset = xr.Dataset(
        {
            "accuracy": (("epoch", "member"), np.float32([[seed / 7 + t for seed in seeds] for t in (0, 1)])),
            "steps": ("epoch", [0, 44]),
        },
        coords={"rule": "DFA", "epoch": ("epoch", [0.0, 1.0], {"units": "epochs"}), "member": ("member", list(seeds))},
    )
    dataset.accuracy.attrs["units"] = "1"
    stamped = {
        "chapter": "01_example",
        "science_version": 3,
        "settings": replace(settings, seeds=seeds, reduced=(f"{len(seeds)} of 4 members",)),
        "commit": "a" * 40,
        "device": "cpu",
        "wall_seconds": 10.0,
        "data": {"a.gz": "hash"},
        **changes,
    }
    return provenance.stamp(dataset, **stamped)


def merged(*pieces: xr.Dataset, settings: Settings = WHOLE) -> xr.Dataset:
    return merging.merge(pieces, provenance.settings_as_data(settings))


def test_the_date_is_that_of_the_latest_piece():
    def dated(dataset: xr.Dataset, date: str) -> xr.Dataset:
        return dataset.assign_attrs(provenance=json.dumps(store.provenance(dataset) | {"date": date}))

    pieces = dated(piece(0, 1), "2026-05-02"), dated(piece(2), "2026-11-01"), dated(piece(3), "2025-12-31")
    assert store.provenance(merged(*pieces))["date"] == "2026-11-01"


def test_some_members_of_a_piece_are_a_piece():
    some = provenance.settings_as_data(replace(WHOLE, seeds=(3, 1), reduced=("2 of 4 members",)))
    found = merging.select(piece(0, 1, 3), (3, 1), some)
    assert merging.members(found) == (3, 1)
    assert store.provenance(found)["reduced"] == ["2 of 4 members"]
    np.testing.assert_array_equal(found.accuracy, piece(3, 1).accuracy)


def test_the_whole_is_what_one_run_would_have_given():
    whole = piece(0, 1, 2, 3)
    for parts in ([(0, 1), (2, 3)], [(3,), (0,), (2, 1)], [(1, 3), (0, 2)]):
        found = merged(*(piece(*part) for part in parts))
        xr.testing.assert_identical(found.drop_attrs(deep=False), whole.drop_attrs(deep=False))
        assert found.accuracy.dtype == np.float32
        assert found.accuracy.dims == ("epoch", "member")
        assert merging.members(found) == (0, 1, 2, 3)


def test_the_provenance_of_each_piece_is_kept(monkeypatch):
    first = piece(0, 1, commit="b" * 40, wall_seconds=100.0)
    monkeypatch.setattr(provenance, "versions", lambda: {"python": "3.13", "torch": "9.0", "dask": "1"})
    second, third = piece(2, wall_seconds=20.0), piece(3, wall_seconds=3.0)
    found = store.provenance(merged(merged(first, second, settings=replace(WHOLE, seeds=(0, 1, 2))), third))
    parts = [store.provenance(part) for part in (first, second, third)]
    assert found["pieces"] == parts
    assert [part["seeds"] for part in found["pieces"]] == [[0, 1], [2], [3]]
    assert found["seeds"] == [0, 1, 2, 3]
    assert found["settings"] == provenance.settings_as_data(WHOLE)
    assert found["reduced"] == []
    assert found["wall_seconds"] == 123.0
    assert found["commit"] == f"{'b' * 40}, {'a' * 40}"
    assert found["device"] == parts[0]["device"]
    assert found["versions"]["torch"] == f"{parts[0]['versions']['torch']}, 9.0"
    assert found["versions"]["dask"] == "not installed, 1"
    assert found["data"] == {"a.gz": "hash"}
    line = provenance.provenance_line(found)
    assert line.startswith("Stored paper-profile run: 4 seeds in 3 pieces, 2 min on CPU (")
    assert line.endswith("commit bbbbbbbbbb, aaaaaaaaaa.")


def test_what_is_stored_is_read_again(tmp_path):
    found = merged(piece(2, 3), piece(0, 1))
    store.write(found, tmp_path / "merged.nc")
    read = store.read(tmp_path / "merged.nc")
    xr.testing.assert_identical(read.drop_attrs(deep=False), found.drop_attrs(deep=False))
    assert store.provenance(read) == store.provenance(found)


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        ([(0, 1), (1, 2)], r"no member may be there twice; got \[1\]"),
        ([(0, 1), (0, 1)], r"twice; got \[0, 1\]"),
        ([(0, 1), (2,)], r"the pieces hold the members \[0, 1, 2\], not those of the settings: \[0, 1, 2, 3\]"),
        ([(0, 1), (2, 3, 4)], r"hold the members \[0, 1, 2, 3, 4\], not those"),
    ],
)
def test_every_member_is_there_exactly_once(pieces, message):
    with pytest.raises(ValueError, match=message):
        merged(*(piece(*seeds) for seeds in pieces))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"science_version": 4}, r"same science_version; got \[3, 4\]"),
        ({"chapter": "02_other"}, r"same chapter; got \['01_example', '02_other'\]"),
        ({"data": {"a.gz": "other"}}, "same data; got"),
        ({"settings": Settings(seeds=(2, 3), rate=0.2)}, r"apart from seeds; rate is 0\.2, not 0\.1"),
        ({"settings": Settings(seeds=(2, 3), profile="quick")}, "same profile; got"),
    ],
)
def test_strangers_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        merged(piece(0, 1), piece(2, 3, **changes))


def test_values_without_members_must_be_the_same():
    other = piece(2, 3)
    other["steps"] = other.steps + 1
    with pytest.raises(ValueError, match="pieces must agree in all that has no members, and in their coordinates"):
        merged(piece(0, 1), other)


@pytest.mark.parametrize("changed", [{"epoch": [0.0, 2.0]}, {"rule": "BP"}])
def test_coordinates_must_be_the_same(changed):
    with pytest.raises(ValueError, match="pieces must agree in all that has no members, and in their coordinates"):
        merged(piece(0, 1), piece(2, 3).assign_coords(changed))


def test_members_are_those_that_the_provenance_names():
    wrong = piece(0, 1)
    wrong.attrs["provenance"] = json.dumps(store.provenance(wrong) | {"seeds": [0, 2]})
    with pytest.raises(ValueError, match=r"holds the members \(0, 1\), but its provenance names the seeds \(0, 2\)"):
        merging.members(wrong)
