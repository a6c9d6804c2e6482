"""Claims stand in a notebook as a table and as data: the page shows the table, and leaves the data out."""

import json

from sphinx.application import Sphinx

from feedback_alignment.companion.claims_table import CLAIMS_MIME


def without_claims_data(notebook: str) -> str:
    """Return a notebook's JSON without the outputs of the claims' own type, for which Sphinx has no picture."""
    content = json.loads(notebook)
    for cell in content["cells"]:
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop(CLAIMS_MIME, None)
    return json.dumps(content)


def _leave_out(app: Sphinx, page: str, source: list[str]) -> None:
    if app.env.doc2path(page).endswith(".ipynb"):
        source[0] = without_claims_data(source[0])


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", _leave_out)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
