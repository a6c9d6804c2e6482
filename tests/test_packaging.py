"""The wheel and the sdist: what they hold, and that the package works from the wheel alone, without the clone."""

import email
import os
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CHAPTER = "01_credit_assignment"
FOREIGN_TO_A_PACKAGE = {"notebooks", "tests", "results", "book", "benchmarks", ".venv", ".github", "_build"}


@dataclass(frozen=True)
class Distributions:
    """The two files that `python -m build` leaves; it makes the wheel from the sdist, not from the clone."""

    sdist: Path
    wheel: Path


@dataclass(frozen=True)
class Installation:
    """An environment that holds the wheel, an empty folder to work in, and a home of its own."""

    python: Path
    folder: Path
    home: Path

    def run(self, *command: str | Path) -> str:
        """Run a command in the empty folder, with nothing set that leads to the clone; return what it prints."""
        environment = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        environment |= {"HOME": str(self.home), "OMP_NUM_THREADS": "1"}
        finished = subprocess.run(
            list(map(str, command)), cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    assert len(list(folder.iterdir())) == 2
    return Distributions(sdist, wheel)


@pytest.fixture(scope="module")
def installation(distributions: Distributions, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Install the wheel into a new environment, which borrows the dependencies, and only them, from this one.

    A folder added by a .pth file has its own .pth files ignored: this environment's editable install stays out.
    """
    folder = tmp_path_factory.mktemp("installation").resolve()
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    python = folder / "venv/bin/python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*command, str(distributions.wheel)], check=True)
    (own,) = (folder / "venv").glob("lib/python*/site-packages")
    (own / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    (folder / "empty").mkdir()
    (folder / "home").mkdir()
    return Installation(python, folder / "empty", folder / "home")


def modules_in_the_clone() -> set[str]:
    return {str(path.relative_to(ROOT / "src")) for path in (ROOT / "src").rglob("*.py")}


def test_wheel_holds_the_package_and_nothing_else(distributions: Distributions) -> None:
    with zipfile.ZipFile(distributions.wheel) as archive:
        names = set(archive.namelist())
    metadata = {name for name in names if name.partition("/")[0].endswith(".dist-info")}

    assert distributions.wheel.name.endswith("-py3-none-any.whl")
    assert names - metadata == modules_in_the_clone()
    assert any(name.endswith("licenses/LICENSE") for name in metadata)
    assert distributions.wheel.stat().st_size < 1_000_000


def test_wheel_says_what_pyproject_says(distributions: Distributions) -> None:
    with zipfile.ZipFile(distributions.wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(archive.read(name))
    required = [Requirement(line) for line in metadata.get_all("Requires-Dist", [])]

    assert metadata["Name"] == PROJECT["name"]
    assert metadata["Version"] == PROJECT["version"]
    assert metadata["License-Expression"] == PROJECT["license"]
    assert {str(requirement) for requirement in required if requirement.marker is None} == {
        str(Requirement(line)) for line in PROJECT["dependencies"]
    }


def test_sdist_holds_what_builds_the_package_and_no_more(distributions: Distributions) -> None:
    with tarfile.open(distributions.sdist) as archive:
        files = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}

    assert {"pyproject.toml", "LICENSE", "README.md", "CITATION.cff", "constraints.txt"} <= files
    assert {name.removeprefix("src/") for name in files if name.startswith("src/")} == modules_in_the_clone()
    assert not {name.partition("/")[0] for name in files} & FOREIGN_TO_A_PACKAGE


def test_import_comes_from_the_wheel(installation: Installation) -> None:
    places = installation.run(
        installation.python,
        "-c",
        "import sys, feedback_alignment; print(feedback_alignment.__file__, *sys.path, sep='\\n')",
    ).splitlines()

    assert Path(places[0]).is_relative_to(installation.python.parents[1])
    assert not [place for place in places if place and Path(place) in {ROOT, ROOT / "src"}]


@pytest.mark.parametrize("launcher", [["python", "-m", "feedback_alignment"], ["feedback-alignment"]], ids=" ".join)
def test_list_works_without_the_clone_and_says_where_results_are_looked_for(
    installation: Installation, launcher: list[str]
) -> None:
    program, *arguments = launcher
    printed = installation.run(installation.python.with_name(program), *arguments, "list")

    assert CHAPTER in printed
    assert str(installation.folder / "results") in printed
    assert str(ROOT) not in printed
    assert list(installation.folder.iterdir()) == []


@pytest.mark.long
def test_chapter_runs_at_the_smoke_profile_without_the_clone(installation: Installation) -> None:
    results = installation.folder / "elsewhere"
    installation.run(
        installation.python, "-m", "feedback_alignment", "run", CHAPTER, "--profile", "smoke", "--results", results
    )
    assert [path.name for path in results.glob("*.nc")] == [f"{CHAPTER}.smoke.nc"]
