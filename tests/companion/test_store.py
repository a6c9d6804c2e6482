"""The results store: what goes in comes out; what is not whole, ours and asked for is refused by name."""

import errno
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from feedback_alignment.companion import provenance, store

CHAPTER = "07_example"


@dataclass(frozen=True)
class Settings:
    profile: str = "paper"
    seeds: tuple[int, ...] = (0, 1, 2)
    rate: float = 0.1
    hidden: tuple[int, ...] = (30, 30)
    note: str = "Ångström – “quoted”, π ≈ 3, 😀"
    reduced: tuple[str, ...] = ()


def identity(**changes: object) -> store.Identity:
    fields = {
        "chapter": CHAPTER,
        "profile": "paper",
        "science_version": 2,
        "settings": provenance.settings_as_data(Settings()),
    }
    return store.Identity(**{**fields, **changes})


def example(settings: Settings | None = None, **changes: object) -> xr.Dataset:
    values = np.random.Generator(np.random.PCG64(1)).normal(size=(3, 2, 3, 2))
    values[2, :, :, 0] = np.nan
    dataset = xr.Dataset(
        {
            "alignment": (("rule", "epoch", "member", "layer"), values, {"units": "1", "long_name": "cosine"}),
            "single": (("rule", "epoch", "member"), values[..., 0].astype(np.float32), {"units": "1"}),
            "count": ("member", np.array([3, -1, 2**31 - 1]), {"units": "1"}),
        },
        coords={
            "rule": ["BP", "DFA", "last layer only"],
            "epoch": ("epoch", [0.0, 0.1], {"units": "epochs"}),
            "member": ("member", [0, 1, 2], {"long_name": "seed"}),
            "layer": [1, 2],
        },
    )
    return provenance.stamp(
        dataset,
        **{
            "chapter": CHAPTER,
            "science_version": 2,
            "settings": settings or Settings(),
            "commit": "c" * 40,
            "device": "cpu",
            "wall_seconds": 12.34,
            "data": {"å.gz": "sha256 – none"},
            **changes,
        },
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return store.result_path(tmp_path / "results", CHAPTER)


@pytest.fixture
def stored(path: Path) -> Path:
    store.write(example(), path)
    return path


def litter(path: Path) -> list[Path]:
    return [found for found in path.parent.iterdir() if found != path]


def test_what_goes_in_comes_out(stored):
    found, put = store.read(stored), example()
    assert stored.name == "07_example.paper.nc"
    xr.testing.assert_identical(found.drop_attrs(deep=False), put.drop_attrs(deep=False))
    for name in put.data_vars:
        assert found[name].values.tobytes() == put[name].values.astype(found[name].dtype).tobytes()
        assert found[name].attrs == put[name].attrs
    assert [found[name].dtype for name in ("alignment", "single")] == [np.dtype("f8"), np.dtype("f4")]
    assert found.rule.values.tolist() == ["BP", "DFA", "last layer only"]
    assert found.epoch.attrs == {"units": "epochs"}
    assert found.sel(rule="DFA", epoch=0.1).alignment.shape == (3, 2)
    assert store.provenance(found) == store.provenance(put)
    assert litter(stored) == []


def test_text_beyond_ascii_survives_in_the_provenance(stored):
    record = store.provenance(store.read_for(stored, identity()))
    assert record["settings"]["note"] == "Ångström – “quoted”, π ≈ 3, 😀"
    assert record["data"] == {"å.gz": "sha256 – none"}


def test_text_beyond_ascii_survives_in_coordinates_and_attributes(path):
    dataset = example().assign_coords(rule=["règle", "π – rule", "😀"])
    dataset.alignment.attrs["long_name"] = "cos∠(δa, δa) – Ångström"
    store.write(dataset, path)
    xr.testing.assert_identical(store.read(path).drop_attrs(deep=False), dataset.drop_attrs(deep=False))


def test_a_result_read_and_written_again_is_the_same_file(stored):
    before = stored.read_bytes()
    store.write(store.read(stored), stored)
    assert stored.read_bytes() == before


def test_any_netcdf_tool_opens_the_file(stored):
    with xr.open_dataset(stored) as opened:
        assert opened.alignment.dims == ("rule", "epoch", "member", "layer")
        assert json.loads(opened.attrs["provenance"])["chapter"] == CHAPTER
        assert len(opened.attrs["sha256"]) == 64


def test_the_result_of_chapter_01_goes_in_and_comes_out(smoke_result, path):
    store.write(smoke_result, path)
    found = store.read(path)
    xr.testing.assert_identical(found.drop_attrs(deep=False), smoke_result.drop_attrs(deep=False))


def test_every_flipped_bit_is_noticed(path):
    small = xr.Dataset({"x": ("member", [1.0, 2.0])}, attrs={"provenance": "{}"})
    store.write(small, path)
    whole = path.read_bytes()
    xr.testing.assert_equal(store.read(path), small)
    for position in range(len(whole)):
        for bit in (0x01, 0x80) if position % 2 else (0x20, 0xFF):
            changed = bytearray(whole)
            changed[position] ^= bit
            path.write_bytes(changed)
            with pytest.raises(store.DamagedResultError, match="truncated"):
                store.read(path)


def test_the_message_about_a_damaged_file_names_it_and_says_how_to_mend_it(stored):
    changed = bytearray(stored.read_bytes())
    changed[-1] ^= 1
    stored.write_bytes(changed)
    with pytest.raises(store.DamagedResultError) as caught:
        store.read_for(stored, identity())
    assert str(stored) in str(caught.value)
    assert "its SHA-256 does not match its contents" in str(caught.value)
    assert "restore it with 'git checkout', or delete it and run the chapter again" in str(caught.value)


@pytest.mark.parametrize("kept", [0, 1, 3, 4, 100, 0.5, 0.9, -4, -1])
def test_a_truncated_file_is_refused(stored, kept):
    whole = stored.read_bytes()
    stored.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])
    with pytest.raises(store.DamagedResultError, match=r"07_example\.paper\.nc is truncated"):
        store.read(stored)


