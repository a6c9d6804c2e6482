"""Numbers in a page's text that come from files: constants of the experiments' settings, and what the scorecard says.

`` {setting}`degeneracy_breaking_settings.SETTINGS[paper].fig5[0].schedule.epochs` `` shows that attribute of a module
of `feedback_alignment.experiments`; `` {claim}`06-dfa-mnist-relu` `` the measured number of the claim of this key, with
a link to its row; `` {count}`agrees, Refinetti` `` how many claims there are of a verdict and of a source that begins
like this; `` {mutations}`caught` `` how many faults were planted in the code, caught or missed when that was last
measured. Where there is no such thing the book does not build.
"""

import importlib
import json
import re
from abc import abstractmethod
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

from feedback_alignment.companion import scorecard_rows
from feedback_alignment.companion.scorecard_rows import ScoredClaim

SCORECARD = "book/scorecard"
MUTATIONS = "book/mutations.json"
_STEP = re.compile(r"\.(\w+)|\[([\w ,.-]+)\]")
_LOGGER = logging.getLogger(__name__)


def setting(path: str) -> str:
    """Return in words the number, text or tuple of them at `path`: a module of the experiments, names, [keys].

    Raises ValueError for a path that is not of this form or leads nowhere, and for a value of another kind.
    """
    module, _, _ = path.partition(".")
    steps = path[len(module) :]
    if not steps or _STEP.sub("", steps):
        raise ValueError(f"a setting is written module.NAME[key].field; got {path!r}")
    try:
        value: Any = importlib.import_module(f"feedback_alignment.experiments.{module}")
        for name, key in _STEP.findall(steps):
            value = getattr(value, name) if name else value[key if isinstance(value, dict) else int(key)]
    except (ImportError, AttributeError, LookupError, TypeError, ValueError) as nowhere:
        raise ValueError(f"setting {path!r} leads nowhere: {nowhere}") from nowhere
    return _words(value, path)


def _words(value: object, path: str) -> str:
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return ", ".join(_words(part, path) for part in value)
    raise ValueError(f"setting {path!r} is neither a number nor text nor a tuple of them; got {value!r}")


@cache
def claims(scorecard: Path) -> dict[str, ScoredClaim]:
    """Return the claims on the scorecard page at a path, by their keys."""
    return scorecard_rows.read(scorecard.read_text(encoding="utf-8"))


def number(claim: ScoredClaim) -> str:
    """Return a claim's measured number, with a word of warning if it comes from a small run."""
    return f"{claim.estimate} (quick run)" if claim.scale == "quick" else claim.estimate


def count(found: Iterable[ScoredClaim], words: str) -> int:
    """Return how many claims there are: "all", or of a verdict, and of a source if that follows after a comma.

    Raises ValueError for a verdict and source that no claim has.
    """
    verdict, _, source = (part.strip() for part in words.partition(","))
    number = sum(verdict in ("all", claim.verdict) and claim.source.startswith(source) for claim in found)
    if not number:
        raise ValueError(f"no claim on the scorecard is of {words!r}: write 'all' or a verdict, then perhaps a source")
    return number


def planted(record: Path, what: str) -> int:
    """Return how many faults were 'planted', 'caught' or 'missed', as the file at `record` has it.

    Raises ValueError for another word.
    """
    if what not in ("planted", "caught", "missed"):
        raise ValueError(f"faults were 'planted', and each 'caught' or 'missed'; got {what!r}")
    return int(json.loads(record.read_text(encoding="utf-8"))[what])


class Number(SphinxRole):
    """A role whose text is found in a file; without it the book does not build."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the number."""
        try:
            return [self.found()], []
        except ValueError as problem:
            _LOGGER.warning("%s", problem, location=self.get_location(), type="numbers_from_files")
            return [], []

    @abstractmethod
    def found(self) -> nodes.Node:
        """Return what to show; ValueError if there is no such thing."""

    @property
    def scored(self) -> dict[str, ScoredClaim]:
        """The claims on the scorecard."""
        return claims(Path(self.env.app.srcdir) / f"{SCORECARD}.md")


class SettingRole(Number):
    """Shows a setting."""

    def found(self) -> nodes.Node:
        """Return the value as text."""
        return nodes.Text(setting(self.text))


class ClaimRole(Number):
    """Shows a claim's number."""

    def found(self) -> nodes.Node:
        """Return the number, as a link to the claim."""
        if self.text not in self.scored:
            raise ValueError(f"the scorecard has no claim {self.text!r}")
        claim = self.scored[self.text]
        address = f"{self.env.app.builder.get_relative_uri(self.env.docname, SCORECARD)}#claim-{claim.key}"
        return nodes.reference("", number(claim), refuri=address, reftitle=claim.statement)


class CountRole(Number):
    """Shows a number of claims."""

    def found(self) -> nodes.Node:
        """Return the number as text."""
        return nodes.Text(str(count(self.scored.values(), self.text)))


class MutationsRole(Number):
    """Shows a number of planted faults."""

    def found(self) -> nodes.Node:
        """Return the number as text."""
        return nodes.Text(str(planted(Path(self.env.app.srcdir) / MUTATIONS, self.text)))


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_role("setting", SettingRole())
    app.add_role("claim", ClaimRole())
    app.add_role("count", CountRole())
    app.add_role("mutations", MutationsRole())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
