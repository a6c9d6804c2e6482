"""What a chapter depends on, and what its digest follows and ignores."""

import importlib.metadata
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from small_notebooks import code, notebook, probe

from feedback_alignment.companion import dependencies


def test_dependencies_are_followed_through_packages_relative_late_and_literal_imports(tiny_clone):
    found = dependencies.notebook_modules(tiny_clone, "01_probe", probe())
    expected = {"tiny", "tiny.used", "tiny.deep", "tiny.literal", "tiny.experiments", "tiny.experiments.probe"}
    assert set(found) == expected
    assert found["tiny"] == tiny_clone / "src/tiny/__init__.py"
    by_convention = dependencies.notebook_modules(tiny_clone, "07_other", notebook())
    assert set(by_convention) == {"tiny", "tiny.literal", "tiny.experiments", "tiny.experiments.other"}
    attribute = notebook(code("import tiny.experiments.probe as p"))
    assert set(dependencies.notebook_modules(tiny_clone, "07_name", attribute)) == expected


def digest(clone: Path, content: nbformat.NotebookNode, profile: str = "quick") -> str:
    return dependencies.execution_digest(clone, "01_probe", content, profile)


RELEVANT: dict[str, Callable[[Path, nbformat.NotebookNode], object]] = {
    "code cell": lambda clone, nb: nb.cells[4].update(source="x = 2"),
    "tags": lambda clone, nb: nb.cells[4].metadata.update(tags=["remove-input"]),
    "order": lambda clone, nb: nb.cells.reverse(),
    "experiment": lambda clone, nb: (clone / "src/tiny/experiments/probe.py").write_text("x = 1"),
    "late import": lambda clone, nb: (clone / "src/tiny/deep.py").write_text("ANSWER = 3"),
    "package": lambda clone, nb: (clone / "src/tiny/__init__.py").write_text("x = 1"),
    "new result": lambda clone, nb: (clone / "results/01_probe.paper.nc").write_bytes(b"CDF"),
}
IRRELEVANT: dict[str, Callable[[Path, nbformat.NotebookNode], object]] = {
    "nothing": lambda clone, nb: None,
    "prose": lambda clone, nb: nb.cells[0].update(source="# Other"),
    "caption": lambda clone, nb: nb.cells[4].metadata.update(mystnb={"figure": {"caption": "Other"}}),
    "outputs": lambda clone, nb: nb.cells[4].update(outputs=[], execution_count=7),
    "module of no import": lambda clone, nb: (clone / "src/tiny/unrelated.py").write_text("x = 1"),
    "another chapter's experiment": lambda clone, nb: (clone / "src/tiny/experiments/other.py").write_text("x = 1"),
    "another chapter's result": lambda clone, nb: (clone / "results/02_other.paper.nc").write_bytes(b"CDF"),
    "file dates": lambda clone, nb: os.utime(clone / "src/tiny/deep.py", (0, 0)),
}


@pytest.mark.parametrize("change", RELEVANT)
def test_the_digest_follows_what_outputs_depend_on(tiny_clone, change):
    content = probe()
    before = digest(tiny_clone, content)
    RELEVANT[change](tiny_clone, content)
    assert digest(tiny_clone, content) != before


@pytest.mark.parametrize("change", IRRELEVANT)
def test_the_digest_ignores_what_outputs_do_not_depend_on(tiny_clone, change):
    content = probe()
    before = digest(tiny_clone, content)
    IRRELEVANT[change](tiny_clone, content)
    assert digest(tiny_clone, content) == before


def test_the_digest_follows_profile_versions_and_the_contents_of_the_results_that_are_read(
    tiny_clone, tmp_path, monkeypatch
):
    content = probe()
    seen = {digest(tiny_clone, content), digest(tiny_clone, content, "smoke")}
    (tiny_clone / "results/01_probe.paper.nc").write_bytes(b"one")
    seen.add(digest(tiny_clone, content))
    (tiny_clone / "results/01_probe.paper.nc").write_bytes(b"two")
    seen.add(digest(tiny_clone, content))
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(tiny_clone / "results", elsewhere)
    (elsewhere / "01_probe.paper.nc").write_bytes(b"three")
    monkeypatch.setenv("FEEDBACK_ALIGNMENT_RESULTS", str(elsewhere))
    seen.add(digest(tiny_clone, content))
    version = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.1" if name == "torch" else version(name))
    seen.add(digest(tiny_clone, content))
    monkeypatch.setattr(sys, "version_info", (3, 99, 0))
    seen.add(digest(tiny_clone, content))
    assert len(seen) == 7
