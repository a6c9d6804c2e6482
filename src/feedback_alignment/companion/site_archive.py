"""The built book as one zip, to read without a server: unpack it and open `index.html`.

`python -m feedback_alignment.companion.site_archive --site _build/site/html --into _build/book.zip`
"""

import argparse
import io
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

from feedback_alignment import atomic

FOLDER = "align-then-memorise"
"""What the zip unpacks to."""
LEFT_OUT = ("objects.inv", ".buildinfo")
"""Files that only tools read."""
OPTIONS = "documentation_options.js"
WITH_SUMMARY, WITHOUT_SUMMARY = b"SHOW_SEARCH_SUMMARY: true", b"SHOW_SEARCH_SUMMARY: false"
"""A browser lets no page read another one from the file system, as the search's excerpts need."""
_EPOCH = (1980, 1, 1, 0, 0, 0)


def write(site: Path, into: Path) -> int:
    """Write the pages of the folder `site` into the zip `into`, and return how many files it holds.

    Its search lists pages without excerpts. The same pages give the same bytes.

    Raises FileNotFoundError for a folder without `index.html`.
    """
    if not (site / "index.html").is_file():
        raise FileNotFoundError(f"expected a built site with index.html in {site}: `make book` builds one")
    files = sorted(path for path in site.rglob("*") if path.is_file() and path.name not in LEFT_OUT)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            member = zipfile.ZipInfo(f"{FOLDER}/{path.relative_to(site).as_posix()}", _EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            pages = path.read_bytes()
            archive.writestr(member, pages.replace(WITH_SUMMARY, WITHOUT_SUMMARY) if path.name == OPTIONS else pages)
    atomic.write_bytes(into, content.getvalue())
    return len(files)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the zip from the command line; return 0, or 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(prog="python -m feedback_alignment.companion.site_archive")
    parser.add_argument("--site", type=Path, default=Path("_build/site/html"), metavar="DIR")
    parser.add_argument("--into", type=Path, default=Path("_build/book.zip"), metavar="FILE")
    given = parser.parse_args(arguments)
    try:
        count = write(given.site, given.into)
    except OSError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    print(f"{given.into}: {count} files, {given.into.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
