"""Growing evidence: results of one chapter that hold different members, put together into one.

Each piece's provenance is kept whole under `pieces`; what stands above them is what all pieces share, or all that they
name, with times added up.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from feedback_alignment.companion.store import provenance

if TYPE_CHECKING:
    import xarray as xr

MEMBER = "member"
_OWN_TO_A_PIECE = ("settings", "seeds", "reduced", "missing", "pieces")


def members(dataset: "xr.Dataset") -> tuple[int, ...]:
    """Return the seeds of the members that a dataset holds.

    Raises ValueError for a dataset whose provenance names others.
    """
    found = tuple(int(seed) for seed in dataset[MEMBER].values)
    named = tuple(provenance(dataset)["seeds"])
    if found != named:
        raise ValueError(f"the dataset holds the members {found}, but its provenance names the seeds {named}")
    return found


def select(dataset: "xr.Dataset", seeds: Sequence[int], settings: Mapping[str, Any]) -> "xr.Dataset":
    """Return the members with these seeds; `settings` are theirs, as plain JSON data.

    The time in the provenance stays that of all members that were computed together.
    """
    own = {"settings": dict(settings), "seeds": list(seeds), "reduced": list(settings["reduced"])}
    record = json.dumps({**provenance(dataset), **own}, sort_keys=True)
    return dataset.sel({MEMBER: list(seeds)}).assign_attrs(provenance=record)


def merge(datasets: Sequence["xr.Dataset"], settings: Mapping[str, Any]) -> "xr.Dataset":
    """Put datasets with different members together, in the order of their seeds.

    `settings` are those of the whole, as plain JSON data: they may differ from a piece's in `seeds` and `reduced` only.

    Raises ValueError for a member that is there twice, pieces of different chapters, profiles, science versions, data
    or settings, different coordinates, or values without members that differ.
    """
    import xarray as xr

    seeds = [seed for dataset in datasets for seed in members(dataset)]
    twice = sorted({seed for seed in seeds if seeds.count(seed) > 1})
    if twice:
        raise ValueError(f"no member may be there twice; got {twice} in more than one piece")
    if sorted(seeds) != sorted(settings["seeds"]):
        raise ValueError(f"the pieces hold the members {sorted(seeds)}, not those of the settings: {settings['seeds']}")
    records = [provenance(dataset) for dataset in datasets]
    _require_kin(records, settings)
    try:
        merged = xr.concat(
            [dataset.drop_attrs(deep=False) for dataset in datasets],
            dim=MEMBER,
            data_vars="minimal",
            coords="minimal",
            compat="identical",
            join="exact",
        )
    except (ValueError, xr.MergeError) as error:
        raise ValueError(f"pieces must agree in all that has no members, and in their coordinates: {error}") from error
    return merged.sortby(MEMBER).assign_attrs(provenance=json.dumps(_record(records, settings), sort_keys=True))


def _require_kin(records: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> None:
    for key in ("chapter", "profile", "science_version", "data"):
        found = [record[key] for record in records]
        if any(value != found[0] for value in found):
            raise ValueError(f"pieces must have the same {key}; got {found}")
    for record in records:
        different = [
            f"{key} is {record['settings'].get(key)!r}, not {settings.get(key)!r}"
            for key in sorted({*record["settings"], *settings} - {"seeds", "reduced"})
            if record["settings"].get(key) != settings.get(key)
        ]
        if different:
            raise ValueError(f"pieces must have the settings of the whole, apart from seeds; {'; '.join(different)}")


def _record(records: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> dict[str, Any]:
    pieces = [piece for record in records for piece in record.get("pieces", [record])]
    names = sorted({name for piece in pieces for name in piece["versions"]})
    return {
        **{key: value for key, value in pieces[0].items() if key not in _OWN_TO_A_PIECE},
        "settings": dict(settings),
        "seeds": list(settings["seeds"]),
        "reduced": list(settings["reduced"]),
        "commit": _all([piece["commit"] for piece in pieces]),
        "device": _all([piece["device"] for piece in pieces]),
        "versions": {name: _all([piece["versions"].get(name, "not installed") for piece in pieces]) for name in names},
        "wall_seconds": round(sum(piece["wall_seconds"] for piece in pieces), 1),
        "date": max(piece["date"] for piece in pieces),
        "pieces": pieces,
    }


def _all(values: Sequence[str]) -> str:
    """Name what the pieces share, or all that they name."""
    return ", ".join(dict.fromkeys(values))
