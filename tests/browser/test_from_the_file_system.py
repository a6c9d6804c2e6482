"""The book as `make zip` packs it, unpacked and read without a server."""

import zipfile
from typing import Any

import built_book
import pytest

from feedback_alignment.companion import site_archive


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("zip")
    site_archive.write(built_book.pages(), folder / "book.zip")
    with zipfile.ZipFile(folder / "book.zip") as archive:
        archive.extractall(folder)
    return (folder / site_archive.FOLDER).as_uri()


def test_pages_equations_plots_and_search_work_without_a_server(page: Any, unpacked: str):
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    page.on("request", lambda request: complaints.append(request.url) if request.url.startswith("http") else None)
    page.goto(f"{unpacked}/index.html")
    page.wait_for_url("**/book/intro.html")
    page.goto(f"{unpacked}/notebooks/04_weight_alignment.html")
    page.locator("mjx-container").first.wait_for()
    shown = "[...document.images].every(image => image.complete && image.naturalWidth > 0)"
    page.wait_for_function(shown)
    page.goto(f"{unpacked}/search.html?q=alignment")
    page.locator("#search-results ul.search li a").first.wait_for()
    assert complaints == []


def test_the_explorer_works_without_a_server(page: Any, unpacked: str):
    page.goto(f"{unpacked}/book/explorer.html")
    page.get_by_role("status").filter(has_text="plateau").first.wait_for()
