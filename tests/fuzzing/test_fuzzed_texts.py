"""Texts with any contents: notebooks, YAML files of the book, lists of figures, claims, words of commands."""

import json
import math
import sys
from pathlib import Path

import pytest
from hostile_bytes import EFFORT, any_bytes, for_all, judge
from hypothesis import strategies as st
from nbformat import v4
from test_fuzzed_results import JSON

from feedback_alignment.companion import (
    claims,
    equation_map,
    errata,
    figure_files,
    notebook_files,
    papers,
    scorecard,
    scorecard_rows,
    site,
)
from feedback_alignment.companion.claims import Claim, Expected, Measured, Tolerance
from feedback_alignment.companion.claims_table import CLAIMS_MIME, claims_html
from feedback_alignment.companion.figure_files import Listed
from feedback_alignment.experiments.members import members_range

BOOK = Path(__file__).parents[2] / "book"
sys.path.insert(0, str(BOOK / "_ext"))
from equation_code import read_map  # noqa: E402

PAPER = {
    "key": "a",
    "name": "A",
    "figures": {1: {"about": "b", "shown": "c", "claims": ["d"]}},
    "tables": {},
    "equations": {1: {"equations": ["eq-a"]}},
}
ERRATUM = {
    "key": "a",
    "where": "b",
    "title": "c",
    "weight": "typo",
    "printed": "d",
    "found": "e",
    "shown": "f",
    "tests": ["g::h"],
    "letter": "i",
}
YAML = {
    "papers": (papers.read, [PAPER]),
    "errata": (errata.read, [{"key": "a", "name": "A", "opening": "o", "errata": [ERRATUM]}]),
    "tests of equations": (equation_map.read_tests, {"eq-a": ["a::b"]}),
    "code of equations": (read_map, {"eq-a": "a.b", "eq-b": "derivation"}),
}
ODD = [b"2001-99-99", b"!!int x", b"!!timestamp x", b"&a [*a]", b"? {a: b}", b"!!python/object:os.system", b"0b"]


def claim(value: float, error: float, low: float, high: float) -> Claim:
    return Claim("a", "Author 2020", "b", Expected("c", low, high), Measured(value, error, 3), Tolerance("d"), "paper")


@pytest.mark.parametrize("examples", EFFORT)
@pytest.mark.parametrize("kind", YAML)
def test_a_yaml_file_of_the_book_is_read_or_refused(tmp_path, kind, examples):
    import yaml

    read, content = YAML[kind]
    path, valid = tmp_path / "file.yml", yaml.safe_dump(content).encode()
    path.write_bytes(valid)
    assert judge(lambda: read(path), ValueError)
    odd = st.tuples(st.sampled_from(ODD), st.integers(0, len(valid))).map(
        lambda o: valid[: o[1]] + o[0] + valid[o[1] :]
    )

    @for_all(examples, any_bytes(valid) | odd | JSON.map(lambda value: json.dumps(value).encode()))
    def holds(content: bytes) -> None:
        path.write_bytes(content)
        judge(lambda: read(path), ValueError)


@pytest.mark.parametrize("examples", EFFORT)
def test_a_notebook_is_read_or_refused(tmp_path, examples):
    row = claim(1.0, 0.1, 0.0, 2.0).as_dict()
    outputs = [
        v4.new_output("display_data", {CLAIMS_MIME: [row], "text/plain": "x"}),
        v4.new_output("stream", text="y"),
    ]
    cells = [v4.new_markdown_cell("# Title"), v4.new_code_cell("x", outputs=outputs)]
    notebook_files.write(v4.new_notebook(cells=cells), path := tmp_path / "01_x.ipynb")
    valid = path.read_bytes()
    notebook_files.read(path)
    assert judge(lambda: scorecard.entry("01_x", path, None), ValueError)
    plain = json.loads(valid)
    places = [(plain, key) for key in plain] + [(cell, key) for cell in plain["cells"] for key in cell]

    @st.composite
    def one_value_changed(draw: st.DrawFn) -> bytes:
        holder, key = draw(st.sampled_from(places))
        before, holder[key] = holder[key], draw(JSON)
        text = json.dumps(plain).encode()
        holder[key] = before
        return text

    @for_all(examples, any_bytes(valid) | one_value_changed())
    def holds(content: bytes) -> None:
        path.write_bytes(content)
        judge(lambda: notebook_files.read(path), notebook_files.NotebookFileError)
        judge(lambda: scorecard.entry("01_x", path, None), ValueError)
        judge(lambda: scorecard.entry("01_x", path, [row]), ValueError)


@pytest.mark.parametrize("examples", EFFORT)
def test_a_list_of_figures_is_read_or_refused(tmp_path, examples):
    line = Listed("a", "06_x", "b", "", 'A "caption", long', "Stored.", "svg pdf", "digest")
    path = figure_files.write_list([line, line], tmp_path)
    assert figure_files.read_list(tmp_path) == [line, line]

    @for_all(examples, any_bytes(path.read_bytes()))
    def holds(content: bytes) -> None:
        path.write_bytes(content)
        judge(lambda: figure_files.read_list(tmp_path), ValueError)


@pytest.mark.parametrize("examples", EFFORT)
def test_a_scorecard_page_and_the_mark_of_a_site_are_read_or_refused(tmp_path, examples):
    rows = [claim(1.0, 0.1, 0.0, 2.0).as_dict()]
    valid = claims_html(rows).encode()
    assert list(scorecard_rows.read(valid.decode())) == ["a"]

    @for_all(examples, any_bytes(valid, b'{"sources": "a", "tools": {}}'))
    def holds(content: bytes) -> None:
        judge(lambda: scorecard_rows.read(content.decode(errors="replace")), ValueError)
        (tmp_path / "mark").write_bytes(content)
        assert judge(lambda: site._read_mark(tmp_path / "mark"), ValueError)


@pytest.mark.parametrize("examples", EFFORT)
def test_any_numbers_make_a_claim_with_one_verdict_or_are_refused(examples):
    anything = st.floats() | st.sampled_from([0.0, -0.0, 5e-324, 1e308, math.nan, math.inf])

    @for_all(examples, anything, anything, anything, anything)
    def holds(value: float, error: float, low: float, high: float) -> None:
        def made() -> None:
            row = claim(value, error, low, high).as_dict()
            assert row["verdict"] in scorecard.VERDICTS
            assert json.loads(json.dumps(row, allow_nan=False)) == row
            again = claims.as_number(row["measured"])
            assert math.isnan(again) if math.isnan(value) else math.isclose(again, value, rel_tol=1e-3, abs_tol=1e-12)
            claims.estimate(row)
            claims_html([row])

        judge(made, ValueError)


@pytest.mark.parametrize("examples", EFFORT)
def test_members_are_a_range_of_moderate_length_or_refused(examples):
    words = st.text(max_size=12) | st.from_regex(r"\A[0-9]{0,25}:?[0-9]{0,25}\Z")

    @for_all(examples, words)
    def holds(text: str) -> None:
        judge(lambda: members_range(text), ValueError)
