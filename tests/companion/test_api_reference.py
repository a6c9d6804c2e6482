"""The reference of public names: all are there, with what their source says."""

import doctest
from pathlib import Path

import pytest

from feedback_alignment.companion import api_reference

PAGE = Path(__file__).resolve().parents[2] / "book" / "api.md"
PACKAGES = [f"feedback_alignment.{name}" for name in ("teacher_student", "deep_linear", "networks")]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_has_an_entry_with_words(package):
    entries = api_reference.entries(package)
    module = __import__(package, fromlist=["__all__"])
    assert sorted(entry.name for entry in entries) == sorted(module.__all__)
    assert all(len(entry.text) > 10 for entry in entries)
    written = api_reference.page(package)
    assert all(f" {package}.{entry.name}" in written for entry in entries)


def entry_of(package: str, name: str) -> api_reference.Entry:
    return next(entry for entry in api_reference.entries(package) if entry.name == name)


def test_a_function_shows_its_shapes_one_argument_a_line():
    entry = entry_of(PACKAGES[0], "derivative")
    assert entry.arguments == "state, eta, activation, rule, order"
    assert "    eta: float,\n" in entry.signature
    assert entry.signature.endswith("Float[np.ndarray, 'K M'], Float[np.ndarray, ' K']]")
    assert "Raises ValueError" in entry.text


def test_a_class_shows_fields_methods_and_what_it_has_from_a_private_base():
    state = entry_of(PACKAGES[0], "OrderParameters")
    parts = {part.name: part for part in state.parts}
    assert {"Q", "R", "T", "W2", "F", "covariance", "from_weights", "random_start"} <= parts.keys()
    assert parts["covariance"].kind == "property"
    assert "self" not in parts["from_weights"].signature
    assert [part.name for part in entry_of(PACKAGES[2], "Uniform").parts] == ["scale", "shared_seed", "draw"]


def test_constants_and_modules_have_their_description():
    assert entry_of(PACKAGES[1], "RULES").signature.startswith("RULES = ")
    assert entry_of(PACKAGES[2], "data").kind == "module"


def test_a_name_without_words_is_refused(tmp_path, monkeypatch):
    (tmp_path / "bare.py").write_text('__all__ = ["f"]\ndef f(x):\n    return x\n')
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match="f has no docstring"):
        api_reference.entries("bare")
    (tmp_path / "constant.py").write_text('__all__ = ["C"]\nC = 3\n')
    with pytest.raises(ValueError, match="write a string below"):
        api_reference.entries("constant")


def test_commas_inside_brackets_and_strings_part_nothing():
    assert api_reference._split("a: Float[np.ndarray, 'K, M'], b=(1, 2), *c") == [
        "a: Float[np.ndarray, 'K, M']",
        "b=(1, 2)",
        "*c",
    ]


def test_the_examples_on_the_page_run():
    found = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert found.attempted > 20
    assert found.failed == 0
