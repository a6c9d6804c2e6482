"""A table of claims: as text for a terminal, as HTML for a page, as data for the scorecard."""

from collections.abc import Sequence
from html import escape
from typing import Any

from feedback_alignment.companion.claims import Claim, estimate

CLAIMS_MIME = "application/vnd.feedback-alignment.claims+json"
COLUMNS = ("Claim", "Paper", "Here", "Seeds", "Tolerance", "Scale", "Verdict")


class ClaimsTable:
    """Displays claims in a notebook. The HTML holds nothing but escaped text in a fixed frame."""

    def __init__(self, claims: Sequence[Claim]):
        keys = [claim.key for claim in claims]
        if len(set(keys)) != len(keys):
            raise ValueError(f"claims need different keys; got {keys}")
        self.rows = [claim.as_dict() for claim in claims]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"text/plain": claims_text(self.rows), "text/html": claims_html(self.rows), CLAIMS_MIME: self.rows}


def claims_text(rows: Sequence[dict[str, Any]]) -> str:
    """Return claims, as `Claim.as_dict` gives them, as lines of text."""
    return "\n".join(f"{row['verdict']:>16}  {row['statement']} [{row['source']}]: paper {row['expected']}, "
                     f"here {estimate(row)} (n = {row['seeds']}, {row['scale']}){_so_far(row)}" for row in rows)


def claims_html(rows: Sequence[dict[str, Any]], caption: str = "Claims checked on this page") -> str:
    """Return claims, as `Claim.as_dict` gives them, as an HTML table."""
    head = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
    body = "".join(_row(row) for row in rows)
    return (f'<table class="claims-table"><caption>{escape(caption)}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")


def _row(row: dict[str, Any]) -> str:
    tag = row["verdict"].replace(" ", "-")
    cells = (row["expected"], estimate(row), row["seeds"] or "exact",
             f"± {row['margin']}: {row['tolerance']}", row["scale"])
    return (f'<tr id="claim-{escape(row["key"])}"><th scope="row">{escape(row["statement"])} '
            f'<span class="claim-source">{escape(row["source"])}</span></th>'
            + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells)
            + f'<td class="verdict verdict-{escape(tag)}">{escape(row["verdict"])}{_so_far(row)}</td></tr>')


def _so_far(row: dict[str, Any]) -> str:
    return f" (so far {row['outcome']})" if row["verdict"] == "reduced" else ""
