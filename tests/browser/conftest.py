"""A real browser on the built book, served from this machine only."""

import functools
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import built_book
import pytest
import tiny_book
from playwright.sync_api import Browser, Page, sync_playwright

from feedback_alignment.companion import repository
from feedback_alignment.companion.site import build

ADDRESS = "https://github.com/example/companion"
NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = (
    f"no browser found ({', '.join(NAMES)}): apt-get install -y --no-install-recommends chromium fonts-dejavu-core"
)
# No request of the browser's own, and no rights that a container does not give.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class _SilentHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output free of one line a request; failed requests are collected in the browser."""


def _served(html: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_SilentHandler, directory=str(html))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = next((found for found in map(shutil.which, NAMES) if found), None)
    if path is None:
        pytest.skip(MISSING)
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def book(browser: Browser) -> Iterator[str]:
    """The address of the book, built where the repository's address is not known."""
    yield from _served(built_book.pages())


@pytest.fixture
def tiny_book_with_address(browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a book of three pages, built for the repository ADDRESS."""
    monkeypatch.setenv(repository.VARIABLE, ADDRESS)
    book = tiny_book.write(tmp_path)
    yield from _served(build(book, book / "notebooks", book / "results", tmp_path / "build" / "site").index.parent)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page of a fresh visitor with a window of ordinary size."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        yield context.new_page()
