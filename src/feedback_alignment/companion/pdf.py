"""The book as one PDF: all pages as a single one, arranged for paper and printed by Chromium.

`python -m feedback_alignment.companion.pdf --notebooks DIR --into FILE` needs Chromium or Chrome on the PATH.
"""

import argparse
import contextlib
import functools
import http.server
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from feedback_alignment import atomic
from feedback_alignment.companion import printed_page, site, store

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
TIMEOUT_SECONDS = 1200
ROOT_PAGE = Path("book/intro.html")


class PrintError(RuntimeError):
    """The browser did not print."""


def find_browser() -> str:
    """Return the path of a browser that can print.

    Raises FileNotFoundError if none is installed.
    """
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    raise FileNotFoundError(
        f"printing needs one of {', '.join(BROWSERS)} on the PATH: install Chromium "
        "(Debian: apt-get install chromium; macOS: brew install chromium)"
    )


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing on the terminal."""


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve `folder` on this computer only and give its address."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def print_page(page: Path, into: Path) -> None:
    """Print the HTML file `page` with its mathematics to the PDF `into`.

    Raises PrintError if the browser gives no PDF.
    """
    with tempfile.TemporaryDirectory() as temporary, served(page.parent) as address:
        printed = Path(temporary) / "book.pdf"
        command = [
            find_browser(),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            f"--user-data-dir={temporary}/profile",
            "--no-pdf-header-footer",
            "--generate-pdf-document-outline",
            "--virtual-time-budget=60000",
            f"--print-to-pdf={printed}",
            f"{address}/{page.name}",
        ]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
        content = printed.read_bytes() if printed.is_file() else b""
        if answer.returncode or not content.startswith(b"%PDF"):
            raise PrintError(f"{command[0]} printed no PDF: {answer.stderr.strip()[-500:]}")
        atomic.write_bytes(into, content)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the single page, print it and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m feedback_alignment.companion.pdf", description=__doc__)
    parser.add_argument("--notebooks", type=Path, required=True, help="folder of executed notebooks")
    parser.add_argument("--into", type=Path, required=True, help="the PDF file to write")
    chosen = parser.parse_args(arguments)
    try:
        find_browser()
        folder = chosen.into.resolve().parent / "single"
        built = site.build(
            site.clone_folder(), chosen.notebooks.resolve(), store.results_directory().resolve(), folder, "singlehtml"
        )
        # The single page refers to its pictures and styles as if it lay beside them.
        page = built.index.with_name("print.html")
        page.write_text(
            printed_page.arrange((built.index.parent / ROOT_PAGE).read_text(encoding="utf-8")), encoding="utf-8"
        )
        print_page(page, chosen.into)
    except KeyboardInterrupt:
        print("interrupted; nothing was printed; the same command starts anew", file=sys.stderr)
        return 130
    except (site.BuildError, PrintError, OSError, subprocess.TimeoutExpired) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"printed {chosen.into}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
