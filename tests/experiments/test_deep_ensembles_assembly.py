"""Results put together from ensembles: places on a grid, what is missing, where each part comes from."""

import dataclasses

import numpy as np
import pytest

from feedback_alignment.companion import store
from feedback_alignment.companion.monitor import Monitor
from feedback_alignment.experiments import deep_ensembles_assembly as assembly
from feedback_alignment.experiments.deep_ensembles import EnsembleSettings, ensemble
from feedback_alignment.networks import Schedule

ONE = EnsembleSettings(
    "digits",
    None,
    (6, 6),
    "tanh",
    "DFA",
    (0, 1, 2),
    (0, 0, 0),
    0.0,
    Schedule(1, 32, 0.01, "sum", (0, 1)),
    "float64",
    20,
)
FOUR = tuple(
    dataclasses.replace(ONE, activation=activation, label_noise=noise)
    for activation in ("tanh", "relu")
    for noise in (0.0, 0.5)
)
PLACES = {each: {"activation": each.activation, "label_noise": each.label_noise} for each in FOUR}


@dataclasses.dataclass(frozen=True)
class Chapter:
    profile: str = "smoke"
    seeds: tuple[int, ...] = ONE.seeds
    ensembles: tuple[EnsembleSettings, ...] = FOUR
    reduced: tuple[str, ...] = ()

    @property
    def groups(self):
        return {"without noise": FOUR[::2], "with noise": FOUR[1::2]}


CHAPTER = assembly.ChapterOfEnsembles("99_nothing", 3, lambda settings, found: assembly.on_grid(PLACES, found))


@pytest.fixture(scope="module")
def all_four():
    return assembly.trained(Chapter(), "cpu", None)


def test_every_ensemble_is_trained(all_four):
    assert tuple(all_four) == FOUR
    np.testing.assert_array_equal(all_four[FOUR[3]].similarity, ensemble(FOUR[3]).similarity)


@pytest.mark.parametrize("absent", [(), (1,), (0, 3), (0, 1, 2)])
def test_each_ensemble_has_its_place_and_gaps_are_nan(all_four, absent):
    found = {each: piece for index, (each, piece) in enumerate(all_four.items()) if index not in absent}
    dataset = assembly.on_grid(PLACES, found)
    assert dataset.activation.values.tolist() == ["tanh", "relu"]
    assert dataset.label_noise.values.tolist() == [0.0, 0.5]
    for index, each in enumerate(FOUR):
        place = dataset.sel(PLACES[each]).train_error
        if index in absent:
            assert place.isnull().all()
        else:
            np.testing.assert_array_equal(place, all_four[each].train_error)


def test_nothing_found_is_an_empty_dataset():
    assert not assembly.on_grid(PLACES, {})


def test_only_finished_pieces_are_found_and_the_provenance_keeps_that_of_each(tmp_path):
    with Monitor(tmp_path / "checkpoints" / "99", {}, results=tmp_path) as monitor:
        pieces = [ensemble(each, progress=monitor) for each in FOUR[:3]]
    dataset = CHAPTER.assemble(Chapter(), tmp_path)
    record = store.provenance(dataset)
    assert dataset.train_error.isnull().all(("epoch", "member")).sum() == 1
    assert (record["chapter"], record["science_version"], len(record["parts"])) == ("99_nothing", 3, 3)
    assert record["missing"] == ["1 of 2 ensembles with noise not there yet (digits relu DFA noise 0.5)"]
    assert record["reduced"] == record["missing"]
    assert record["data"]["digits: origin"].startswith("load_digits")
    assert set(record["commit"].split(", ")) == {store.provenance(piece)["commit"] for piece in pieces}


def test_nothing_finished_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="no ensemble of profile 'smoke' is finished"):
        assembly.finished(Chapter(), tmp_path)
