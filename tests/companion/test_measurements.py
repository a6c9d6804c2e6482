"""What benchmarks measured: written whole, read back, refused with its name if damaged, and shown as tables."""

import json
import math
from pathlib import Path

import pytest

from feedback_alignment.companion import measured_tables, measurements
from feedback_alignment.companion.measurements import Measurement, MeasurementsError, Record

CIRCUMSTANCES = {
    "date": "2026-11-22",
    "commit": "0123456789abcdef+",
    "machine": "2 cores (x86_64), no GPU",
    "load": 0.5,
    "versions": {"python": "3.11.7", "torch": "2.13.0"},
}
MADE = (
    Measurement("time", "DFA", (3.0, 5.0, 4.0), "ours", "µs", most=4.0, bound="calls"),
    Measurement("time", "DFA", (8.0,), "theirs", "µs"),
    Measurement("time", "BP", (1e-16, 3e-16), "ours", least=1.0),
)


def record(*measured: Measurement) -> Record:
    return Record("made_up", "Sizes 1-2-3, η = 0.1.", CIRCUMSTANCES, measured or MADE)


def test_a_record_is_read_as_it_was_written(tmp_path):
    path = measurements.write(record(), tmp_path / "results")
    assert path == tmp_path / "results" / "made_up.json"
    assert measurements.read(path) == record()
    assert measurements.read_all(path.parent) == {"made_up": record()}
    assert [file.name for file in path.parent.iterdir()] == ["made_up.json"]


def test_stored_values_have_six_digits(tmp_path):
    path = measurements.write(record(Measurement("g", "r", (math.pi * 1e-9,))), tmp_path)
    assert measurements.read(path).measurements[0].values == (3.14159e-9,)


def test_goals_are_held_against_the_median():
    met, none, missed = MADE
    assert (met.median, met.goal, met.verdict) == (4.0, "≤ 4", "met")
    assert (none.goal, none.verdict) == ("", "")
    assert (missed.goal, missed.verdict) == ("≥ 1", "not met")
    assert Measurement("g", "r", (1.0,), least=1.0).verdict == "met"
    assert Measurement("g", "r", (1.01,), most=1.0).verdict == "not met"


def test_a_measurement_is_printed_with_its_spread_and_verdict():
    assert measurements.line(MADE[0]).split() == ["DFA,", "ours", "4", "µs", "[3,", "5]", "≤", "4:", "MET"]
    assert measurements.line(MADE[1]).split() == ["DFA,", "theirs", "8", "µs"]


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ({"values": ()}, "needs one finite value"),
        ({"values": (1.0, math.nan)}, "needs one finite value"),
        ({"values": ("1",)}, "needs one finite value"),
        ({"values": (True,)}, "needs one finite value"),
        ({"values": (1.0,), "least": math.inf}, "finite goal"),
        ({"values": (1.0,), "least": 1.0, "most": 2.0}, "has two goals, at least 1.0 and at most 2.0"),
    ],
)
def test_measurements_that_say_nothing_are_refused(entry, complaint):
    with pytest.raises(ValueError, match=complaint):
        Measurement("g", "r", **entry)


def test_a_record_has_one_measurement_for_each_place():
    for measured in ((), (MADE[0], MADE[0])):
        with pytest.raises(ValueError, match="a group, row and column of its own"):
            Record("made_up", "", CIRCUMSTANCES, measured)


def changed(**more: object) -> str:
    """The file of a record, with some of its entries replaced."""
    entries = [
        {"group": "g", "row": "r", "values": [1.0], "column": "", "unit": "", "least": None, "most": None, "bound": ""}
    ]
    whole = {"benchmark": "made_up", "about": "", "circumstances": CIRCUMSTANCES, "measurements": entries}
    return json.dumps(whole | more)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (changed()[:-9], "Expecting|Unterminated"),
        ("[]", "expected entries about, benchmark.*got list"),
        (changed(more=1), "got .*'more'"),
        (changed(circumstances={"date": "2026-11-22"}), r"expected entries commit, date.*got \['date'\]"),
        (changed(measurements=[{"row": "r"}]), r"expected entries bound, column.*got \['row'\]"),
        (changed(measurements=3), "not iterable"),
        (changed(benchmark="another"), "it is the file of the benchmark 'another'"),
        (changed().replace("[1.0]", "[NaN]"), "needs one finite value"),
        (changed().replace("[1.0]", "[]"), "needs one finite value"),
        (changed(measurements=[]), "needs measurements"),
    ],
)
def test_a_damaged_file_is_named_with_what_mends_it(tmp_path, content, complaint):
    path = tmp_path / "made_up.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(MeasurementsError, match=rf"made_up\.json cannot be used \(.*({complaint})") as refused:
        measurements.read(path)
    assert str(refused.value).endswith("python benchmarks/made_up.py")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(MeasurementsError, match=r"none\.json cannot be used"):
        measurements.read(tmp_path / "none.json")


def test_circumstances_are_those_that_a_record_needs(tmp_path):
    found = measurements.circumstances(["pytest"])
    assert found["versions"]["pytest"] == pytest.__version__
    assert "core" in found["machine"]
    path = measurements.write(Record("made_up", "", found, MADE), tmp_path)
    assert measurements.read(path).circumstances == found


def test_the_folder_of_measurements_is_in_the_clone():
    assert measurements.folder() == Path(__file__).resolve().parents[2] / "benchmarks" / "results"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (2.0, "2.00"),
        (12.34, "12.3"),
        (-123.4, "−123"),
        (98765.4, "98765"),
        (0.01234, "0.0123"),
        (3.5e-16, "3.5 × 10⁻¹⁶"),
        (2.5e7, "2.5 × 10⁷"),
    ],
)
def test_numbers_are_written_for_readers(value, shown):
    assert measured_tables.number(value) == shown


def test_cells_say_what_many_values_come_to():
    assert measured_tables.largest(MADE[2]) == "3.0 × 10⁻¹⁶"
    assert measured_tables.mean_and_error(MADE[0]) == f"4.00 ± {1 / math.sqrt(3):.2f} µs"
    assert measured_tables.mean_and_error(MADE[1]) == "8.00 µs"
    assert measured_tables.median_and_range(MADE[0]) == r"4.00 \[3.00, 5.00\] µs"
    assert measured_tables.median_and_range(MADE[1]) == "8.00 µs"


def test_a_table_crosses_rows_and_columns():
    table = measured_tables.crossed(measured_tables.group(record(), "time"), "Rule", measured_tables.largest)
    assert table.splitlines()[4:] == [
        "* - Rule",
        "  - ours",
        "  - theirs",
        "* - DFA",
        "  - 5.00 µs",
        "  - 8.00 µs",
        "* - BP",
        "  - 3.0 × 10⁻¹⁶",
        "  - –",
        "```",
    ]


def test_a_group_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="'made_up' has no group 'speed'; it has time"):
        measured_tables.group(record(), "speed")


def test_the_origin_says_what_where_and_when():
    assert measured_tables.origin(record()) == (
        "Sizes 1-2-3, η = 0.1. Measured on 2 cores (x86\\_64), no GPU, 2026-11-22, at a load of 0.5 processes, "
        "commit 0123456789+, with python 3.11.7, torch 2.13.0."
    )


def test_no_markup_comes_from_a_file():
    assert measured_tables.plain("<b>|`x`_*\n$y$") == r"\<b\>\|\`x\`\_\* \$y\$"
