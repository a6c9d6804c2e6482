"""What one installs agrees with pyproject.toml, file by file, and nothing depends on the machine it was written on."""

import json
import re
import subprocess
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import feedback_alignment

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]

PLATFORMS = {
    "Linux": {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64", "os_name": "posix"},
    "macOS": {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64", "os_name": "posix"},
}
PYTHONS = ("3.11", "3.12", "3.13")
FIRST_AND_LAST_PATCH = (0, 99)


def by_name(requirements: Iterable[str]) -> dict[str, SpecifierSet]:
    parsed = [Requirement(line) for line in requirements]
    found = {canonicalize_name(requirement.name): requirement.specifier for requirement in parsed}
    assert len(found) == len(parsed), "a requirement is listed twice"
    return found


def read_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def constraint_lines(text: str) -> list[str]:
    return [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]


def pins_for(lines: Iterable[str], python: str, patch: int, platform: str) -> dict[str, list[Version]]:
    """The versions that constraints.txt pins for one Python on one platform, by name."""
    environment = default_environment() | PLATFORMS[platform]
    environment |= {"python_version": python, "python_full_version": f"{python}.{patch}"}
    environment |= {"implementation_name": "cpython", "platform_python_implementation": "CPython"}
    pins: dict[str, list[Version]] = {}
    for requirement in map(Requirement, lines):
        if requirement.marker is None or requirement.marker.evaluate(environment):
            (pin,) = requirement.specifier
            pins.setdefault(canonicalize_name(requirement.name), []).append(Version(pin.version))
    return pins


def complaints_about_constraints(text: str) -> list[str]:
    """What is wrong with the lines of a constraints file, whatever the platform."""
    complaints = []
    for line in constraint_lines(text):
        if "://" in line or line.startswith("-") or " @ " in line:
            complaints.append(f"neither an address nor an option: {line}")
        elif not re.fullmatch(r"[A-Za-z0-9._-]+==[^=+;\s]+(\s*;.+)?", line):
            complaints.append(f"one exact version without a local build: {line}")
        elif re.match(r"(nvidia|cuda|triton|pytorch-triton)", line):
            complaints.append(f"no CUDA package: {line}")
    return complaints


def test_environment_file_requires_what_pyproject_requires() -> None:
    entries = read_yaml(ROOT / "environment.yml")["dependencies"]
    conda = [entry for entry in entries if isinstance(entry, str)]
    (pip,) = (entry["pip"] for entry in entries if isinstance(entry, dict))
    options = [line for line in pip if line.startswith("-")]
    requirements = [line for line in pip if not line.startswith("-")]

    assert by_name(requirements) == by_name(PROJECT["dependencies"] + EXTRAS["book"])
    assert [entry.partition("=")[0] for entry in conda] == ["python", "pip"]
    assert "--constraint=constraints.txt" in options
    assert "--editable=." in options


def complaints_about_binder(root: Path) -> list[str]:
    """Why Binder, starting from the folder `root`, would not come to the environment of environment.yml.

    Binder takes a Dockerfile, and the files of binder/ or .binder/, in place of this one; it finds one version of
    Python and no range; and it copies the repository before it installs only if some requirement is a local one.
    """
    entries = read_yaml(root / "environment.yml")["dependencies"]
    pythons = [entry for entry in entries if isinstance(entry, str) and entry.startswith("python")]
    pip = [line for entry in entries if isinstance(entry, dict) for line in entry["pip"]]
    rivals = [name for name in ("binder", ".binder", "Dockerfile") if (root / name).exists()]
    complaints = [f"{name} would take the place of environment.yml" for name in rivals]
    if not (len(pythons) == 1 and (found := re.fullmatch(r"python=(3\.\d+)", pythons[0])) and found[1] in PYTHONS):
        complaints.append(f"one line python=X.Y with a version of {', '.join(PYTHONS)}; got {pythons}")
    if not any(line.startswith(("--constraint", "--editable")) for line in pip):
        complaints.append("a requirement that is in the repository, so that Binder copies it first")
    if not any(line.startswith("--extra-index-url") and line.endswith("/cpu") for line in pip):
        complaints.append("the small build of torch: Binder has no GPU and little room")
    return complaints


def test_binder_comes_to_this_environment() -> None:
    assert complaints_about_binder(ROOT) == []


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("python=3.12", "python>=3.11,<3.14", "got ['python>=3.11,<3.14']"),
        ("python=3.12", "python=3.10", "got ['python=3.10']"),
        ("python=3.12", "git", "got []"),
        ("--extra-index-url=https://download.pytorch.org/whl/cpu", "rich", "small build"),
        ("--constraint=constraints.txt", "rich", "in the repository"),
    ],
)
def test_another_environment_on_binder_is_noticed(old: str, new: str, complaint: str, tmp_path: Path) -> None:
    text = (ROOT / "environment.yml").read_text(encoding="utf-8").replace("- --editable=.\n", "")
    assert old in text
    (tmp_path / "environment.yml").write_text(text.replace(f"- {old}", f"- {new}"), encoding="utf-8")
    (found,) = complaints_about_binder(tmp_path)
    assert complaint in found


@pytest.mark.parametrize("name", ["binder", ".binder", "Dockerfile"])
def test_what_binder_would_prefer_is_noticed(name: str, tmp_path: Path) -> None:
    (tmp_path / "environment.yml").write_bytes((ROOT / "environment.yml").read_bytes())
    (tmp_path / name).mkdir()
    assert complaints_about_binder(tmp_path) == [f"{name} would take the place of environment.yml"]


