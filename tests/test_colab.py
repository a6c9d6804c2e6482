"""The way over Colab, dry: a notebook's own first cell clones and installs a published copy, and every chapter runs.

The environment holds what the package asks for and the kernel that Colab brings along, nothing of the book's tools. The
dependencies are those installed here; only the package is installed anew. What Colab's own versions do is another
question, which `.ci/colab` puts to Colab's image.
"""

import json
import os
import subprocess
import tomllib
import venv
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import nbformat
import papermill
import pytest
from filelock import FileLock
from packaging.requirements import Requirement

from feedback_alignment.companion import notebook_files

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = notebook_files.find_chapters(ROOT)
COLAB_BRINGS = ("ipykernel", "pip")
FOREIGN_TO_COLAB = ("bs4", "nbformat", "papermill", "pytest", "sphinx", "yaml")
KERNEL = "as-on-colab"
# What a notebook on Colab finds loaded, and where the first cell leaves it.
FIRST_CELL = """
import sys
import google.colab
exec(sys.stdin.read())
import feedback_alignment
print(Path.cwd(), feedback_alignment.__file__, sep="\\n")
"""


@dataclass(frozen=True)
class Runtime:
    """An environment of its own and the folder in which a visitor's notebook starts."""

    python: Path
    folder: Path

    @property
    def clone(self) -> Path:
        """Where the first cell puts the book."""
        return self.folder / "book"

    @property
    def said(self) -> Path:
        """What was printed by and after the first cell."""
        return self.folder.with_name("said.txt")


def first_cell(chapter: str) -> str:
    return next(cell.source for cell in notebook_files.read(CHAPTERS[chapter]).cells if cell.cell_type == "code")


def publish(into: Path) -> str:
    """Commit a copy of the working tree, less what git ignores, to a repository of its own; return its address."""
    listing = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listing, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in names:
        if (ROOT / name).is_file():
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            (into / name).write_bytes((ROOT / name).read_bytes())
    author = ["-c", "user.name=author", "-c", "user.email=author@example.org"]
    for arguments in (["init", "--quiet"], ["add", "--all"], [*author, "commit", "--quiet", "--message", "published"]):
        subprocess.run(["git", "-C", str(into), *arguments], check=True)
    return into.as_uri()


def with_all_they_need(names: Iterable[str]) -> dict[str, metadata.Distribution]:
    """The installed distributions of these names and of all that they require here."""
    found: dict[str, metadata.Distribution] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = metadata.distribution(name)
            required = map(Requirement, found[name].requires or [])
            waiting += [r.name for r in required if r.marker is None or r.marker.evaluate({"extra": ""})]
    return found


def clean_environment(folder: Path) -> Path:
    """Make an environment that holds the package's dependencies and what Colab brings, by links; return its Python."""
    venv.create(folder, with_pip=False, symlinks=True)
    (site_packages,) = folder.glob("lib/python*/site-packages")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked_for = [Requirement(line).name for line in project["dependencies"]]
    for distribution in with_all_they_need([*asked_for, *COLAB_BRINGS]).values():
        for entry in {path.parts[0] for path in distribution.files or []} - {"..", "__pycache__"}:
            if not (site_packages / entry).exists():
                (site_packages / entry).symlink_to(distribution.locate_file(entry))
    return folder / "bin" / "python"


@pytest.fixture
def visitor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in the shell that leads to this clone, to data or to another's settings."""
    for name in ("PYTHONPATH", "MPLBACKEND", "FEEDBACK_ALIGNMENT_DATA", "FEEDBACK_ALIGNMENT_REPOSITORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FEEDBACK_ALIGNMENT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))


@pytest.fixture
def runtime(visitor: None, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Runtime:
    """What the first cell leaves, made once for all tests, also where several processes share them."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if hasattr(request.config, "workerinput") else own) / "colab"
    found = Runtime(folder / "venv" / "bin" / "python", folder / "content")
    with FileLock(folder.with_suffix(".lock")):
        if not found.said.exists():
            found.folder.mkdir(parents=True)
            clean_environment(folder / "venv")
            (folder / "stub" / "google" / "colab").mkdir(parents=True)
            (folder / "stub" / "google" / "colab" / "__init__.py").touch()
            visit = os.environ | {
                "PYTHONPATH": str(folder / "stub"),
                "FEEDBACK_ALIGNMENT_REPOSITORY": publish(folder / "published"),
            }
            finished = subprocess.run(
                [str(found.python), "-c", FIRST_CELL],
                input=first_cell(next(iter(CHAPTERS))),
                cwd=found.folder,
                env=visit,
                capture_output=True,
                text=True,
                check=False,
            )
            assert finished.returncode == 0, finished.stdout + finished.stderr
            found.said.write_text(finished.stdout, encoding="utf-8")
    return found


def test_every_chapter_sets_colab_up_in_the_same_way() -> None:
    assert {first_cell(chapter) for chapter in CHAPTERS} == {first_cell(next(iter(CHAPTERS)))}


@pytest.mark.long
def test_the_first_cell_clones_and_installs_and_the_package_is_seen_without_a_restart(runtime: Runtime) -> None:
    said = runtime.said.read_text(encoding="utf-8")
    module = runtime.clone / "src" / "feedback_alignment" / "__init__.py"
    assert said.splitlines() == [str(runtime.clone / "notebooks"), str(module)]


@pytest.mark.long
def test_the_environment_holds_none_of_the_books_tools(runtime: Runtime) -> None:
    looking = "import importlib.util, sys; print([n for n in sys.argv[1:] if importlib.util.find_spec(n)])"
    command = [str(runtime.python), "-c", looking, *FOREIGN_TO_COLAB]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "[]"


def kinds(cell: nbformat.NotebookNode) -> list[str]:
    """What a cell shows, without what it says: the names of its streams and the kinds of its pictures and tables."""
    outputs = notebook_files.joined_streams(cell.outputs)
    return [output.get("name") or ", ".join(sorted(output.get("data", {}))) for output in outputs]


@pytest.mark.long
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_chapter_runs_from_top_to_bottom(
    chapter: str, runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the smoke profile, in a kernel of that environment, from what was cloned; it shows all that the book shows."""
    kernel = tmp_path / "kernels" / KERNEL / "kernel.json"
    kernel.parent.mkdir(parents=True)
    argv = [str(runtime.python), "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=ERROR"]
    kernel.write_text(json.dumps({"argv": argv, "display_name": KERNEL, "language": "python"}), encoding="utf-8")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    source = notebook_files.read(runtime.clone / "notebooks" / f"{chapter}.ipynb")
    source.metadata.setdefault("language_info", {"name": "python"})
    shown = [kinds(cell) for cell in source.cells if cell.cell_type == "code"]

    executed = papermill.execute_notebook(
        source,
        None,
        parameters={"profile": "smoke"},
        kernel_name=KERNEL,
        cwd=runtime.clone / "notebooks",
        progress_bar=False,
    )
    ran = [cell for cell in executed.cells if cell.cell_type == "code"]
    injected = [cell for cell in ran if "injected-parameters" in notebook_files.tags(cell)]
    assert len(injected) == 1
    assert [kinds(cell) for cell in ran if cell not in injected] == shown
