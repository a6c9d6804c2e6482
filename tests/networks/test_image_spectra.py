import cmath
import math

import pytest
import torch

from feedback_alignment.networks.image_spectra import spectral_entropy


def literal(image):
    """The sums over pixels and frequencies, written out."""
    channels, rows, columns = image.shape
    power = []
    for u in range(rows):
        for v in range(columns):
            waves = [
                sum(
                    float(image[c, i, j]) * cmath.exp(-2j * math.pi * (u * i / rows + v * j / columns))
                    for i in range(rows)
                    for j in range(columns)
                )
                for c in range(channels)
            ]
            power.append(sum(abs(wave) ** 2 for wave in waves))
    shares = [each / sum(power) for each in power]
    return -sum(p * math.log(p) for p in shares if p > 0) / math.log(rows * columns)


def drawn(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))


def test_the_entropy_is_that_of_sums_written_out():
    images = drawn(2, 3, 4, 5)
    found = spectral_entropy(images)
    assert found.tolist() == pytest.approx([literal(image) for image in images], rel=1e-12)


def test_one_colour_has_no_entropy_one_pixel_all_of_it_and_noise_nearly():
    colour = torch.ones(3, 5, 5) * torch.tensor([1.0, -2.0, 0.5])[:, None, None]
    pixel = torch.zeros(3, 5, 5)
    pixel[1, 2, 3] = 1
    wave = torch.cos(2 * math.pi * torch.arange(8) / 8).expand(1, 8, 8)
    assert float(spectral_entropy(colour)) == pytest.approx(0, abs=1e-12)
    assert float(spectral_entropy(pixel)) == pytest.approx(1, rel=1e-12)
    # A wave has two frequencies, k and -k.
    assert float(spectral_entropy(wave)) == pytest.approx(math.log(2) / math.log(64), rel=1e-6)
    noise = float(spectral_entropy(drawn(200, 3, 15, 15)).mean())
    smooth = float(spectral_entropy(torch.nn.functional.avg_pool2d(drawn(200, 3, 19, 19), 5, 1)).mean())
    assert smooth < 0.85 < 0.95 < noise < 1


def test_size_and_place_do_not_count():
    image = drawn(3, 6, 7)
    moved = -3 * image.roll((2, 3), (1, 2))
    torch.testing.assert_close(spectral_entropy(moved), spectral_entropy(image), rtol=1e-12, atol=0)


def test_images_without_a_spectrum_are_refused():
    with pytest.raises(ValueError, match=r"two pixels or more .* got the shape \(3, 1, 1\)"):
        spectral_entropy(torch.ones(3, 1, 1))
    with pytest.raises(ValueError, match="0 everywhere has no spectrum: leave it out"):
        spectral_entropy(torch.zeros(2, 3, 4, 4))
