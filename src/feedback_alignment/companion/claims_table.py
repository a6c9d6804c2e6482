"""A table of claims: as text for a terminal, as HTML for a page, as data for the scorecard."""

from collections.abc import Sequence
from html import escape
from typing import Any

from feedback_alignment.companion.claims import Claim, estimate

CLAIMS_MIME = "application/vnd.feedback-alignment.claims+json"
Row = dict[str, Any]


class ClaimsTable:
    """Displays a chapter's claims in a notebook: those of the stored run, with the live run's numbers beside them.

    Without a stored run the live run's claims stand alone. A claim that only one of the runs can make, because the
    other has other data or is not finished, is shown as that run has it. The machine-readable output is always the live
    run's.
    """

    def __init__(self, live: Sequence[Claim], stored: Sequence[Claim] | None = None):
        for claims in (live, stored or ()):
            keys = [claim.key for claim in claims]
            if len(set(keys)) != len(keys):
                raise ValueError(f"claims of one run need different keys; got {keys}")
        self.live = [claim.as_dict() for claim in live]
        self.stored = None if stored is None else [claim.as_dict() for claim in stored]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        if self.stored is None:
            html = claims_html(self.live)
        else:
            known = {row["key"] for row in self.stored}
            html = claims_html([*self.stored, *(row for row in self.live if row["key"] not in known)], live=self.live)
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
    """Return claims, as `Claim.as_dict` gives them, as an HTML table of escaped text; `live` adds a column.

    That column has the live run's number for the claim of the same key, where there is one.
    """
    names = ["Claim", "Verdict", "Paper", "Here", *([] if live is None else ["Live run"]), "Tolerance"]
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    body = "".join(_row(row, None if live is None else _beside(row, live)) for row in rows)
    return (
        f'<table class="claims-table"><caption>{_text(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _beside(row: Row, live: Sequence[Row]) -> str:
    """Return the live run's number for the same claim as text of a cell."""
    found = [f"{_number(each)}: {_text(each['outcome'])}" for each in live if each["key"] == row["key"]]
    return found[0] if found else "–"


def _row(row: Row, live: str | None) -> str:
    tag = row["verdict"].replace(" ", "-")
    live_cell = "" if live is None else f"<td>{live}</td>"
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
