"""What each paper has and where it is in the book, figures, tables and numbered equations: the file book/papers.yml."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feedback_alignment.companion import yaml_files

KINDS = {"figures": "Fig.", "tables": "Table", "equations": "Eq."}
"""The kinds of items, and what stands before the number of one."""


@dataclass(frozen=True)
class Item:
    """A figure, table or equation of a paper."""

    about: str = ""
    shown: str = ""
    """Where the book shows it, in MyST Markdown."""
    equations: tuple[str, ...] = ()
    """Labels of the book's equations that stand for it."""
    claims: tuple[str, ...] = ()
    """Keys of claims on the scorecard, or patterns of keys."""
    missing: str = ""
    """Why it is not here, or not whole."""


@dataclass(frozen=True)
class Paper:
    """A paper's items by kind and number."""

    key: str
    """Its key in the bibliography."""
    name: str
    items: Mapping[str, Mapping[int, Item]]


def read(path: Path) -> list[Paper]:
    """Return the papers that the file at `path` holds.

    Raises ValueError for unknown or missing fields, for numbers that are not 1, 2, 3 … without a gap, and for an item
    that is nowhere and does not say why.
    """
    return [_paper(entry) for entry in yaml_files.read_list(path)]


def _paper(entry: Mapping[str, Any]) -> Paper:
    if {*entry} != {"key", "name", *KINDS}:
        raise ValueError(f"a paper has a key, a name, {', '.join(KINDS)}; got {', '.join(entry)}")
    yaml_files.require_text({name: entry[name] for name in ("key", "name")}, "a paper")
    for kind in KINDS:
        if not isinstance(entry[kind], dict):
            raise ValueError(f"{kind} of {entry['key']} must map numbers to items; got {entry[kind]!r:.80}")
        if list(entry[kind]) != list(range(1, len(entry[kind]) + 1)):
            raise ValueError(f"{kind} of {entry['key']} must be numbered 1, 2, 3 …; got {list(entry[kind])}")
    return Paper(
        entry["key"],
        entry["name"],
        {
            kind: {number: _item(item, f"{name} {number} of {entry['key']}") for number, item in entry[kind].items()}
            for kind, name in KINDS.items()
        },
    )


def _item(entry: object, where: str) -> Item:
    if not isinstance(entry, dict):
        raise ValueError(f"{where} must have named fields; got {entry!r:.80}")
    known = Item.__dataclass_fields__
    unknown = sorted(str(name) for name in {*entry} - {*known})
    if unknown:
        raise ValueError(f"{where}: unknown {', '.join(unknown)}; an item has {', '.join(known)}")
    yaml_files.require_text(entry, where)
    given: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()}
    item = Item(**given)
    if not (item.shown or item.equations or item.claims or item.missing):
        raise ValueError(
            f"{where} is nowhere in the book: name a place, an equation or a claim, or say why under `missing`"
        )
    return item
