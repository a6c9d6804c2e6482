"""Every test runs with the shapes in annotations checked, on one thread, and blind to the caller's environment."""

import os
import pickle
import signal
from collections.abc import Callable, Iterator

# Before torch is loaded, and for child processes too: results depend on the number of threads in their last digits.
os.environ["OMP_NUM_THREADS"] = "1"

import hypothesis
import jaxtyping
import pytest
import xarray as xr
from filelock import FileLock
from jaxtyping import install_import_hook

# PEP 484's tower: an int will do where a float is asked for, as mypy sees it.
CHECKER = "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"
# Of the two-layer theory the modules without compiled functions, which cannot be wrapped, and without order_parameters,
# which checks every shape itself and must be seen to.
TWO_LAYER = (
    "equations_of_motion",
    "finite_run",
    "fixed_points",
    "frames",
    "integrals",
    "mirror_symmetry",
    "solver",
)
# Of deep linear networks likewise: the other modules check the shapes that they are given.
DEEP_LINEAR = ("alignment", "feedback")
CHECKED = [
    "feedback_alignment.networks",
    "feedback_alignment.experiments",
    *(f"feedback_alignment.deep_linear.{module}" for module in DEEP_LINEAR),
    *(f"feedback_alignment.teacher_student.{module}" for module in TWO_LAYER),
]
install_import_hook(CHECKED, CHECKER)

# A shell that starts the tests in the background tells them, and their child processes, to ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide what the caller's shell says about the package's results and commit."""
    monkeypatch.delenv("FEEDBACK_ALIGNMENT_RESULTS", raising=False)
    monkeypatch.delenv("FEEDBACK_ALIGNMENT_COMMIT", raising=False)


@pytest.fixture
def shapes_unchecked() -> Iterator[None]:
    """Leave out the checks of shapes: for a test that repeats, for its numbers, calls that others make under them."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="session")
def smoke_run(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Callable[[str], xr.Dataset]:
    """What a chapter gives at the smoke profile, run once for all tests, also where several processes share them.

    Each call returns a dataset of its own.
    """
    from feedback_alignment import experiments

    own = tmp_path_factory.getbasetemp()
    shared = own.parent if hasattr(request.config, "workerinput") else own

    def result(chapter: str) -> xr.Dataset:
        path = shared / f"{experiments.chapter_name(chapter)}.smoke.pickle"
        with FileLock(path.with_suffix(".lock")):
            if not path.exists():
                experiment = experiments.load(chapter)
                path.write_bytes(pickle.dumps(experiment.run(experiment.SETTINGS["smoke"])))
        return pickle.loads(path.read_bytes())  # noqa: S301  (written a moment ago, by these tests)

    return result


@pytest.fixture(scope="session")
def smoke_result(smoke_run: Callable[[str], xr.Dataset]) -> xr.Dataset:
    """What chapter 01 gives at the smoke profile; copy it before changing it."""
    return smoke_run("01")
