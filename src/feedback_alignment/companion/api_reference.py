"""The reference of a package's public names, from its source: signatures with shapes, docstrings, fields and methods.

Everything is read from the source text, so that a shape stands there as it was written.
"""

import ast
import importlib
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

FENCE = "`" * 6
"""Of an entry; docstrings and signatures may use shorter ones inside."""

WIDTH = 100
"""Of a signature in characters; longer ones have a line for each argument."""

Definition = ast.FunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Entry:
    """One public name, in MyST Markdown."""

    name: str
    kind: str
    """'function', 'class', 'data' or 'module'."""
    arguments: str
    """Their names, for the index."""
    signature: str
    """With types and shapes, as it stands in the source."""
    text: str
    parts: tuple["Entry", ...] = ()
    """Fields and methods of a class."""


def entries(package: str) -> list[Entry]:
    """Return an entry for every name in `__all__` of a package, functions and classes first, in alphabetical order.

    Raises ValueError for a name without a docstring.
    """
    module = importlib.import_module(package)
    found = [_entry(module, name) for name in module.__all__]
    return sorted(found, key=lambda entry: (entry.kind in ("data", "module"), entry.name.lower()))


def page(package: str) -> str:
    """Return all entries of a package as MyST Markdown."""
    return "\n\n".join(_written(entry, package) for entry in entries(package))


def _entry(module: ModuleType, name: str) -> Entry:
    value = getattr(module, name)
    if inspect.ismodule(value):
        return Entry(name, "module", "", "", _docstring(value.__doc__, name))
    if not (inspect.isclass(value) or callable(value)):
        return _constant(module, name, value)
    written = inspect.unwrap(value)
    path = Path(inspect.getfile(written))
    definition = _definition(path, written.__name__)
    return _class(name, definition, path) if isinstance(definition, ast.ClassDef) else _function(name, definition)


def _definition(path: Path, name: str) -> Definition:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, Definition) and node.name == name:
            return node
    raise ValueError(f"{path.name} defines no function or class {name!r} on its first level")


def _constant(module: ModuleType, name: str, value: Any) -> Entry:
    for home in (module, *(importlib.import_module(each) for each in _imported_from(module, name))):
        body = ast.parse(Path(str(home.__file__)).read_text(encoding="utf-8")).body
        text = dict(_described(body)).get(name)
        if text and text[1]:
            return Entry(name, "data", "", f"{name} = {value!r}", text[1])
    raise ValueError(f"{module.__name__}.{name} has no description: write a string below its definition")


def _imported_from(module: ModuleType, name: str) -> Iterator[str]:
    for node in ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module and any(alias.name == name for alias in node.names):
            yield node.module


def _described(body: list[ast.stmt]) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield each assigned name with its definition and the string that stands below it, empty if there is none."""
    for statement, following in zip(body, [*body[1:], ast.Pass()], strict=True):
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                match following:
                    case ast.Expr(value=ast.Constant(value=str(text))):
                        yield name, (ast.unparse(statement), inspect.cleandoc(text))
                    case _:
                        yield name, (ast.unparse(statement), "")


def _function(name: str, definition: ast.FunctionDef, bound: bool = False) -> Entry:
    """Read a function; a method, which is `bound`, may leave its description to the class that it comes from."""
    whole = definition.args
    given = ast.arguments(
        posonlyargs=whole.posonlyargs,
        args=whole.args[1 if bound else 0 :],
        vararg=whole.vararg,
        kwonlyargs=whole.kwonlyargs,
        kw_defaults=whole.kw_defaults,
        kwarg=whole.kwarg,
        defaults=whole.defaults,
    )
    names = [argument.arg for argument in (*given.posonlyargs, *given.args)]
    names += [f"*{given.vararg.arg}"] if given.vararg else []
    names += [argument.arg for argument in given.kwonlyargs]
    returned = f" -> {ast.unparse(definition.returns)}" if definition.returns else ""
    signature = f"{name}({ast.unparse(given)}){returned}"
    if len(signature) > WIDTH:
        signature = f"{name}(\n" + "".join(f"    {each},\n" for each in _split(ast.unparse(given))) + f"){returned}"
    text = ast.get_docstring(definition)
    return Entry(name, "function", ", ".join(names), signature, (text or "") if bound else _docstring(text, name))


def _split(arguments: str) -> list[str]:
    """Cut a list of arguments at the commas that are inside no bracket and no string."""
    found, depth, quoted, start = [], 0, "", 0
    for place, character in enumerate(arguments):
        if quoted:
            quoted = "" if character == quoted else quoted
        elif character in "'\"":
            quoted = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and depth == 0:
            found.append(arguments[start:place].strip())
            start = place + 1
    return [*found, arguments[start:].strip()]


def _class(name: str, definition: ast.ClassDef, path: Path) -> Entry:
    parts: dict[str, Entry] = {}
    own: Entry | None = None
    private = [ast.unparse(base) for base in definition.bases if ast.unparse(base).startswith("_")]
    for each in (*(_definition(path, base) for base in private), definition):
        for field, (written, text) in _described(each.body):
            if not field.startswith("_"):
                parts[field] = Entry(field, "attribute", "", written, text)
        for node in each.body:
            if isinstance(node, ast.FunctionDef) and node.name == "__init__":
                own = _function(name, node, bound=True)
            elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and ast.get_docstring(node):
                decorators = {ast.unparse(decorator) for decorator in node.decorator_list}
                method = _function(node.name, node, bound="staticmethod" not in decorators)
                kind = "property" if "property" in decorators else "method"
                parts[node.name] = Entry(node.name, kind, method.arguments, method.signature, method.text)
    text = _docstring(ast.get_docstring(definition), name)
    if own is not None:
        return Entry(name, "class", own.arguments, own.signature, f"{text}\n\n{own.text}".strip(), (*parts.values(),))
    fields = [part.name for part in parts.values() if part.kind == "attribute"]
    signature = f"{name}({', '.join(fields)})" if fields else f"class {name}"
    return Entry(name, "class", ", ".join(fields), signature, text, (*parts.values(),))


def _docstring(text: str | None, name: str) -> str:
    if not text:
        raise ValueError(f"{name} has no docstring: say what it is, with shapes, units, errors and source")
    return inspect.cleandoc(text)


def _written(entry: Entry, package: str) -> str:
    head = f"{entry.name}({entry.arguments})" if entry.kind in ("function", "class") else entry.name
    kind = "data" if entry.kind == "module" else entry.kind
    lines = [f"{FENCE}{{py:{kind}}} {package}.{head}", ""]
    if entry.signature:
        lines += ["```python", entry.signature, "```", ""]
    lines += [entry.text]
    for part in entry.parts:
        lines += [
            "",
            f"- `{' '.join(part.signature.split())}`" + (f" ({part.kind})" if part.kind != "attribute" else ""),
        ]
        lines += ["", textwrap.indent(part.text, "  ")] if part.text else []
    return "\n".join([*lines, FENCE])
