"""Who may import whom inside the package, and what an import may load.

An arrow is an import that runs, at whatever depth: at the top of a module, in a class, in a function, through
`import_module` with the name spelt out. An import under `if TYPE_CHECKING:` serves the type checker alone, never runs
and is no arrow.
"""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import resolve_name
from pathlib import Path

import pytest

PACKAGE = "feedback_alignment"
SOURCE = Path(__file__).parents[1] / "src" / PACKAGE

# The part itself, and Python's own library, are always allowed. Nobody may import __main__.
FOUNDATIONS = {"atomic", "compilation", "streams"}
SCIENCE = {"deep_linear", "networks", "teacher_student"}
ALLOWED: dict[str, set[str]] = {
    "__init__": set(),
    "atomic": set(),
    "compilation": set(),
    "streams": set(),
    **dict.fromkeys(SCIENCE, FOUNDATIONS),
    "companion": FOUNDATIONS,
    "experiments": FOUNDATIONS | SCIENCE | {"companion"},
    "__main__": FOUNDATIONS | SCIENCE | {"companion", "experiments"},
}
# Everything else from outside is imported in the function that uses it.
AT_THE_TOP = {"jaxtyping", "llvmlite", "numba", "numpy", "scipy", "torch", "tqdm", "xarray"}
HEAVY = {
    "IPython",
    "matplotlib",
    "nbformat",
    "numba",
    "pandas",
    "papermill",
    "pooch",
    "scipy",
    "sklearn",
    "torch",
    "xarray",
}


@dataclass(frozen=True)
class Import:
    """One name that some code imports when it runs."""

    name: str
    line: int
    in_function: bool


