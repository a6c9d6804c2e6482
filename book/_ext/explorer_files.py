"""The page of the explorer loads its scripts, in this order, and its style; no other page does."""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

PAGE = "book/explorer"
# Plain scripts, not modules: these a browser also loads from a folder of files.
SCRIPTS = (
    "averages",
    "motion",
    "symmetry",
    "start",
    "integrator",
    "settings",
    "trajectory",
    "plateau",
    "drawing",
    "time_plots",
    "plane_plot",
    "numbers",
    "controls",
    "page",
)


def _load(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    if page == PAGE:
        app.add_css_file("explorer/explorer.css")
        for name in SCRIPTS:
            app.add_js_file(f"explorer/{name}.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", _load)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
