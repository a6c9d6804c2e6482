"""Compute what `results/` lacks: lists the missing paper-scale runs with their cost, asks, and runs them in turn."""

import sys

from feedback_alignment import experiments
from feedback_alignment.companion import store
from feedback_alignment.companion.monitor import StoppedError
from feedback_alignment.experiments import commands
from feedback_alignment.experiments.stored import state


def main() -> int:
    """Ask on the terminal and run; returns the exit status."""
    directory = store.results_directory()
    states = {chapter: state(chapter, "paper", directory) for chapter in experiments.CHAPTERS}
    wanted = [chapter for chapter, found in states.items() if found not in ("stored", "reduced")]
    if not wanted:
        print(f"nothing is missing in {directory}")
        return 0
    for chapter in wanted:
        print(f"{chapter}: {states[chapter]}, expected cost {experiments.load(chapter).COST['paper']}")
    if input("start now? Interrupted runs go on later where they stopped [y/N] ").strip().lower() != "y":
        print("nothing was started")
        return 0
    for chapter in wanted:
        try:
            print(
                commands.run(
                    chapter,
                    profile="paper",
                    device="cpu",
                    results=None,
                    checkpoints=None,
                    time_limit=None,
                    force=states[chapter] != "missing",
                )
            )
        except StoppedError:
            print("interrupted; 'make paper' goes on from the last checkpoint", file=sys.stderr)
            return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
