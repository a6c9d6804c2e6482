import json
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import tiny_book
import xarray as xr

from feedback_alignment.companion import repository, site, store

ADDRESS = "https://github.com/example/companion"


@pytest.fixture(scope="module", autouse=True)
def no_address():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(repository.VARIABLE, "")
        yield


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a book that was built once: `book/` and, beside it, `build/site`."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "book").mkdir()
    tiny_book.write(folder / "book")
    build(folder)
    return folder


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    """A copy of the built book, to change."""
    return Path(shutil.copytree(finished, tmp_path / "copy"))


def build(folder: Path, **options: str) -> site.Site:
    book = folder / "book"
    return site.build(book, book / "notebooks", book / "results", folder / "build" / "site", **options)


def page(folder: Path, name: str = f"notebooks/{tiny_book.CHAPTER}") -> str:
    return (folder / "build" / "site" / "html" / f"{name}.html").read_text(encoding="utf-8")


def provenance(**changes: object) -> dict[str, object]:
    record = {
        "chapter": tiny_book.CHAPTER,
        "profile": "paper",
        "wall_seconds": 7200.0,
        "device": "a large card",
        "date": "2025-01-02",
        "reduced": ["5 seeds instead of 10"],
    }
    return record | changes


def store_result(folder: Path, **changes: object) -> Path:
    path = store.result_path(folder / "book" / "results", tiny_book.CHAPTER)
    dataset = xr.Dataset({"accuracy": ("member", np.ones(3))}, attrs={"provenance": json.dumps(provenance(**changes))})
    store.write(dataset, path)
    return path


def test_a_second_build_finds_the_site_up_to_date(copy):
    # The mark holds contents, not places or times: it is still right after the folder was copied.
    start = time.perf_counter()
    again = build(copy)
    assert not again.rebuilt
    assert time.perf_counter() - start < 3
    assert again.index == copy / "build" / "site" / "html" / "index.html"


def test_a_changed_notebook_is_built_again(copy):
    notebook = tiny_book.chapter()
    notebook.cells[0].source += "\nA new sentence.\n"
    tiny_book.write_chapter(copy / "book", notebook)
    assert build(copy).rebuilt
    assert "A new sentence." in page(copy)


def test_a_build_with_faults_names_each_and_is_not_up_to_date(copy):
    pages = copy / "build" / "site" / "html" / "index.html"
    text = f"{tiny_book.TEXT}\nSee {{doc}}`nowhere`.\n\n$$\nz\n$$ (eq-new)\n"
    tiny_book.write_chapter(copy / "book", tiny_book.chapter(alternative_text=" ", text=text))
    with (copy / "book" / "book" / "equations.yml").open("a") as file:
        file.write("eq-gone: derivation\n")
    with pytest.raises(site.BuildError) as problem:
        build(copy)
    complaints = "\n".join(problem.value.warnings)
    for fault in ("no alternative text", "nowhere", "'eq-new' is not in book/equations.yml", "'eq-gone': remove it"):
        assert fault in complaints
    assert f"notebooks/{tiny_book.CHAPTER}" in complaints
    assert str(copy) not in complaints
    assert pages.is_file()

    # The faulty book is not taken for built the second time, and the sound one is built anew.
    with pytest.raises(site.BuildError):
        build(copy)
    tiny_book.write(clean := copy / "clean")
    shutil.rmtree(copy / "book")
    clean.rename(copy / "book")
    assert build(copy).rebuilt


def test_a_lost_site_or_an_unreadable_mark_is_built_again(copy):
    (copy / "build" / "site" / f"html-{site.MARK}").write_text("{")
    assert build(copy).rebuilt
    shutil.rmtree(copy / "build" / "site" / "html")
    assert build(copy).rebuilt


def test_pages_are_numbered_labelled_and_say_who_implements_them(finished):
    chapter = page(finished)
    assert "Fig. 1.1" in chapter
    assert 'id="equation-eq-line"' in chapter
    assert 'class="equation-code"' in chapter
    assert "numpy.positive" in chapter
    assert 'alt="A rising line."' in chapter
    assert 'class="claims-table"' in chapter
    assert "Eq. (1.1)" in page(finished, "book/intro")


def test_nothing_names_the_folder_it_was_built_in(finished):
    files = [path for path in (finished / "build" / "site").rglob("*") if path.is_file()]
    assert len(files) > 50
    assert [path for path in files if str(finished).encode() in path.read_bytes()] == []


def test_without_an_address_the_notebook_is_still_offered(finished):
    chapter = page(finished)
    assert "colab" not in chapter
    assert "github.com" not in chapter
    assert f"../_sources/notebooks/{tiny_book.CHAPTER}.ipynb" in chapter
    assert (finished / "build" / "site" / "html" / "_sources" / "notebooks" / f"{tiny_book.CHAPTER}.ipynb").is_file()


def test_with_an_address_and_a_stored_result(copy, monkeypatch):
    monkeypatch.setenv(repository.VARIABLE, "git@github.com:example/companion.git")
    store_result(copy)
    assert build(copy).rebuilt
    chapter = page(copy)
    opened = f"example/companion/blob/main/notebooks/{tiny_book.CHAPTER}.ipynb"
    assert f"https://colab.research.google.com/github/{opened}" in chapter
    assert f'href="{ADDRESS}"' in chapter
    assert "2.0 h on a large card, 2025-01-02. Reduced against the paper: 5 seeds instead of 10." in chapter


def test_the_cost_box_without_a_stored_result(finished):
    chapter = page(finished)
    places = [chapter.index(text) for text in ("A tiny chapter</h1>", "What this chapter costs", "equation-eq-line")]
    assert places == sorted(places)
    assert "12 s on two plain cores" in chapter
    assert "not stored yet" in chapter


def test_a_damaged_result_stops_the_build(copy):
    path = store_result(copy)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(site.BuildError, match="truncated or altered"):
        build(copy)


def test_all_on_one_page(copy):
    whole = build(copy, builder="singlehtml")
    assert whole.index.parent.name == "singlehtml"
    text = (whole.index.parent / "book" / "intro.html").read_text(encoding="utf-8")
    assert "A tiny book" in text
    assert "What this chapter costs" in text
    assert not build(copy).rebuilt


def test_unknown_builder_and_missing_notebooks_are_refused(finished, tmp_path):
    with pytest.raises(ValueError, match="one of html, singlehtml; got 'pdf'"):
        build(finished, builder="pdf")
    with pytest.raises(FileNotFoundError, match="found none"):
        site.build(finished / "book", tmp_path, tmp_path, tmp_path / "site")


def test_the_command_line_builds_and_says_where_to_look(copy, monkeypatch, capsys):
    monkeypatch.setattr(store, "clone_root", lambda: copy / "book")
    arguments = ["--notebooks", str(copy / "book" / "notebooks"), "--into", str(copy / "build" / "site")]
    assert site.main(arguments) == 0
    said = capsys.readouterr().out
    assert "up to date" in said
    assert said.rstrip().endswith(f"Open {copy / 'build' / 'site' / 'html' / 'index.html'}")

    tiny_book.write_chapter(copy / "book", tiny_book.chapter(alternative_text=""))
    assert site.main(arguments) == 1
    assert "has no alternative text" in capsys.readouterr().err

    monkeypatch.setattr(store, "clone_root", lambda: None)
    assert site.main(arguments) == 1
    assert "clone" in capsys.readouterr().err
