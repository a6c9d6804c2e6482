"""Figures as files: their names, their bytes, and the list of them."""

from dataclasses import replace

import nbformat
import pytest
from bs4 import BeautifulSoup
from markdown_it import MarkdownIt
from matplotlib.figure import Figure

from feedback_alignment.companion import figure_files
from feedback_alignment.companion.figure_files import Listed, Shown


@pytest.mark.parametrize(
    ("caption", "after"),
    [
        ("Errors. After Fig. 5 of Refinetti et al. (2021).", "refinetti-2021-fig-5"),
        ("After the erf curves of Fig. 2 of Refinetti et al. (2021).", "refinetti-2021-fig-2"),
        ("After Fig. 3b, c of Chu and Bacho (2024), with steps added.", "chu-2024-fig-3b"),
        ("After Table 1 of Launay et al. (2019).", "launay-2019-table-1"),
        ("Lines: Eq. 8 as printed. No figure of a paper.", ""),
    ],
)
def test_files_are_named_after_the_figure_of_the_paper(caption, after):
    shown = Shown("two_rows", caption, "Two rows.")
    assert shown.after == after
    assert figure_files.file_name("06_x", shown) == f"{after + '.' if after else ''}chapter-06-two-rows"


def drawing() -> Figure:
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([0, 1], [2, 3], label="line")
    return figure


def test_the_same_figure_gives_the_same_bytes(tmp_path):
    shown = Shown("line", "A line. After Fig. 7 of Refinetti et al. (2021).", "A rising line.")
    one = figure_files.write(drawing(), shown, tmp_path / "one" / "line.x")
    other = figure_files.write(drawing(), shown, tmp_path / "other" / "line.x")
    assert [path.name for path in one] == ["line.x.svg", "line.x.pdf", "line.x.csv"]
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]
    assert "A rising line." in one[0].read_text(encoding="utf-8")
    assert one[1].read_bytes().startswith(b"%PDF")


def test_a_drawing_without_numbers_has_no_table(tmp_path):
    shown = Shown("sketch", "A sketch.", "A sketch of nothing.")
    assert [path.suffix for path in figure_files.write(Figure(), shown, tmp_path / "sketch")] == [".svg", ".pdf"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: text.replace("caption", "title", 1),
        lambda text: text + '"open quote',
        lambda text: text + "one,column\n",
    ],
    ids=["cut short", "empty", "another column", "an open quote", "a short line"],
)
def test_a_damaged_list_is_refused_with_the_way_to_mend_it(tmp_path, damage):
    path = figure_files.write_list([Listed("a", "06_x", "b", "", "Caption.", "Stored.", "svg pdf", "digest")], tmp_path)
    path.write_text(damage(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(ValueError, match=r"figures\.csv is damaged .*: delete it and run 'make figures' again"):
        figure_files.read_list(tmp_path)


def test_the_figures_of_a_notebook_are_found_in_its_cells(tmp_path):
    about = {"mystnb": {"figure": {"caption": "A.", "name": "fig-a"}, "image": {"alt": "Alternative text."}}}
    cells = [
        nbformat.v4.new_markdown_cell('Picture(figures["text"])'),
        nbformat.v4.new_code_cell('Picture(figures["who-aligns"], dpi=105)', metadata=about),
        nbformat.v4.new_code_cell("Picture(figures['later_on'])", metadata=about),
        nbformat.v4.new_code_cell("draw()", metadata=about),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "01_x.ipynb")
    found = figure_files.shown_figures(tmp_path / "01_x.ipynb")
    assert found == [Shown("who-aligns", "A.", "Alternative text."), Shown("later_on", "A.", "Alternative text.")]


LINE = Listed("a.b", "01_x", "a", "", 'Captions, "quoted"\nand folded', "one run", "svg csv", "0a1b")


def test_the_list_comes_back_as_it_was(tmp_path):
    assert figure_files.read_list(tmp_path) == []
    figure_files.write_list([LINE], tmp_path)
    assert figure_files.read_list(tmp_path) == [LINE]


def test_a_missing_file_is_noticed(tmp_path):
    (tmp_path / "a.b.svg").touch()
    assert not figure_files.is_complete(LINE, tmp_path)
    (tmp_path / "a.b.csv").touch()
    assert figure_files.is_complete(LINE, tmp_path)


def test_the_page_offers_every_file_below_its_chapter():
    text = figure_files.offered([LINE, LINE], "../figures")
    assert text.count("## {doc}`../notebooks/01_x`") == 1
    for ending in ("svg", "csv"):
        assert text.count(f'<a href="../figures/a.b.{ending}" download>{ending.upper()}</a>') == 2
    assert "make figures" in figure_files.offered([], "../figures")


def test_nothing_that_a_stored_file_says_becomes_markup():
    said = "a <script>alert(1)</script> & [x](javascript:y) `z` $w$ **b**\n# T"
    page = MarkdownIt().render(figure_files.offered([replace(LINE, result=said)], "../figures"))
    text = BeautifulSoup(page, "html.parser")
    assert " ".join(said.split()) in text.get_text()
    assert {tag.name for tag in text.find_all()} <= {"h2", "p", "ul", "li", "code", "a"}
    assert all(link["href"].startswith("../figures/a.b.") for link in text.select("a"))
