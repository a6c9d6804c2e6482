"""The printed book: a browser is named when it is missing, and the PDF has pages, text and typeset mathematics."""

import os
import shutil
from pathlib import Path

import pytest

from feedback_alignment.companion import pdf

ROOT = Path(__file__).parents[2]
HAS_BROWSER = any(shutil.which(name) for name in pdf.BROWSERS) or os.environ.get("FEEDBACK_ALIGNMENT_REQUIRE_BROWSER")


def test_missing_browser_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert pdf.main(["--notebooks", str(ROOT / "notebooks"), "--into", str(tmp_path / "book.pdf")]) == 1
    assert "install Chromium" in capsys.readouterr().err
    assert not (tmp_path / "book.pdf").exists()


def test_browser_that_prints_nothing_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = tmp_path / "chromium"
    silent.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    silent.chmod(0o755)
    monkeypatch.setattr(pdf, "find_browser", lambda: str(silent))
    (tmp_path / "page.html").write_text("<p>words</p>", encoding="utf-8")
    with pytest.raises(pdf.PrintError, match="printed no PDF"):
        pdf.print_page(tmp_path / "page.html", tmp_path / "book.pdf")
    assert not (tmp_path / "book.pdf").exists()


@pytest.mark.long
@pytest.mark.skipif(not HAS_BROWSER, reason="printing needs Chromium or Chrome: apt-get install chromium")
def test_book_prints(tmp_path: Path) -> None:
    assert pdf.main(["--notebooks", str(ROOT / "notebooks"), "--into", str(tmp_path / "book.pdf")]) == 0
    content = (tmp_path / "book.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert content.count(b"/Type /Page\n") > 100
    assert b"MathJax" in content
    assert b"/Outlines" in content
    assert b"127.0.0.1" not in content, "a link leads to the server that served the page to the browser"
