"""What a chapter's outputs depend on, as one digest.

The modules are found without running anything: imports are read off the notebook's code cells and followed through
the sources under src/, into functions too. A notebook therefore imports its experiment module by an ordinary import
statement; the module `….experiments.name` of chapter NN_name counts in any case. Files that are not Python modules
are not followed, the chapter's stored results excepted.
"""

import ast
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING

from feedback_alignment.companion import notebook_files

if TYPE_CHECKING:
    from nbformat import NotebookNode

LIBRARIES = ("numpy", "scipy", "torch", "xarray", "matplotlib")
RESULTS_VARIABLE = "FEEDBACK_ALIGNMENT_RESULTS"


class UnreadableSourceError(ValueError):
    """Python source, in a cell or a module, whose imports cannot be read."""


def module_files(root: Path) -> dict[str, Path]:
    """Map the dotted name of every module under `root`/src to its file; a package maps to its __init__.py."""
    source = root / "src"
    modules = {}
    for path in sorted(source.rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return modules


def imported_names(tree: ast.AST, package: str = "") -> set[str]:
    """Return the dotted names that a piece of code may import, relative ones resolved against `package`.

    `from a import b` gives both a and a.b, since b may be a module. `import_module` counts where its argument is a
    literal.
    """
    return {name for node in ast.walk(tree) for name in _names(node, package)}


def _names(node: ast.AST, package: str) -> Iterator[str]:
    match node:
        case ast.Import(names=aliases):
            yield from (alias.name for alias in aliases)
        case ast.ImportFrom(module=module, names=aliases, level=level):
            base = util.resolve_name("." * level + (module or ""), package) if level else str(module)
            yield base
            yield from (f"{base}.{alias.name}" for alias in aliases)
        case ast.Call(
            func=ast.Attribute(attr="import_module") | ast.Name(id="import_module"),
            args=[ast.Constant(value=str(name)), *_],
        ):
            yield util.resolve_name(name, package)


def notebook_modules(root: Path, chapter: str, notebook: "NotebookNode") -> dict[str, Path]:
    """Map the modules under `root`/src that a chapter's notebook depends on, directly or not, to their files.

    Importing a.b runs a too, so that the packages above a module count. Raises UnreadableSourceError, naming the cell
    or file, where code does not parse.
    """
    modules = module_files(root)
    _, name = notebook_files.split_name(chapter)
    waiting = {module for module in modules if module.endswith(f".experiments.{name}")}
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            place = f"{chapter}: {notebook_files.describe(index, cell.source)}"
            waiting |= _imports(_plain_python(cell.source), "", place)
    found: dict[str, Path] = {}
    while waiting:
        parts = waiting.pop().split(".")
        for depth in range(1, len(parts) + 1):
            module = ".".join(parts[:depth])
            if module in modules and module not in found:
                path = found[module] = modules[module]
                package = module if path.name == "__init__.py" else module.rpartition(".")[0]
                waiting |= _imports(path.read_text(encoding="utf-8"), package, str(path))
    return found


def _plain_python(source: str) -> str:
    """Return a cell's source with IPython's own syntax (%magic, !command) turned into Python."""
    from IPython.core.inputtransformer2 import TransformerManager

    return TransformerManager().transform_cell(source)  # type: ignore[no-untyped-call]


def _imports(source: str, package: str, place: str) -> set[str]:
    try:
        return imported_names(ast.parse(source), package)
    except (SyntaxError, ImportError) as error:
        raise UnreadableSourceError(f"the imports of {place} cannot be read, mend it: {error}") from error


def results_folder(root: Path) -> Path:
    """Return the folder of stored results that chapters read: the environment's choice, else `root`/results."""
    return Path(os.environ.get(RESULTS_VARIABLE) or root / "results").resolve()


def execution_digest(root: Path, chapter: str, notebook: "NotebookNode", profile: str) -> str:
    """Return a SHA-256 over everything that a chapter's outputs depend on.

    That is: its code cells with their tags, the modules they depend on, the chapter's stored results, the profile,
    the versions of the core libraries and of Python. Raises UnreadableSourceError.
    """
    modules = notebook_modules(root, chapter, notebook)
    results = sorted(results_folder(root).glob(f"{chapter}.*.nc"))
    return _digest(
        {
            "cells": [[c.source, notebook_files.tags(c)] for c in notebook.cells if c.cell_type == "code"],
            "modules": {name: _file_digest(path) for name, path in modules.items()},
            "results": {path.name: _file_digest(path) for path in results},
            "profile": profile,
            "versions": {library: _version(library) for library in LIBRARIES},
            "python": list(sys.version_info[:2]),
        }
    )


def text_digest(notebook: "NotebookNode") -> str:
    """Return a SHA-256 over a notebook without its outputs: what readers see of it before it runs.

    What execution itself records in the notebook's metadata does not count.
    """
    kept = {key: value for key, value in notebook.metadata.items() if key != "feedback_alignment"}
    return _digest([kept, [[c.id, c.cell_type, c.source, c.metadata] for c in notebook.cells]])


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "not installed"
