"""Running one notebook with papermill, the way nbval runs it."""

import contextlib
import copy
import logging
import os
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from feedback_alignment.companion import dependencies, notebook_files

if TYPE_CHECKING:
    from jupyter_client.manager import AsyncKernelManager
    from nbformat import NotebookNode
    from papermill.exceptions import PapermillExecutionError

RECORD = "feedback_alignment"
DEVICE = "CPU, one thread"
DEFAULT_PROFILE = "quick"
INJECTED = "injected-parameters"
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


class ChapterError(RuntimeError):
    """A chapter that did not run to its end: the message names chapter and cell; `details` holds the traceback."""

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details


def run_notebook(root: Path, chapter: str, source: "NotebookNode", profile: str) -> "NotebookNode":
    """Execute a notebook in the folder `root`/notebooks on one thread and return it with its outputs.

    That is how nbval runs it. `root`/src is what it imports. A profile other than the default of the parameters cell
    is injected below that cell. `metadata.feedback_alignment` gets profile, seconds (wall time with the kernel's
    start) and device. What the kernel's process prints past the notebook, as libraries do that abort, is kept out of
    the terminal and goes into the details of the error if the kernel dies. Raises ChapterError.
    """
    import papermill
    from jupyter_client.kernelspec import NoSuchKernel
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    prepared = _prepared(chapter, source)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch, _kernel_environment(root), _quiet_papermill():
        parameters = _injected_parameters(chapter, prepared, profile)
        progress, said = Path(scratch) / "progress.ipynb", Path(scratch) / "kernel.txt"
        try:
            executed: NotebookNode = papermill.execute_notebook(
                prepared,
                progress,
                parameters=parameters,
                kernel_name="python3",
                cwd=root / "notebooks",
                progress_bar=False,
                kernel_manager_class=_kernel_that_prints_into(said),
                record_timing=False,
                extra_arguments=["--log-level=ERROR"],  # ipykernel warns about its transport at every start
            )
        except PapermillExecutionError as error:
            raise _failure(chapter, error, injected=bool(parameters)) from error
        except DeadKernelError as error:
            cell = _last_cell_begun(notebook_files.read(progress))
            details = said.read_text(encoding="utf-8", errors="replace").strip()
            raise ChapterError(f"{chapter}: {cell} ended the kernel: {error}", details) from error
        except (RuntimeError, NoSuchKernel) as error:
            raise ChapterError(f"{chapter}: the kernel python3 did not start ({error}): install ipykernel") from error
    seconds = round(time.perf_counter() - start, 2)
    for cell in executed.cells:
        if cell.cell_type == "code":
            cell.outputs = notebook_files.joined_streams(cell.outputs)
    executed.metadata[RECORD] = {"profile": profile, "seconds": seconds, "device": DEVICE}
    return executed


def _prepared(chapter: str, source: "NotebookNode") -> "NotebookNode":
    """Return a copy that papermill can take, or raise ChapterError for a notebook it would run otherwise than said."""
    kernel = source.metadata.get("kernelspec", {}).get("name")
    if kernel != "python3":
        raise ChapterError(f"{chapter}: metadata.kernelspec.name must be 'python3'; got {kernel!r}")
    if any(INJECTED in notebook_files.tags(cell) for cell in source.cells):
        raise ChapterError(
            f"{chapter}: a cell tagged `{INJECTED}` is left from an earlier run and overrides the profile: "
            "`python -m feedback_alignment.companion.notebooks clean` takes it out"
        )
    prepared = copy.deepcopy(source)
    prepared.metadata.setdefault("language_info", {"name": "python"})
    return prepared


def _kernel_that_prints_into(path: Path) -> type["AsyncKernelManager"]:
    from jupyter_client.manager import AsyncKernelManager

    class KernelManager(AsyncKernelManager):
        async def start_kernel(self, **options: object) -> None:  # type: ignore[override]  # its base is awaited too
            with path.open("ab") as said:
                await super().start_kernel(**options, stdout=said, stderr=said)

    return KernelManager


def _injected_parameters(chapter: str, prepared: "NotebookNode", profile: str) -> dict[str, str]:
    """Return what to inject: nothing where `profile` is already the parameters cell's default."""
    import papermill

    known = papermill.inspect_notebook(prepared)
    if "profile" not in known:
        raise ChapterError(
            f'{chapter}: the cell tagged `parameters` must set `profile`, as in `profile = "{DEFAULT_PROFILE}"`; '
            f"it sets {', '.join(known) or 'nothing, or there is no such cell'}"
        )
    return {} if known["profile"]["default"].strip("\"'") == profile else {"profile": profile}


def _failure(chapter: str, error: "PapermillExecutionError", injected: bool) -> ChapterError:
    source = _ANSI.sub("", error.source)
    index = error.cell_index - injected
    message = f"{chapter}: {notebook_files.describe(index, source)} raised {error.ename}: {error.evalue}"
    return ChapterError(message, _ANSI.sub("", "\n".join(error.traceback)))


def _last_cell_begun(progress: "NotebookNode") -> str:
    """Name the cell that was running when papermill last saved its progress."""
    sources = [
        (cell.metadata.papermill.start_time, cell.source)
        for cell in progress.cells
        if INJECTED not in notebook_files.tags(cell)
    ]
    index = max(i for i, (start, _) in enumerate(sources) if i == 0 or start is not None)
    return notebook_files.describe(index, sources[index][1])


@contextlib.contextmanager
def _kernel_environment(root: Path) -> Iterator[None]:
    """Set what the kernel inherits: one thread, the clone's own sources, pictures in the notebook, and no other."""
    changed = {
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, (str(root / "src"), os.environ.get("PYTHONPATH")))),
    }
    if os.environ.get(dependencies.RESULTS_VARIABLE):
        changed[dependencies.RESULTS_VARIABLE] = str(dependencies.results_folder(root))
    before = dict(os.environ)
    os.environ.update(changed)
    os.environ.pop("MPLBACKEND", None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def _quiet_papermill() -> Iterator[None]:
    logger = logging.getLogger("papermill")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
