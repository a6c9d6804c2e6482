"""The README's example prints what the README says, and its picture is the one of the chapter."""

import base64
import contextlib
import io
import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_example_prints_the_numbers_below_it() -> None:
    found = re.search(r"```python\n(.*?)```.*?```text\n(.*?)```", README, re.DOTALL)
    assert found is not None
    code, expected = found.groups()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {})
    assert printed.getvalue() == expected
    assert len(code.splitlines()) <= 16


def test_picture_is_the_chapters_own() -> None:
    notebook = json.loads((ROOT / "notebooks/01_credit_assignment.ipynb").read_text(encoding="utf-8"))
    images = [
        output["data"]["image/png"]
        for cell in notebook["cells"]
        if cell["metadata"].get("mystnb", {}).get("figure", {}).get("name") == "fig-gradient-alignment"
        for output in cell["outputs"]
    ]
    assert [base64.b64decode("".join(images[0]))] == [(ROOT / "book/_static/front.png").read_bytes()]


def test_every_chapter_is_in_the_table_of_the_readme() -> None:
    chapters = [path.stem for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
    assert chapters
    assert [name for name in chapters if name not in README] == []
