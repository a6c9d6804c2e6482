"""Words that the glossary explains: the first of each on a page becomes a link to its entry.

The links are made when pages are written, so that notebooks stay free of them and read well everywhere else.
"""

import re
from collections.abc import Mapping

from docutils import nodes
from sphinx.application import Sphinx

_LEFT_ALONE = (
    nodes.title,
    nodes.reference,
    nodes.literal,
    nodes.literal_block,
    nodes.math,
    nodes.math_block,
    nodes.raw,
    nodes.definition_list,
)


def link_words(tree: nodes.Node, addresses: Mapping[str, str]) -> None:
    """Make the first of each word of `addresses`, plurals included, a link to its address.

    Headings, links, code, mathematics and lists of definitions are left alone. Where several words begin at one place
    the longest is meant.
    """
    words = sorted(addresses, key=len, reverse=True)
    pattern = re.compile("|".join(rf"\b({_forms(word)})\b" for word in words), re.IGNORECASE)
    linked: set[str] = set()
    for text in list(tree.findall(nodes.Text)):
        if _inside(text, _LEFT_ALONE):
            continue
        parts: list[nodes.Node] = []
        done = 0
        for found in pattern.finditer(text):
            word = words[(found.lastindex or 0) - 1]
            if word not in linked:
                linked.add(word)
                link = nodes.reference("", found.group(), refuri=addresses[word], internal=True)
                parts += [nodes.Text(text[done : found.start()]), link]
                done = found.end()
        if parts:
            text.parent.replace(text, [*parts, nodes.Text(text[done:])])


def _forms(word: str) -> str:
    """Return a pattern for a word in singular and plural, its parts on one line or on two.

    An abbreviation counts in capitals only: "was" is not a plural of "WA".
    """
    if word.isupper():
        return rf"(?-i:{re.escape(word)}s?)"
    stem = re.sub(r"\\? ", r"\\s+", re.escape(word))
    for ending, plural in (("matrix", "matri(?:x|ces)"), ("y", "(?:y|ies)")):
        if stem.endswith(ending):
            return stem.removesuffix(ending) + plural
    return f"{stem}s?"


def _inside(node: nodes.Node, kinds: tuple[type[nodes.Node], ...]) -> bool:
    while node.parent is not None:
        node = node.parent
        if isinstance(node, kinds):
            return True
    return False


def _link(app: Sphinx, doctree: nodes.document, page: str) -> None:
    terms = [entry for entry in app.env.get_domain("std").get_objects() if entry[2] == "term"]
    if terms:
        where = {name: f"{app.builder.get_relative_uri(page, there)}#{place}" for name, _, _, there, place, _ in terms}
        link_words(doctree, where)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("doctree-resolved", _link)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