def test_a_file_with_something_behind_it_is_refused(stored):
    stored.write_bytes(stored.read_bytes() + b"\0\0\0\0")
    with pytest.raises(store.DamagedResultError, match="does not match its contents"):
        store.read(stored)


FOREIGN = {
    "random bytes": np.random.Generator(np.random.PCG64(2)).bytes(5000),
    "a web page": b"<!DOCTYPE html><html><title>404</title></html>",
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 9\n",
    "another netCDF": bytes(xr.Dataset({"x": ("a", [1.0])}).to_netcdf(engine="scipy")),
    "one with a false hash": bytes(xr.Dataset(attrs={"sha256": "0" * 64}).to_netcdf(engine="scipy")),
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_file_is_refused(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(store.DamagedResultError, match=r"07_example\.paper\.nc is truncated or"):
        store.read(path)


def test_a_whole_file_without_provenance_is_refused(path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(store, "provenance", lambda dataset: {})
        store.write(xr.Dataset({"x": ("a", [1.0])}), path)
    with pytest.raises(store.DamagedResultError, match=r"not a result of this project .*'provenance'"):
        store.read(path)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (identity(science_version=3), "science_version is 2, not 3"),
        (identity(chapter="08_other"), "chapter is '07_example', not '08_other'"),
        (identity(profile="quick"), "profile is 'paper', not 'quick'"),
        (identity(settings={**identity().settings, "rate": 0.2}), r"settings\.rate is 0\.1, not 0\.2\. Run"),
        (identity(settings={**identity().settings, "hidden": [30]}), r"settings\.hidden is \[30, 30\], not \[30\]"),
        (identity(settings={**identity().settings, "extra": 1}), r"settings\.extra is None, not 1"),
        (identity(science_version=3, profile="smoke"), r"profile is 'paper', not 'smoke'; science_version is 2, not 3"),
    ],
)
def test_a_stale_file_is_refused_with_what_differs(stored, wanted, message):
    with pytest.raises(store.StaleResultError, match=message) as caught:
        store.read_for(stored, wanted)
    assert str(stored) in str(caught.value)
    assert f"run {wanted.chapter} --profile {wanted.profile} --force'" in str(caught.value)


@pytest.mark.parametrize("silent", ["chapter", "profile", "science_version", "settings"])
def test_a_file_that_says_nothing_of_what_it_belongs_to_is_refused(path, silent):
    dataset = example()
    record = store.provenance(dataset)
    del record[silent]
    store.write(dataset.assign_attrs(provenance=json.dumps(record)), path)
    with pytest.raises(store.StaleResultError, match=f"{silent} is None, not "):
        store.read_for(path, identity())


@pytest.mark.parametrize("profile", ["paper", "quick"])
def test_a_missing_file_says_how_to_make_it(tmp_path, profile):
    path = store.result_path(tmp_path, CHAPTER, profile)
    with pytest.raises(store.MissingResultError) as caught:
        store.read_for(path, identity())
    assert str(path) in str(caught.value)
    assert f"'python -m feedback_alignment run 07_example --profile {profile}'" in str(caught.value)


def test_a_dataset_that_is_too_large_is_refused(stored):
    before = stored.read_bytes()
    large = xr.Dataset({"x": ("a", np.zeros(store.MAX_BYTES // 8))}, attrs=example().attrs)
    with pytest.raises(ValueError, match=r"07_example\.paper\.nc would have 4,\d\d\d,\d\d\d bytes; at most 4,000,000"):
        store.write(large, stored)
    assert stored.read_bytes() == before
    small = xr.Dataset({"x": ("a", np.zeros(store.MAX_BYTES // 8 - 1000))}, attrs=example().attrs)
    store.write(small, stored)
    assert stored.stat().st_size <= store.MAX_BYTES


@pytest.mark.parametrize("attribute", [{}, {"provenance": "no JSON"}, {"provenance": "[1]"}, {"provenance": 3}])
def test_a_dataset_without_provenance_is_refused(path, attribute):
    with pytest.raises(ValueError, match=r"'provenance' must be a JSON object; got .*: make it with"):
        store.write(xr.Dataset({"x": ("a", [1.0])}, attrs=attribute), path)
    assert not path.exists()


def test_a_second_hash_inside_is_refused_before_it_is_written(path):
    dataset = example()
    dataset.single.attrs["sha256"] = "a" * 64
    with pytest.raises(ValueError, match="no other attribute 'sha256'"):
        store.write(dataset, path)
    assert not path.exists()


def test_a_failed_write_leaves_the_old_file(stored, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = stored.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        store.write(example(commit="new"), stored)
    assert stored.read_bytes() == before
    assert litter(stored) == []


def test_where_results_are_looked_for(tmp_path, monkeypatch):
    clone = Path(__file__).parents[2]
    assert store.clone_root() == clone
    assert store.results_directory() == clone / "results"
    monkeypatch.setenv("FEEDBACK_ALIGNMENT_RESULTS", str(tmp_path / "named"))
    assert store.results_directory() == tmp_path / "named"
    assert store.results_directory(tmp_path / "given") == tmp_path / "given"
    monkeypatch.setenv("FEEDBACK_ALIGNMENT_RESULTS", "")
    assert store.results_directory() == clone / "results"


def test_an_installed_package_looks_in_the_current_folder(tmp_path, monkeypatch):
    module = tmp_path / "lib" / "site-packages" / "feedback_alignment" / "companion" / "store.py"
    monkeypatch.setattr(store, "__file__", str(module))
    monkeypatch.chdir(tmp_path)
    assert store.clone_root() is None
    assert store.results_directory() == tmp_path / "results"
