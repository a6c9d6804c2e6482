import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import xarray as xr
from bs4 import BeautifulSoup

from feedback_alignment.companion import store
from feedback_alignment.companion.claims_table import CLAIMS_MIME

EXTENSIONS = Path(__file__).resolve().parents[1] / "book" / "_ext"


def extension(name: str) -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXTENSIONS))
        return importlib.import_module(name)


@pytest.fixture(autouse=True)
def forget_extensions():
    yield
    for path in EXTENSIONS.glob("*.py"):
        sys.modules.pop(path.stem, None)


def test_pictures_without_alternative_text_are_found():
    silent = extension("alternative_text").pictures_without_text
    assert silent('<p><img src="a.png" alt="A curve."><img src="b.png" alt="A line"/></p>') == []
    assert silent('<img src="a.png"><div><img alt=" " src="b.png"/></div>') == ["a.png", "b.png"]
    assert silent("<img alt>") == ["(no source)"]


def test_buttons_follow_the_address():
    buttons = extension("repository_buttons").buttons
    options = {"launch_buttons": {"colab_url": "https://colab"}, "repository_url": "", "navbar_persistent": []}
    known = buttons(options, "https://github.com/a/b")
    assert known["repository_url"] == "https://github.com/a/b"
    assert known["use_repository_button"] is True
    assert known["launch_buttons"] == options["launch_buttons"]
    unknown = buttons(options | {"repository_url": "https://github.com/other/book"}, None)
    assert unknown["repository_url"] == ""
    assert unknown["launch_buttons"] == {}
    assert unknown["use_repository_button"] is False
    assert unknown["navbar_persistent"] == []


def test_the_equation_map_must_map_text_to_text(tmp_path):
    read_map = extension("equation_code").read_map
    path = tmp_path / "equations.yml"
    path.write_text("eq-a: package.module.name\neq-b: derivation\n")
    assert read_map(path) == {"eq-a": "package.module.name", "eq-b": "derivation"}
    for wrong in ("- eq-a\n", "eq-a: [one, two]\n", "eq-a:\n", ""):
        path.write_text(wrong)
        with pytest.raises(ValueError, match=r"equations\.yml must map"):
            read_map(path)


def test_the_quick_cost_comes_from_the_metadata():
    quick_cost = extension("cost_box").quick_cost
    cost = quick_cost({"feedback_alignment": {"profile": "quick", "seconds": 41.7, "device": "a quiet machine"}})
    assert cost.startswith("42 s on a quiet machine")
    assert quick_cost({}) == "not measured yet."


def test_the_paper_cost_comes_from_the_stored_result(tmp_path):
    paper_cost = extension("cost_box").paper_cost
    path = store.result_path(tmp_path, "01_tiny")
    assert paper_cost(path) == "not stored yet."
    record = {"wall_seconds": 600.0, "device": "a large card", "date": "2025-01-02", "reduced": []}
    store.write(xr.Dataset({"x": ("n", np.ones(2))}, attrs={"provenance": json.dumps(record)}), path)
    assert paper_cost(path) == "10 min on a large card, 2025-01-02. Nothing is reduced against the paper."
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(store.DamagedResultError):
        paper_cost(path)


def test_sidebar_toggles_and_bibliographies_can_be_read_aloud():
    mend = extension("accessible_markup")
    tree = '<ul><li><a href="x.html"> A chapter </a><details><summary><i></i></summary><ul></ul></details></li></ul>'
    named = mend.name_toggles(BeautifulSoup(tree, "html.parser"))
    assert named.summary["aria-label"] == "Pages of A chapter"
    assert mend.list_citations('<div role="doc-biblioentry">') == '<div role="listitem">'


def test_each_table_of_claims_gets_a_box_of_its_own():
    table = '<table class="claims-table"><tr>\n</tr></table>'
    boxed = f'<div class="pst-scrollable-table-container">{table}</div>'
    box_claims = extension("accessible_markup").box_claims
    assert box_claims(f"<p></p>{table}<p></p>{table}") == f"<p></p>{boxed}<p></p>{boxed}"
    assert box_claims("<table><tr></tr></table>") == "<table><tr></tr></table>"


def test_claims_data_and_nothing_else_is_left_out():
    table, number = {"text/html": "<table>", CLAIMS_MIME: [{"key": "a"}]}, {"text/plain": "1"}
    cells = [{"source": "words"}, {"outputs": [{"data": table}, {"data": number}, {"name": "stdout", "text": "x"}]}]
    left = json.loads(extension("claims_data").without_claims_data(json.dumps({"cells": cells, "nbformat": 4})))
    assert left["cells"][1]["outputs"][0] == {"data": {"text/html": "<table>"}}
    assert left["cells"][1]["outputs"][1:] == cells[1]["outputs"][1:]
    assert left["cells"][0] == cells[0]


def test_the_explorer_loads_every_one_of_its_scripts_once():
    scripts = extension("explorer_files").SCRIPTS
    folder = EXTENSIONS.parent / "_static" / "explorer"
    assert sorted(scripts) == sorted(path.stem for path in folder.glob("*.js"))
