"""Compute what `results/` lacks: lists the missing paper-scale runs with their cost, asks, and runs them in turn.

A result with fewer members than its profile counts as missing where the others can be added to it.
"""

import sys

from feedback_alignment import experiments
from feedback_alignment.companion import store
from feedback_alignment.companion.checkpoints import DamagedCheckpointError
from feedback_alignment.companion.monitor import StoppedError
from feedback_alignment.companion.store import ResultError
from feedback_alignment.experiments import commands
from feedback_alignment.experiments.members import are_independent
from feedback_alignment.experiments.stored import state_and_members


def main() -> int:
    """Ask on the terminal and run; returns the exit status."""
    try:
        return _ask_and_run()
    except (StoppedError, KeyboardInterrupt):
        print("interrupted; 'make paper' goes on from the last checkpoint", file=sys.stderr)
        return 130
    except EOFError:
        print("nobody answered, nothing was started: run 'make paper' in a terminal", file=sys.stderr)
        return 1
    except (ValueError, OSError, RuntimeError, ArithmeticError, ResultError, DamagedCheckpointError) as error:
        print(f"error: {error}; 'make paper' goes on from the last checkpoint", file=sys.stderr)
        return 1


def _ask_and_run() -> int:
    directory = store.results_directory()
    found = {chapter: state_and_members(chapter, "paper", directory) for chapter in experiments.CHAPTERS}
    states = {chapter: state for chapter, (state, _) in found.items()}
    wanted = [chapter for chapter, (state, members) in found.items() if _lacks_something(chapter, state, members)]
    if not wanted:
        print(f"nothing is missing in {directory}")
        return 0
    for chapter in wanted:
        print(f"{chapter}: {states[chapter]}, expected cost {experiments.load(chapter).COST['paper']}")
    if input("start now? Interrupted runs go on later where they stopped [y/N] ").strip().lower() != "y":
        print("nothing was started")
        return 0
    for chapter in wanted:
        print(
            commands.run(
                chapter,
                profile="paper",
                device="cpu",
                results=None,
                checkpoints=None,
                time_limit=None,
                force=states[chapter] in ("stale", "damaged"),
            )
        )
    return 0


def _lacks_something(chapter: str, state: str, members: int) -> bool:
    if state in ("stored", "reduced"):
        return are_independent(chapter) and members < len(experiments.load(chapter).SETTINGS["paper"].seeds)
    return True


if __name__ == "__main__":
    sys.exit(main())
