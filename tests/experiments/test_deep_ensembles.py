"""Ensembles watched while they learn: what is measured, against literal counterparts; pieces; every bad setting."""

import dataclasses

import numpy as np
import pytest
import torch

from feedback_alignment.companion import provenance, store
from feedback_alignment.companion.monitor import Monitor, StoppedError
from feedback_alignment.companion.piece_files import piece_path
from feedback_alignment.experiments import deep_ensembles
from feedback_alignment.experiments.deep_ensembles import EnsembleSettings, ensemble, log_spaced_epochs, network
from feedback_alignment.experiments.deep_ensembles_observations import GRADIENTS, OTHERS
from feedback_alignment.networks import BP, DFA, Schedule, alignment, data, mlp, train
from feedback_alignment.networks.label_noise import noisy_labels
from feedback_alignment.networks.similarity import similarity
from feedback_alignment.networks.training import latest_batch
from feedback_alignment.networks.weight_alignment import weight_alignment

SCHEDULE = Schedule(2, 32, 0.003, "sum", (0, 0.5, 2))
SMALL = EnsembleSettings(
    "digits", None, (12, 11, 10), "tanh", "DFA", (5, 6, 8), (0, 0, 0), 0.0, SCHEDULE, "float64", 50
)


def changed(**changes):
    return dataclasses.replace(SMALL, **changes)


@pytest.fixture(scope="module")
def dataset():
    return ensemble(SMALL)


@pytest.fixture(scope="module")
def images():
    return data.standardise(data.load("digits"), per_channel=False)


@pytest.fixture(scope="module")
def literal(images):
    """The networks of SMALL at its three moments, trained here."""
    x, y = torch.from_numpy(images.flat[0]).double(), torch.from_numpy(images.train_labels)
    found = []

    def keep(trained, step):
        found.append([W.clone() for W in trained.weights])
        return {}

    train(network(SMALL, 64, 10), DFA(), x, y, SCHEDULE, keep)
    return found


def test_the_dataset_has_named_axes_and_units(dataset):
    assert dict(dataset.sizes) == {
        "epoch": 3,
        "member": 3,
        "pair": 3,
        "layer": 4,
        "hidden_layer": 3,
        "upper_layer": 3,
        "sampled": 2,
    }
    assert dataset.pair.values.tolist() == ["5-6", "5-8", "6-8"]
    assert dataset.upper_layer.values.tolist() == [2, 3, 4]
    assert dataset.member.values.tolist() == [5, 6, 8]
    assert set(dataset.data_vars) == {*OTHERS, *GRADIENTS}
    for values in dataset.data_vars.values():
        assert values.units == "1"
        assert values.long_name
        assert values.dtype == np.float64


def test_the_provenance_names_the_piece(dataset):
    record = store.provenance(dataset)
    assert record["piece"] == SMALL.identity
    assert record["piece"]["settings"] == provenance.settings_as_data(SMALL)
    assert record["data"]["origin"].startswith("load_digits")
    assert record["wall_seconds"] > 0


def test_members_start_as_mlp_draws_them_and_share_the_feedback_of_one_seed():
    made = network(SMALL, 64, 10)
    plain = mlp((64, 12, 11, 10, 10), DFA(), (0, 5, 6, 8), dtype=torch.float64)
    for W, W_plain in zip(made.weights, plain.weights, strict=True):
        assert torch.equal(W, W_plain[1:])
    for F, F_plain in zip(made.feedback, plain.feedback, strict=True):
        assert torch.equal(F, F_plain[:1].expand(3, -1, -1))
    own = network(changed(feedback_seeds=(5, 6, 8)), 64, 10)
    for F, F_plain in zip(own.feedback, plain.feedback, strict=True):
        assert torch.equal(F, F_plain[1:])