def test_torch_is_bounded_on_both_sides() -> None:
    bounds = by_name(PROJECT["dependencies"])["torch"]
    assert {bound.operator for bound in bounds} == {">=", "<"}


def test_python_range_covers_exactly_the_classified_versions() -> None:
    prefix = "Programming Language :: Python :: 3."
    classified = {line.removeprefix(prefix) for line in PROJECT["classifiers"] if line.startswith(prefix)}
    required = SpecifierSet(PROJECT["requires-python"])

    assert {f"3.{minor}" for minor in classified} == set(PYTHONS)
    assert {f"3.{minor}" for minor in range(30) if f"3.{minor}.1" in required} == set(PYTHONS)


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("patch", FIRST_AND_LAST_PATCH)
def test_constraints_pin_every_dependency_within_its_bounds(platform: str, python: str, patch: int) -> None:
    lines = constraint_lines((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    pins = pins_for(lines, python, patch, platform)

    assert not {name: versions for name, versions in pins.items() if len(versions) > 1}
    for name, bounds in by_name([*PROJECT["dependencies"], *EXTRAS["book"], *EXTRAS["test"]]).items():
        assert name in pins, f"constraints.txt pins no {name} for Python {python} on {platform}"
        assert pins[name][0] in bounds, f"{name}: {pins[name][0]} lies outside {bounds}"


def test_constraints_hold_for_every_machine() -> None:
    assert complaints_about_constraints((ROOT / "constraints.txt").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        "torch==2.13.0+cpu",
        "torch>=2.6",
        "torch",
        "nvidia-cublas-cu12==12.8.4.1",
        "triton==3.5.0 ; sys_platform == 'linux'",
        "cuda-bindings==13.0.0",
        "numpy @ file:///wheels/numpy.whl",
        "--extra-index-url https://example.org/simple",
    ],
)
def test_constraints_of_one_machine_are_refused(line: str) -> None:
    assert len(complaints_about_constraints(f"# pins\nnumpy==2.4.6\n{line}\n")) == 1


def test_constraints_outside_the_bounds_are_noticed() -> None:
    pins = pins_for(["torch==2.5.1", "numpy==1.0 ; python_version < '3.0'"], "3.12", 4, "Linux")
    assert pins == {"torch": [Version("2.5.1")]}
    assert pins["torch"][0] not in by_name(PROJECT["dependencies"])["torch"]


def test_citation_and_package_agree_with_pyproject() -> None:
    citation = read_yaml(ROOT / "CITATION.cff")
    assert citation["version"] == PROJECT["version"] == feedback_alignment.__version__
    assert citation["license"] == PROJECT["license"]
    assert [author["name"] for author in citation["authors"]] == [author["name"] for author in PROJECT["authors"]]
    cited = {
        tuple(author["family-names"] for author in entry["authors"]): entry["year"] for entry in citation["references"]
    }
    assert cited == {
        ("Refinetti", "d'Ascoli", "Ohana", "Goldt"): 2021,
        ("Launay", "Poli", "Krzakala"): 2019,
        ("Chu", "Bacho"): 2024,
    }


def test_archive_is_told_what_the_citation_says() -> None:
    """Zenodo reads .zenodo.json and, where there is one, passes CITATION.cff over."""
    archive = json.loads((ROOT / ".zenodo.json").read_text(encoding="utf-8"))
    citation = read_yaml(ROOT / "CITATION.cff")
    same = {"title": "title", "description": "abstract", "version": "version", "license": "license"}
    assert {key: archive[key] for key in same} == {key: citation[name].strip() for key, name in same.items()}
    assert archive["upload_type"] == citation["type"]
    assert archive["creators"] == citation["authors"] == PROJECT["authors"]
    assert archive["keywords"] == citation["keywords"] == PROJECT["keywords"]
    papers = [
        entry["identifiers"][0]["value"] if "identifiers" in entry else entry["doi"] for entry in citation["references"]
    ]
    assert archive["related_identifiers"] == [{"identifier": paper, "relation": "references"} for paper in papers]


# In parts, so that this file does not name them itself.
FOLDERS = [["", "work", ""], ["", "opt", "pypi"], ["", "opt", "wheels"], ["", "tmp", "brief"]]
HIDDEN_FOLDER = "".join([".", "library"])
MACHINE_PATHS = re.compile(
    rf"(?<![\w.])(?:{'|'.join('/'.join(parts) for parts in FOLDERS)})|(?<![\w-]){re.escape(HIDDEN_FOLDER)}\b"
)


def machine_paths(text: str) -> list[str]:
    """The lines of a text that name a folder of one particular machine."""
    return [line.strip() for line in text.splitlines() if MACHINE_PATHS.search(line)]


def project_files() -> list[Path]:
    """The files that are in the repository or about to be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    return [path for name in listed if name and (path := ROOT / name).is_file()]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout: the project's files are not known")
def test_no_file_names_a_folder_of_one_machine() -> None:
    found = {}
    for path in project_files():
        content = path.read_bytes()
        if b"\0" not in content and (lines := machine_paths(content.decode("utf-8"))):
            found[str(path.relative_to(ROOT))] = lines
    assert found == {}


@pytest.mark.parametrize("folder", ["/".join(parts) for parts in FOLDERS] + [f"/{HIDDEN_FOLDER}"])
def test_folder_of_one_machine_is_noticed(folder: str) -> None:
    for line in (f"see {folder}/notes.md", f"file://{folder}/x", f'"{folder}/x"'):
        assert machine_paths(f"first\n{line}\nlast") == [line]


def test_other_paths_are_left_alone() -> None:
    assert machine_paths("https://example.org/work/1\n.github/workflows/test.yml\nteam.library\nwork/life\n") == []
