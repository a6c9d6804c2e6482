"""A figure drawn from a chapter's stored result when the book is built, so that it cannot fall behind the result.

    ```{stored-figure} front_page.convolutions 04_weight_alignment
    :name: fig-front-convolutions
    :alt: What the picture shows.

    The caption.
    ```

The first argument is a function in `feedback_alignment.experiments` that takes the dataset and returns a figure.
"""

import importlib
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst.directives.images import Figure
from sphinx.application import Sphinx
from sphinx.util import logging

from feedback_alignment.companion import pictures, store
from feedback_alignment.experiments import stored

FOLDER = "book/drawn"
_LOGGER = logging.getLogger(__name__)


def draw(name: str, chapter: str, results: Path) -> bytes:
    """Return the PNG that the function `name`, module.function, draws of a chapter's result in the folder `results`.

    Raises ValueError for an unknown function, and the errors of `stored.read`.
    """
    module, _, function = name.rpartition(".")
    try:
        drawing = getattr(importlib.import_module(f"feedback_alignment.experiments.{module}"), function)
    except (ImportError, AttributeError, ValueError) as unknown:
        raise ValueError(f"a figure is drawn by module.function of the experiments; there is no {name!r}") from unknown
    return pictures.png(drawing(stored.read(chapter, "paper", results)))


class StoredFigure(Figure):
    """A figure whose picture is drawn first."""

    required_arguments = 2
    final_argument_whitespace = False

    def run(self) -> list[nodes.Node]:
        """Draw the picture beside the sources, and return the figure."""
        environment = self.state.document.settings.env
        name, chapter = self.arguments
        try:
            picture = draw(name, chapter, Path(environment.srcdir) / "results")
        except (store.ResultError, ValueError) as problem:
            _LOGGER.warning("%s", problem, location=(environment.docname, self.lineno), type="stored_figure")
            return []
        path = Path(environment.srcdir) / FOLDER / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(picture)
        self.arguments = [f"/{FOLDER}/{path.name}"]
        return list(super().run())


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("stored-figure", StoredFigure)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
