"""Files of the book that are written by hand in YAML: read as plain lists and mappings of text."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def read_list(path: Path) -> list[dict[str, Any]]:
    """Return a file's list of mappings, each from names to whatever.

    Raises ValueError for a file that holds anything else.
    """
    content = _content(path)
    if not isinstance(content, list) or not all(_has_names(entry) for entry in content):
        raise ValueError(f"{path.name} must hold a list of entries with named fields; got {content!r:.80}")
    return content


def read_mapping(path: Path) -> dict[str, Any]:
    """Return a file's mapping from names to whatever.

    Raises ValueError for a file that holds anything else.
    """
    content = _content(path)
    if not _has_names(content):
        raise ValueError(f"{path.name} must map names to values; got {content!r:.80}")
    mapping: dict[str, Any] = content
    return mapping


def require_text(fields: Mapping[str, Any], where: str) -> None:
    """Raise ValueError, beginning with `where`, unless each field is text or a list of texts."""
    for name, value in fields.items():
        if not all(isinstance(part, str) for part in (value if isinstance(value, list | tuple) else [value])):
            raise ValueError(f"{where}: {name} must be text or a list of texts; got {value!r:.80}")


def _content(path: Path) -> Any:
    import yaml

    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError:
        raise
    except Exception as error:  # values that are none, such as the date 2001-99-99, raise errors of many kinds
        raise ValueError(f"{path.name} is not YAML ({error}): mend it, or restore it with 'git checkout'") from error


def _has_names(entry: object) -> bool:
    return isinstance(entry, dict) and all(isinstance(name, str) for name in entry)
