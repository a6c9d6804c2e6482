"""Momentum and falling rates against torch's own, and runs that are cut in two."""

import numpy as np
import pytest
import torch

from feedback_alignment import streams
from feedback_alignment.networks import (
    BP,
    DFA,
    Activation,
    BatchNorm,
    Conv2d,
    LastLayerOnly,
    Linear,
    Schedule,
    stack,
    train,
)
from feedback_alignment.networks.momentum import Momentum
from feedback_alignment.networks.plateau import PlateauRate
from feedback_alignment.networks.rules import ByLayer
from feedback_alignment.networks.training import batches

BLOCKS = [(Conv2d(4, 3, padding=1), BatchNorm(), Activation("relu")), (Linear(6), Activation("tanh")), (Linear(3),)]
BATCH, RATE = 5, 0.1
LOSSES = [3.0, 2.0, 2.1, 1.99999, 1.5, 1.6, 1.7]


def samples():
    draw = streams.generator(0, "test samples")
    return torch.from_numpy(draw.normal(size=(22, 2, 4, 4))), torch.from_numpy(draw.integers(0, 3, 22))


def network(rule, seeds=(3, 1)):
    return stack((2, 4, 4), BLOCKS, rule, seeds, dtype=torch.float64)


def nothing(trained, step):
    return {}


def literal(seed, steps_at, momentum):
    """One member as torch's own layers, with torch's own optimiser and schedule, on the same batches."""
    blocks = network(BP(), (seed,)).blocks
    torch_layers = torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3, padding=1),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(64, 6),
        torch.nn.Tanh(),
        torch.nn.Linear(6, 3),
    ).double()
    with torch.no_grad():
        for block, place in zip(blocks, (0, 4, 6), strict=True):
            torch_layers[place].weight.copy_(block.parameters["weights"][0])
            torch_layers[place].bias.copy_(block.parameters["biases"][0])
    optimiser = torch.optim.SGD(torch_layers.parameters(), RATE, momentum=momentum)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, patience=1)
    x, y = samples()
    for epoch, loss in enumerate(steps_at):
        plateau.step(loss)
        for (chosen,) in zip(*batches((seed,), epoch, 22, BATCH), strict=True):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(torch_layers(x[chosen]), y[chosen]).backward()
            optimiser.step()
    return torch_layers, optimiser.param_groups[0]["lr"]


def steered(rule, losses=LOSSES, **watched):
    trained = PlateauRate(Momentum(network(rule), 0.9), patience=1)

    def observe(seen, step):
        if step < 4 * len(losses):
            seen.look(np.full(2, losses[step // 4]))
        return {"share": np.array(seen.shares)}

    x, y = samples()
    times = tuple(range(len(losses) + 1))
    schedule = Schedule(len(losses), BATCH, RATE, "mean", times)
    return trained, train(trained, rule, x, y, schedule, observe, **watched)


def test_momentum_and_plateau_are_torchs():
    """To the rounding of 28 steps."""
    trained, seen = steered(BP())
    assert sorted(set(np.log10(seen["share"][:, 0]).round().astype(int))) == [-2, -1, 0]
    for member, seed in enumerate((3, 1)):
        layers, rate = literal(seed, LOSSES, 0.9)
        assert RATE * seen["share"][-1, member] == pytest.approx(rate, rel=1e-12)
        for number, place in enumerate((0, 4, 6)):
            torch.testing.assert_close(
                trained.weights[number][member], layers[place].weight.detach(), rtol=1e-10, atol=1e-12
            )


def test_without_momentum_and_plateau_it_is_plain_descent():
    x, y = samples()
    schedule = Schedule(2, BATCH, RATE, "mean", (2,))
    plain, still = network(DFA()), PlateauRate(Momentum(network(DFA()), 0.0), patience=0)
    train(plain, DFA(), x, y, schedule, nothing)
    train(still, DFA(), x, y, schedule, nothing)
    for name, values in plain.state().items():
        torch.testing.assert_close(still.state()[name], values, rtol=1e-13, atol=1e-15)


def test_a_layer_that_hears_nothing_keeps_still():
    made = network(ByLayer((LastLayerOnly(), DFA())))
    before = [W.clone() for W in made.weights]
    x, y = samples()
    moved = Momentum(made, 0.9)
    train(moved, ByLayer((LastLayerOnly(), DFA())), x, y, Schedule(1, BATCH, RATE, "mean", (1,)), nothing)
    assert [bool((W != V).any()) for W, V in zip(moved.weights, before, strict=True)] == [False, True, True]


def test_what_passes_through_is_the_networks():
    made = network(DFA())
    around = PlateauRate(Momentum(made, 0.9), patience=1)
    x, _ = samples()
    assert torch.equal(around.outputs(x), made.outputs(x))
    assert around.input_shape == made.input_shape
    assert {name for name in around.state() if name not in made.state()} >= {
        "velocity of weights of layer 1",
        "drops of rate",
    }


def test_a_member_without_a_loss_keeps_its_rate_and_leaves_the_others_theirs():
    trained = PlateauRate(network(DFA()), patience=0)
    for loss in (2.0, 2.0, 1.0):
        trained.look(np.array([np.nan, loss]))
    assert trained.shares == (1.0, 0.1)


class StoppedError(Exception):
    pass


class Watch:
    """Stops after ten steps and keeps the state in memory."""

    def __init__(self):
        self.state, self.left = None, 10

    def begin(self, label, total, done):
        pass

    def patience(self):
        return 3

    def checkpoint_due(self):
        return True

    def advance(self, steps=1):
        self.left -= steps
        if self.left <= 0:
            raise StoppedError

    def read(self):
        return self.state

    def write(self, state):
        self.state = {name: np.array(values) for name, values in state.items()}


def test_an_interrupted_run_ends_bit_for_bit_where_the_whole_one_does():
    watch = Watch()
    with pytest.raises(StoppedError):
        steered(DFA(), progress=watch, checkpoint=watch)
    watch.left = 10**6
    resumed, seen = steered(DFA(), progress=watch, checkpoint=watch)
    whole, expected = steered(DFA())
    np.testing.assert_array_equal(seen["share"], expected["share"])
    for name, values in whole.state().items():
        assert torch.equal(resumed.state()[name], values), name


@pytest.mark.parametrize("factor", [-0.1, 1.0])
def test_a_momentum_that_never_ends_is_refused(factor):
    with pytest.raises(ValueError, match="momentum must be at least 0 and below 1"):
        Momentum(network(DFA()), factor)


@pytest.mark.parametrize(("patience", "divisor"), [(-1, 10.0), (1, 1.0), (1, np.inf)])
def test_a_plateau_that_lowers_nothing_is_refused(patience, divisor):
    with pytest.raises(ValueError, match="patience >= 0 and a finite divisor > 1"):
        PlateauRate(network(DFA()), patience, divisor)
