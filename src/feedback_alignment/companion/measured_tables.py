"""Tables of a page made of measurements: rows and columns of one group, and where it was measured."""

import math
import re
import statistics
from collections.abc import Callable, Iterable, Sequence

from feedback_alignment.companion.measurements import Measurement, Record

Cell = Callable[[Measurement], str]
"""What a table says of one measurement."""

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_SPECIAL = re.compile(r"[\\`*_{}\[\]<>|$#~&]")


def plain(text: str) -> str:
    """Return text as Markdown that shows it letter by letter, on one line."""
    return _SPECIAL.sub(r"\\\g<0>", " ".join(text.split()))


def number(value: float) -> str:
    """Return a number with three significant digits; very large and small ones with a power of ten."""
    if value == 0 or 1e-3 <= abs(value) < 1e6:
        decimals = 0 if value == 0 else max(0, 2 - math.floor(math.log10(abs(value))))
        return f"{value:.{decimals}f}".replace("-", "−")
    digits, _, power = f"{value:.1e}".partition("e")
    return f"{digits.replace('-', '−')} × 10{str(int(power)).translate(_SUPERSCRIPTS)}"


def largest(measurement: Measurement) -> str:
    """Return the largest value."""
    return _with_unit(number(max(measurement.values)), measurement)


def mean_and_error(measurement: Measurement) -> str:
    """Return the mean and its standard error; of one value, itself."""
    values = measurement.values
    mean = statistics.fmean(values)
    if len(values) == 1:
        return _with_unit(f"{mean:.2f}", measurement)
    return _with_unit(f"{mean:.2f} ± {statistics.stdev(values) / math.sqrt(len(values)):.2f}", measurement)


def median_and_range(measurement: Measurement) -> str:
    """Return the median, and in brackets the smallest and largest value; of one value, itself."""
    values = measurement.values
    spread = plain(f"[{number(min(values))}, {number(max(values))}]") if len(values) > 1 else ""
    return _with_unit(f"{number(measurement.median)} {spread}".rstrip(), measurement)


def group(record: Record, name: str) -> list[Measurement]:
    """Return the measurements of a group. Raises ValueError for a group that the record does not have."""
    found = [each for each in record.measurements if each.group == name]
    if not found:
        groups = dict.fromkeys(each.group for each in record.measurements)
        raise ValueError(f"the benchmark {record.benchmark!r} has no group {name!r}; it has {', '.join(groups)}")
    return found


def crossed(measurements: Sequence[Measurement], heading: str, cell: Cell) -> str:
    """Return a table in MyST Markdown with one row for each `row` and one column for each `column`.

    `heading` stands above the rows' names. A place without a measurement shows a dash.
    """
    rows = dict.fromkeys(each.row for each in measurements)
    columns = dict.fromkeys(each.column for each in measurements)
    places = {(each.row, each.column): cell(each) for each in measurements}
    lines = [[plain(heading), *map(plain, columns)]]
    lines += [[plain(row), *(places.get((row, column), "–") for column in columns)] for row in rows]
    return list_table(lines)


def list_table(rows: Iterable[Sequence[str]], widths: str = "auto") -> str:
    """Return rows of Markdown as a table in MyST Markdown; the first row is the heading.

    `widths` are those of the columns, as in "3 2 1".
    """
    cells = ("\n".join(f"{'* -' if place == 0 else '  -'} {cell}" for place, cell in enumerate(row)) for row in rows)
    return "\n".join(["```{list-table}", ":header-rows: 1", f":widths: {widths}", "", *cells, "```"])


def origin(record: Record) -> str:
    """Return in a line what was run, where and when."""
    known = record.circumstances
    versions = ", ".join(f"{name} {version}" for name, version in sorted(known["versions"].items()))
    commit = known["commit"][:10] + ("+" if known["commit"].endswith("+") else "")
    return (
        f"{plain(record.about)} Measured on {plain(known['machine'])}, {plain(known['date'])}, at a load of "
        f"{known['load']:g} processes, commit {plain(commit)}, with {plain(versions)}."
    )


def _with_unit(text: str, measurement: Measurement) -> str:
    return f"{text} {plain(measurement.unit)}".rstrip()
