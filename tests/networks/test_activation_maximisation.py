import math

import pytest
import torch

from feedback_alignment.networks import DFA, Activation, BatchNorm, Conv2d, Linear, MaxPool2d, stack
from feedback_alignment.networks.activation_maximisation import (
    Ascent,
    Window,
    excitation,
    maximising_images,
    receptive_field,
)

POOLED = [
    (Conv2d(3, 3, padding=1), BatchNorm(), Activation("tanh"), MaxPool2d(3, 2)),
    (Conv2d(4, 3, padding=1), Activation("relu"), MaxPool2d(2, 2)),
    (Conv2d(5, 3, padding=1), Activation("tanh")),
    (Linear(6), Activation("tanh")),
    (Linear(3),),
]


def made(blocks=POOLED, shape=(2, 19, 17)):
    return stack(shape, blocks, DFA(), (0, 1), dtype=torch.float64)


def some_images(filters=3, shape=(2, 19, 17)):
    return torch.randn(2, filters, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_the_gradient_is_that_of_finite_differences(layer):
    """Of the forward pass alone; to the third power of the step, as central differences are."""
    network, images, filters = made(), some_images(), (2, 0, 1)
    values, gradient = excitation(network, layer, filters, images)
    a = network.forward(images, "eval").blocks[layer - 1].pre_activation.detach()
    rows, columns = a.shape[3] // 2, a.shape[4] // 2
    for number, chosen in enumerate(filters):
        assert torch.equal(values[:, number], a[:, number, chosen, rows, columns])
    direction, h = some_images().roll(1, 0), 1e-6
    up, down = (excitation(network, layer, filters, images + sign * h * direction)[0] for sign in (1, -1))
    torch.testing.assert_close(
        (gradient * direction).flatten(2).sum(-1), (up - down) / (2 * h), rtol=1e-6, atol=1e-9
    )  # rounding of the values over the step


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_the_receptive_field_is_where_gradients_can_be(layer):
    network = made()
    touched = torch.zeros(19, 17, dtype=torch.bool)
    for number in range(20):
        _, gradient = excitation(network, layer, (0, 1, 2), some_images().roll(number, 3))
        touched |= (gradient != 0).flatten(0, 2).any(0)
    rows, columns = (torch.nonzero(touched.any(axis)).flatten() for axis in (1, 0))
    expected = Window((int(rows[0]), int(rows[-1]) + 1), (int(columns[0]), int(columns[-1]) + 1))
    assert receptive_field(network, layer) == expected


def test_a_linear_filter_is_excited_most_by_itself():
    """The angle to the filter shrinks by 1 + η a step at least: here to 1.2^-200, below rounding."""
    network = made([(Conv2d(3, 3, 2), Activation("linear")), *POOLED[3:]], (2, 7, 7))
    found = maximising_images(network, 1, (0, 1, 2), Ascent(200, 0.2))
    W = network.weights[0]
    torch.testing.assert_close(found, W * (math.sqrt(18) / W.flatten(2).norm(dim=2)[..., None, None, None]))


def test_two_linear_layers_are_excited_most_by_their_product():
    network = made([(Conv2d(3, 3, padding=1), Activation("linear")), (Conv2d(2, 3, 1, 1),), *POOLED[3:]])
    found = maximising_images(network, 2, (1,), Ascent(200, 0.2))[0, 0]
    first, second = network.weights[0][0], network.weights[1][0, 1]
    product = torch.nn.functional.conv_transpose2d(second[None], first)[0]
    torch.testing.assert_close(found, product * (math.sqrt(product.numel()) / product.norm()))


def test_ascent_goes_up_and_keeps_to_the_field_and_the_size():
    network, filters = made(), (0, 1, 2, 3)
    window = receptive_field(network, 2)
    excited = []
    for steps in (0, 10, 60):
        found = maximising_images(network, 2, filters, Ascent(steps, 0.1))
        torch.testing.assert_close(found.square().mean((2, 3, 4)), torch.ones(2, 4, dtype=torch.float64))
        whole = torch.zeros(2, 4, 2, 19, 17, dtype=torch.float64)
        window.of(whole).copy_(found)
        excited.append(excitation(network, 2, filters, whole)[0])
    assert (excited[1] > excited[0]).all()
    assert (excited[2].sum(1) > excited[1].sum(1)).all()


def test_a_members_images_are_its_own():
    alone = stack((2, 19, 17), POOLED, DFA(), (1,), dtype=torch.float64)
    both = maximising_images(made(), 2, (0, 1), Ascent(5, 0.1))
    torch.testing.assert_close(both[1:], maximising_images(alone, 2, (0, 1), Ascent(5, 0.1)))


@pytest.mark.parametrize("layer", [0, 4, 5, 6])
def test_only_convolutions_have_such_images(layer):
    with pytest.raises(ValueError, match=rf"nothing but convolutions below it; got {layer} of \['Conv2d'"):
        maximising_images(made(), layer, (0,), Ascent(1, 0.1))


@pytest.mark.parametrize("filters", [(), (4,), (-1,)])
def test_filters_that_are_not_there_are_refused(filters):
    with pytest.raises(ValueError, match="filters of layer 2 must be integers in 0 … 3"):
        excitation(made(), 2, filters, some_images(max(len(filters), 1)))


@pytest.mark.parametrize(("steps", "step"), [(-1, 0.1), (1, 0.0), (1, math.inf)])
def test_an_ascent_that_goes_nowhere_is_refused(steps, step):
    with pytest.raises(ValueError, match="steps >= 0 and a finite step > 0"):
        Ascent(steps, step)
