"""What benchmarks left: each has its file, and what pages say of these files holds for them."""

import re

import pytest

from feedback_alignment.companion import measured_tables, measurements
from feedback_alignment.experiments import biotorch_networks

RESULTS = measurements.folder()
BENCHMARKS = sorted(path.stem for path in RESULTS.parent.glob("*.py"))


def values(group: str) -> dict[tuple[str, str], tuple[float, ...]]:
    record = measurements.read(RESULTS / "against_others.json")
    return {(each.row, each.column): each.values for each in measured_tables.group(record, group)}


def test_both_packages_have_the_same_gradients():
    """Rounding: sums of at most a hundred terms in float64, relative to the largest of them."""
    found = values("gradient")
    assert {row for row, _ in found} == {"BP", "FA", "DFA", "signs of the weights (uSF)"}
    assert max(max(each) for each in found.values()) < 100 * 2.3e-16


def test_both_packages_learn_the_same_from_the_same_start():
    """Network by network, but for one test digit in 360 that rounding may turn."""
    found = values("accuracy")
    for rule in {row for row, _ in found}:
        theirs, ours = found[rule, "biotorch"], found[rule, "this package, the same start"]
        assert ours == pytest.approx(theirs, abs=1.01 * 100 / 360)
        assert len(theirs) >= 10


def test_every_benchmark_has_a_file_and_every_file_its_benchmark():
    assert sorted(measurements.read_all(RESULTS)) == BENCHMARKS
    assert len(BENCHMARKS) >= 9


def test_every_benchmark_has_its_place_on_the_page():
    page = (RESULTS.parents[1] / "book" / "performance.md").read_text(encoding="utf-8")
    assert [name for name in BENCHMARKS if f"<!-- list: {name} -->" not in page] == ["against_others"]


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_says_what_it_is_and_takes_the_folder_to_write_into(name):
    """Read, not run: each takes minutes."""
    source = (RESULTS.parent / f"{name}.py").read_text(encoding="utf-8")
    assert f"python benchmarks/{name}.py" in source.partition('"""')[2].partition('"""')[0]
    assert f'Report("{name}"' in source
    assert re.search(r"report\.write\((chosen\.)?into\)", source)


def test_make_measures_all_benchmarks():
    makefile = (RESULTS.parents[1] / "Makefile").read_text(encoding="utf-8")
    assert "$(filter-out benchmarks/against_others.py,$(wildcard benchmarks/*.py))" in makefile
    assert "$(RUN) benchmarks/against_others.py" in makefile
    assert f"biotorch=={biotorch_networks.VERSION}" in makefile
