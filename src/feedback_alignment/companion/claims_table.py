"""A table of claims: as text for a terminal, as HTML for a page, as data for the scorecard."""

from collections.abc import Sequence
from html import escape
from typing import Any

from feedback_alignment.companion.claims import Claim, estimate

CLAIMS_MIME = "application/vnd.feedback-alignment.claims+json"
Row = dict[str, Any]


class ClaimsTable:
    """Displays a chapter's claims in a notebook: those of the stored run, with the live run's numbers beside them.

    Without a stored run the live run's claims stand alone. The machine-readable output is always the live run's.
    """

    def __init__(self, live: Sequence[Claim], stored: Sequence[Claim] | None = None):
        keys = [claim.key for claim in live]
        if len(set(keys)) != len(keys) or (stored is not None and [claim.key for claim in stored] != keys):
            raise ValueError(
                f"claims need different keys, the same in both runs; got {keys}"
                + ("" if stored is None else f" and {[claim.key for claim in stored]}")
            )
        self.live = [claim.as_dict() for claim in live]
        self.stored = None if stored is None else [claim.as_dict() for claim in stored]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        html = claims_html(
            self.live if self.stored is None else self.stored, live=None if self.stored is None else self.live
        )
        return {"text/plain": claims_text(self.live), "text/html": html, CLAIMS_MIME: self.live}


def claims_text(rows: Sequence[Row]) -> str:
    """Return claims, as `Claim.as_dict` gives them, as lines of text."""
    return "\n".join(
        f"{row['verdict']}{_remark(row)}: {row['statement']} [{row['source']}]; paper {row['expected']}, "
        f"here {estimate(row)} (n = {row['seeds']}, {row['scale']})"
        for row in rows
    )


def claims_html(
    rows: Sequence[Row], caption: str = "Claims checked on this page", live: Sequence[Row] | None = None
) -> str:
    """Return claims, as `Claim.as_dict` gives them, as an HTML table of escaped text; `live` adds a column."""
    names = ["Claim", "Verdict", "Paper", "Here", *(["Live run"] if live else []), "Tolerance"]
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    beside: Sequence[Row | None] = live or [None] * len(rows)
    body = "".join(_row(row, quick) for row, quick in zip(rows, beside, strict=True))
    return (
        f'<table class="claims-table"><caption>{_text(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _row(row: Row, live: Row | None) -> str:
    tag = row["verdict"].replace(" ", "-")
    live_cell = "" if live is None else f"<td>{_number(live)}: {_text(live['outcome'])}</td>"
    return (
        f'<tr id="claim-{_text(row["key"])}"><th scope="row">{_text(row["statement"])} '
        f'<span class="claim-source">{_text(row["source"])}</span></th>'
        f'<td class="verdict verdict-{_text(tag)}">{_text(row["verdict"] + _remark(row))}</td>'
        f"<td>{_text(row['expected'])}</td><td>{_number(row)}</td>{live_cell}"
        f"<td>{_text('± ' + row['margin'] + ': ' + row['tolerance'])}</td></tr>"
    )


def _number(row: Row) -> str:
    seeds = f"{row['seeds']} seeds" if row["seeds"] else "exact"
    return f'<span class="estimate">{_text(estimate(row))}</span> ({_text(seeds)}, {_text(row["scale"])})'


def _text(value: object) -> str:
    """Escape, in one line: the scorecard's block of raw HTML would end at a line of its own making."""
    return escape(" ".join(str(value).split()))


def _remark(row: Row) -> str:
    if row["verdict"] == "reduced":
        return f" (so far {row['outcome']})"
    return f" ({row['reason']})" if "reason" in row else ""
