"""Computing a chapter's pieces: here, one after another, or on the machines of a Dask cluster.

A piece is one group of members. Each finished piece is handed on at once, so that it can be stored and lasts.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feedback_alignment import experiments
from feedback_alignment.companion import store
from feedback_alignment.companion.monitor import Monitor
from feedback_alignment.experiments.devices import prepare_device
from feedback_alignment.experiments.members import settings_for
from feedback_alignment.experiments.stored import identity

if TYPE_CHECKING:
    import xarray as xr
    from distributed import Client, Future

CONNECT_SECONDS = 30
POLL_SECONDS = 0.5
STAGE = "pieces on the cluster"
Group = tuple[int, ...]


def groups_of(seeds: Sequence[int], size: int) -> list[Group]:
    """Cut `seeds` into groups of at most `size` members. Raises ValueError for a size below 1."""
    if size < 1:
        raise ValueError(f"a group has at least one member; got --group {size}")
    return [tuple(seeds[start : start + size]) for start in range(0, len(seeds), size)]


def compute_here(
    chapter: str,
    profile: str,
    groups: Sequence[Group],
    device: str,
    checkpoints: Path,
    time_limit: float | None,
    results: Path | None = None,
) -> Iterator["xr.Dataset"]:
    """Yield each group's dataset; its checkpoints in the folder `checkpoints` go once the next one is asked for.

    `results` is the folder of stored results, where chapters that share pieces of work keep them.

    Raises StoppedError when the time limit (seconds, for all groups together) or Ctrl-C ends the run.
    """
    experiment = experiments.load(chapter)
    started = time.monotonic()
    left = time_limit
    for group in groups:
        with Monitor(checkpoints, _known(chapter, profile, group, device), left, results) as monitor:
            yield experiment.run(settings_for(chapter, profile, group), device, monitor)
            monitor.delete_checkpoints()
        if time_limit is not None:
            left = max(time_limit - (time.monotonic() - started), 1e-3)


def compute_on_cluster(
    address: str,
    chapter: str,
    profile: str,
    groups: Sequence[Group],
    device: str,
    checkpoints: Path,
    time_limit: float | None,
) -> Iterator["xr.Dataset"]:
    """Yield each group's dataset as the workers of the Dask scheduler at `address` finish them, in any order.

    A piece whose worker dies starts anew on another. Pieces that are unfinished at a stop are lost; there are no
    checkpoints but of the time spent.

    Raises RuntimeError where `distributed` is not installed, nobody answers, there are no workers, or a piece's workers
    died again and again; StoppedError at the time limit or Ctrl-C; and what the chapter raises on a worker.
    """
    seeds = tuple(seed for group in groups for seed in group)
    with (
        Monitor(checkpoints, _known(chapter, profile, seeds, device), time_limit) as monitor,
        _connected(address) as client,
    ):
        monitor.begin(STAGE, len(groups), 0)
        waiting = {
            client.submit(compute_piece, chapter, settings_for(chapter, profile, group), device, pure=False): group
            for group in groups
        }
        while waiting:
            for future in _next_finished(waiting, monitor):
                group = waiting.pop(future)
                dataset = _result(future, group)
                store.require(dataset, f"the piece with the members {group}", identity(chapter, profile, group))
                yield dataset
                if waiting:
                    monitor.checkpoint_due()
                monitor.advance()
        monitor.delete_checkpoints()


def compute_piece(chapter: str, settings: Any, device: str) -> "xr.Dataset":
    """Compute one piece; this is what a worker runs."""
    prepare_device(device)
    return experiments.load(chapter).run(settings, device, None)


def _known(chapter: str, profile: str, seeds: Sequence[int], device: str) -> dict[str, Any]:
    """What tells this run's checkpoints from any other's."""
    belongs = identity(chapter, profile, seeds)
    return {
        "chapter": belongs.chapter,
        "science_version": belongs.science_version,
        "settings": belongs.settings,
        "device": device,
    }


def _connected(address: str) -> "Client":
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise RuntimeError(
            f"--scheduler needs Dask ({error}): install it with pip install 'feedback-alignment[cluster]'"
        ) from error
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise RuntimeError(
            f"no Dask scheduler answers at {address!r} ({error}): give its address as it prints it, such as "
            "tcp://node7:8786"
        ) from error
    try:
        client.wait_for_workers(1, timeout=CONNECT_SECONDS)
    except TimeoutError as error:
        client.close()
        raise RuntimeError(f"the scheduler at {address} has no workers: start some and run again") from error
    return client


def _next_finished(waiting: "Mapping[Future, Group]", monitor: Monitor) -> "list[Future]":
    """Wait until at least one piece is finished; raises StoppedError when the run is to stop."""
    while not (finished := [future for future in waiting if future.done()]):
        time.sleep(POLL_SECONDS)
        monitor.checkpoint_due()
        monitor.advance(0)
    return finished


def _result(future: "Future", group: Group) -> "xr.Dataset":
    from distributed import KilledWorker

    try:
        dataset: xr.Dataset = future.result()
    except KilledWorker as error:
        raise RuntimeError(
            f"several workers died while they computed the members {group}: see their logs; too little memory?"
        ) from error
    except ImportError as error:
        raise RuntimeError(
            f"a worker cannot import what it needs ({error}): install this package in every worker's environment"
        ) from error
    return dataset
