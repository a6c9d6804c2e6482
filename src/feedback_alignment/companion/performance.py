"""The page on performance: what benchmarks measured beside the goals, and what every chapter costs."""

import json
from collections.abc import Mapping
from pathlib import Path

from feedback_alignment.companion import measured_tables, store
from feedback_alignment.companion.measured_tables import list_table, median_and_range, plain
from feedback_alignment.companion.measurements import Measurement, Record
from feedback_alignment.companion.provenance import duration

GPU = "not measured"
JUDGED = ["What", "Measured", "Goal", "Verdict", "What bounds it"]
WIDTHS = "35 19 11 12 23"
"""Of the columns `JUDGED`."""


def section(record: Record) -> str:
    """Return all that a benchmark measured, a table for each group, and where, in MyST Markdown."""
    groups = dict.fromkeys(each.group for each in record.measurements)
    tables = [f"**{plain(name)}**\n\n{_table(measured_tables.group(record, name))}" for name in groups]
    return "\n\n".join([measured_tables.origin(record), *tables])


def verdicts(records: Mapping[str, Record]) -> str:
    """Return every measurement that has a goal in one table, and above it how many are met.

    Raises ValueError if none has a goal.
    """
    judged = [(name, each) for name, record in sorted(records.items()) for each in record.measurements if each.goal]
    if not judged:
        raise ValueError(f"no measurement has a goal; the benchmarks are {', '.join(sorted(records))}")
    met = sum(each.verdict == "met" for _, each in judged)
    rows = [JUDGED]
    for name, each in judged:
        what = f"`{name}`: {plain(each.group)}: {plain(_name(each))}"
        bold = f"**{each.verdict}**" if each.verdict == "not met" else each.verdict
        rows.append([what, median_and_range(each), _unbroken(each.goal), bold, plain(each.bound) or "–"])
    return f"Of {len(judged)} goals, {met} are met.\n\n{list_table(rows, WIDTHS)}"


def chapter_costs(notebooks: Path, results: Path, expected: Mapping[str, Mapping[str, str]]) -> str:
    """Return a table of what each chapter costs in each profile.

    `expected` has what a chapter's profiles are said to cost; the quick run's time is that in the notebook's metadata,
    and the paper-scale run's that in the stored result, where these are there. Raises the errors of `store.read` for a
    result that cannot be used.
    """
    rows = [["Chapter", "smoke", "quick, measured", "paper", "on a GPU"]]
    for chapter, words in expected.items():
        link = f"[{plain(chapter.replace('_', ' '))}](../notebooks/{chapter}.ipynb)"
        metadata = json.loads((notebooks / f"{chapter}.ipynb").read_text(encoding="utf-8"))["metadata"]
        quick = metadata.get("feedback_alignment")
        shown = "not measured yet" if quick is None else plain(f"{duration(quick['seconds'])} on {quick['device']}")
        paper = _paper_cost(store.result_path(results, chapter), words["paper"])
        rows.append([link, plain(words["smoke"]), shown, paper, GPU])
    return list_table(rows)


def _paper_cost(result: Path, expected: str) -> str:
    if not result.exists():
        return plain(f"nothing stored; expected: {expected}")
    record = store.provenance(store.read(result))
    reduced = "; reduced against the paper" if record["reduced"] else ""
    return plain(f"{duration(record['wall_seconds'])} on {record['device']}, {record['date']}{reduced}")


def _table(measured: list[Measurement]) -> str:
    if any(each.column for each in measured):
        return measured_tables.crossed(measured, "What", median_and_range)
    rows = [JUDGED]
    for each in measured:
        goal = [_unbroken(each.goal), each.verdict, plain(each.bound)]
        rows.append([plain(each.row), median_and_range(each), *(part or "–" for part in goal)])
    return list_table(rows, WIDTHS)


def _unbroken(goal: str) -> str:
    return goal.replace(" ", "\N{NO-BREAK SPACE}")


def _name(measurement: Measurement) -> str:
    return f"{measurement.row}, {measurement.column}" if measurement.column else measurement.row
