"""Where the project's repository lives: one answer for the book's buttons, from the environment or the git remote."""

import os
import re
import subprocess
from pathlib import Path

VARIABLE = "FEEDBACK_ALIGNMENT_REPOSITORY"

_HOSTS = r"(?:www\.|ssh\.)?github\.com(?::\d+)?"
_URL = re.compile(
    rf"""(?: (?:https?|ssh|git)://(?:[^@/\s]+@)?{_HOSTS}/ | (?:[^@/\s]+@)?github\.com: )
    (?P<owner>[\w.-]+)/(?P<name>[\w.-]+?)(?:\.git)?/?""",
    re.VERBOSE | re.IGNORECASE,
)


def github_address(url: str) -> str | None:
    """Return the plain web address of a GitHub repository, or None if `url` is not one.

    `url` may have any form that git accepts (https, ssh, `git@github.com:owner/name.git`); user names, passwords,
    tokens, ports and the ending `.git` are dropped.
    """
    match = _URL.fullmatch(url.strip())
    return f"https://github.com/{match['owner']}/{match['name']}" if match else None


def repository_address(clone: Path) -> str | None:
    """Return the web address `https://github.com/owner/name` of the project, or None where none is known.

    The environment variable FEEDBACK_ALIGNMENT_REPOSITORY decides, and an empty value means that there is none. Without
    it, the remote `origin` of the git clone at `clone` counts if it is on github.com.

    Raises ValueError if the variable holds something that is not the address of a GitHub repository.
    """
    explicit = os.environ.get(VARIABLE)
    if explicit is None:
        return _remote_address(clone)
    if not explicit.strip():
        return None
    address = github_address(explicit)
    if address is None:
        raise ValueError(
            f"{VARIABLE} must be the address of a GitHub repository, such as https://github.com/owner/name; "
            "it holds something else: correct it, or set it to the empty string for a book without such links"
        )
    return address


def _remote_address(clone: Path) -> str | None:
    # A folder that merely lies inside somebody else's clone must not inherit that clone's remote.
    if _git(clone, "rev-parse", "--show-prefix") != "":
        return None
    remote = _git(clone, "remote", "get-url", "origin")
    return github_address(remote) if remote else None


def _git(clone: Path, *arguments: str) -> str | None:
    """Return git's answer, or None where there is no git, no clone or no answer."""
    try:
        answer = subprocess.run(["git", "-C", str(clone), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
