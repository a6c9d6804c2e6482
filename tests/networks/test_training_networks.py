"""The training loop with networks that have masks, running statistics and filters of their own."""

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
    Dropout,
    Linear,
    MaxPool2d,
    PerturbedBP,
    Schedule,
    stack,
    train,
)

SEEDS, BATCH, PER_EPOCH = (3, 1, 4), 5, 4
SCHEDULE = Schedule(2, BATCH, 0.1, "mean", (0, 0.5, 2))
BLOCKS = [
    (Conv2d(4, 3, padding=1), BatchNorm(), Activation("relu"), MaxPool2d(2, 2)),
    (Linear(6), Dropout(0.5), Activation("tanh")),
    (Linear(3),),
]
every_rule = pytest.mark.parametrize("rule", [DFA(), PerturbedBP(0.5)], ids=lambda rule: rule.name)


def samples():
    draw = streams.generator(0, "test samples")
    images, labels = draw.normal(size=(BATCH * PER_EPOCH + 2, 2, 4, 4)), draw.integers(0, 3, BATCH * PER_EPOCH + 2)
    return torch.from_numpy(images), torch.from_numpy(labels)


def network(rule, seeds=SEEDS):
    return stack((2, 4, 4), BLOCKS, rule, seeds, dtype=torch.float64)


def observe(trained, step):
    images, _ = samples()
    state = {f"state {name}": values.numpy() for name, values in trained.state().items()}
    return state | {"outputs": trained.outputs(images).numpy()}


def run(rule, seeds=SEEDS, labels=None, schedule=SCHEDULE, **watched):
    images, shared = samples()
    trained = network(rule, seeds)
    return train(trained, rule, images, shared if labels is None else labels, schedule, observe, **watched)


class StoppedError(Exception):
    pass


class Watch:
    """Stops after `stop` steps, of which `patience` may pass between looks, and keeps the state in memory."""

    def __init__(self, stop=None, patience=1):
        self.stop, self._patience, self.taken, self.state = stop, patience, 0, None

    def begin(self, label, total, done):
        self.taken = done

    def patience(self):
        return self._patience

    def checkpoint_due(self):
        return True

    def advance(self, steps=1):
        self.taken += steps
        if self.taken == self.stop:
            raise StoppedError

    def read(self):
        return None if self.state is None else {name: values.copy() for name, values in self.state.items()}

    def write(self, state):
        self.state = {name: values.copy() for name, values in state.items()}


def assert_same_bits(found, expected):
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert found[name].dtype == values.dtype
        assert np.array_equal(found[name], values, equal_nan=values.dtype.kind == "f"), name


@pytest.mark.parametrize("k", [1, 3, 4, 7])
@every_rule
def test_a_run_stopped_and_resumed_ends_with_the_same_bits(rule, k):
    watch = Watch(k)
    with pytest.raises(StoppedError):
        run(rule, progress=watch, checkpoint=watch)
    assert_same_bits(run(rule, checkpoint=watch), run(rule))


@every_rule
def test_the_bits_do_not_depend_on_how_often_the_loop_looks(rule):
    whole = run(rule)
    for patience in (1, 2, 3):
        assert_same_bits(run(rule, progress=Watch(patience=patience)), whole)


@every_rule
def test_a_member_with_its_own_labels_and_learning_rate_is_what_it_is_alone(rule):
    """Tolerance: float64 rounding, as products of other sizes add up in another order."""
    rates = (0.1, 0.3, 0.02)
    labels = torch.stack([(samples()[1] + shift) % 3 for shift in range(3)])
    together = run(rule, labels=labels, schedule=Schedule(2, BATCH, rates, "mean", (0, 0.5, 2)))
    for member, seed in enumerate(SEEDS):
        alone = run(rule, (seed,), labels[member], Schedule(2, BATCH, rates[member], "mean", (0, 0.5, 2)))
        for name, values in alone.items():
            np.testing.assert_allclose(together[name][:, [member]], values, rtol=1e-9, atol=1e-12)


def test_a_diverging_member_leaves_the_others_alone():
    """Tolerance as above: the others are in one ensemble of three, and of two."""
    images, labels = samples()
    spoilt = network(DFA())
    spoilt.weights[0][1] = torch.inf
    with pytest.warns(RuntimeWarning, match=r"no longer finite at step 0 for seeds \[1\]"):
        seen = train(spoilt, DFA(), images, labels, SCHEDULE, observe)
    without = run(DFA(), (3, 4))
    for name, values in without.items():
        np.testing.assert_allclose(seen[name][:, [0, 2]], values, rtol=1e-9, atol=1e-12)
        if values.dtype.kind == "f":
            assert np.isnan(seen[name][:, 1]).all()
    assert np.array_equal(seen["diverged_at_step"], [np.nan, 0, np.nan], equal_nan=True)


def test_inputs_of_another_shape_are_refused():
    images, labels = samples()
    for wrong in (images.flatten(1), images[:, :1]):
        expected = r"inputs must be \(samples, 2, 4, 4\), as the network's first layer takes; got"
        with pytest.raises(ValueError, match=expected):
            train(network(BP()), BP(), wrong, labels, SCHEDULE, observe)
