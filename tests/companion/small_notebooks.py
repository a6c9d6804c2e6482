"""Notebooks small enough for tests of what handles notebooks."""

from pathlib import Path

import nbformat

from feedback_alignment.companion import notebook_files

COLAB = 'import sys\n\nif "google.colab" in sys.modules:\n    print("set up")'
COUNTER = """from pathlib import Path

with Path("../runs.txt").open("a") as runs:
    runs.write("run\\n")"""


def code(source: str, *tags: str, **metadata: object) -> nbformat.NotebookNode:
    return nbformat.v4.new_code_cell(source, metadata={**({"tags": list(tags)} if tags else {}), **metadata})


def notebook(*cells: nbformat.NotebookNode, parameters: str = 'profile = "quick"') -> nbformat.NotebookNode:
    return nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        cells=[
            nbformat.v4.new_markdown_cell("# A title"),
            code(COLAB, "remove-cell", "nbval-skip"),
            code(parameters, "parameters"),
            *cells,
        ],
    )


def probe() -> nbformat.NotebookNode:
    return notebook(
        code("%matplotlib inline\nfrom tiny.experiments import probe"),
        code(COUNTER),
        code('import os\n\nprint(profile, probe.run(), os.environ["OMP_NUM_THREADS"], Path.cwd().name)'),
    )


def executions(clone: Path) -> int:
    return len((clone / "runs.txt").read_text().splitlines())


def printed(path: Path) -> str:
    return "".join(o.text for cell in notebook_files.read(path).cells for o in cell.get("outputs", []) if "text" in o)


def plant(clone: Path, name: str, *cells: nbformat.NotebookNode, **options: str) -> Path:
    path = clone / "notebooks" / f"{name}.ipynb"
    notebook_files.write(notebook(*cells, **options), path)
    return path
