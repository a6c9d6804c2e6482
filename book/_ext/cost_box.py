"""What a chapter costs, at the top of its page: measured times and devices of the quick run and of the paper-scale run.

`` {cost}`quick` `` and `` {cost}`paper` `` show the sum of these times over all chapters.

The quick run's are in the notebook's metadata `feedback_alignment`, the paper-scale run's in the stored result. A page
that checks no claims has no run at the papers' scale.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

from feedback_alignment.companion import store
from feedback_alignment.companion.claims_table import CLAIMS_MIME
from feedback_alignment.companion.provenance import duration

_CHAPTER = re.compile(r"notebooks/(?P<name>\d\d_\w+)")
_LOGGER = logging.getLogger(__name__)


def quick_cost(metadata: Mapping[str, Any]) -> str:
    """Return in words what the quick run cost, from a notebook's metadata."""
    cost = metadata.get("feedback_alignment")
    if cost is None:
        return "not measured yet."
    return f"{duration(cost['seconds'])} on {cost['device']}; its results are the live ones on this page."


def paper_cost(result: Path) -> str:
    """Return in words what the stored paper-scale run in the file `result` cost, or that there is none.

    Raises the errors of `store.read` and `store.provenance` for a file that cannot be used.
    """
    if not result.exists():
        return "not stored yet."
    provenance = store.provenance(store.read(result))
    reduced = "; ".join(provenance["reduced"])
    size = f"Reduced against the paper: {reduced}." if reduced else "Nothing is reduced against the paper."
    return f"{duration(provenance['wall_seconds'])} on {provenance['device']}, {provenance['date']}. {size}"


def checks_claims(notebook: Mapping[str, Any]) -> bool:
    """Return whether a notebook's outputs hold claims."""
    outputs = (output for cell in notebook["cells"] for output in cell.get("outputs", ()))
    return any(CLAIMS_MIME in output.get("data", ()) for output in outputs)


def total_cost(which: str, notebooks: Path, results: Path) -> str:
    """Return the sum in words of what all quick runs cost, or all stored runs, the one where `which` says 'paper'.

    Raises ValueError for anything else, and the errors of `store.read` for a result that cannot be used.
    """
    if which == "quick":
        records = (json.loads(path.read_text(encoding="utf-8"))["metadata"] for path in notebooks.glob("*.ipynb"))
        return duration(sum(record.get("feedback_alignment", {}).get("seconds", 0.0) for record in records))
    if which == "paper":
        stored = (store.provenance(store.read(path)) for path in results.glob("*.paper.nc"))
        return duration(sum(record["wall_seconds"] for record in stored))
    raise ValueError(f"there is a total cost of 'quick' and of 'paper' runs; got {which!r}")


class CostRole(SphinxRole):
    """Shows a total cost."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the time span as text."""
        source = Path(self.env.srcdir)
        try:
            return [nodes.Text(total_cost(self.text, source / "notebooks", source / "results"))], []
        except (store.ResultError, ValueError) as problem:
            _LOGGER.warning("%s", problem, location=self.get_location(), type="cost_box")
            return [], []


def _box(costs: Mapping[str, str]) -> nodes.admonition:
    lines = nodes.bullet_list()
    for name, cost in costs.items():
        lines += nodes.list_item("", nodes.paragraph("", "", nodes.strong(text=f"{name}: "), nodes.Text(cost)))
    return nodes.admonition("", nodes.title(text="What this chapter costs"), lines, classes=["cost-box"])


def _insert_box(app: Sphinx, doctree: nodes.document) -> None:
    page = app.env.docname
    chapter = _CHAPTER.fullmatch(page)
    if chapter is None:
        return
    heading = next(iter(doctree.findall(nodes.title)), None)
    if heading is None:
        _LOGGER.warning("a chapter must begin with a title", location=page, type="cost_box")
        return
    notebook = json.loads(Path(app.env.doc2path(page)).read_text(encoding="utf-8"))
    costs = {"Quick run": quick_cost(notebook["metadata"])}
    try:
        if checks_claims(notebook):
            costs["Paper-scale run"] = paper_cost(store.result_path(Path(app.srcdir) / "results", chapter["name"]))
    except (store.ResultError, ValueError) as problem:
        _LOGGER.warning("%s", problem, location=page, type="cost_box")
        return
    heading.parent.insert(heading.parent.index(heading) + 1, _box(costs))


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_role("cost", CostRole())
    app.connect("doctree-read", _insert_box)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