def test_weights_are_compared_and_aligned(dataset, literal):
    feedback = network(SMALL, 64, 10).feedback
    for moment, weights in enumerate(literal):
        there = dataset.isel(epoch=moment)
        alike, aligned = similarity(weights), weight_alignment(weights, feedback)
        close(there.similarity, alike.overall)
        close(there.layer_similarity, alike.layers)
        close(there.weight_alignment, aligned.overall)
        close(there.weight_alignment_unscaled, aligned.overall_unscaled)
        close(there.layer_weight_alignment, aligned.layers)
        changes = similarity([W - W_0 for W, W_0 in zip(weights, literal[0], strict=True)])
        close(there.similarity_of_changes, changes.overall)
        close(there.layer_similarity_of_changes, changes.layers)
        norms = torch.stack([W.flatten(1).norm(dim=1) for W in weights], -1)
        close(there.weight_norm, norms)
        overlap = [(W * W_0).sum((1, 2)) for W, W_0 in zip(weights, literal[0], strict=True)]
        starts = torch.stack([W.flatten(1).norm(dim=1) for W in literal[0]], -1)
        close(there.start_overlap, torch.stack(overlap, -1) / norms / starts)
    assert dataset.similarity_of_changes.isel(epoch=0).isnull().all()
    assert (dataset.start_overlap.isel(epoch=-1) < 0.99).all()


def close(found, expected):
    np.testing.assert_allclose(found.values, expected.numpy(), rtol=1e-10, atol=1e-12)


def test_errors_and_agreement_are_counted(dataset, literal, images):
    x_test = torch.from_numpy(images.flat[1]).double()
    made = network(SMALL, 64, 10)
    made.weights[:] = literal[-1]
    answers = made.outputs(x_test).argmax(-1).numpy()
    last = dataset.isel(epoch=-1)
    np.testing.assert_allclose(last.test_error, (answers != images.test_labels).mean(1), atol=1e-15)
    np.testing.assert_allclose(last.test_agreement[0], (answers[0] == answers[1]).mean(), atol=1e-15)
    np.testing.assert_allclose(last.test_agreement[2], (answers[1] == answers[2]).mean(), atol=1e-15)


def test_gradients_are_measured_on_the_probe_and_on_the_last_batch(dataset, literal, images):
    x, y = torch.from_numpy(images.flat[0]).double(), torch.from_numpy(images.train_labels)
    made = network(SMALL, 64, 10)
    steps = (0, 22, 88)
    for moment, weights in enumerate(literal):
        made.weights[:] = weights
        latest = torch.from_numpy(latest_batch(SMALL.seeds, max(1, steps[moment]), len(x), 32))
        for place, found in enumerate(
            (alignment(made, DFA(), x[:50], y[:50]), alignment(made, DFA(), x[latest], y[latest]))
        ):
            there = dataset.isel(epoch=moment, sampled=place)
            for name, (field, _) in GRADIENTS.items():
                close(there[name], getattr(found, field))


def test_matching_finds_more_than_the_plain_cosine_and_more_than_chance_once_trained():
    last = ensemble(changed(schedule=Schedule(10, 32, 0.01, "sum", (0, 10)))).isel(epoch=-1)
    assert (last.matched_similarity > last.similarity).all()
    assert (last.matched_similarity > last.matched_similarity_by_chance).all()


def test_dfa_is_measured_on_networks_that_bp_trains():
    found = ensemble(changed(rule="BP"))
    assert np.isfinite(found.gradient_alignment).all()
    assert abs(found.weight_alignment.isel(epoch=-1)).max() < 0.3


def test_label_noise_is_each_members_own_and_leaves_the_test_alone(images):
    settings = changed(label_noise=0.5, schedule=Schedule(0, 32, 0.003, "sum", (0,)))
    found = ensemble(settings).isel(epoch=0)
    made = network(settings, 64, 10)
    answers = made.outputs(torch.from_numpy(images.flat[0]).double()).argmax(-1).numpy()
    noisy = noisy_labels(images.train_labels, 0.5, 10, SMALL.seeds)
    np.testing.assert_allclose(found.train_error, (answers != noisy).mean(1), atol=1e-15)
    clean = ensemble(changed(schedule=settings.schedule)).isel(epoch=0)
    np.testing.assert_array_equal(found.test_error, clean.test_error)
    assert (found.train_error != clean.train_error).all()


def test_training_with_label_noise_fits_the_noise():
    schedule = Schedule(30, 32, 0.01, "sum", (0, 30))
    found = ensemble(changed(label_noise=0.5, schedule=schedule)).isel(epoch=-1)
    assert (found.train_error < 0.6).all()
    assert (found.test_error < 0.45).all()


