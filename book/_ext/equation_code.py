"""From an equation to its code: below each labelled equation stands the function that implements it.

`book/equations.yml` maps the label of every labelled equation to the dotted name of a function, or to "derivation".
"""

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from feedback_alignment.companion import yaml_files

MAP = Path("book/equations.yml")
DERIVATION = "derivation"

_LOGGER = logging.getLogger(__name__)


def read_map(path: Path) -> dict[str, str]:
    """Return the map label -> dotted name or "derivation" that the file at `path` holds.

    Raises ValueError if the file holds anything else.
    """
    content = yaml_files.read_mapping(path)
    if not all(isinstance(text, str) for text in content.values()):
        raise ValueError(f"{path.name} must map labels of equations to dotted names or {DERIVATION!r}, both as text")
    return content


def _name_code(app: Sphinx, doctree: nodes.document) -> None:
    code = read_map(Path(app.srcdir) / MAP)
    for equation in list(doctree.findall(nodes.math_block)):
        name = code.get(equation.get("label") or "", DERIVATION)
        if name != DERIVATION:
            line = nodes.paragraph("", "implemented by ", nodes.literal(text=name), classes=["equation-code"])
            equation.parent.insert(equation.parent.index(equation) + 1, line)


def _compare_labels(app: Sphinx, environment: BuildEnvironment) -> None:
    used = {label: page for label, (page, _) in environment.get_domain("math").data["objects"].items()}
    mapped = read_map(Path(app.srcdir) / MAP)
    for label in sorted(used.keys() - mapped.keys()):
        _LOGGER.warning(
            "equation %r is not in %s: name the function that implements it, or %r",
            label,
            MAP.as_posix(),
            DERIVATION,
            location=used[label],
            type="equation_code",
        )
    for label in sorted(mapped.keys() - used.keys()):
        _LOGGER.warning(
            "%s: no page has the equation %r: remove it, or mend its label", MAP.as_posix(), label, type="equation_code"
        )


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("doctree-read", _name_code)
    app.connect("env-check-consistency", _compare_labels)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
