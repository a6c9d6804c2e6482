import numpy as np
import pytest
import torch

from feedback_alignment import streams
from feedback_alignment.networks import feedback_distributions
from feedback_alignment.networks.architectures import cnn, stack, vgg16
from feedback_alignment.networks.feedback import Site
from feedback_alignment.networks.feedback_distributions import Gaussian, SharedMatrix, Signs, Uniform
from feedback_alignment.networks.feedback_memory import (
    counted_bytes,
    draw_matrices,
    held_bytes,
    layer_sizes,
    peak_bytes,
)
from feedback_alignment.networks.initialisation import Zero
from feedback_alignment.networks.layers import Conv2d, Linear
from feedback_alignment.networks.operations import Activation, Dropout, MaxPool2d
from feedback_alignment.networks.rules import DFA


def test_vgg16_is_counted_as_its_table_says():
    """13,555,712 numbers before pooling, the largest layer 64 images of 224 × 224: Simonyan and Zisserman 2014."""
    sizes = layer_sizes((3, 224, 224), vgg16(1000))
    by_hand = 2 * 64 * 224**2 + 2 * 128 * 112**2 + 3 * 256 * 56**2 + 3 * 512 * 28**2 + 3 * 512 * 14**2 + 2 * 4096
    assert sum(sizes.affine) == by_hand == 13_555_712
    assert max(sizes.affine) == 3_211_264
    assert len(sizes.affine) == len(sizes.injected) == 15
    pooled = 64 * 112**2 + 128 * 56**2 + 256 * 28**2 + 512 * 14**2 + 512 * 7**2
    unpooled = 64 * 224**2 + 128 * 112**2 + 2 * 256 * 56**2 + 2 * 512 * 28**2 + 2 * 512 * 14**2
    assert sum(sizes.injected) == pooled + unpooled + 2 * 4096
    assert counted_bytes(sizes.affine, sizes.outputs) == {"naive": 54_222_848_000, "shared": 12_845_056_000}


def test_vgg16_has_its_number_of_parameters():
    """138 million with two layers of 4096 (their Table 2); counted on the smallest image with the same classifier."""
    made = stack((3, 32, 32), vgg16(10, (16,)), DFA(), [0], feedback=[None] * 14)
    learnt = sum(p.numel() for block in made.blocks for p in block.parameters.values())
    convolutions = 14_714_688  # Σ 9 c_in c_out + c_out of configuration D
    assert learnt == convolutions + (512 * 16 + 16) + (16 * 10 + 10)
    with pytest.raises(ValueError, match="pooling with kernel 2 and padding 0 does not fit into images of 1 x 1"):
        stack((3, 16, 16), vgg16(10), DFA(), [0])


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_sizes_are_those_of_the_network_that_is_made(seeds):
    blocks = [
        (Conv2d(4, 3, 1, 1, True, Zero()), Activation("tanh"), MaxPool2d(2, 2)),
        (Linear(30, True, Zero()), Dropout(0.1)),
        (Linear(5),),
    ]
    sizes = layer_sizes((2, 8, 8), blocks)
    assert (sizes.affine, sizes.injected, sizes.outputs) == ((256, 30), (64, 30), 5)
    made = stack((2, 8, 8), blocks, DFA(), seeds, feedback=Gaussian())
    assert [F.shape[1] for F in made.feedback] == list(sizes.injected)
    assert held_bytes(made.matrices) == len(seeds) * counted_bytes(sizes.injected, 5)["naive"]
    made = stack((2, 8, 8), blocks, DFA(), seeds, feedback=SharedMatrix())
    assert held_bytes(made.matrices) == len(seeds) * counted_bytes(sizes.injected, 5)["shared"]


def test_the_papers_cnn_holds_what_is_counted():
    made = cnn((3, 32, 32), (32, 64, 64), (128,), 10, DFA(), [0], feedback=SharedMatrix())
    widths = [F.shape[1] for F in made.feedback]
    assert widths == [32 * 15 * 15, 64 * 7 * 7, 64 * 3 * 3, 128]
    assert held_bytes(made.matrices) == counted_bytes(widths, 10)["shared"] == 4 * 10 * 7200


@pytest.mark.parametrize("scheme", ["naive", "shared"])
def test_a_process_grows_by_what_is_counted(scheme):
    """Forty and ten megabytes, and on top a block of numbers in float64, its scaled copy, and a megabyte of pages."""
    widths = (250_000, 250_000, 250_000, 250_000)
    counted = counted_bytes(widths, 10)[scheme]
    assert 0 <= peak_bytes(scheme, widths, 10) - counted < 2 * 8 * feedback_distributions.BLOCK + 1e6


def test_an_unknown_scheme_is_refused():
    with pytest.raises(ValueError, match="scheme must be one of naive, shared; got 'sparse'"):
        draw_matrices("sparse", (3,), 2)


@pytest.mark.parametrize("distribution", [Uniform(0.5), Gaussian(0.5), Signs(0.5), SharedMatrix(0.5)])
def test_numbers_do_not_depend_on_the_blocks_they_are_drawn_in(distribution, monkeypatch):
    """One draw of the whole matrix against draws of a few rows each."""
    site = Site(1, "output", 37, (torch.empty(2, 3, 0, dtype=torch.float64),))

    def drawn():
        return distribution.draw([site], (4, 5))[0].whole().numpy()

    whole = drawn()
    for block in (1, 3, 10, 64):
        monkeypatch.setattr(feedback_distributions, "BLOCK", block)
        np.testing.assert_array_equal(drawn(), whole)
    layer = 0 if isinstance(distribution, SharedMatrix) else 1
    generators = [streams.generator(seed, "feedback", layer) for seed in (4, 5)]
    draw = {Uniform: lambda g: g.uniform(-0.5, 0.5, (37, 3)), Signs: lambda g: g.integers(0, 2, (37, 3)) - 0.5}
    normal = lambda g: 0.5 * g.standard_normal((37, 3))  # noqa: E731
    np.testing.assert_array_equal(whole, np.stack([draw.get(type(distribution), normal)(g) for g in generators]))