def test_a_member_does_not_depend_on_its_companions(dataset):
    pair = ensemble(changed(seeds=(8, 5), feedback_seeds=(0, 0)))
    for name in ("train_error", "weight_alignment", "layer_gradient_alignment"):
        np.testing.assert_allclose(pair[name].sel(member=5), dataset[name].sel(member=5), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(pair.similarity[:, 0], dataset.similarity.sel(pair="5-8"), rtol=1e-9, atol=1e-12)


def test_images_may_be_made_smaller():
    found = ensemble(changed(side=4, schedule=Schedule(0, 32, 0.003, "sum", (0,))))
    assert found.sizes["layer"] == 4
    assert network(changed(side=4), 16, 10).weights[0].shape == (3, 12, 16)


def test_observation_times_are_zero_and_then_evenly_apart_on_a_logarithmic_scale():
    found = log_spaced_epochs(0.1, 1000, 5)
    assert found == (0.0, 0.1, 2.15, 46.4, 1000.0)
    assert len(log_spaced_epochs(0.1, 1000, 40)) == len(set(log_spaced_epochs(0.1, 1000, 40))) == 40


# ---- pieces --------------------


def monitor(folder, chapter, limit=None):
    return Monitor(folder / "checkpoints" / chapter, {"chapter": chapter}, limit, folder / "results")


def test_a_finished_ensemble_is_never_trained_again(tmp_path, dataset, monkeypatch):
    with monitor(tmp_path, "06_one") as progress:
        first = ensemble(SMALL, progress=progress)
    assert piece_path(tmp_path / "results", SMALL.name, SMALL.identity).exists()
    monkeypatch.setattr(deep_ensembles, "train", lambda *given, **named: pytest.fail("it was trained again"))
    with monitor(tmp_path, "07_another") as progress:
        again = ensemble(SMALL, progress=progress)
    for name in dataset.data_vars:
        np.testing.assert_array_equal(again[name], first[name])
        np.testing.assert_array_equal(again[name], dataset[name])


def test_an_interrupted_ensemble_goes_on_where_it_was_and_ends_the_same(tmp_path, dataset):
    stops = 0
    while not piece_path(tmp_path / "results", SMALL.name, SMALL.identity).exists():
        with monitor(tmp_path, f"chapter {stops}", limit=0.02) as progress:
            try:
                found = ensemble(SMALL, progress=progress)
            except StoppedError:
                stops += 1
    assert stops > 0
    for name in dataset.data_vars:
        np.testing.assert_array_equal(found[name], dataset[name])
    assert not list((tmp_path / "checkpoints" / "pieces").iterdir())


def test_ensembles_have_names_and_identities_of_their_own():
    others = [
        changed(label_noise=0.1),
        changed(feedback_seeds=(0, 1, 2)),
        changed(rule="BP"),
        changed(schedule=Schedule(2, 32, 0.003, "sum", (0, 2))),
    ]
    assert len({str(each.identity) for each in (SMALL, *others)}) == 5
    assert [each.name for each in others[:3]] == [
        "digits tanh DFA noise 0.1",
        "digits tanh DFA own F",
        "digits tanh BP",
    ]


# ---- bad input --------------------


def test_a_feedback_seed_a_member_is_wanted():
    with pytest.raises(ValueError, match="feedback_seeds must be 3 numbers, one a member"):
        changed(feedback_seeds=(0,))


def test_an_unknown_rule_is_refused():
    with pytest.raises(ValueError, match="rule must be one of BP, DFA; got 'FA'"):
        changed(rule="FA")


def test_one_member_has_no_similarity():
    with pytest.raises(ValueError, match="similarity is between members"):
        ensemble(changed(seeds=(5,), feedback_seeds=(0,)))


def test_bp_is_what_trains_bp(images):
    found = ensemble(changed(rule="BP")).isel(epoch=-1)
    x, y = torch.from_numpy(images.flat[0]).double(), torch.from_numpy(images.train_labels)
    plain = mlp((64, 12, 11, 10, 10), BP(), SMALL.seeds, dtype=torch.float64)
    train(plain, BP(), x, y, SCHEDULE, lambda trained, step: {})
    close(found.similarity, similarity(plain.weights).overall)
