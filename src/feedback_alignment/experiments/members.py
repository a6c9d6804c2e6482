"""Which members of a chapter's ensemble to compute, and the settings that belong to some of them.

Members are named by their seeds. A chapter says MEMBERS_ARE_INDEPENDENT = True if each value in its dataset belongs to
one member, along the dimension `member`; then its members may be computed in any number of pieces. Where values lie
between members (the similarity of pairs), the piece is the whole ensemble.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from feedback_alignment import experiments

MOST_MEMBERS = 10_000


def members_range(text: str) -> tuple[int, ...]:
    """Read 'FIRST:END' as the seeds FIRST … END - 1, as Python's ranges go; 'FIRST' alone is one seed.

    Raises ValueError for anything else.
    """
    found = re.fullmatch(r"(\d{1,20})(?::(\d{1,20}))?", text)
    first, end = (int(found[1]), int(found[2] or int(found[1]) + 1)) if found else (0, 0)
    if end <= first:
        raise ValueError(f"members are given as FIRST:END, such as 3:10 for the seeds 3 to 9; got {text!r}")
    if end - first > MOST_MEMBERS:
        raise ValueError(f"at most {MOST_MEMBERS} members are computed at once; got {text!r}, which are {end - first}")
    return tuple(range(first, end))


def are_independent(chapter: str) -> bool:
    """Return whether a chapter's members may be computed apart."""
    return getattr(experiments.load(chapter), "MEMBERS_ARE_INDEPENDENT", False)


def require_independent(chapter: str, option: str) -> None:
    """Raise ValueError, naming the option that asks for it, unless a chapter's members may be computed apart."""
    if not are_independent(chapter):
        raise ValueError(
            f"{experiments.chapter_name(chapter)} cannot be computed member by member: its numbers lie between members "
            f"or are averages over all of them, so that its piece is the whole ensemble; run it without {option}"
        )


def settings_for(chapter: str, profile: str, seeds: Sequence[int]) -> Any:
    """Return a profile's settings with the given members; those that it lacks of its own are said to be `reduced`."""
    whole = experiments.load(chapter).SETTINGS[profile]
    wanted = tuple(sorted(seeds))
    if wanted == tuple(sorted(whole.seeds)):
        return whole
    there = len({*whole.seeds} & {*wanted})
    lacking = () if there == len(whole.seeds) else (f"{there} of {len(whole.seeds)} members",)
    return replace(whole, seeds=wanted, reduced=(*whole.reduced, *lacking))


def members_in_paper(chapter: str, profile: str) -> int:
    """Return how many members a profile's complete result has; for the paper profile, as many as the paper's."""
    experiment = experiments.load(chapter)
    complete = len(experiment.SETTINGS[profile].seeds)
    return getattr(experiment, "MEMBERS_IN_PAPER", complete) if profile == "paper" else complete
