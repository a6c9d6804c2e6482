"""Running a chapter that knows no device but the processor."""

from collections.abc import Callable
from typing import TypeVar

import xarray as xr

from feedback_alignment.companion import provenance
from feedback_alignment.companion.monitor import Monitor, Quiet

Settings = TypeVar("Settings")


def on_the_processor(
    compute: Callable[[Settings, Monitor | Quiet], xr.Dataset],
    settings: Settings,
    device: str,
    progress: Monitor | Quiet | None,
    *,
    chapter: str,
    science_version: int,
) -> xr.Dataset:
    """Return the dataset that `compute` makes of `settings`, with the record of how it was made.

    Raises ValueError for a device other than 'cpu'.
    """
    if device != "cpu":
        raise ValueError(f"chapter {chapter} runs on the processor: device must be 'cpu'; got {device!r}")
    progress = progress or Quiet()
    commit = provenance.commit()
    return provenance.stamp(
        compute(settings, progress),
        chapter=chapter,
        science_version=science_version,
        settings=settings,
        commit=commit,
        device=device,
        wall_seconds=progress.elapsed(),
        data={},
    )
