import numpy as np
import pytest

from feedback_alignment.networks import data
from feedback_alignment.networks.data import LabelledImages
from feedback_alignment.networks.pixel_scaling import shift_and_scale


def images(channels=3):
    draw = np.random.default_rng(1)
    pixels = draw.uniform(size=(9, channels, 4, 4)).astype(np.float32)
    labels = draw.integers(0, 2, 9)
    return LabelledImages("noise", pixels, labels, pixels[:4], labels[:4], 2, {})


def test_each_channel_is_scaled_by_its_own_numbers():
    plain = images()
    made = shift_and_scale(plain, (0.5, 0.1, 0.2), (2.0, 0.5, 0.1))
    for channel, (b, s) in enumerate([(0.5, 2.0), (0.1, 0.5), (0.2, 0.1)]):
        for one, other in ((made.train_inputs, plain.train_inputs), (made.test_inputs, plain.test_inputs)):
            np.testing.assert_allclose(one[:, channel], (other[:, channel] - b) / s, rtol=1e-5, atol=1e-6)
    assert (made.offset, made.scale) == ((0.5, 0.1, 0.2), (2.0, 0.5, 0.1))


def test_standardising_is_scaling_by_the_moments():
    plain = images()
    expected = data.standardise(plain, per_channel=True)
    made = shift_and_scale(plain, expected.offset, expected.scale)
    np.testing.assert_allclose(made.train_inputs, expected.train_inputs, atol=1e-5)
    again = shift_and_scale(made, (0.1,) * 3, (2.0,) * 3)
    np.testing.assert_allclose(again.offset, np.array(expected.offset) + 0.1 * np.array(expected.scale))
    np.testing.assert_allclose(again.scale, 2 * np.array(expected.scale))


@pytest.mark.parametrize(("offset", "scale"), [((0.5,), (1.0,) * 3), ((0.5,) * 3, (1.0,) * 2), ((0.5,) * 3, (1, 0, 1))])
def test_numbers_that_do_not_fit_the_channels_are_refused(offset, scale):
    with pytest.raises(ValueError, match="noise: offset and scale must be 3 numbers, one a channel, scales positive"):
        shift_and_scale(images(), offset, scale)
