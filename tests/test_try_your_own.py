"""The cell of a chapter that a reader changes: values that make no sense are answered in words."""

from pathlib import Path
from typing import Any

import pytest

from feedback_alignment.companion import notebook_files
from feedback_alignment.networks import data

ROOT = Path(__file__).resolve().parents[1]
MARK = "# change this line"
CELLS = {
    chapter[:2]: [cell for cell in notebook_files.read(path).cells if "try-your-own" in notebook_files.tags(cell)]
    for chapter, path in notebook_files.find_chapters(ROOT).items()
}
BAD = [
    ("01", "DFA()", "DFA", "object such as BP"),
    ("01", "(32,)", "(0,)", "sizes must be those of inputs, hidden layers"),
    ("01", "0.1", "-0.1", "learning_rate must be a finite number > 0"),
    ("01", "0.1, 2", "0.1, -2", "finite epochs >= 0"),
    ("02", "(0.4, -1.5)", "(0.4, float('nan'))", "F must be finite"),
    ("02", "(1.1, 0.9)", "()", "T must have shape"),
    ("02", "0.1", "-0.1", "eta must be a learning rate"),
    ("02", "0.01", "-0.01", "sigma0 must be a standard deviation"),
    ("03", "(1.0, 1.0)", "(1.0, 0.0)", "its signs count"),
    ("03", "(1.0, -0.5, 0.8)", "(1.0, float('inf'), 0.8)", "F must be finite"),
    ("03", "0.1", "-0.1", "eta must be a learning rate"),
    ("04", '"dfa"', '"bp"', "rule must be one of dfa, fa"),
    ("04", '"orthonormal"', '"cauchy"', "kind must be one of"),
    ("04", "20, 20, 3", "3", "at least three positive widths"),
    ("04", "0.05", "-0.05", "eta must be a positive number"),
    ("04", "400", "0", "none of them empty"),
    ("08", "0.5", "1.5", "probability in"),
    ("08", '"relu"', '"swish"', "activation must be one of"),
    ("08", "0.004", "0", "learning_rate must be a finite number > 0"),
    ("09", '"tanh"', '"swish"', "activation must be one of"),
    ("09", "dropout=0.1", "dropout=1.0", "dropout rate must be at least 0 and below 1"),
    ("10", '"chained"', '"hebb"', "DFA'?, '?released"),  # the tests' own check of types may speak first, also below
    ("10", "(4, 8, 8)", "(4, 8)", r"needs its pooling|tuple\[int, int, int\]"),
    ("10", ", 3  #", ", 0  #", "channels, kernel and stride of at least 1"),
    ("11", '"units"', '"none"', "units'?, '?scattered'?, '?narrow"),  # the tests' own check of types may speak first
    ("11", "5,", "0,", "number of units of at least 1"),
    ("11", "5,", "100,", "does not fit into layer 2"),
    ("12", "0.3", "1.5", "must lie in -1"),
    ("12", "0.2, 0.2", "-0.2, 0.2", "scale of normal weights"),
    ("13", "7, 3", "-1, 3", "must be integers in 0"),
    ("13", "20", "0", "at least one input, hidden unit, output and sample"),
]


def namespace(number: str) -> dict[str, Any]:
    """What the cell finds: the names that the chapter imports, and in the first chapter the images."""
    (chapter,) = notebook_files.find_chapters(ROOT, [number]).values()
    imports = next(cell for cell in notebook_files.read(chapter).cells if "settings = " in cell.source)
    names: dict[str, Any] = {"profile": "smoke"}
    exec(imports.source, names)
    if number == "01":
        images = data.standardise(data.load("digits"), per_channel=False)
        names |= {"images": images} | dict(zip(("x", "x_test"), (a.T.astype(float) for a in images.flat), strict=True))
    return names


def test_no_chapter_has_two_such_cells_and_each_of_them_is_tried():
    assert {number for number, cells in CELLS.items() if cells} == {number for number, *_ in BAD}
    assert max(len(cells) for cells in CELLS.values()) == 1


@pytest.mark.parametrize(("number", "good", "bad", "complaint"), BAD)
def test_a_value_that_makes_no_sense_is_answered_in_words(number, good, bad, complaint):
    lines = CELLS[number][0].source.splitlines()
    (marked,) = (index for index, line in enumerate(lines) if MARK in line)
    assert good in lines[marked]
    lines[marked] = lines[marked].replace(good, bad, 1)
    with pytest.raises((TypeError, ValueError), match=complaint):
        exec("\n".join(lines), namespace(number))
