"""A clone of a tiny project with one chapter, made anew for each test."""

from pathlib import Path

import pytest
from small_notebooks import probe

from feedback_alignment.companion import notebook_files

MODULES = {
    "tiny/__init__.py": "",
    "tiny/used.py": "def answer():\n    from .deep import ANSWER\n\n    return ANSWER\n",
    "tiny/deep.py": "ANSWER = 1\n",
    "tiny/literal.py": "",
    "tiny/unrelated.py": "",
    "tiny/experiments/__init__.py": "import importlib\n\nimportlib.import_module('tiny.literal')\n",
    "tiny/experiments/probe.py": "from tiny import used\n\n\ndef run():\n    return used.answer()\n",
    "tiny/experiments/other.py": "",
}


@pytest.fixture
def tiny_clone(tmp_path: Path) -> Path:
    root = tmp_path / "clone"
    for name, source in MODULES.items():
        path = root / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    (root / "results").mkdir()
    (root / "notebooks").mkdir()
    notebook_files.write(probe(), root / "notebooks" / "01_probe.ipynb")
    return root
