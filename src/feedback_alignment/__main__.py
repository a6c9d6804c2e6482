"""Command line: python -m feedback_alignment list | run CHAPTER | scorecard | check."""

import argparse
import difflib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

EXIT_WRONG_WORDS = 2
EXIT_TIME_LIMIT = 75
EXIT_INTERRUPTED = 130
COMMANDS = ("list", "run", "scorecard", "check")
PROFILES = ("smoke", "quick", "paper")
OPTIONS = (
    "--help",
    "--profile",
    "--device",
    "--results",
    "--checkpoints",
    "--time-limit",
    "--members",
    "--group",
    "--scheduler",
    "--force",
    "--into",
)
KNOWN_WORDS = (*COMMANDS, *PROFILES, *OPTIONS)


class _WrongWordsError(Exception):
    """The command line was not understood; holds the message and the usage of the command it is about."""


class _Parser(argparse.ArgumentParser):
    """An argument parser that raises what it has to say instead of leaving the program."""

    def error(self, message: str) -> NoReturn:
        raise _WrongWordsError(f"{self.prog}: error: {message}", self.format_usage())


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    main_parser = _Parser(prog="python -m feedback_alignment", description="Results of the book's chapters.")
    commands = main_parser.add_subparsers(dest="command", required=True, metavar="{list,run,scorecard,check}")
    listing = commands.add_parser("list", help="chapters and profiles: what is stored, reduced, missing or stale; cost")
    run = commands.add_parser("run", help="compute a chapter and store its result")
    run.add_argument("chapter", help="number, name, or both: 01, credit_assignment, 01_credit_assignment")
    run.add_argument("--profile", choices=PROFILES, default="paper")
    run.add_argument("--device", default="cpu", help="'cpu' (default), 'cuda', 'cuda:1', ...")
    run.add_argument(
        "--checkpoints",
        type=Path,
        help="where the state of unfinished runs is kept (default: checkpoints/ beside the results)",
    )
    run.add_argument(
        "--time-limit",
        type=float,
        metavar="SECONDS",
        help=f"stop after so long, ready to be resumed (exit status {EXIT_TIME_LIMIT})",
    )
    run.add_argument(
        "--members",
        metavar="FIRST:END",
        help="compute the members with these seeds only, such as 3:10 for 3 to 9, and add them to the stored result",
    )
    run.add_argument("--group", type=int, metavar="SIZE", help="compute so many members at a time, as one piece")
    run.add_argument(
        "--scheduler", metavar="ADDRESS", help="hand the pieces to the workers of this Dask scheduler: tcp://host:8786"
    )
    run.add_argument("--force", action="store_true", help="run although the result is stored, and replace it")
    scorecard = commands.add_parser("scorecard", help="write the scorecard page from stored results and notebooks")
    scorecard.add_argument("--into", type=Path, help="the page's file (default: book/scorecard.md of the clone)")
    commands.add_parser("check", help="versions, devices and data found: what a bug report needs")
    for command in (listing, run, scorecard):
        command.add_argument("--results", type=Path, help="folder of stored results (default: results/ of the clone)")
    return main_parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0, 1 for an error, 2 for wrong words, 75 and 130 for stops."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        return _obey(parser().parse_args(words))
    except _WrongWordsError as wrong:
        message, usage = wrong.args
        print(f"{usage}{message}{_suggestion(words, message)}", file=sys.stderr)
        return EXIT_WRONG_WORDS
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED


def _suggestion(words: Sequence[str], message: str) -> str:
    for typed in (part for word in words for part in word.split("=")):
        close = [] if typed in KNOWN_WORDS else difflib.get_close_matches(typed, KNOWN_WORDS, n=1)
        if close and typed in message:
            return f"; did you mean {close[0]!r}?"
    return ""


def _obey(chosen: argparse.Namespace) -> int:
    from feedback_alignment.experiments import commands

    try:
        match chosen.command:
            case "list":
                print(commands.listing(chosen.results))
            case "run":
                return _run(chosen)
            case "scorecard":
                print(f"wrote {commands.write_scorecard(chosen.into, chosen.results)}")
            case "check":
                print(commands.environment())
    except (
        ValueError,
        OSError,
        RuntimeError,
        ArithmeticError,
        commands.ResultError,
        commands.DamagedCheckpointError,
    ) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _run(chosen: argparse.Namespace) -> int:
    from feedback_alignment.companion.monitor import InterruptRequestedError, TimeLimitReachedError
    from feedback_alignment.experiments import commands
    from feedback_alignment.experiments.members import members_range

    try:
        print(
            commands.run(
                chosen.chapter,
                profile=chosen.profile,
                device=chosen.device,
                results=chosen.results,
                checkpoints=chosen.checkpoints,
                time_limit=chosen.time_limit,
                force=chosen.force,
                members=None if chosen.members is None else members_range(chosen.members),
                group=chosen.group,
                scheduler=chosen.scheduler,
            )
        )
    except TimeLimitReachedError:
        print("stopped at the time limit; the same command goes on from here", file=sys.stderr)
        return EXIT_TIME_LIMIT
    except (InterruptRequestedError, KeyboardInterrupt):
        print("interrupted; the same command goes on from the last checkpoint", file=sys.stderr)
        return EXIT_INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
