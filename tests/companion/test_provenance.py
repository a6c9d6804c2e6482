"""Provenance: settings, seeds, commit, versions, device, time, data and reductions, as one line of JSON."""

import json
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from feedback_alignment.companion import provenance
from feedback_alignment.companion.store import provenance as recorded

VARIABLE = "FEEDBACK_ALIGNMENT_COMMIT"


@dataclass(frozen=True)
class Schedule:
    epochs: float
    observe_at: tuple[float, ...]


@dataclass(frozen=True)
class Settings:
    profile: str = "paper"
    images: str = "mnist"
    seeds: tuple[int, ...] = (0, 1)
    schedule: Schedule = Schedule(2, (0, 0.1, 2))
    reduced: tuple[str, ...] = ()


def stamped(settings: object = None, commit: str = "0123456789" * 4, **changes: object) -> xr.Dataset:
    return provenance.stamp(
        xr.Dataset({"x": ("member", [1.0, 2.0])}, attrs={"kept": "yes"}),
        **{
            "chapter": "01_example",
            "science_version": 3,
            "settings": settings or Settings(),
            "commit": commit,
            "device": "cpu",
            "wall_seconds": 4000.04,
            "data": {"a.gz": "å"},
            **changes,
        },
    )


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(
        [
            "git",
            "-C",
            str(root),
            "-c",
            "user.name=A",
            "-c",
            "user.email=a@example.org",
            "-c",
            "commit.gpgsign=false",
            *arguments,
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit that this package seems to run from."""
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "clone"
    (root / "src").mkdir(parents=True)
    (root / "src" / "code.py").write_text("answer = 1\n")
    (root / "pyproject.toml").write_text("[project]\n")
    (root / "README.md").write_text("Read me.\n")
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message", "first")
    monkeypatch.setattr(provenance, "clone_root", lambda: root)
    return root


def test_the_commit_of_a_clean_clone_even_when_the_variable_says_otherwise(clone, monkeypatch):
    monkeypatch.setenv(VARIABLE, "something else")
    (clone / "README.md").write_text("Changed words do not change numbers.\n")
    head = git(clone, "rev-parse", "HEAD").strip()
    assert len(head) == 40
    assert provenance.commit() == head


@pytest.mark.parametrize("name", ["src/code.py", "src/new.py", "pyproject.toml"])
def test_changed_code_is_marked(clone, name):
    (clone / name).write_text("answer = 2\n")
    assert provenance.commit() == git(clone, "rev-parse", "HEAD").strip() + "+"


def test_a_removed_file_is_a_change_too(clone):
    (clone / "src" / "code.py").unlink()
    assert provenance.commit().endswith("+")


@pytest.mark.parametrize(("value", "commit"), [(None, "unknown"), ("abc123", "abc123")])
@pytest.mark.parametrize("reason", ["no clone", "no repository", "no commit", "no git"])
def test_without_git_the_variable_says_it(clone, tmp_path, monkeypatch, reason, value, commit):
    if value is not None:
        monkeypatch.setenv(VARIABLE, value)
    other = tmp_path / "other"
    other.mkdir()
    match reason:
        case "no clone":
            monkeypatch.setattr(provenance, "clone_root", lambda: None)
        case "no repository":
            monkeypatch.setattr(provenance, "clone_root", lambda: other)
        case "no commit":
            git(other, "init", "--quiet")
            monkeypatch.setattr(provenance, "clone_root", lambda: other)
        case "no git":
            monkeypatch.setenv("PATH", str(other))
    assert provenance.commit() == commit


def test_the_record_holds_everything():
    dataset = stamped(Settings(reduced=("2 seeds instead of 10",)))
    record = recorded(dataset)
    assert dataset.attrs["kept"] == "yes"
    assert dataset.attrs["provenance"].isascii()
    assert datetime.strptime(record.pop("date"), "%Y-%m-%d").replace(tzinfo=UTC) <= datetime.now(UTC)
    assert record == {
        "chapter": "01_example",
        "profile": "paper",
        "science_version": 3,
        "seeds": [0, 1],
        "commit": "0123456789" * 4,
        "settings": {
            "profile": "paper",
            "images": "mnist",
            "seeds": [0, 1],
            "reduced": ["2 seeds instead of 10"],
            "schedule": {"epochs": 2, "observe_at": [0, 0.1, 2]},
        },
        "versions": provenance.versions(),
        "device": provenance.device_name("cpu"),
        "wall_seconds": 4000.0,
        "data": {"a.gz": "å"},
        "reduced": ["2 seeds instead of 10"],
    }


def test_settings_become_plain_data():
    data = provenance.settings_as_data(Settings())
    assert data == json.loads(json.dumps(data))
    assert data["schedule"]["observe_at"] == [0, 0.1, 2]


@pytest.mark.parametrize("wrong", [Settings, {"profile": "paper"}, None])
def test_settings_are_an_instance_of_a_dataclass(wrong):
    with pytest.raises(TypeError, match="settings must be an instance of a dataclass; got"):
        provenance.settings_as_data(wrong)


def test_settings_that_json_would_change_are_refused():
    with pytest.raises(TypeError, match="not JSON serializable"):
        provenance.settings_as_data(Settings(seeds=(np.int64(1),)))


def test_versions_name_what_numbers_depend_on(monkeypatch):
    found = provenance.versions()
    assert list(found) == ["python", "feedback-alignment", "numpy", "scipy", "torch", "xarray"]
    assert found["numpy"] == np.__version__
    assert found["torch"] == torch.__version__
    monkeypatch.setattr(provenance, "CORE_PACKAGES", ("no-such-package",))
    assert provenance.versions()["no-such-package"] == "not installed"


@pytest.mark.parametrize(("threads", "words"), [(1, ", 1 thread"), (4, ", 4 threads")])
def test_the_cpu_is_named_with_its_threads(monkeypatch, threads, words):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert provenance.device_name("cpu").startswith("CPU (")
    assert provenance.device_name("cpu").endswith(words)


def test_the_gpu_is_named_by_its_model(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"Card of {device}")
    assert provenance.device_name("cuda:1") == "Card of cuda:1"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0 s"),
        (40.4, "40 s"),
        (89.4, "89 s"),
        (90, "2 min"),
        (720, "12 min"),
        (5399, "90 min"),
        (5400, "1.5 h"),
        (11520, "3.2 h"),
    ],
)
def test_durations_in_words(seconds, words):
    assert provenance.duration(seconds) == words


def line(**changes: object) -> str:
    record = {
        "profile": "paper",
        "seeds": [0, 1],
        "wall_seconds": 4000.0,
        "device": "a card",
        "date": "2025-01-02",
        "versions": {"torch": "2.13.0"},
        "commit": "0123456789" * 4,
        "reduced": [],
    }
    return provenance.provenance_line({**record, **changes})


def test_the_line_below_a_stored_figure():
    assert line() == (
        "Stored paper-profile run: 2 seeds, 67 min on a card, torch 2.13.0, 2025-01-02, commit 0123456789."
    )
    assert line(seeds=[4]).startswith("Stored paper-profile run: 1 seed, ")
    assert line(reduced=["2 seeds", "half the epochs"]).endswith(
        "commit 0123456789; reduced against the paper: 2 seeds, half the epochs."
    )


def test_the_line_says_that_the_code_differed_from_its_commit():
    assert line(commit="0123456789" * 4 + "+").endswith("commit 0123456789+.")
    assert line(commit="unknown").endswith("commit unknown.")


def test_the_line_can_be_made_from_a_stamped_dataset():
    assert "67 min on CPU (" in provenance.provenance_line(recorded(stamped()))


@pytest.mark.parametrize(
    ("profile", "reduced", "scale"),
    [
        ("paper", (), "paper"),
        ("paper", ("2 seeds",), "reduced"),
        ("quick", (), "quick"),
        ("quick", ("2 seeds",), "quick"),
        ("smoke", (), "smoke"),
    ],
)
def test_the_scale_of_a_run(profile, reduced, scale):
    assert provenance.scale(stamped(Settings(profile=profile, reduced=reduced))) == scale


def test_the_title_names_scale_data_and_seeds():
    assert provenance.title(stamped()) == "paper run: mnist, 2 seeds"
    assert provenance.title(stamped(Settings(seeds=(7,), reduced=("1 seed",)))) == "reduced run: mnist, 1 seed"


def test_a_title_without_images():
    @dataclass(frozen=True)
    class Theory:
        profile: str = "quick"
        seeds: tuple[int, ...] = (0, 1, 2)
        reduced: tuple[str, ...] = ()

    assert provenance.title(stamped(Theory())) == "quick run: 3 seeds"
