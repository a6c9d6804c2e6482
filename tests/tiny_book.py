"""A book of three pages in the real frame (configuration, extensions, static files), built in seconds."""

import base64
import io
import shutil
from pathlib import Path

import nbformat
import numpy as np
import yaml
from matplotlib.figure import Figure

from feedback_alignment.companion.claims_table import CLAIMS_MIME, claims_html

CLONE = Path(__file__).resolve().parents[1]
CHAPTER = "01_tiny"

INTRO = """# A tiny book

It refers to {numref}`fig-line` and {eq}`eq-line`, and it cites {cite:t}`refinetti2021`.
"""

TEXT = """# A tiny chapter

$$
y = x
$$ (eq-line)
"""


def picture() -> str:
    """Return a small plot as PNG, in base64."""
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot(np.arange(3))
    file = io.BytesIO()
    figure.savefig(file, dpi=40)
    return base64.b64encode(file.getvalue()).decode()


def chapter(alternative_text: str = "A rising line.", text: str = TEXT) -> nbformat.NotebookNode:
    """Return an executed notebook with one labelled equation, one numbered figure and a table of claims."""
    described = {"figure": {"caption": "A line.", "name": "fig-line"}, "image": {"alt": alternative_text}}
    shown = nbformat.v4.new_output("display_data", {"image/png": picture()})
    table = {"text/plain": "agrees", "text/html": claims_html([]), CLAIMS_MIME: []}
    claims = nbformat.v4.new_output("execute_result", table, execution_count=2)
    cells = [
        nbformat.v4.new_markdown_cell(text, id="text"),
        nbformat.v4.new_code_cell(
            "draw()", outputs=[shown], execution_count=1, metadata={"mystnb": described}, id="figure"
        ),
        nbformat.v4.new_code_cell("claims", outputs=[claims], execution_count=2, id="claims"),
    ]
    metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python"},
        "feedback_alignment": {"profile": "quick", "seconds": 12.0, "device": "two plain cores"},
    }
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


def write(folder: Path) -> Path:
    """Write the book into `folder`, with empty `results/`, and return the folder."""
    shutil.copytree(CLONE / "book" / "_ext", folder / "book" / "_ext", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(CLONE / "book" / "_static", folder / "book" / "_static")
    for name in ("_config.yml", "book/references.bib", "book/bibliography.md"):
        shutil.copyfile(CLONE / name, folder / name)
    chapters = [{"file": f"notebooks/{CHAPTER}"}, {"file": "book/bibliography"}]
    contents = {"format": "jb-book", "root": "book/intro", "parts": [{"numbered": True, "chapters": chapters}]}
    (folder / "_toc.yml").write_text(yaml.safe_dump(contents, sort_keys=False))
    (folder / "book" / "intro.md").write_text(INTRO)
    (folder / "book" / "equations.yml").write_text("eq-line: numpy.positive\n")
    for name in ("notebooks", "results"):
        (folder / name).mkdir()
    write_chapter(folder, chapter())
    return folder


def write_chapter(book: Path, notebook: nbformat.NotebookNode) -> None:
    """Write the book's only chapter."""
    nbformat.write(notebook, book / "notebooks" / f"{CHAPTER}.ipynb")
