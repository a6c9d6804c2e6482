"""The errata page: what checks of the papers found, from a file with one entry a finding.

`book/errata.yml` holds the entries; what the page says of numbers comes from the scorecard.
"""

import dataclasses
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feedback_alignment.companion import scorecard_rows, yaml_files
from feedback_alignment.companion.plain_text import escaped
from feedback_alignment.companion.scorecard_rows import ScoredClaim

WEIGHTS = {
    "wrong": "does not hold as printed",
    "typo": "a slip of the pen: the text around it uses the right form",
    "condition": "holds, but only under a condition that is not stated, or not exactly",
    "doubt": "cannot be settled by what is printed",
    "addition": "not in the paper",
    "right": "checked, and right",
}
FOR_AUTHORS = ("wrong", "typo", "condition", "doubt")
"""The weights of what a letter to the authors lists."""
LINE = 76


@dataclass(frozen=True)
class Erratum:
    """One finding about a paper."""

    key: str
    where: str
    title: str
    weight: str
    printed: str
    """What the paper says, in MyST Markdown."""
    found: str
    """What holds instead, in MyST Markdown."""
    shown: str
    """Where in the book it is derived or drawn, in MyST Markdown."""
    tests: tuple[str, ...]
    """The tests that hold it, as path::name."""
    claims: tuple[str, ...] = ()
    """Keys of claims on the scorecard, or patterns of keys."""
    letter: str = ""
    """The finding in plain words, for its authors."""

    def __post_init__(self) -> None:
        if self.weight not in WEIGHTS:
            raise ValueError(f"the weight of {self.key!r} must be one of {', '.join(WEIGHTS)}; got {self.weight!r}")
        if not self.tests or not self.shown.strip():
            raise ValueError(f"erratum {self.key!r} needs a test that holds it and a place in the book that shows it")
        if bool(self.letter) != (self.weight in FOR_AUTHORS):
            raise ValueError(
                f"erratum {self.key!r} of weight {self.weight!r} "
                + ("needs words for its authors" if not self.letter else "is not for a letter: leave out `letter`")
            )


@dataclass(frozen=True)
class Paper:
    """A paper and what was found about it."""

    key: str
    """Its key in the bibliography."""
    name: str
    opening: str
    """How a letter to its authors begins."""
    errata: tuple[Erratum, ...]


def read(path: Path) -> list[Paper]:
    """Return the papers with their errata that the file at `path` holds.

    Raises ValueError for unknown or missing fields, for a weight, test or letter that an entry must not have or lacks,
    and for a key that occurs twice.
    """
    papers = [
        Paper(**_fields(Paper, {**paper, "errata": _errata(paper, path.name)}, path.name))
        for paper in yaml_files.read_list(path)
    ]
    keys = [erratum.key for paper in papers for erratum in paper.errata]
    twice = sorted(key for key, count in Counter(keys).items() if count > 1)
    if twice:
        raise ValueError(f"{path.name}: each erratum needs a key of its own; given twice: {', '.join(twice)}")
    return papers


def _errata(paper: Mapping[str, Any], where: str) -> tuple[Erratum, ...]:
    yaml_files.require_text({name: text for name, text in paper.items() if name != "errata"}, where)
    entries = paper.get("errata", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f"{where}: errata must be a list of entries with named fields; got {entries!r:.80}")
    return tuple(_erratum(entry) for entry in entries)


def _erratum(entry: Mapping[str, Any]) -> Erratum:
    yaml_files.require_text(entry, f"erratum {entry.get('key')!r}")
    lists = {name: tuple(entry[name]) for name in ("tests", "claims") if isinstance(entry.get(name), list)}
    return Erratum(**_fields(Erratum, {**entry, **lists}, f"erratum {entry.get('key')!r}"))


def _fields(kind: type[Paper] | type[Erratum], given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return `given` if its names are those of the fields of `kind`, those without a default all there."""
    known = {field.name: field.default is dataclasses.MISSING for field in dataclasses.fields(kind)}
    wrong = sorted({*given} ^ {name for name, needed in known.items() if needed or name in given})
    if wrong:
        raise ValueError(f"{where}: fields missing or unknown: {', '.join(wrong)}; known are {', '.join(known)}")
    return dict(given)


def summary(papers: Sequence[Paper]) -> str:
    """Return how many findings of which weight each paper has, as a Markdown table, and what the weights mean."""
    counts = {paper.name: Counter(erratum.weight for erratum in paper.errata) for paper in papers}
    lines = [
        f"| weight | {' | '.join(counts)} | meaning |",
        "|" + "---|" * (len(papers) + 2),
        *(
            f"| {weight} | {' | '.join(str(count[weight]) for count in counts.values())} | {meaning} |"
            for weight, meaning in WEIGHTS.items()
        ),
    ]
    return "\n".join(lines)


def sections(paper: Paper, claims: Mapping[str, ScoredClaim], page: str = scorecard_rows.ADDRESS) -> str:
    """Return the findings about a paper as sections of MyST Markdown, with links to the scorecard at `page`.

    Raises ValueError for a claim that the scorecard does not have.
    """
    return "\n\n".join(_section(erratum, claims, page) for erratum in paper.errata)


def _section(erratum: Erratum, claims: Mapping[str, ScoredClaim], page: str) -> str:
    evidence = [
        f"{claim.link(page)}: {escaped(claim.estimate)} (expected {escaped(claim.expected)}), "
        f"*{escaped(claim.verdict)}*"
        for claim in scorecard_rows.chosen(erratum.claims, claims)
    ]
    parts = {
        "Paper": erratum.printed,
        "Here": erratum.found,
        "Shown in": erratum.shown,
        "Measured": "; ".join(evidence),
        "Tests": ", ".join(f"`{test}`" for test in erratum.tests),
    }
    listed = "\n\n".join(f"{name}\n: {_indented(text)}" for name, text in parts.items() if text)
    return f"(erratum-{erratum.key})=\n### {erratum.where}: {erratum.title}\n\n**{erratum.weight}**\n\n{listed}"


def _indented(text: str) -> str:
    return text.strip().replace("\n", "\n  ")


def letter(paper: Paper, closing: str) -> str:
    """Return a letter to the authors of a paper in plain text: opening, the findings that concern them, closing."""
    points = [erratum for erratum in paper.errata if erratum.weight in FOR_AUTHORS]
    listed = [
        textwrap.fill(
            f"{erratum.where} ({erratum.weight}): {' '.join(erratum.letter.split())}",
            LINE,
            initial_indent=f"{number:2d}. ",
            subsequent_indent="    ",
        )
        for number, erratum in enumerate(points, start=1)
    ]
    ends = [textwrap.fill(" ".join(text.split()), LINE) for text in (paper.opening, closing)]
    return "\n\n".join([ends[0], *listed, ends[1]])
