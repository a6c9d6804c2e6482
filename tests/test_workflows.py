"""Workflows, issue forms, hooks and the citation file: they follow their schemas and do no more than they must."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
ISSUE_CONFIG = ROOT / ".github/ISSUE_TEMPLATE/config.yml"
ISSUE_FORMS = sorted(set(ISSUE_CONFIG.parent.glob("*.yml")) - {ISSUE_CONFIG})
OLDEST_AND_NEWEST_PYTHON = ["3.11", "3.13"]


def read_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def complaints_about_workflow(workflow: dict[str, Any]) -> list[str]:
    """What the schema does not ask of a workflow, and this project does."""
    complaints = []
    permissions = workflow.get("permissions")
    if not isinstance(permissions, dict) or set(permissions.values()) - {"read", "none"}:
        complaints.append(f"top-level permissions that are listed and only read; got {permissions!r}")
    if "concurrency" not in workflow:
        complaints.append("a concurrency group")
    for name, job in workflow["jobs"].items():
        for step in job["steps"]:
            used = step.get("uses")
            if used is not None and not re.fullmatch(r"[\w.-]+/[\w./-]+@v\d+(\.\d+){0,2}", used):
                complaints.append(f"an action pinned by a version tag in job {name}; got {used}")
            if (
                str(used).startswith("actions/checkout@")
                and step.get("with", {}).get("persist-credentials") is not False
            ):
                complaints.append(f"a checkout that keeps no credentials in job {name}")
    return complaints


def check_schema(schema: str, *paths: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def make_calls(text: str) -> set[str]:
    return set(re.findall(r"\bmake ([a-z][a-z-]*)", text))


@pytest.mark.parametrize(
    ("schema", "paths"),
    [
        ("vendor.github-workflows", WORKFLOWS),
        ("custom.github-workflows-require-timeout", WORKFLOWS),
        ("vendor.github-issue-forms", ISSUE_FORMS),
        ("vendor.github-issue-config", [ISSUE_CONFIG]),
        ("vendor.citation-file-format", [ROOT / "CITATION.cff"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_file_follows_its_schema(schema: str, paths: list[Path]) -> None:
    assert paths
    outcome = check_schema(schema, *paths)
    assert outcome.returncode == 0, outcome.stdout


def test_schema_refuses_a_misspelt_key(tmp_path: Path) -> None:
    broken = tmp_path / "test.yml"
    broken.write_text(WORKFLOWS[0].read_text(encoding="utf-8").replace("runs-on:", "run-on:"), encoding="utf-8")
    outcome = check_schema("vendor.github-workflows", broken)
    assert outcome.returncode == 1
    assert "run-on" in outcome.stdout + outcome.stderr


def test_workflows_are_the_three_we_know() -> None:
    assert [path.stem for path in WORKFLOWS] == ["publish", "test", "weekly"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_is_pinned_and_may_do_no_more_than_it_must(path: Path) -> None:
    assert complaints_about_workflow(read_yaml(path)) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"permissions": "write-all"}, "permissions"),
        ({"permissions": {"contents": "write"}}, "permissions"),
        ({"permissions": None}, "permissions"),
        ({"jobs": {"test": {"steps": [{"uses": "actions/setup-python@main"}]}}}, "version tag"),
        ({"jobs": {"test": {"steps": [{"uses": "actions/setup-python"}]}}}, "version tag"),
        ({"jobs": {"test": {"steps": [{"uses": "actions/checkout@v6"}]}}}, "credentials"),
    ],
)
def test_lax_workflow_is_refused(change: dict[str, Any], complaint: str) -> None:
    (workflow,) = (read_yaml(path) for path in WORKFLOWS if path.stem == "test")
    (found,) = complaints_about_workflow(workflow | change)
    assert complaint in found


def test_only_the_deploying_job_may_write() -> None:
    writing = {
        (path.stem, name): job["permissions"]
        for path in WORKFLOWS
        for name, job in read_yaml(path)["jobs"].items()
        if "permissions" in job
    }
    assert writing == {("publish", "deploy"): {"pages": "write", "id-token": "write"}}


def test_workflow_tests_the_oldest_and_the_newest_python_on_both_systems() -> None:
    matrix = read_yaml(ROOT / ".github/workflows/test.yml")["jobs"]["test"]["strategy"]["matrix"]
    assert matrix == {"os": ["ubuntu-latest", "macos-latest"], "python": OLDEST_AND_NEWEST_PYTHON}


@pytest.mark.parametrize("path", [*WORKFLOWS, ROOT / ".ci/run"], ids=lambda path: path.stem)
def test_every_make_target_that_is_called_exists(path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {name for line in re.findall(r"^([a-z][a-z -]*):(?!=)", makefile, flags=re.M) for name in line.split()}
    calls = make_calls(path.read_text(encoding="utf-8"))
    assert calls <= targets, f"{path.name} calls {calls - targets}, which the Makefile does not have"


def test_pins_can_be_left_out_by_a_make_variable() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "make test CONSTRAINTS=" in (ROOT / ".github/workflows/weekly.yml").read_text(encoding="utf-8")
    assert re.search(r"^CONSTRAINTS *[?:]?= *constraints\.txt$", makefile, flags=re.M)


def test_hooks_are_local_and_use_the_project_environment() -> None:
    config = ROOT / ".pre-commit-config.yaml"
    command = [sys.executable, "-m", "pre_commit", "validate-config", str(config)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    (repository,) = read_yaml(config)["repos"]
    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        assert hook["language"] == "system"
        assert hook["entry"].startswith(".venv/bin/")
