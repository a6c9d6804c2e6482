import dataclasses
import math

import jaxtyping
import numpy as np
import pytest
import torch

from feedback_alignment import streams
from feedback_alignment.networks import BP, DFA, DRTP, FA, LastLayerOnly, Schedule, mlp, train
from feedback_alignment.networks.perceptron import one_hot
from feedback_alignment.networks.training import batches, step

SEEDS = (3, 1, 4)
SIZES = (7, 6, 5, 4)
BATCH, PER_EPOCH, LEFT_OVER = 5, 8, 3
SCHEDULE = Schedule(3, BATCH, 0.2, "mean", (0, 0.25, 1, 1.5, 3))
TOTAL = 3 * PER_EPOCH


def samples(dtype=torch.float32):
    draw = streams.generator(0, "test samples")
    count = PER_EPOCH * BATCH + LEFT_OVER
    return torch.from_numpy(draw.normal(size=(count, 7))).to(dtype), torch.from_numpy(draw.integers(0, 4, count))


def weights_of(network):
    return {f"W{layer}": W.numpy() for layer, W in enumerate(network.weights, 1)}


def nothing(network):
    return {}


def run(rule, schedule=SCHEDULE, **watched):
    network = mlp(SIZES, rule, SEEDS)
    seen = train(network, rule, *samples(), schedule, weights_of, **watched)
    return network, seen


def equal(one, other):
    """Whether two runs ended with the same bits and saw the same bits."""
    assert one[1].keys() == other[1].keys()
    return all(torch.equal(*pair) for pair in zip(one[0].weights, other[0].weights, strict=True)) and all(
        np.array_equal(one[1][name], other[1][name]) for name in one[1]
    )


# ---- batches and times --------------------


def test_every_epoch_is_a_permutation_without_its_incomplete_last_batch():
    orders = [batches(SEEDS, epoch, 43, 5) for epoch in range(3)]
    for order in orders:
        assert order.shape == (3, 8, 5)
        for member in order.reshape(3, 40):
            assert len(set(member.tolist())) == 40
            assert 0 <= member.min() <= member.max() < 43
    assert len({order.tobytes() for epoch in orders for order in epoch}) == 9
    assert set(np.concatenate([order[0].ravel() for order in orders])) == set(range(43))


def test_a_members_order_is_its_own():
    together, alone = batches(SEEDS, 2, 43, 5), batches((1,), 2, 43, 5)
    assert np.array_equal(together[1], alone[0])
    expected = streams.generator(1, "data order", 2).permutation(43)[:40].reshape(8, 5)
    assert np.array_equal(alone[0], expected)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_observations_are_made_after_exactly_so_many_steps(reduction):
    """Times in epochs of 8 steps; 0.3 and 1.7 fall between two steps and are rounded, 0.3 to the step of 0.25."""
    steps_at = {0: 0, 0.25: 2, 0.3: 2, 1: 8, 1.5: 12, 1.7: 14, 2.875: 23}
    schedule = Schedule(2.875, BATCH, 0.2, reduction, tuple(steps_at))
    trained, seen = run(FA(), schedule)
    network, (inputs, labels) = mlp(SIZES, FA(), SEEDS), samples()
    targets = one_hot(labels, 4, torch.float32)
    history = [[W.clone() for W in network.weights]]
    for epoch in range(3):
        for chosen in torch.from_numpy(batches(SEEDS, epoch, len(inputs), BATCH)).unbind(1):
            step(network, FA(), inputs[chosen], targets[chosen], 0.2 / (BATCH if reduction == "mean" else 1))
            history.append([W.clone() for W in network.weights])
    for layer in range(3):
        assert seen[f"W{layer + 1}"].shape[0] == len(steps_at)
        for index, taken in enumerate(steps_at.values()):
            assert np.array_equal(seen[f"W{layer + 1}"][index], history[taken][layer])
        assert torch.equal(trained.weights[layer], history[23][layer])


