import dataclasses
import itertools
import math
import warnings

import jaxtyping
import literal_networks as literal
import numpy as np
import pytest
import torch

from feedback_alignment import deep_linear, streams
from feedback_alignment.networks import BP, DFA, DRTP, FA, LastLayerOnly, Schedule, Zero, mlp, train
from feedback_alignment.networks.ensemble import StepSize
from feedback_alignment.networks.losses import CrossEntropy, SquaredError, one_hot
from feedback_alignment.networks.training import batches, latest_batch

SEEDS = (3, 1, 4)
SIZES = (7, 6, 5, 4)
BATCH, PER_EPOCH, LEFT_OVER = 5, 8, 3
SCHEDULE = Schedule(3, BATCH, 0.2, "mean", (0, 0.25, 1, 1.5, 3))
TOTAL = 3 * PER_EPOCH
every_rule = pytest.mark.parametrize("rule", [BP(), FA(), DFA(), DRTP(), LastLayerOnly()], ids=lambda rule: rule.name)


def samples(dtype=torch.float32):
    draw = streams.generator(0, "test samples")
    count = PER_EPOCH * BATCH + LEFT_OVER
    return torch.from_numpy(draw.normal(size=(count, 7))).to(dtype), torch.from_numpy(draw.integers(0, 4, count))


def weights_of(network, step):
    return {f"W{layer}": W.numpy() for layer, W in enumerate(network.weights, 1)}


def nothing(network, step):
    return {}


def run(rule, schedule=SCHEDULE, **watched):
    network = mlp(SIZES, rule, SEEDS)
    seen = train(network, rule, *samples(), schedule, weights_of, **watched)
    return network, seen


