import subprocess
from pathlib import Path

import pytest

from feedback_alignment.companion.repository import VARIABLE, github_address, repository_address

ADDRESS = "https://github.com/example/align.then-memorise"


@pytest.mark.parametrize(
    "url",
    [
        ADDRESS,
        f"{ADDRESS}/",
        f"{ADDRESS}.git",
        "http://www.github.com/example/align.then-memorise.git",
        "https://name:secret@github.com/example/align.then-memorise.git",
        "https://x-access-token:secret@github.com/example/align.then-memorise",
        "git@github.com:example/align.then-memorise.git",
        "github.com:example/align.then-memorise",
        "ssh://git@github.com/example/align.then-memorise.git",
        "ssh://git@ssh.github.com:443/example/align.then-memorise.git",
        "git://github.com/example/align.then-memorise.git",
        f"  {ADDRESS}\n",
    ],
)
def test_every_form_of_a_github_address_gives_the_plain_one(url):
    assert github_address(url) == ADDRESS


@pytest.mark.parametrize(
    "url",
    [
        "https://gitlab.com/example/name",
        "https://github.com.evil.org/example/name",
        "https://evil.org/github.com/example/name",
        "https://evil.org:x@/github.com/a/b",
        "https://github.com/example",
        "https://github.com/example/name/tree/main",
        "git@gitlab.com:example/name.git",
        "/somewhere/github.com/example/name",
        "",
    ],
)
def test_anything_else_gives_none(url):
    assert github_address(url) is None


@pytest.fixture
def clone(tmp_path, monkeypatch) -> Path:
    monkeypatch.delenv(VARIABLE, raising=False)
    folder = tmp_path / "clone"
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    return folder


def set_origin(clone: Path, url: str) -> None:
    subprocess.run(["git", "-C", str(clone), "remote", "add", "origin", url], check=True)


def test_the_remote_counts_without_its_credentials(clone):
    set_origin(clone, "https://name:secret@github.com/example/align.then-memorise.git")
    assert repository_address(clone) == ADDRESS


def test_the_variable_goes_before_the_remote(clone, monkeypatch):
    set_origin(clone, "https://github.com/other/name.git")
    monkeypatch.setenv(VARIABLE, f"{ADDRESS}.git")
    assert repository_address(clone) == ADDRESS
    monkeypatch.setenv(VARIABLE, "")
    assert repository_address(clone) is None


def test_a_wrong_variable_is_refused_without_repeating_its_secrets(clone, monkeypatch):
    monkeypatch.setenv(VARIABLE, "https://name:secret@gitlab.com/example/name")
    with pytest.raises(ValueError, match=VARIABLE) as problem:
        repository_address(clone)
    assert "secret" not in str(problem.value)


def test_no_remote_another_host_no_clone_and_a_folder_inside_a_clone_give_none(clone, tmp_path):
    assert repository_address(clone) is None
    assert repository_address(tmp_path) is None
    set_origin(clone, "https://gitlab.com/example/name.git")
    assert repository_address(clone) is None
    subprocess.run(["git", "-C", str(clone), "remote", "set-url", "origin", ADDRESS], check=True)
    (clone / "inside").mkdir()
    assert repository_address(clone / "inside") is None


def test_without_git_there_is_no_address(clone, monkeypatch):
    set_origin(clone, ADDRESS)
    monkeypatch.setenv("PATH", str(clone / "empty"))
    assert repository_address(clone) is None
