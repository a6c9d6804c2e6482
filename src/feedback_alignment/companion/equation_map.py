"""From an equation of a paper to the book's equation, the function that implements it and the test that holds it.

Three files are read together: `book/papers.yml` (equations of the papers, and labels that stand for them),
`book/equations.yml` (label and function) and `book/equation_tests.yml` (label and tests).
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from feedback_alignment.companion import yaml_files
from feedback_alignment.companion.papers import Paper

DERIVATION = "derivation"
"""In the place of a function, for an equation that is only a step on the way."""


def read_tests(path: Path) -> dict[str, list[str]]:
    """Return the map label -> tests, as path::name, that the file at `path` holds.

    Raises ValueError if the file holds anything else.
    """
    content = yaml_files.read_mapping(path)
    if not all(
        isinstance(tests, list) and tests and all(isinstance(test, str) and "::" in test for test in tests)
        for tests in content.values()
    ):
        raise ValueError(f"{path.name} must map each label to a list of tests, path::name")
    return content


def by_paper(paper: Paper, code: Mapping[str, str], tests: Mapping[str, Sequence[str]]) -> str:
    """Return a paper's equations as a table in MyST Markdown: number, equations of the book, functions, tests.

    Raises ValueError for a label that is not in `code`, and for one that has no test.
    """
    rows = []
    for number, item in paper.items["equations"].items():
        untested = [label for label in item.equations if label not in tests]
        if untested:
            raise ValueError(f"Eq. {number} of {paper.name}: no test holds {', '.join(untested)}")
        book = ", ".join(f"{{eq}}`{label}`" for label in item.equations) or item.missing
        rows.append((f"Eq. {number}", book, *_code_and_tests(item.equations, code, tests)))
    return _table(("Paper", "Book", "Function", "Test"), rows)


def by_book(papers: Sequence[Paper], code: Mapping[str, str], tests: Mapping[str, Sequence[str]]) -> str:
    """Return the book's equations in the order of `code` as such a table, with the papers' equations they stand for.

    Raises ValueError for an equation with a function and without a test, and for tests of an unknown equation.
    """
    wrong = sorted({label for label, name in code.items() if name != DERIVATION} - {*tests}) + sorted(
        {*tests} - {*code}
    )
    if wrong:
        raise ValueError(f"equations with a function and no test, or with a test and unknown: {', '.join(wrong)}")
    rows = []
    for label in code:
        standing = [
            f"{paper.name}, Eq. {number}"
            for paper in papers
            for number, item in paper.items["equations"].items()
            if label in item.equations
        ]
        rows.append((f"{{eq}}`{label}`", "; ".join(standing) or "–", *_code_and_tests([label], code, tests)))
    return _table(("Book", "Stands for", "Function", "Test"), rows)


def _code_and_tests(
    labels: Sequence[str], code: Mapping[str, str], tests: Mapping[str, Sequence[str]]
) -> tuple[str, str]:
    """Return the functions and the tests of some equations as text of two cells, each named once."""
    unknown = [label for label in labels if label not in code]
    if unknown:
        raise ValueError(f"the book has no equation {', '.join(unknown)}: mend the label, or add it to equations.yml")
    functions = dict.fromkeys(code[label] for label in labels if code[label] != DERIVATION)
    held = dict.fromkeys(test for label in labels for test in tests.get(label, ()))
    return _listed(functions), _listed(held)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "–"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["```{list-table}", ":header-rows: 1", ":class: equation-map", ":widths: 9 12 32 47", ""]
    for row in (head, *rows):
        lines += [f"{'  -' if column else '* -'} {cell}" for column, cell in enumerate(row)]
    return "\n".join([*lines, "```"])