def test_no_epochs_are_an_observation_of_the_network_as_drawn():
    network, seen = run(DFA(), Schedule(0, BATCH, 0.2, "mean", (0,)))
    for W, drawn, values in zip(network.weights, mlp(SIZES, DFA(), SEEDS).weights, seen.values(), strict=True):
        assert torch.equal(W, drawn)
        assert np.array_equal(values, drawn[None])


# ---- interruption --------------------


class Memory:
    """A checkpoint that keeps a copy of the state, as a file would."""

    def __init__(self):
        self.state = None
        self.written = 0

    def read(self):
        return None if self.state is None else {name: values.copy() for name, values in self.state.items()}

    def write(self, state):
        self.state = {name: values.copy() for name, values in state.items()}
        self.written += 1


class StoppedError(Exception):
    pass


class StopAfter:
    """Saves after the steps in `save`, and stops after `stop` steps of this start."""

    def __init__(self, stop, save=None):
        self.stop, self.save = stop, {stop} if save is None else save
        self.taken = 0
        self.began = []

    def begin(self, label, total, done):
        self.began.append((label, total, done))

    def checkpoint_due(self):
        self.taken += 1
        return self.taken in self.save

    def advance(self):
        if self.taken == self.stop:
            raise StoppedError


every_rule = pytest.mark.parametrize("rule", [BP(), FA(), DFA(), DRTP(), LastLayerOnly()], ids=lambda rule: rule.name)


@pytest.mark.parametrize("k", [1, 2, 3, 7, 8, 9, 12, 23, 24], ids=lambda k: f"after {k} of 24")
@every_rule
def test_a_run_stopped_and_resumed_ends_with_the_same_bits(rule, k):
    """Observations are at steps 0, 2, 8, 12 and 24, epochs begin at 8 and 16."""
    memory, progress = Memory(), StopAfter(k)
    with pytest.raises(StoppedError):
        run(rule, progress=progress, checkpoint=memory)
    resumed = StopAfter(None, save=set())
    assert equal(run(rule, progress=resumed, checkpoint=memory), run(rule))
    assert progress.began == [(rule.name, TOTAL, 0)]
    assert resumed.began == [(rule.name, TOTAL, k)]
    assert resumed.taken == TOTAL - k


def test_a_run_stopped_every_five_steps_ends_with_the_same_bits():
    memory = Memory()
    for _ in range(4):
        with pytest.raises(StoppedError):
            run(DFA(), progress=StopAfter(5), checkpoint=memory)
    assert equal(run(DFA(), checkpoint=memory), run(DFA()))


def test_a_run_killed_without_warning_goes_on_from_its_last_checkpoint():
    memory = Memory()
    with pytest.raises(StoppedError):
        run(FA(), progress=StopAfter(17, save={4, 9}), checkpoint=memory)
    resumed = StopAfter(None, save=set())
    assert equal(run(FA(), progress=resumed, checkpoint=memory), run(FA()))
    assert resumed.began == [("FA", TOTAL, 9)]


def test_a_finished_run_is_not_trained_again():
    memory = Memory()
    first = run(BP(), checkpoint=memory)
    assert memory.written == 1
    again = StopAfter(1)
    assert equal(run(BP(), progress=again, checkpoint=memory), first)
    assert again.began == [("BP", TOTAL, TOTAL)]
    assert again.taken == 0
    assert memory.written == 1


def test_watching_changes_nothing():
    assert equal(run(DRTP(), progress=StopAfter(None, save={2, 3, 8, 24}), checkpoint=Memory()), run(DRTP()))


# ---- what is refused --------------------