def equal(one, other):
    """Whether two runs ended with the same bits and saw the same bits."""
    assert one[1].keys() == other[1].keys()
    return all(torch.equal(*pair) for pair in zip(one[0].weights, other[0].weights, strict=True)) and all(
        np.array_equal(one[1][name], other[1][name], equal_nan=True) for name in one[1]
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


def test_the_latest_batch_is_that_of_the_last_step():
    at = {}

    def observe(network, step):
        at[step] = None if step == 0 else latest_batch(SEEDS, step, 43, 5)
        return {}

    train(mlp(SIZES, BP(), SEEDS), BP(), *samples(), SCHEDULE, observe)
    assert list(at) == [0, 2, 8, 12, 24]
    for taken, (epoch, within) in {2: (0, 1), 8: (0, 7), 12: (1, 3), 24: (2, 7)}.items():
        assert np.array_equal(at[taken], batches(SEEDS, epoch, 43, 5)[:, within])
    with pytest.raises(ValueError, match="before the first step there is no latest batch; got step 0"):
        latest_batch(SEEDS, 0, 43, 5)


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
            network.update_many(FA(), inputs, targets, chosen[:, None], StepSize(0.2, reduction))
            history.append([W.clone() for W in network.weights])
    for layer in range(3):
        assert seen[f"W{layer + 1}"].shape[0] == len(steps_at)
        for index, taken in enumerate(steps_at.values()):
            assert np.array_equal(seen[f"W{layer + 1}"][index], history[taken][layer])
        assert torch.equal(trained.weights[layer], history[23][layer])


def test_no_epochs_are_an_observation_of_the_network_as_drawn():
    network, seen = run(DFA(), Schedule(0, BATCH, 0.2, "mean", (0,)))
    for W, drawn, name in zip(network.weights, mlp(SIZES, DFA(), SEEDS).weights, ("W1", "W2", "W3"), strict=True):
        assert torch.equal(W, drawn)
        assert np.array_equal(seen[name], drawn[None])


# ---- what a step is made of --------------------


def literal_run(rule, member, schedule, loss, targets, hidden_error_scale=1.0, rate=0.2):
    """One member by loops over samples, in float64 from the float64 network's own start."""
    W, F = literal.member(mlp(SIZES, rule, SEEDS, dtype=torch.float64), member)
    inputs = samples(torch.float64)[0].numpy()
    for epoch in range(schedule.epochs):
        for chosen in batches(SEEDS, epoch, len(inputs), BATCH)[member]:
            total = [np.zeros_like(W_l) for W_l in W]
            for sample in chosen:
                a, h = literal.activities(W, inputs[sample], "tanh")
                y = targets[sample]
                e = (a[-1] if isinstance(loss, SquaredError) else np.exp(a[-1]) / np.exp(a[-1]).sum()) - y
                deltas = literal.teaching(rule, W, F, a, e, y, "tanh")[1]
                for sum_l, delta, below in zip(total, deltas, h, strict=True):
                    if delta is not None:
                        sum_l += np.outer(delta, below)
            scale = rate / (BATCH if schedule.reduction == "mean" else 1)
            for layer, (W_l, sum_l) in enumerate(zip(W, total, strict=True)):
                W_l -= scale * (hidden_error_scale if layer < 2 else 1) * sum_l
    return W


def compare_with_literal(rule, schedule, loss, labels, targets_of, hidden_error_scale=1.0, rates=(0.2, 0.2, 0.2)):
    """Tolerance: 16 steps of float64 rounding, on weights of order one."""
    network = mlp(SIZES, rule, SEEDS, dtype=torch.float64)
    inputs = samples(torch.float64)[0]
    train(network, rule, inputs, labels, schedule, weights_of, loss=loss, hidden_error_scale=hidden_error_scale)
    for member in range(3):
        expected = literal_run(rule, member, schedule, loss, targets_of(member), hidden_error_scale, rates[member])
        for W, W_l in zip(network.weights, expected, strict=True):
            np.testing.assert_allclose(W[member].numpy(), W_l, rtol=1e-12, atol=1e-13)


SHORT = Schedule(2, BATCH, 0.2, "mean", (0,))


@every_rule
def test_each_member_has_its_own_learning_rate_and_labels(rule):
    rates = (0.2, 0.05, 0.6)
    labels = torch.stack([(samples()[1] + shift) % 4 for shift in range(3)])
    schedule = dataclasses.replace(SHORT, learning_rate=rates)
    compare_with_literal(rule, schedule, CrossEntropy(), labels, lambda m: np.eye(4)[labels[m]], rates=rates)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@every_rule
def test_hidden_layers_hear_the_error_at_the_given_scale(rule, reduction):
    schedule = dataclasses.replace(SHORT, reduction=reduction)
    labels = samples()[1]
    compare_with_literal(rule, schedule, CrossEntropy(), labels, lambda m: np.eye(4)[labels], hidden_error_scale=BATCH)


@pytest.mark.parametrize("own", [False, True], ids=["shared", "one set a member"])
@every_rule
def test_the_squared_error_is_trained_on_numbers(rule, own):
    draw = streams.generator(1, "test targets")
    targets = torch.from_numpy(draw.normal(size=(3, 43, 4) if own else (43, 4)))
    compare_with_literal(rule, SHORT, SquaredError(), targets, lambda m: (targets[m] if own else targets).numpy())


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
    """Saves after the steps in `save`, and stops after `stop` steps of this start; looks at every step."""

    def __init__(self, stop, save=None):
        self.stop, self.save = stop, {stop} if save is None else save
        self.taken = 0
        self.began = []

    def begin(self, label, total, done):
        self.began.append((label, total, done))

    def patience(self):
        return 1

    def checkpoint_due(self):
        return self.taken + 1 in self.save

    def advance(self, steps=1):
        assert steps == 1
        self.taken += 1
        if self.taken == self.stop:
            raise StoppedError


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


class Impatient(StopAfter):
    """Lets the given numbers of steps pass between looks, in turn."""

    def __init__(self, *lengths):
        super().__init__(None, save=set())
        self.lengths = itertools.cycle(lengths)
        self.passed = []

    def patience(self):
        return next(self.lengths)

    def advance(self, steps=1):
        self.passed.append(steps)


@pytest.mark.parametrize("lengths", [(1,), (2, 1, 3), (7,), (1000,)], ids=str)
@every_rule
def test_the_bits_do_not_depend_on_how_often_the_loop_looks(rule, lengths):
    impatient = Impatient(*lengths)
    assert equal(run(rule, progress=impatient), run(rule))
    assert sum(impatient.passed) == TOTAL
    assert max(impatient.passed) <= min(PER_EPOCH, max(lengths))
    assert {2, 8, 12, 16} <= set(np.cumsum(impatient.passed)), "a look at every observation and every epoch's end"


def test_watching_changes_nothing():
    assert equal(run(DRTP(), progress=StopAfter(None, save={2, 3, 8, 24}), checkpoint=Memory()), run(DRTP()))


def test_a_linear_ensemble_from_zero_weights_is_deep_linear_networks():
    """Another implementation, with its own draws and orders: the engine gets its feedback and the order of a seed."""
    sizes, epochs, rate = (7, 6, 5, 4), 3, 0.2
    draw = streams.generator(0, "test samples")
    x, y = draw.normal(size=(43, 7)), draw.normal(size=(43, 4))
    F = deep_linear.draw_feedback(sizes, "dfa", "gaussian", 0)
    chosen = np.concatenate([batches((9,), epoch, 43, 5)[0] for epoch in range(epochs)])
    steps = (0, 1, len(chosen))
    x_seen, y_seen = (part[chosen].swapaxes(1, 2) for part in (x, y))
    # deep_linear's step is that of the mean over a batch.
    expected = deep_linear.train(F, x_seen, y_seen, rate, "dfa", times=steps)
    feedback = [torch.from_numpy(F_l).repeat(2, 1, 1) for F_l in F]
    network = mlp(
        sizes, DFA(), (3, 1), activation="linear", initialisation=Zero(), feedback=feedback, dtype=torch.float64
    )
    schedule = Schedule(epochs, 5, rate, "mean", (0, 1 / 8, epochs))
    inputs, targets = torch.from_numpy(x), torch.from_numpy(y)
    found = train(network, DFA(), inputs, targets, schedule, weights_of, loss=SquaredError(), shared_order=9)
    for layer, W in enumerate(expected.weights, 1):
        assert np.abs(W[-1]).max() > 1e-2
        for member in range(2):
            # 24 steps of rounding errors.
            np.testing.assert_allclose(found[f"W{layer}"][:, member], W, rtol=0, atol=1e-13 * np.abs(W).max())


def test_members_share_an_order_only_where_they_are_told_to():
    """Equal networks stay equal in one order of samples, and part in orders of their own."""
    inputs, labels = samples(torch.float64)
    ends = []
    for shared_order in (None, 5):
        network = mlp(SIZES, DFA(), (3, 1), dtype=torch.float64)
        for matrices in (network.weights, network.feedback):
            for M in matrices:
                M[1] = M[0]
        train(network, DFA(), inputs, labels, SCHEDULE, nothing, shared_order=shared_order)
        ends.append(network.weights)
    assert all(torch.equal(W[0], W[1]) for W in ends[1])
    assert not any(torch.equal(W[0], W[1]) for W in ends[0])


# ---- what is refused --------------------


@pytest.fixture
def _own_errors(monkeypatch):
    """Where the run checks jaxtyping's annotations, let the function's own validation speak instead."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch": 0}, "batch >= 1; got 3 and 0"),
        ({"epochs": -1}, "finite epochs >= 0"),
        ({"epochs": math.nan}, "finite epochs >= 0"),
        ({"epochs": math.inf}, "finite epochs >= 0"),
        ({"learning_rate": 0.0}, r"learning_rate must be a finite number > 0, .*; got 0\.0"),
        ({"learning_rate": -0.1}, r"learning_rate must be a finite number > 0, .*; got -0\.1"),
        ({"learning_rate": math.nan}, "learning_rate must be a finite number > 0, .*; got nan"),
        ({"learning_rate": (0.1, math.inf, 0.1)}, r"a tuple of them, one a member; got \(0\.1, inf, 0\.1\)"),
        ({"learning_rate": ()}, r"a tuple of them, one a member; got \(\)"),
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
        (
            lambda x, y: (x[:, :6], y),
            r"inputs must be \(samples, 7\), as the network's .*; got \(43, 6\)",
        ),
        (lambda x, y: (x[None], y), r"inputs must be \(samples, 7\), .*; got \(1, 43, 7\)"),
        (lambda x, y: (x.double(), y), r"inputs must be torch\.float32, as .*; got torch\.float64: convert them"),
        (lambda x, y: (x, y[:-1]), r"as many labels as inputs: \(43,\), .*; got torch\.int64 of shape \(42,\)"),
        (lambda x, y: (x[:4], y[:4]), "at least one batch of 5 samples; got 4"),
        (lambda x, y: (x[:0], y[:0]), "at least one batch of 5 samples; got 0"),
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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y: (x.double(), y), r"targets must be torch\.float64 of shape \(43, 4\), .*; got torch\.float32 of"),
        (lambda x, y: (x, y[:, :3]), r"targets must be torch\.float32 of shape \(43, 4\), or \(3, 43, 4\) for"),
        (lambda x, y: (x, y.expand(2, -1, -1)), r"; got torch\.float32 of shape \(2, 43, 4\)"),
        (lambda x, y: (x, spoil(y, ((7, 1), math.inf))), "targets must be finite; 1 of 43 samples .* first sample 7"),
    ],
    ids=["type", "outputs", "members", "infinity"],
)
@pytest.mark.usefixtures("_own_errors")
def test_targets_that_do_not_fit_are_refused(change, message):
    network = mlp(SIZES, BP(), SEEDS, dtype=torch.float32)
    inputs, labels = change(samples()[0], torch.zeros(43, 4))
    if inputs.dtype == torch.float64:
        network = mlp(SIZES, BP(), SEEDS, dtype=torch.float64)
    with pytest.raises(ValueError, match=message):
        train(network, BP(), inputs, labels, SCHEDULE, weights_of, loss=SquaredError())


@pytest.mark.parametrize("targets", [torch.full((43, 4), 0.3), torch.tensor([1.5, -0.5, 0, 0]).expand(43, 4)])
def test_numbers_that_are_no_probabilities_are_refused_as_targets_of_the_cross_entropy(targets):
    with pytest.raises(ValueError, match="probabilities that add up to 1: give integer labels, or train with loss=Sq"):
        train(mlp(SIZES, BP(), SEEDS), BP(), samples()[0], targets, SCHEDULE, weights_of)


def test_learning_rates_are_one_or_one_a_member():
    schedule = dataclasses.replace(SCHEDULE, learning_rate=(0.1, 0.2))
    with pytest.raises(ValueError, match=r"one for each of 3 members; got \(0\.1, 0\.2\)"):
        run(BP(), schedule)


def test_a_checkpoint_of_another_network_is_refused():
    memory = Memory()
    with pytest.raises(StoppedError):
        run(BP(), progress=StopAfter(3), checkpoint=memory)
    network = mlp((7, 6, 4), BP(), SEEDS)
    with pytest.raises(ValueError, match=r"the checkpoint must hold .* another network or another version"):
        train(network, BP(), *samples(), SCHEDULE, weights_of, checkpoint=memory)
    assert all(torch.equal(*pair) for pair in zip(network.weights, mlp((7, 6, 4), BP(), SEEDS).weights, strict=True))


# ---- divergence --------------------


def spoilt_network(rule=DFA(), dtype=torch.float32):  # noqa: B008
    """Member 1, of seed 1, overflows within the first steps."""
    network = mlp(SIZES, rule, SEEDS, activation="linear", dtype=dtype)
    network.weights[0][1] *= 1e30
    network.weights[1][1] *= 1e30
    return network


@pytest.mark.parametrize("observe_at", [(0, 0.25, 3), (0, 3)], ids=["seen at an observation", "seen at an epoch's end"])
def test_a_diverging_member_is_named_and_the_others_go_on(observe_at):
    network, at = spoilt_network(), 2 if len(observe_at) == 3 else PER_EPOCH
    schedule = Schedule(3, BATCH, 0.2, "mean", observe_at)

    message = (
        rf"under DFA are no longer finite at step {at} for seeds \[1\]: their values are NaN from here, the others"
    )
    with pytest.warns(RuntimeWarning, match=message.replace("the others", "the other members go on")):
        seen = train(network, DFA(), *samples(), schedule, weights_of)
    alone = mlp(SIZES, DFA(), (3, 4), activation="linear")
    without = train(alone, DFA(), *samples(), schedule, weights_of)
    for layer, W in enumerate(network.weights, 1):
        assert W[1].isnan().all()
        assert np.isnan(seen[f"W{layer}"][1:, 1]).all()
        np.testing.assert_allclose(seen[f"W{layer}"][:, [0, 2]], without[f"W{layer}"], rtol=1e-5, atol=1e-6)
    assert seen["diverged_at_step"].tolist() == pytest.approx([math.nan, at, math.nan], nan_ok=True)
    assert "diverged_at_step" not in without


def test_a_run_that_lost_a_member_resumes_with_the_same_bits():
    def spoilt_run(**watched):
        network = spoilt_network()
        return network, train(network, DFA(), *samples(), SCHEDULE, weights_of, **watched)

    with pytest.warns(RuntimeWarning, match=r"at step 2 for seeds \[1\]"):
        whole = spoilt_run()
    for k in (1, 2, 5, 8, 20):
        memory = Memory()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            with pytest.raises(StoppedError):
                spoilt_run(progress=StopAfter(k), checkpoint=memory)
            network, seen = spoilt_run(checkpoint=memory)
        for W, expected in zip(network.weights, whole[0].weights, strict=True):
            assert W.isnan().equal(expected.isnan())
            assert W[[0, 2]].equal(expected[[0, 2]])
        for name, values in whole[1].items():
            assert np.array_equal(seen[name], values, equal_nan=True)


def test_a_member_is_warned_of_once():
    with pytest.warns(RuntimeWarning) as caught:
        train(spoilt_network(), DFA(), *samples(), SCHEDULE, nothing)
    assert len(caught) == 1


def test_a_run_whose_every_member_diverges_is_an_error():
    network = mlp(SIZES, BP(), SEEDS, activation="relu")
    with pytest.raises(
        FloatingPointError, match=r"under BP .* at step 8 for seeds \[3, 1, 4\], and no other member is left: lower"
    ):
        train(network, BP(), *samples(), Schedule(3, BATCH, 1e30, "sum", (0,)), nothing)
