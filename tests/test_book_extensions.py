import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import xarray as xr
from bs4 import BeautifulSoup
from docutils import nodes
from docutils.core import publish_doctree

from feedback_alignment.companion import store
from feedback_alignment.companion.claims_table import CLAIMS_MIME
from feedback_alignment.companion.scorecard_rows import ScoredClaim

ROOT = Path(__file__).resolve().parents[1]
EXTENSIONS, RESULTS = ROOT / "book" / "_ext", ROOT / "results"


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


def test_total_costs_are_sums_over_notebooks_and_stored_results(tmp_path):
    total_cost = extension("cost_box").total_cost
    for name, seconds in (("01_one", 30.0), ("02_two", 45.0)):
        cost = {"metadata": {"feedback_alignment": {"seconds": seconds}}, "cells": []}
        (tmp_path / f"{name}.ipynb").write_text(json.dumps(cost))
        record = {"provenance": json.dumps({"wall_seconds": 60 * seconds})}
        store.write(xr.Dataset({"x": ("n", np.ones(2))}, attrs=record), store.result_path(tmp_path, name))
    assert total_cost("quick", tmp_path, tmp_path) == "75 s"
    assert total_cost("paper", tmp_path, tmp_path) == "75 min"
    with pytest.raises(ValueError, match="'quick' and of 'paper' runs; got 'smoke'"):
        total_cost("smoke", tmp_path, tmp_path)


def test_a_figure_is_drawn_from_a_stored_result(tmp_path):
    draw = extension("stored_figure").draw
    picture = draw("front_page.convolutions", "04_weight_alignment", RESULTS)
    assert picture.startswith(b"\x89PNG")
    assert picture == draw("front_page.convolutions", "04", RESULTS)
    for unknown in ("front_page.nothing", "no_such_module.convolutions", "convolutions"):
        with pytest.raises(ValueError, match="there is no"):
            draw(unknown, "04_weight_alignment", RESULTS)
    with pytest.raises(store.MissingResultError):
        draw("front_page.convolutions", "04_weight_alignment", tmp_path)


def test_only_pages_with_claims_have_a_run_at_the_papers_scale():
    checks_claims = extension("cost_box").checks_claims
    text, claims = {"data": {"text/plain": "1"}}, {"data": {CLAIMS_MIME: []}}
    assert checks_claims({"cells": [{"source": "words"}, {"outputs": [text, {"name": "stdout"}, claims]}]})
    assert not checks_claims({"cells": [{"source": "words"}, {"outputs": [text, {"name": "stdout"}]}]})


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


def test_a_setting_is_read_from_the_experiments():
    setting = extension("numbers_from_files").setting
    assert setting("label_noise_settings.NOISES") == "0, 0.1, 0.2, 0.5, 0.9, 1"
    assert setting("label_noise_settings.SETTINGS[paper].noisy[-1].schedule.reduction") == "sum"
    assert setting("label_noise_settings.SETTINGS[paper].noisy[0].hidden") == "100, 100"


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("label_noise_settings", "is written module"),
        ("label_noise_settings.NOISES + 1", "is written module"),
        ("no_such_module.NOISES", "leads nowhere"),
        ("label_noise_settings.NOISE", "leads nowhere"),
        ("label_noise_settings.SETTINGS[huge].seeds", "leads nowhere"),
        ("label_noise_settings.NOISES[first]", "leads nowhere"),
        ("label_noise_settings.NOISES[1000]", "leads nowhere"),
        ("label_noise_settings.SETTINGS[paper].noisy[0]", "neither a number nor text"),
    ],
)
def test_a_setting_that_is_not_there_is_refused(path, complaint):
    with pytest.raises(ValueError, match=complaint):
        extension("numbers_from_files").setting(path)


def scored(key: str, source: str, verdict: str, scale: str) -> ScoredClaim:
    return ScoredClaim(key, source, "b > c", verdict, "1", "0.50 ± 0.25", scale)


def test_a_number_of_a_small_run_is_marked():
    number = extension("numbers_from_files").number
    assert number(scored("01-a", "Paper, Fig. 1", "agrees", "paper")) == "0.50 ± 0.25"
    assert number(scored("01-a", "Paper, Fig. 1", "reduced", "quick")) == "0.50 ± 0.25 (quick run)"


def test_planted_faults_are_counted_as_the_file_has_it(tmp_path):
    planted, path = extension("numbers_from_files").planted, tmp_path / "mutations.json"
    path.write_text('{"planted": 5, "caught": 4, "missed": 1, "faults": []}')
    assert [planted(path, what) for what in ("planted", "caught", "missed")] == [5, 4, 1]
    with pytest.raises(ValueError, match="faults were 'planted', and each 'caught' or 'missed'; got 'found'"):
        planted(path, "found")


def test_claims_are_counted_by_verdict_and_source():
    count = extension("numbers_from_files").count
    found = [scored("01-a", "Launay, Fig. 1", "agrees", "paper"), scored("01-b", "Chu, Fig. 2", "agrees", "paper")]
    found.append(scored("01-c", "Launay, Table 2", "disagrees", "paper"))
    assert [count(found, words) for words in ("all", "agrees", "agrees, Launay", "all, Launay")] == [3, 2, 1, 2]
    for wrong in ("agreed", "disagrees, Chu", ""):
        with pytest.raises(ValueError, match="no claim on the scorecard is of"):
            count(found, wrong)


def linked(source: str, addresses: dict[str, str]) -> list[tuple[str, str]]:
    """The links that a page in reStructuredText gets: their texts and addresses."""
    tree = publish_doctree(source, settings_overrides={"report_level": 5})
    extension("glossary_links").link_words(tree, addresses)
    return [(link.astext(), link["refuri"]) for link in tree.findall(nodes.reference)]


def test_the_first_of_each_word_becomes_a_link():
    addresses = {"alignment": "#a", "weight alignment": "#w", "alignment matrix": "#m", "activity": "#y", "ReLU": "#r"}
    page = "Weight\nalignment, alignment matrices, weight alignment. Alignment of activities; relu, misalignment."
    links = linked(page, addresses)
    assert links == [
        ("Weight\nalignment", "#w"),
        ("alignment matrices", "#m"),
        ("Alignment", "#a"),
        ("activities", "#y"),
        ("relu", "#r"),
    ]


def test_an_abbreviation_is_one_in_capitals_only():
    assert linked("It was fast; WAs fall, and the sm", {"WA": "#w", "FA": "#f", "SM": "#s"}) == [("WAs", "#w")]


def test_headings_code_links_and_definitions_get_no_links():
    page = (
        "The plateau\n===========\n\n``plateau`` and :math:`plateau`\n\nplateau\n  A plateau.\n\n`plateau <x.html>`__"
    )
    assert linked(page, {"plateau": "#p"}) == [("plateau", "x.html")]
    assert linked(f"{page}\n\nOn the plateau!", {"plateau": "#p"}) == [("plateau", "x.html"), ("plateau", "#p")]
