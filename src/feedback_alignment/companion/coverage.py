"""Every figure, table and equation of the papers, with where it is in the book and what became of its claims.

A claim belongs to an item if its source names it ("Author 2020, Fig. 2a and Eqs 3, 5-7"), or if the item names the
claim. What an item says of its absence is shown as long as it has no claim.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from feedback_alignment.companion import scorecard_rows
from feedback_alignment.companion.papers import KINDS, Item, Paper
from feedback_alignment.companion.scorecard_rows import ScoredClaim

VERDICTS = {
    "agrees": ("agrees", "agree"),
    "disagrees": ("disagrees", "disagree"),
    "reduced": ("is reduced", "are reduced"),
    "not reproducible": ("is not reproducible", "are not reproducible"),
}
"""What is said of one claim with a verdict, and of several."""

_NUMBER = r"(\d+)[a-z]?(?:[-–](\d+)[a-z]?)?"
_ONE = re.compile(_NUMBER)
_SEVERAL = re.sub(r"\((?!\?)", "(?:", _NUMBER)
_LISTS = {
    kind: re.compile(rf"\b{word.rstrip('.')}s?\.? ({_SEVERAL}(?:(?:, | and ){_SEVERAL})*)")
    for kind, word in KINDS.items()
}


def numbers(source: str, kind: str) -> set[int]:
    """Return the numbers of the figures, tables or equations that the source of a claim names."""
    return {
        number
        for listed in _LISTS[kind].findall(source)
        for first, last in _ONE.findall(listed)
        for number in range(int(first), int(last or first) + 1)
    }


def claims_of(paper: Paper, kind: str, number: int, claims: Mapping[str, ScoredClaim]) -> list[ScoredClaim]:
    """Return the claims about an item, in the order of the scorecard.

    Raises ValueError for a claim that the item names and the scorecard does not have.
    """
    named = {claim.key for claim in scorecard_rows.chosen(paper.items[kind][number].claims, claims)}
    return [
        claim
        for key, claim in claims.items()
        if key in named or (claim.source.startswith(paper.name) and number in numbers(claim.source, kind))
    ]


def counts(papers: Sequence[Paper], claims: Mapping[str, ScoredClaim]) -> str:
    """Return how many items each paper has, and which of them are not here or without claims, as a Markdown table."""
    lines = [f"| paper | {' | '.join(KINDS)} | not here, or without claims yet |", "|---|" + "---|" * (len(KINDS) + 1)]
    for paper in papers:
        missing = [
            name(kind, number)
            for kind, number, item in _items(paper)
            if item.missing and not claims_of(paper, kind, number, claims)
        ]
        sizes = " | ".join(str(len(paper.items[kind])) for kind in KINDS)
        lines.append(f"| {paper.name} | {sizes} | {', '.join(missing) or '–'} |")
    return "\n".join(lines)


def table(paper: Paper, claims: Mapping[str, ScoredClaim], page: str = scorecard_rows.ADDRESS) -> str:
    """Return a paper's items as a table in MyST Markdown, with links to the scorecard at `page`.

    Raises ValueError for a claim that the scorecard does not have.
    """
    lines = [
        "```{list-table}",
        ":header-rows: 1",
        ":widths: 12 30 28 30",
        "",
        "* - Item",
        "  - What",
        "  - Here",
        "  - Claims",
    ]
    for kind, number, item in _items(paper):
        found = claims_of(paper, kind, number, claims)
        lines += [
            f"* - {name(kind, number)}",
            f"  - {item.about}",
            f"  - {_places(item, bool(found))}",
            f"  - {_claims(found, page)}",
        ]
    return "\n".join([*lines, "```"])


def name(kind: str, number: int) -> str:
    """Return what a paper calls an item, such as 'Fig. 3'."""
    return f"{KINDS[kind]} {number}"


def _items(paper: Paper) -> list[tuple[str, int, Item]]:
    return [(kind, number, item) for kind in KINDS for number, item in paper.items[kind].items()]


def _places(item: Item, claimed: bool) -> str:
    places = [*([item.shown] if item.shown else []), *(f"{{eq}}`{label}`" for label in item.equations)]
    return ". ".join(part for part in (", ".join(places), "" if claimed else item.missing) if part)


def _claims(found: Sequence[ScoredClaim], page: str) -> str:
    if not found:
        return "–"
    verdicts = Counter(claim.verdict for claim in found)
    said = [
        f"{verdicts[verdict]} {words[verdicts[verdict] > 1]}"
        for verdict, words in VERDICTS.items()
        if verdicts[verdict]
    ]
    links = ", ".join(claim.link(page) for claim in found)
    return f"<details><summary>{', '.join(said)}</summary>{links}</details>"
