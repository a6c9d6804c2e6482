"""What a benchmark measured, in one file a benchmark: values, goals, and where and when they were measured.

A file `benchmarks/results/NAME.json` is what `benchmarks/NAME.py` writes. Pages of the book are made of these files.
"""

import argparse
import json
import math
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from feedback_alignment import atomic
from feedback_alignment.companion import provenance, store

DIGITS = 6
"""Significant digits of a stored value: more than any of them is worth."""


class MeasurementsError(ValueError):
    """A file of measurements that cannot be used; says which, why, and how to make it anew."""


@dataclass(frozen=True)
class Measurement:
    """One measured quantity. Raises ValueError for one without finite values, or with two goals."""

    group: str
    """Heading that it stands under."""
    row: str
    """What was measured, in words."""
    values: tuple[float, ...]
    """One for each round or seed."""
    column: str = ""
    """Whose value it is, where several are compared in one row."""
    unit: str = ""
    """Empty for a ratio."""
    least: float | None = None
    """The goal, if it is one from below: the median is at least this."""
    most: float | None = None
    """The goal, if it is one from above: the median is at most this."""
    bound: str = ""
    """What bounds it, in words."""

    def __post_init__(self) -> None:
        """Raise ValueError as the class says."""
        numbers = [*self.values, *(goal for goal in (self.least, self.most) if goal is not None)]
        if not self.values or not all(_is_number(number) for number in numbers):
            raise ValueError(f"{self.row!r} needs one finite value or more, and a finite goal if any; got {numbers}")
        if self.least is not None and self.most is not None:
            raise ValueError(f"{self.row!r} has two goals, at least {self.least} and at most {self.most}: give one")

    @property
    def median(self) -> float:
        """The median of the values, which is held against the goal."""
        return statistics.median(self.values)

    @property
    def goal(self) -> str:
        """The goal, as '≥ 4'; empty without one."""
        if self.least is not None:
            return f"≥ {self.least:g}"
        return "" if self.most is None else f"≤ {self.most:g}"

    @property
    def verdict(self) -> str:
        """'met' or 'not met'; empty without a goal."""
        if not self.goal:
            return ""
        low, high = -math.inf if self.least is None else self.least, math.inf if self.most is None else self.most
        return "met" if low <= self.median <= high else "not met"


@dataclass(frozen=True)
class Record:
    """All that one run of a benchmark measured. Raises ValueError if two measurements have one place."""

    benchmark: str
    """The script's name without its ending."""
    about: str
    """What was run, in words: sizes, seeds, rounds."""
    circumstances: Mapping[str, Any]
    """See `circumstances`."""
    measurements: tuple[Measurement, ...]

    def __post_init__(self) -> None:
        """Raise ValueError as the class says."""
        places = [(each.group, each.row, each.column) for each in self.measurements]
        if not places or len(set(places)) != len(places):
            raise ValueError("a record needs measurements, each with a group, row and column of its own")


def circumstances(packages: Sequence[str] = ()) -> dict[str, Any]:
    """Return where and when: date, commit, machine in words, how busy it is, versions (of `packages`, too)."""
    import torch

    cores = os.cpu_count() or 1
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": provenance.commit(),
        "machine": f"{cores} cores ({platform.machine()}), {device}",
        "load": round(os.getloadavg()[0], 1),
        "versions": provenance.versions() | {name: metadata.version(name) for name in packages},
    }


class Report:
    """What a benchmark measures: printed as it comes, one file at the end."""

    def __init__(self, benchmark: str, about: str, packages: Sequence[str] = ()) -> None:
        """Begin, and note the circumstances before the benchmark itself keeps the machine busy."""
        self._record = (benchmark, about, circumstances(packages))
        self._measured: list[Measurement] = []
        self._group = ""
        print(about)

    def under(self, group: str) -> None:
        """Put what follows under a heading."""
        self._group = group
        print(group)

    def say(self, row: str, values: float | Sequence[float], column: str = "", unit: str = "", **more: Any) -> None:
        """Add a measurement; `more` are the fields of `Measurement` that follow."""
        several = (values,) if isinstance(values, int | float) else values
        measurement = Measurement(self._group, row, tuple(map(float, several)), column, unit, **more)
        print(line(measurement), flush=True)
        self._measured.append(measurement)

    def write(self, into: Path) -> None:
        """Write the record into a folder, whole or not at all."""
        print(write(Record(*self._record, tuple(self._measured)), into))


def options(description: str | None, **defaults: float) -> argparse.Namespace:
    """Return a benchmark's command line: the folder `into`, and a number for each of `defaults`, whose kind it has."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, default=folder(), metavar="DIR", help="where the measurements are kept")
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=type(default), default=default, help=f"default: {default}")
    return parser.parse_args()


def folder() -> Path:
    """Return where the files of measurements are. Raises FileNotFoundError outside a clone."""
    root = store.clone_root()
    if root is None:
        raise FileNotFoundError("measurements are kept in the repository's clone: run benchmarks from there")
    return root / "benchmarks" / "results"


def write(record: Record, into: Path) -> Path:
    """Write `record` into the folder `into`, whole or not at all, and return the file."""
    data = asdict(record)
    for measurement in data["measurements"]:
        measurement["values"] = [float(f"{value:.{DIGITS}g}") for value in measurement["values"]]
    path = into / f"{record.benchmark}.json"
    atomic.write_text(path, json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    return path


def read(path: Path) -> Record:
    """Return the record in a file.

    Raises MeasurementsError for a file that is missing, damaged, or of another form than `write` gives.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        _require(data, Record)
        _require(data["circumstances"], ("date", "commit", "machine", "load", "versions"))
        for entry in data["measurements"]:
            _require(entry, Measurement)
        measured = tuple(Measurement(**entry | {"values": tuple(entry["values"])}) for entry in data["measurements"])
        record = Record(**data | {"measurements": measured})
        if record.benchmark != path.stem:
            raise ValueError(f"it is the file of the benchmark {record.benchmark!r}")
    except (OSError, ValueError, TypeError) as damage:
        raise MeasurementsError(
            f"the measurements {path} cannot be used ({damage}); make them anew: python benchmarks/{path.stem}.py"
        ) from damage
    return record


def read_all(where: Path) -> dict[str, Record]:
    """Return the records of a folder by the names of their benchmarks. Raises MeasurementsError as `read` does."""
    return {path.stem: read(path) for path in sorted(where.glob("*.json"))}


def line(measurement: Measurement) -> str:
    """Return a measurement as a line of text: median, and in brackets the smallest and largest value."""
    values = measurement.values
    spread = f"  [{min(values):.3g}, {max(values):.3g}]" if len(values) > 1 else ""
    goal = f"  {measurement.goal}: {measurement.verdict.upper()}" if measurement.goal else ""
    name = f"{measurement.row}, {measurement.column}" if measurement.column else measurement.row
    return f"  {name:<72}{measurement.median:>10.4g} {measurement.unit}{spread}{goal}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _require(data: object, names: type[Record] | type[Measurement] | tuple[str, ...]) -> None:
    wanted = set(names) if isinstance(names, tuple) else {field.name for field in fields(names)}
    if not isinstance(data, dict) or set(data) != wanted:
        found = sorted(data) if isinstance(data, dict) else type(data).__name__
        raise ValueError(f"expected entries {', '.join(sorted(wanted))}; got {found}")