@pytest.fixture
def _own_errors(monkeypatch):
    """Where the run checks jaxtyping's annotations, let the function's own validation speak instead."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch": 0}, r"batch >= 1 .*; got 3, 0 and 0\.2"),
        ({"epochs": -1}, "finite epochs >= 0"),
        ({"epochs": math.nan}, "finite epochs >= 0"),
        ({"epochs": math.inf}, "finite epochs >= 0"),
        ({"learning_rate": 0.0}, r"finite learning rate > 0; got 3, 5 and 0\.0"),
        ({"learning_rate": -0.1}, r"finite learning rate > 0; got 3, 5 and -0\.1"),
        ({"learning_rate": math.nan}, "finite learning rate > 0; got 3, 5 and nan"),
        ({"reduction": "max"}, "reduction must be 'mean' or 'sum'; got 'max'"),
        ({"observe_at": ()}, r"observe_at must ascend within 0 … 3 epochs; got \(\)"),
        ({"observe_at": (1, 0)}, r"observe_at must ascend .*; got \(1, 0\)"),
        ({"observe_at": (0, 1, 1)}, "observe_at must ascend"),
        ({"observe_at": (-0.5, 1)}, "observe_at must ascend"),
        ({"observe_at": (0, 3.1)}, "observe_at must ascend within 0 … 3 epochs"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("_own_errors")
def test_schedules_that_cannot_be_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SCHEDULE, **change)


def spoil(inputs, *places):
    spoilt = inputs.clone()
    for (sample, feature), value in places:
        spoilt[sample, feature] = value
    return spoilt


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y: (x[:, :6], y), r"inputs must be \(samples, 7\), the network's features; got \(43, 6\)"),
        (lambda x, y: (x[None], y), r"inputs must be \(samples, 7\), .*; got \(1, 43, 7\)"),
        (lambda x, y: (x.double(), y), r"inputs must be torch\.float32, as .*; got torch\.float64: convert them"),
        (lambda x, y: (x, y[:-1]), "as many labels as inputs .*; got 43 inputs and 42 labels"),
        (lambda x, y: (x[:4], y[:4]), "at least one batch of 5; got 4 inputs and 4 labels"),
        (lambda x, y: (x[:0], y[:0]), "at least one batch of 5; got 0 inputs"),
        (lambda x, y: (x, y + 1), r"labels must lie in 0 … 3; got 1 … 4"),
        (lambda x, y: (x, y - 1), r"labels must lie in 0 … 3; got -1 … 2"),
        (
            lambda x, y: (spoil(x, ((9, 2), math.nan), ((30, 0), math.inf)), y),
            "inputs must be finite; 2 of 43 samples hold NaN or infinity, first sample 9",
        ),
    ],
    ids=["features", "axes", "type", "labels", "batch", "empty", "label 4", "label -1", "NaN"],
)
@pytest.mark.usefixtures("_own_errors")
def test_data_that_do_not_fit_are_refused_before_anything_moves(change, message):
    network = mlp(SIZES, BP(), SEEDS)
    memory = Memory()
    with pytest.raises(ValueError, match=message):
        train(network, BP(), *change(*samples()), SCHEDULE, weights_of, checkpoint=memory)
    assert all(torch.equal(*pair) for pair in zip(network.weights, mlp(SIZES, BP(), SEEDS).weights, strict=True))
    assert memory.written == 0


@pytest.mark.parametrize("observe_at", [(0, 1, 3), (0,)], ids=["seen at an observation", "seen at the end"])
def test_divergence_is_named_and_never_silent(observe_at):
    network = mlp(SIZES, DFA(), SEEDS, activation="linear")
    network.weights[0][1] *= 1e30
    network.weights[1][1] *= 1e30
    schedule = Schedule(3, BATCH, 0.2, "mean", observe_at)
    at = 8 if len(observe_at) > 1 else TOTAL
    looked = []

    def observe(network):
        looked.append(len(looked))
        return {}

    with pytest.raises(
        FloatingPointError,
        match=rf"weights under DFA are no longer finite at step {at} for seeds "
        r"\[1\]: lower the learning rate",
    ):
        train(network, DFA(), *samples(), schedule, observe)
    assert looked == [0]
    for W in network.weights:
        assert W[[0, 2]].isfinite().all()


def test_too_high_a_learning_rate_diverges_by_name():
    network = mlp(SIZES, BP(), SEEDS, activation="relu")
    with pytest.raises(FloatingPointError, match=r"under BP .* seeds \[3, 1, 4\]"):
        train(network, BP(), *samples(), Schedule(3, BATCH, 1e30, "sum", (0,)), nothing)
