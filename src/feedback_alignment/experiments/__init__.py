"""One module an executable chapter. Each offers the same names with the same meaning.

SETTINGS (profile -> frozen dataclass), SCIENCE_VERSION (raised when the meaning of the numbers changes),
run(settings, device, progress) -> xarray.Dataset, claims(dataset) -> list[Claim], figures(dataset, ...) -> Figures.
A module may add MEMBERS_ARE_INDEPENDENT = True (see `members`) and MEMBERS_IN_PAPER, where its paper profile has fewer.
"""

import difflib
import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from feedback_alignment.companion.claims import Claim

CHAPTERS = (
    "01_credit_assignment",
    "02_two_phases",
    "03_overparametrisation",
    "04_weight_alignment",
    "05_conditioning",
    "06_degeneracy_breaking",
    "07_align_then_memorise",
    "08_label_noise",
    "09_best_practices",
    "10_convolutions",
    "11_bottleneck",
    "12_does_alignment_drive_learning",
    "13_fixed_points",
)


@runtime_checkable
class Experiment(Protocol):
    """What every experiment module offers."""

    SETTINGS: Mapping[str, Any]
    """Profiles `smoke`, `quick`, `paper`; frozen dataclasses with the fields `profile`, `seeds`, `reduced` and more."""
    SCIENCE_VERSION: int
    COST: Mapping[str, str]
    """Measured or expected cost of each profile, in words."""

    @staticmethod
    def run(settings: Any, device: str = "cpu", progress: Any = None) -> "xr.Dataset":
        """Compute the dataset of one profile, its provenance stamped."""

    @staticmethod
    def claims(dataset: "xr.Dataset") -> "list[Claim]":
        """Check the chapter's claims against a dataset."""

    @staticmethod
    def figures(*datasets: "xr.Dataset") -> "dict[str, Figure]":
        """Draw the chapter's figures, the datasets side by side as panels of one figure."""


def chapter_name(name: str) -> str:
    """Return the full name of a chapter given by number ('01' or '1'), by name, or by both.

    Raises ValueError, with a suggestion, for anything else.
    """
    known: dict[str, str] = {}
    for chapter in CHAPTERS:
        number, _, words = chapter.partition("_")
        known |= {chapter: chapter, number: chapter, str(int(number)): chapter, words: chapter}
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {known[close[0]]!r}?" if close else f"chapters: {', '.join(CHAPTERS)}"
    raise ValueError(f"no chapter is called {name!r}; {hint}")


def load(name: str) -> Experiment:
    """Import the experiment module of a chapter (see `chapter_name` for what `name` may be)."""
    words = chapter_name(name).partition("_")[2]
    return cast(Experiment, importlib.import_module(f"feedback_alignment.experiments.{words}"))
