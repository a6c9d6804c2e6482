"""Numbers in a page's text that come from files: a constant of the experiments' settings, a claim's measured number.

`` {setting}`degeneracy_breaking_settings.SETTINGS[paper].fig5[0].schedule.epochs` `` shows that attribute of a module
of `feedback_alignment.experiments`, and `` {claim}`06-dfa-mnist-relu` `` the number of the claim of this key, with a
link to its row of the scorecard. Where there is no such thing the book does not build.
"""

import importlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

SCORECARD = "book/scorecard"
_STEP = re.compile(r"\.(\w+)|\[([\w ,.-]+)\]")
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Row:
    """What a page shows of a claim: the measured number, the statement, and the scale of the run behind the number."""

    estimate: str
    statement: str
    scale: str

    @property
    def text(self) -> str:
        """The number, with a word of warning if it comes from a small run."""
        return f"{self.estimate} (quick run)" if self.scale == "quick" else self.estimate


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
def claims(scorecard: str) -> dict[str, Row]:
    """Return the claims that the text of a scorecard page lists, by their keys."""
    found = {}
    for row in BeautifulSoup(scorecard, "html.parser").select("tr[id^=claim-]"):
        number, source = row.select_one(".estimate"), row.select_one(".claim-source")
        if number is None or source is None:
            raise ValueError(f"row {row['id']} of the scorecard lacks its number or its source")
        statement = " ".join(source.parent.get_text().removesuffix(source.get_text()).split())
        scale = number.parent.get_text().removesuffix(")").rpartition(" ")[2]
        found[str(row["id"]).removeprefix("claim-")] = Row(number.get_text(), statement, scale)
    return found


class SettingRole(SphinxRole):
    """Shows a setting."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the value as text."""
        try:
            return [nodes.Text(setting(self.text))], []
        except ValueError as problem:
            _LOGGER.warning("%s", problem, location=self.get_location(), type="numbers_from_files")
            return [], []


class ClaimRole(SphinxRole):
    """Shows a claim's number."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the number, as a link to the claim."""
        row = claims((Path(self.env.app.srcdir) / f"{SCORECARD}.md").read_text(encoding="utf-8")).get(self.text)
        if row is None:
            _LOGGER.warning(
                "the scorecard has no claim %r", self.text, location=self.get_location(), type="numbers_from_files"
            )
            return [], []
        address = f"{self.env.app.builder.get_relative_uri(self.env.docname, SCORECARD)}#claim-{self.text}"
        link = nodes.reference("", row.text, refuri=address, reftitle=row.statement)
        return [link], []


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_role("setting", SettingRole())
    app.add_role("claim", ClaimRole())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
