"""Comparing claims between two runs of the same notebooks, for machines whose last digits differ.

`python -m feedback_alignment.companion.comparison --committed notebooks --here _build/notebooks` exits with 1 when a
chapter's claims on this machine are not those of the committed notebook within their tolerances.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from feedback_alignment.companion.claims import as_number
from feedback_alignment.companion.notebook_files import content_of
from feedback_alignment.companion.scorecard import notebook_claims


def moved(committed: Sequence[dict[str, Any]], here: Sequence[dict[str, Any]]) -> list[str]:
    """Return a sentence for each claim that is missing, turned, or further from the committed number than its margin.

    The seeds are the same in both, so that only rounding and library versions part the numbers; the margin, three
    standard errors over seeds plus the claim's own floor, is what a different choice of seeds could do.
    """
    found = {row["key"]: row for row in here}
    expected = {row["key"]: row for row in committed}
    faults = [f"{key} is a claim in only one of the two runs" for key in sorted(found.keys() ^ expected.keys())]
    for key in expected.keys() & found.keys():
        was, now = expected[key], found[key]
        distance, margin = abs(as_number(now["measured"]) - as_number(was["measured"])), as_number(was["margin"])
        if now["outcome"] != was["outcome"] or not distance <= margin:
            faults.append(
                f"{key}: {was['measured']} ({was['outcome']}) is now {now['measured']} ({now['outcome']}); "
                f"they may differ by {was['margin']}"
            )
    return faults


def compare_folders(committed: Path, here: Path) -> list[str]:
    """Return the faults of all notebooks of `committed`, each with the name of its chapter.

    Raises ValueError if there is no notebook or one has no claims, FileNotFoundError for a chapter not run `here`.
    """
    notebooks = sorted(committed.glob("*.ipynb"))
    if not notebooks:
        raise ValueError(f"{committed} holds no notebooks to compare with")
    faults = []
    for notebook in notebooks:
        rows = [notebook_claims(content_of(path), str(path)) for path in (notebook, here / notebook.name)]
        faults += [f"{notebook.stem}: {fault}" for fault in moved(*rows)]
    return faults


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m feedback_alignment.companion.comparison", description=__doc__)
    parser.add_argument("--committed", type=Path, required=True, help="folder of the committed notebooks")
    parser.add_argument("--here", type=Path, required=True, help="folder of the notebooks executed on this machine")
    chosen = parser.parse_args(arguments)
    faults = compare_folders(chosen.committed, chosen.here)
    print("\n".join(faults) if faults else "all claims are where the committed notebooks have them")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
