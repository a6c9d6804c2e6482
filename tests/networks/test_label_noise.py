import math

import numpy as np
import pytest

from feedback_alignment.networks.label_noise import corrupt_labels, noisy_labels, shuffle_labels, softened_targets
from feedback_alignment.streams import generator


def test_corrupted_labels_are_uniform_and_sometimes_right():
    samples, fraction, classes = 200_000, 0.3, 10
    labels = np.full(samples, 3)
    noisy = corrupt_labels(labels, fraction, classes, generator(1, "label noise"))
    counts = np.bincount(noisy, minlength=classes)
    wrong_share = fraction * (1 - 1 / classes)
    for label in range(classes):
        share = 1 - wrong_share if label == 3 else fraction / classes
        four_standard_deviations = 4 * math.sqrt(samples * share * (1 - share))
        assert abs(counts[label] - samples * share) < four_standard_deviations
    assert (labels == 3).all()
    assert noisy.dtype == np.int64


def test_the_fraction_zero_changes_nothing_and_one_replaces_every_label():
    labels = np.arange(60_000) % 3
    assert np.array_equal(corrupt_labels(labels, 0.0, 3, generator(0, "label noise")), labels)
    drawn = corrupt_labels(labels, 1.0, 3, generator(0, "label noise"))
    joint = np.bincount(3 * labels + drawn, minlength=9)
    four_standard_deviations = 4 * math.sqrt(60_000 * (1 / 9) * (8 / 9))
    assert abs(joint - 60_000 / 9).max() < four_standard_deviations


def test_more_noise_changes_the_same_labels_and_more():
    labels = np.zeros(2000, np.int64)
    little, much = (corrupt_labels(labels, fraction, 10, generator(5, "label noise")) for fraction in (0.2, 0.6))
    changed = little != labels
    assert np.array_equal(little[changed], much[changed])
    assert (much != labels).sum() > changed.sum() > 0
    assert np.array_equal(little, corrupt_labels(labels, 0.2, 10, generator(5, "label noise")))


@pytest.mark.parametrize(
    ("labels", "fraction", "message"),
    [
        ([0, 1], -0.1, r"fraction must be a probability in \[0, 1\]; got -0\.1"),
        ([0, 1], 1.5, r"fraction must be a probability in \[0, 1\]; got 1\.5"),
        ([0, 1], math.nan, r"fraction must be a probability in \[0, 1\]; got nan"),
        ([0, 3], 0.5, "labels must be 0 to 2; got 0 to 3"),
        ([-1, 1], 0.5, "labels must be 0 to 2; got -1 to 1"),
    ],
)
def test_wrong_label_noise_is_refused(labels, fraction, message):
    for change in (corrupt_labels, shuffle_labels):
        with pytest.raises(ValueError, match=message):
            change(np.array(labels), fraction, 3, generator(0, "label noise"))
    with pytest.raises(ValueError, match=message):
        softened_targets(np.array(labels), fraction, 3)


def test_every_member_has_noise_of_its_own_whatever_its_companions():
    labels = np.arange(3000) % 10
    together = noisy_labels(labels, 0.5, 10, (4, 7))
    assert together.shape == (2, 3000)
    assert np.array_equal(together[1], noisy_labels(labels, 0.5, 10, (7,))[0])
    assert (together[0] != together[1]).mean() > 0.4
    assert np.array_equal(noisy_labels(labels, 0.0, 10, (4, 7)), np.stack([labels, labels]))


def test_shuffling_keeps_the_number_of_samples_of_every_class():
    labels = np.arange(60_000) % 10
    shuffled = shuffle_labels(labels, 0.3, 10, generator(2, "label noise"))
    np.testing.assert_array_equal(np.bincount(shuffled), np.bincount(labels))
    wrong = (shuffled != labels).mean()
    four_standard_deviations = 4 * math.sqrt(0.3 * 0.9 * 0.1 / 60_000)
    assert abs(wrong - 0.3 * 0.9) < four_standard_deviations
    np.testing.assert_array_equal(labels, np.arange(60_000) % 10)
    assert not np.array_equal(shuffled, shuffle_labels(labels, 0.3, 10, generator(3, "label noise")))


def test_only_the_chosen_share_is_shuffled():
    labels = np.arange(1000)
    shuffled = shuffle_labels(labels, 0.25, 1000, generator(0, "label noise"))
    moved = (shuffled != labels).sum()
    assert 240 <= moved <= 250  # of 250 chosen; a permutation leaves one in place on average
    np.testing.assert_array_equal(np.sort(shuffled), labels)
    np.testing.assert_array_equal(shuffle_labels(labels, 0.0, 1000, generator(0, "label noise")), labels)


def test_softened_targets_are_the_mean_of_noisy_labels():
    labels, draws = np.array([0, 2, 1, 2]), 20_000
    noisy = noisy_labels(labels, 0.6, 3, range(draws))
    shares = np.stack([(noisy == label).mean(0) for label in range(3)], -1)
    expected = softened_targets(labels, 0.6, 3)
    np.testing.assert_allclose(expected.sum(-1), 1, rtol=1e-15)
    assert abs(shares - expected).max() < 4 * math.sqrt(0.25 / draws)
    np.testing.assert_array_equal(softened_targets(labels, 0.0, 3), np.eye(3)[labels])
