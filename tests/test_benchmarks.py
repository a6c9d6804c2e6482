"""What benchmarks left: each has its file, and what pages say of these files holds for them."""

from pathlib import Path

import pytest

from feedback_alignment.companion import measured_tables, measurements

RESULTS = measurements.folder()


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


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_stored_measurements_can_be_read(path):
    assert measurements.read(path).benchmark == path.stem
    assert (Path(__file__).parents[1] / "benchmarks" / f"{path.stem}.py").is_file()
