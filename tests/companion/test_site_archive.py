"""The book as one zip."""

import zipfile

import pytest

from feedback_alignment.companion import site_archive


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "html"
    (folder / "book").mkdir(parents=True)
    (folder / "index.html").write_text("<p>start</p>")
    (folder / "book" / "page.html").write_text("<p>page</p>")
    (folder / "objects.inv").write_bytes(b"for tools")
    return folder


def test_all_pages_are_in_it_below_one_folder(site, tmp_path):
    assert site_archive.write(site, tmp_path / "book.zip") == 2
    with zipfile.ZipFile(tmp_path / "book.zip") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["align-then-memorise/book/page.html", "align-then-memorise/index.html"]
        assert archive.read("align-then-memorise/index.html") == b"<p>start</p>"


def test_its_search_reads_no_other_page(site, tmp_path):
    (site / "documentation_options.js").write_text("{SHOW_SEARCH_SUMMARY: true,}")
    site_archive.write(site, tmp_path / "book.zip")
    with zipfile.ZipFile(tmp_path / "book.zip") as archive:
        assert archive.read("align-then-memorise/documentation_options.js") == b"{SHOW_SEARCH_SUMMARY: false,}"


def test_the_same_pages_give_the_same_bytes(site, tmp_path):
    site_archive.write(site, tmp_path / "one.zip")
    (site / "index.html").touch()
    site_archive.write(site, tmp_path / "other.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "other.zip").read_bytes()


def test_the_command_says_what_it_wrote(site, tmp_path, capsys):
    assert site_archive.main(["--site", str(site), "--into", str(tmp_path / "book.zip")]) == 0
    assert "2 files" in capsys.readouterr().out


def test_a_folder_without_a_site_is_refused(tmp_path, capsys):
    assert site_archive.main(["--site", str(tmp_path), "--into", str(tmp_path / "book.zip")]) == 1
    assert "make book" in capsys.readouterr().err
    assert not (tmp_path / "book.zip").exists()
