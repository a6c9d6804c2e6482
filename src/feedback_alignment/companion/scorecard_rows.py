"""The scorecard page, read back: what it says of each claim, for the pages that refer to it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from html import escape

from feedback_alignment.companion.plain_text import escaped

ADDRESS = "scorecard.html"
"""The scorecard as seen from its neighbours in the site."""


@dataclass(frozen=True)
class ScoredClaim:
    """What the scorecard shows of a claim."""

    key: str
    source: str
    statement: str
    verdict: str
    expected: str
    """What the paper, or the theory, says the number is."""
    estimate: str
    """The measured number, with its standard error where it has one."""
    scale: str = ""
    """Scale of the run behind the number, such as `quick`."""

    def link(self, page: str = ADDRESS) -> str:
        """Return the key as HTML, linked to the claim's row of the scorecard at the address `page`."""
        title, key = escape(" ".join(f"{self.statement} [{self.source}]".split())), escaped(self.key)
        return f'<a href="{page}#claim-{key}" title="{title}"><code>{key}</code></a>'


def read(page: str) -> dict[str, ScoredClaim]:
    """Return the claims in the text of a scorecard page by their keys, in its order.

    Raises ValueError for a row that lacks a part.
    """
    from bs4 import BeautifulSoup

    found = {}
    for row in BeautifulSoup(page, "html.parser").select("tr[id^=claim-]"):
        key = str(row["id"]).removeprefix("claim-")
        head, source = row.select_one("th"), row.select_one(".claim-source")
        verdict, estimate = row.select_one(".verdict"), row.select_one(".estimate")
        expected = row.select_one(".verdict + td")
        if head is None or source is None or verdict is None or expected is None or estimate is None:
            raise ValueError(f"the scorecard's row {key!r} lacks a part: write the page anew with 'make refresh'")
        statement = head.get_text().removesuffix(source.get_text()).strip()
        word = verdict.get_text().partition(" (")[0]
        scale = estimate.parent.get_text().removesuffix(")").rpartition(" ")[2] if estimate.parent else ""
        shown = (source.get_text(), statement, word, expected.get_text(), estimate.get_text())
        found[key] = ScoredClaim(key, *shown, scale)
    return found


def chosen(patterns: Iterable[str], claims: Mapping[str, ScoredClaim]) -> list[ScoredClaim]:
    """Return the claims whose keys match any of the patterns, such as `02-eq29-*`, in the order of the scorecard.

    Raises ValueError for a pattern that matches none.
    """
    wanted = list(patterns)
    for pattern in wanted:
        if not any(fnmatchcase(key, pattern) for key in claims):
            raise ValueError(f"no claim on the scorecard matches {pattern!r}: mend the key, or refresh the scorecard")
    return [claim for key, claim in claims.items() if any(fnmatchcase(key, pattern) for pattern in wanted)]
