"""Drawing the chapters' figures into files."""

import pytest

from feedback_alignment.companion import figure_files, notebook_files
from feedback_alignment.experiments import figure_export

ROOT = notebook_files.clone_root()


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Chapter 04 at smoke."""
    folder = tmp_path_factory.mktemp("figures")
    assert figure_export.main(["04", "--profile", "smoke", "--into", str(folder)]) == 0
    return folder


def test_every_figure_of_the_notebook_is_a_file(exported):
    lines = figure_files.read_list(exported)
    shown = figure_files.shown_figures(ROOT / "notebooks" / "04_weight_alignment.ipynb")
    assert [line.figure for line in lines] == [each.key for each in shown]
    assert all(figure_files.is_complete(line, exported) for line in lines)
    assert {line.chapter for line in lines} == {"04_weight_alignment"}
    assert "smoke" in lines[0].result


def test_what_has_not_changed_is_not_drawn_again(exported, capsys, monkeypatch):
    monkeypatch.setattr(figure_export, "export", None)
    before = (exported / figure_files.LIST).read_bytes()
    assert figure_export.main(["04", "--profile", "smoke", "--into", str(exported)]) == 0
    assert (exported / figure_files.LIST).read_bytes() == before


def test_a_lost_file_is_drawn_again(exported):
    (line, *_) = figure_files.read_list(exported)
    (exported / f"{line.file}.svg").unlink()
    assert figure_export.main(["04", "--profile", "smoke", "--into", str(exported)]) == 0
    assert figure_files.is_complete(line, exported)


def test_without_a_stored_result_there_is_nothing_to_draw(tmp_path, monkeypatch):
    monkeypatch.setattr(figure_export.stored, "stored_result", lambda chapter: None)
    assert figure_export.export(ROOT / "notebooks" / "04_weight_alignment.ipynb", tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_page_without_an_experiment_has_none(tmp_path, capsys):
    assert figure_export.main(["14", "--into", str(tmp_path)]) == 0
    assert "14_write_your_own_rule: nothing of it is stored" in capsys.readouterr().out
    assert figure_files.read_list(tmp_path) == []


def test_an_unknown_chapter_is_named(tmp_path, capsys):
    assert figure_export.main(["40", "--into", str(tmp_path)]) == 1
    assert "no chapter '40'" in capsys.readouterr().err


def test_captions_that_follow_a_paper_give_their_files_its_number():
    # Every chapter after a paper's figure says so in one form; a caption in another form would lose its number.
    for notebook in notebook_files.find_chapters(ROOT).values():
        for shown in figure_files.shown_figures(notebook):
            assert bool(shown.after) == ("After " in shown.caption and "(20" in shown.caption), shown.caption
