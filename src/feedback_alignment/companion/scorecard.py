"""The scorecard page: every chapter's claims with their verdicts, from stored results or committed notebooks.

Nothing is computed when the page is written: where a stored result exists its claims are listed, else those that the
committed notebook's own output holds.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feedback_alignment import atomic
from feedback_alignment.companion.claims_table import CLAIMS_MIME, claims_html

HEAD = """# Scorecard

Every claim that the chapters check: what the paper says, what was measured here, and the verdict that follows by
arithmetic. A tolerance is at most three standard errors over seeds plus a stated finite-size term. *Agrees* and
*disagrees* are said only where the number lies clear of the tolerance; *reduced* means that the run behind the number
is too small to tell; *not reproducible* comes with its reason.

<!-- Written by `python -m feedback_alignment scorecard`; do not edit. -->
"""


@dataclass(frozen=True)
class Entry:
    """One chapter's part of the page."""

    chapter: str
    title: str
    claims: list[dict[str, Any]]
    origin: str


def entry(chapter: str, notebook: Path, stored: list[dict[str, Any]] | None) -> Entry:
    """Return a chapter's part: the `stored` claims if there are any, else those in the committed notebook.

    Raises ValueError for a notebook without a title or, where they are needed, without claims.
    """
    content = json.loads(notebook.read_text(encoding="utf-8"))
    first = "".join("".join(cell["source"]) for cell in content["cells"][:1]).partition("\n")[0]
    if not first.startswith("# "):
        raise ValueError(f"{notebook.name} must begin with a title ('# ...'); got {first!r}")
    if stored is not None:
        return Entry(chapter, first[2:], stored, "the stored paper-scale run")
    return Entry(
        chapter,
        first[2:],
        notebook_claims(content, notebook.name),
        "the quick run in the page; no paper-scale run is stored yet",
    )


def notebook_claims(content: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the claims that a notebook's outputs hold.

    Raises ValueError if there is none.
    """
    for cell in reversed(content["cells"]):
        for output in cell.get("outputs", []):
            if CLAIMS_MIME in output.get("data", {}):
                claims: list[dict[str, Any]] = output["data"][CLAIMS_MIME]
                return claims
    raise ValueError(
        f"{name} has no table of claims among its outputs: show companion.claims_table.ClaimsTable in it "
        "and run 'make refresh'"
    )


def page(entries: Sequence[Entry]) -> str:
    """Return the page as MyST Markdown."""
    parts = [HEAD, totals([claim for part in entries for claim in part.claims])]
    for part in entries:
        parts.append(
            f"## [{part.title}](../notebooks/{part.chapter}.ipynb)\n\nFrom {part.origin}.\n\n"
            f"```{{raw}} html\n{claims_html(part.claims, caption=part.title)}\n```\n"
        )
    return "\n".join(parts)


def totals(claims: Sequence[dict[str, Any]]) -> str:
    """Return the number of claims by verdict as a Markdown table."""
    counts = Counter(claim["verdict"] for claim in claims)
    verdicts = ("agrees", "disagrees", "reduced", "not reproducible")
    return (
        f"| claims | {' | '.join(verdicts)} |\n|{'---|' * (len(verdicts) + 1)}\n"
        f"| {len(claims)} | {' | '.join(str(counts[verdict]) for verdict in verdicts)} |\n"
    )


def write(entries: Sequence[Entry], path: Path) -> None:
    """Write the page, whole or not at all."""
    atomic.write_text(path, page(entries))
