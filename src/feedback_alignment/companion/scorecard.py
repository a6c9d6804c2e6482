"""The scorecard page: every chapter's claims with their verdicts, from stored results or committed notebooks.

Nothing is computed when the page is written: where a stored result exists its claims are listed, else those that the
committed notebook's own output holds.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feedback_alignment import atomic
from feedback_alignment.companion import notebook_files
from feedback_alignment.companion.chance import expected_failures
from feedback_alignment.companion.claims_table import CLAIMS_MIME, claims_html
from feedback_alignment.companion.plain_text import escaped

HEAD = """# Scorecard

Every claim that the chapters check: what the paper says, what was measured here, and the verdict that follows by
arithmetic. A tolerance is at most three standard errors over seeds plus a stated finite-size term. *Agrees* and
*disagrees* are said only where the number lies clear of the tolerance; *reduced* means that the run behind the number
is too small to tell; *not reproducible* comes with its reason.

[Every figure, table and equation](coverage.md) of the papers is on a page beside this one, with its claims or with the
reason why it has none.

<!-- Written by `python -m feedback_alignment scorecard`; do not edit. -->
"""

CHANCE = """The last column is arithmetic, not evidence: how many verdicts, on average and at most, would say
*disagrees* if every statement were true. It assumes independent, normal errors, takes each standard
error as estimated from the seeds (the t distribution) and each claim's tolerance as it is; for a
bound, it takes the true value just on it. Numbers without sampling error do not fail by chance.
Claims from one run share their seeds and so are not independent: that leaves the mean as it is and
makes the spread about it larger.
"""

VERDICTS = ("agrees", "disagrees", "reduced", "not reproducible")
_PAPER = re.compile(r"(?P<name>.+? \d{4})\b")


@dataclass(frozen=True)
class Entry:
    """One chapter's part of the page."""

    chapter: str
    title: str
    claims: list[dict[str, Any]]
    origin: str


def entry(chapter: str, notebook: Path, stored: list[dict[str, Any]] | None) -> Entry:
    """Return a chapter's part: the `stored` claims, and those of the committed notebook that the stored run lacks.

    Raises ValueError for a file that is not a notebook, without a title or, where no run is stored, without claims.
    """
    content = notebook_files.content_of(notebook)
    first = "".join("".join(cell["source"]) for cell in content["cells"][:1]).partition("\n")[0]
    if not first.startswith("# "):
        raise ValueError(f"{notebook.name} must begin with a title ('# ...'); got {first!r}")
    if stored is None:
        live = notebook_claims(content, notebook.name)
        return Entry(chapter, first[2:], live, "the quick run in the page; no paper-scale run is stored yet")
    known = {row["key"] for row in stored}
    lacking = [row for row in _last_table(content, notebook.name) or [] if row["key"] not in known]
    remark = "; what it lacks so far, from the quick run in the page" if lacking else ""
    return Entry(chapter, first[2:], [*stored, *lacking], f"the stored paper-scale run{remark}")


def notebook_claims(content: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the claims that a notebook's outputs hold.

    Raises ValueError if there is none, or a damaged one.
    """
    claims = _last_table(content, name)
    if claims is None:
        raise ValueError(
            f"{name} has no table of claims among its outputs: show companion.claims_table.ClaimsTable in it "
            "and run 'make refresh'"
        )
    return claims


def _last_table(content: dict[str, Any], name: str) -> list[dict[str, Any]] | None:
    for cell in reversed(content["cells"]):
        for output in cell.get("outputs", []):
            if CLAIMS_MIME in output.get("data", {}):
                claims = output["data"][CLAIMS_MIME]
                if not isinstance(claims, list) or not all(isinstance(row, dict) and "key" in row for row in claims):
                    raise ValueError(f"{name} holds a damaged table of claims: run 'make refresh'")
                return claims
    return None


def page(entries: Sequence[Entry]) -> str:
    """Return the page as MyST Markdown."""
    parts = [HEAD, totals([claim for part in entries for claim in part.claims]), CHANCE]
    for part in entries:
        parts.append(
            f"## [{part.title}](../notebooks/{part.chapter}.ipynb)\n\nFrom {part.origin}.\n\n"
            f"```{{raw}} html\n{claims_html(part.claims, caption=part.title)}\n```\n"
        )
    return "\n".join(parts)


def paper_of(claim: dict[str, Any]) -> str:
    """Return what a claim's source begins with: a paper, such as 'Author 2020', or 'this book'."""
    named = _PAPER.match(claim["source"])
    return named["name"] if named else str(claim["source"]).partition(",")[0]


def totals(claims: Sequence[dict[str, Any]]) -> str:
    """Return the number of claims by paper and verdict as a Markdown table, and how many would fail by chance."""
    papers = Counter(paper_of(claim) for claim in claims)
    groups = {paper: [claim for claim in claims if paper_of(claim) == paper] for paper, _ in papers.most_common()}
    lines = [f"| source | claims | {' | '.join(VERDICTS)} | by chance |", "|" + "---|" * (len(VERDICTS) + 3)]
    for name, group in (*groups.items(), ("all", claims)):
        counts = Counter(claim["verdict"] for claim in group)
        numbers = " | ".join(str(counts[verdict]) for verdict in VERDICTS)
        lines.append(f"| {escaped(name)} | {len(group)} | {numbers} | {expected_failures(group):.1f} |")
    return "\n".join(lines) + "\n"


def write(entries: Sequence[Entry], path: Path) -> None:
    """Write the page, whole or not at all."""
    atomic.write_text(path, page(entries))