def is_type_checking(test: ast.expr) -> bool:
    return ast.unparse(test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def called_name(call: ast.Call) -> str | None:
    """The module that `import_module(...)` or `__import__(...)` names, as far as it is spelt out."""
    if ast.unparse(call.func).rpartition(".")[2] not in {"import_module", "__import__"} or not call.args:
        return None
    argument = call.args[0]
    if isinstance(argument, ast.JoinedStr) and argument.values:
        argument = argument.values[0]
    return argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else None


def running_imports(node: ast.AST, package: str, in_function: bool = False) -> Iterator[Import]:
    """Every import below `node` that runs; relative ones are resolved against `package`.

    `from a import b` gives a.b as well, which may be a module.
    """
    for child in ast.iter_child_nodes(node):
        inside = in_function or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        match child:
            case ast.If(test=test, orelse=orelse) if is_type_checking(test):
                yield from running_imports(ast.Module(orelse, []), package, in_function)
                continue
            case ast.Import(names=aliases):
                yield from (Import(alias.name, child.lineno, in_function) for alias in aliases)
            case ast.ImportFrom(module=module, names=aliases, level=level):
                base = resolve_name("." * level + (module or ""), package) if level else str(module)
                yield from (Import(f"{base}.{alias.name}", child.lineno, in_function) for alias in aliases)
            case ast.Call() if name := called_name(child):
                absolute = resolve_name(name, package) if name.startswith(".") else name
                yield Import(absolute, child.lineno, in_function)
        yield from running_imports(child, package, inside)


def violations(source: str, module: str) -> list[str]:
    """What the imports of one module break; `module` is its path below the package, such as 'networks/rules.py'."""
    path = Path(module)
    part = path.parts[0].removesuffix(".py")
    if part not in ALLOWED:
        return [f"{module}: unknown part {part!r}: say in ALLOWED whom it may import, and who may import it"]
    package = ".".join((PACKAGE, *path.parent.parts))
    found = []
    for imported in running_imports(ast.parse(source), package):
        top, *below = imported.name.split(".")
        place = f"{module}:{imported.line}"
        if top == PACKAGE:
            # `import feedback_alignment` alone reaches every part that something else has loaded.
            target = below[0] if below else "every part"
            if target != part and target not in ALLOWED[part]:
                found.append(f"{place}: {part} must not import {target}")
        elif top not in sys.stdlib_module_names | AT_THE_TOP and not imported.in_function:
            found.append(f"{place}: import {top} inside the function that uses it")
    return found


def third_party_loaded_by(statement: str) -> set[str]:
    """The top-level modules, Python's own apart, that a statement loads in a fresh interpreter."""
    code = (
        f"import json, sys; before = set(sys.modules); {statement}; print(json.dumps(list(set(sys.modules) - before)))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return {name.partition(".")[0] for name in json.loads(printed)} - set(sys.stdlib_module_names)


MODULES = sorted(str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py"))


@pytest.mark.parametrize("module", MODULES)
def test_module_keeps_to_the_arrows(module: str) -> None:
    assert violations((SOURCE / module).read_text(encoding="utf-8"), module) == []


def test_arrows_have_no_cycle() -> None:
    remaining = {part: set(targets) for part, targets in ALLOWED.items()}
    while free := [part for part, targets in remaining.items() if not targets & remaining.keys()]:
        for part in free:
            del remaining[part]
    assert remaining == {}


@pytest.mark.parametrize(
    ("module", "source", "complaint"),
    [
        ("networks/rules.py", "from feedback_alignment.companion import store", "networks must not import companion"),
        ("networks/rules.py", "from feedback_alignment import experiments", "networks must not import experiments"),
        ("networks/rules.py", "from ..teacher_student import ode", "networks must not import teacher_student"),
        ("networks/rules.py", "from .. import deep_linear as linear", "networks must not import deep_linear"),
        (
            "companion/store.py",
            "def f():\n    import feedback_alignment.networks.data",
            "companion must not import networks",
        ),
        (
            "companion/store.py",
            "class C:\n    from feedback_alignment.experiments import load",
            "must not import experiments",
        ),
        ("companion/store.py", "import importlib\nimportlib.import_module('feedback_alignment.networks')", "networks"),
        (
            "companion/store.py",
            "import_module(f'feedback_alignment.experiments.{name}')",
            "must not import experiments",
        ),
        ("companion/store.py", "import_module('..networks', __package__)", "companion must not import networks"),
        (
            "companion/store.py",
            "try:\n    from feedback_alignment import networks\nexcept ImportError: ...",
            "networks",
        ),
        ("companion/store.py", "import feedback_alignment", "companion must not import every part"),
        ("streams.py", "from feedback_alignment.networks import mlp", "streams must not import networks"),
        ("__init__.py", "from .streams import generator", "__init__ must not import streams"),
        ("experiments/a.py", "import feedback_alignment.__main__", "experiments must not import __main__"),
        ("networks/data.py", "import pooch", "import pooch inside the function"),
        ("companion/style.py", "from matplotlib import pyplot", "import matplotlib inside the function"),
        ("companion/a.py", "if TYPE_CHECKING:\n    pass\nelse:\n    import sklearn", "import sklearn inside"),
        ("helpers.py", "import os", "unknown part 'helpers'"),
    ],
)
def test_planted_violation_is_found(module: str, source: str, complaint: str) -> None:
    (found,) = violations(source, module)
    assert complaint in found


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("networks/rules.py", "import numpy as np\nfrom feedback_alignment import streams\nfrom . import observables"),
        ("networks/data.py", "def fetch():\n    import pooch\n    from sklearn.datasets import load_digits"),
        ("companion/store.py", "if TYPE_CHECKING:\n    from feedback_alignment.networks import mlp\n    import pandas"),
        ("companion/store.py", "import typing\nif typing.TYPE_CHECKING:\n    import matplotlib"),
        (
            "experiments/a.py",
            "from feedback_alignment import companion, networks\nfrom ..companion.claims import Claim",
        ),
        ("experiments/__init__.py", "import importlib\nimportlib.import_module(f'{__name__}.{name}')"),
        ("__main__.py", "def main():\n    from feedback_alignment import experiments"),
    ],
)
def test_allowed_import_passes(module: str, source: str) -> None:
    assert violations(source, module) == []


def test_importing_the_package_loads_nothing_but_itself() -> None:
    assert third_party_loaded_by(f"import {PACKAGE}") == {PACKAGE}


def test_importing_streams_loads_numpy_and_nothing_heavy() -> None:
    loaded = third_party_loaded_by(f"import {PACKAGE}.streams")
    assert {PACKAGE, "numpy"} <= loaded
    assert not loaded & HEAVY


def test_streams_load_torch_only_when_asked() -> None:
    assert "torch" not in third_party_loaded_by(f"from {PACKAGE} import streams; streams.generator(0, 'weights')")
    assert "torch" in third_party_loaded_by(f"from {PACKAGE} import streams; streams.torch_generator(0, 'weights')")
