import re
from dataclasses import dataclass
from typing import ClassVar

import literal_blocks as literal
import numpy as np
import pytest
import torch
from torch import nn

from feedback_alignment import streams
from feedback_alignment.networks import BP, DFA, DRTP, FA, LastLayerOnly, Schedule, mlp, train
from feedback_alignment.networks.architectures import cnn, stack
from feedback_alignment.networks.ensemble import StepSize
from feedback_alignment.networks.feedback_distributions import CopiedWeights
from feedback_alignment.networks.layers import Conv2d, Linear
from feedback_alignment.networks.losses import SquaredError, one_hot
from feedback_alignment.networks.operations import Activation, AveragePool2d, BatchNorm, Dropout, MaxPool2d
from feedback_alignment.networks.rules import ByLayer, SignSymmetricFA

SEEDS = (3, 1, 4)
RULES = (BP(), FA(), DFA(), DRTP(), SignSymmetricFA(), LastLayerOnly())
every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


def samples(shape, classes, dtype=torch.float64, seed=0):
    """Inputs (…, *shape of a sample) and one-hot targets (…, classes)."""
    draw = streams.generator(seed, "test samples")
    inputs = torch.from_numpy(draw.normal(size=shape)).to(dtype)
    leading = shape[:-3] if len(shape) > 3 else shape[:-1]
    return inputs, one_hot(torch.from_numpy(draw.integers(0, classes, leading)), classes, dtype)


def agree(ours, theirs, tolerance):
    """Hold two arrays together to `tolerance` times the largest element."""
    theirs = np.asarray(theirs)
    np.testing.assert_allclose(np.asarray(ours), theirs, rtol=0, atol=tolerance * np.abs(theirs).max())


def dense(rule, activation, dtype=torch.float64, **options):
    blocks = [(Linear(6), Activation(activation)), (Linear(5), Activation(activation)), (Linear(4),)]
    return stack((7,), blocks, rule, SEEDS, dtype=dtype, **options)


def convolutional(rule, activation, dtype=torch.float64, **options):
    """Two convolutions, one with overlapping pools and one with a stride, and a hidden layer."""
    blocks = [
        (Conv2d(3, 3, padding=1), Activation(activation), MaxPool2d(3, 2)),
        (Conv2d(4, 2, stride=2, padding=1), Activation(activation)),
        (Linear(5), Activation(activation)),
        (Linear(3),),
    ]
    return stack((2, 7, 7), blocks, rule, SEEDS, dtype=dtype, **options)


def described(network):
    """What the literal functions have to know of each layer."""
    layers = []
    for block in network.blocks:
        layer = {"input_shape": block.input_shape, "affine_shape": block.affine_shape, "activation": "linear"}
        layer |= {name: getattr(block.affine, name) for name in ("stride", "padding") if hasattr(block.affine, name)}
        for operation in block.operations:
            if isinstance(operation, Activation):
                layer["activation"] = operation.name
            else:
                layer["pool"] = (operation.kernel, operation.stride)
        layers.append(layer)
    return layers


def copied(network):
    return {name: values.clone() for name, values in network.state().items()}


# ---- the equations --------------------


# float64 rounds to 1e-16 and float32 to 6e-8; a sum here has at most 18 products, each of numbers rounded a few times,
# and may be some ten times smaller than its largest product. Hence 1e-6 in float32; in float64 there is room to spare.
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)], ids=str)
@pytest.mark.parametrize("make", [dense, convolutional])
@pytest.mark.parametrize("activation", literal.G)
@every_rule
def test_the_update_from_one_sample_is_the_equations(rule, activation, make, dtype, tolerance):
    network = make(rule, activation, dtype)
    before = copied(network)
    feedback = network.feedback
    inputs, target = samples((3, 1, *network.blocks[0].input_shape), network.weights[-1].shape[1], dtype)
    rate = 2.0
    network.update(rule, inputs, target, StepSize(rate, "mean"))
    after = network.state()
    count = len(network.blocks)
    for member in range(3):
        parameters = [
            tuple(before[f"{name} {layer}"][member].double().numpy() for name in ("weights", "biases"))
            for layer in range(1, count + 1)
        ]
        F = [None if F_l is None else F_l[member].double().numpy() for F_l in feedback]
        x, label = inputs[member].flatten().double().numpy(), int(target[member].argmax())
        told = literal.updates(rule, parameters, F, x, label, described(network))
        for layer, gradients in enumerate(told, 1):
            for place, name in enumerate(("weights", "biases")):
                key = f"{name} {layer}"
                moved = (after[key] - before[key])[member]
                if gradients is None:
                    assert not moved.any()
                else:
                    agree(moved, -rate * gradients[place], tolerance)


@pytest.mark.parametrize("activation", ["tanh", "relu", "linear"])
@every_rule
def test_without_biases_this_is_the_perceptrons_path(rule, activation):
    """Equal draws, and after some steps equal weights to the rounding that the steps carry along."""
    seeds, sizes = (5, 2, 9), (12, 11, 9, 4)
    fast = mlp(sizes, rule, seeds, activation=activation, dtype=torch.float64)
    blocks = [(Linear(width, bias=False), Activation(activation)) for width in sizes[1:-1]]
    blocks.append((Linear(sizes[-1], bias=False),))
    general = stack((sizes[0],), blocks, rule, seeds, dtype=torch.float64)
    for one, other in zip([*fast.weights, *fast.feedback], [*general.weights, *general.feedback], strict=True):
        assert (one is None and other is None) or torch.equal(one, other)
    draw = streams.generator(0, "test samples")
    inputs, labels = torch.from_numpy(draw.normal(size=(40, 12))), torch.from_numpy(draw.integers(0, 4, 40))
    schedule = Schedule(3, 8, (0.3, 0.1, 0.2), "mean", (0,))
    for network in (fast, general):
        train(network, rule, inputs, labels, schedule, lambda network: {}, hidden_error_scale=3.0)
    for one, other in zip(fast.weights, general.weights, strict=True):
        agree(one, other, 1e-12)
    agree(fast.outputs(inputs), general.outputs(inputs), 1e-12)


# ---- back-propagation against autograd through modules of PyTorch --------------------


def perceptron_with_normalisation():
    blocks = [
        (Linear(11), BatchNorm(), Activation("tanh")),
        (Linear(9), Activation("leaky_relu(-0.5)"), BatchNorm()),
        (Linear(4),),
    ]
    modules = [nn.Linear(7, 11), nn.BatchNorm1d(11), nn.Tanh()]
    modules += [nn.Linear(11, 9), nn.LeakyReLU(-0.5), nn.BatchNorm1d(9), nn.Linear(9, 4)]
    return (7,), blocks, modules


def convolutions_with_normalisation():
    blocks = [
        (Conv2d(4, 5, padding=2), BatchNorm(), Activation("relu"), MaxPool2d(3, 2)),
        (Conv2d(6, 3, stride=2, padding=1, bias=False), Activation("tanh"), AveragePool2d(2, 1), BatchNorm()),
        (Linear(9), Activation("erf")),
        (Linear(4),),
    ]

    class Erf(nn.Module):
        def forward(self, a):
            return torch.special.erf(a / 2**0.5)

    modules = [nn.Conv2d(3, 4, 5, padding=2), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(3, 2)]
    modules += [nn.Conv2d(4, 6, 3, 2, 1, bias=False), nn.Tanh(), nn.AvgPool2d(2, 1), nn.BatchNorm2d(6)]
    modules += [nn.Flatten(), nn.Linear(6 * 2 * 2, 9), Erf(), nn.Linear(9, 4)]
    return (3, 12, 12), blocks, modules


def like_vgg():
    """13 convolutions and five pools at 32 x 32, a hidden layer: VGG-16 with few channels."""
    blocks, modules, below = [], [], 3
    for channels, convolutions in ((2, 2), (3, 2), (4, 3), (5, 3), (6, 3)):
        for index in range(convolutions):
            pool = [MaxPool2d(2, 2)] if index == convolutions - 1 else []
            blocks.append([Conv2d(channels, 3, padding=1), Activation("relu"), *pool])
            modules += [nn.Conv2d(below, channels, 3, padding=1), nn.ReLU(), *[nn.MaxPool2d(2) for _ in pool]]
            below = channels
    blocks += [[Linear(7), Activation("relu")], [Linear(4)]]
    return (3, 32, 32), blocks, [*modules, nn.Flatten(), nn.Linear(6, 7), nn.ReLU(), nn.Linear(7, 4)]


def loaded(modules, network, member):
    """A network of PyTorch's modules with the numbers of one member."""
    model = nn.Sequential(*modules).double()
    state = {name: values[member] for name, values in network.state().items()}
    blocks = iter(enumerate(network.blocks, 1))
    layer = place = 0
    with torch.no_grad():
        for module in model:
            if isinstance(module, nn.Linear | nn.Conv2d):
                (layer, _), place = next(blocks), 0
                module.weight.copy_(state[f"weights {layer}"])
                if module.bias is not None:
                    module.bias.copy_(state[f"biases {layer}"])
            elif not isinstance(module, nn.Flatten):
                place += 1
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                names = ("gain", "shift", "mean", "variance")
                wanted = (module.weight, module.bias, module.running_mean, module.running_var)
                for name, values in zip(names, wanted, strict=True):
                    values.copy_(state[f"{name} {place} of layer {layer}"])
    return model


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("architecture", [perceptron_with_normalisation, convolutions_with_normalisation, like_vgg])
def test_back_propagation_is_autograds_step_through_modules(architecture, reduction):
    """Three steps, and then the outputs in evaluation mode, which use the running statistics."""
    shape, blocks, _ = architecture()
    network = stack(shape, blocks, BP(), SEEDS, dtype=torch.float64)
    models = [loaded(architecture()[2], network, member) for member in range(3)]
    rate = 0.2 if reduction == "mean" else 0.02
    for step in range(3):
        inputs, target = samples((3, 6, *shape), 4, seed=step)
        network.update(BP(), inputs, target, StepSize(rate, reduction))
        for model, x, y in zip(models, inputs, target, strict=True):
            model.train()
            model.zero_grad()
            nn.functional.cross_entropy(model(x), y.argmax(-1), reduction=reduction).backward()
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter -= rate * parameter.grad
    inputs, _ = samples((5, *shape), 4, seed=9)
    outputs = network.outputs(inputs)
    for member, model in enumerate(models):
        for name, values in loaded(architecture()[2], network, member).state_dict().items():
            if "num_batches" not in name:
                agree(values, model.state_dict()[name], 1e-11)
        agree(outputs[member], model.eval()(inputs).detach(), 1e-11)


def test_dropout_is_a_product_with_masks_from_each_members_stream():
    blocks = [
        (Linear(9), Dropout(0.5), Activation("tanh")),
        (Linear(8), Activation("tanh"), Dropout(0.1)),
        (Linear(4),),
    ]
    network = stack((7,), blocks, BP(), SEEDS, input_operations=[Dropout(0.2)], dtype=torch.float64)
    rate = 0.2
    for step in range(2):
        before = {name: values.clone().requires_grad_() for name, values in list(network.state().items())[:-1]}
        inputs, target = samples((3, 6, 7), 4, seed=step)

        def mask(layer, width, dropped, step=step):
            kept = [streams.generator(seed, "dropout", layer, step).random((6, width), np.float32) for seed in SEEDS]
            return torch.from_numpy(np.stack(kept) >= dropped).double() / (1 - dropped)

        h = inputs * mask(0, 7, 0.2)
        h = torch.tanh((h @ before["weights 1"].mT + before["biases 1"][:, None]) * mask(1, 9, 0.5))
        h = torch.tanh(h @ before["weights 2"].mT + before["biases 2"][:, None]) * mask(2, 8, 0.1)
        a = h @ before["weights 3"].mT + before["biases 3"][:, None]
        nn.functional.cross_entropy(a.flatten(0, 1), target.argmax(-1).flatten(), reduction="sum").backward()
        network.update(BP(), inputs, target, StepSize(rate, "sum"))
        for name, values in before.items():
            agree(network.state()[name], values.detach() - rate * values.grad, 1e-13)


# ---- what the rules share --------------------


def gradients(network, rule, inputs, target, mode="eval"):
    activity = network.forward(inputs, mode)
    error = StepSize(1.0, "sum").loss.error(activity.outputs, target)
    return network.teach(rule, activity, error, target).gradients


def flat_weights(gradient):
    return gradient["weights"].flatten(1)


def test_fa_through_the_transposed_weights_is_bp_in_every_layer():
    network = convolutional(FA(), "tanh", feedback=CopiedWeights())
    inputs, target = samples((3, 4, 2, 7, 7), 3)
    for one, other in zip(*(gradients(network, rule, inputs, target) for rule in (FA(), BP())), strict=True):
        assert torch.equal(one["weights"], other["weights"])


def test_dfa_is_not_bp():
    """At the start the two are at right angles on average in every hidden layer, and nowhere equal."""
    seeds = tuple(range(30))
    network = cnn((3, 8, 8), (4, 5), (6,), 4, DFA(), seeds, kernel=3, dtype=torch.float64)
    inputs, target = samples((30, 8, 3, 8, 8), 4)
    ours, true = (gradients(network, rule, inputs, target) for rule in (DFA(), BP()))
    for layer in range(3):
        cosines = nn.functional.cosine_similarity(flat_weights(ours[layer]), flat_weights(true[layer]))
        assert cosines.mean().abs() < 3 * cosines.std() / len(seeds) ** 0.5
        assert cosines.abs().max() < 0.95
    assert torch.equal(ours[3]["weights"], true[3]["weights"])


def test_a_mixture_is_each_layers_own_rule():
    inputs, target = samples((3, 4, 2, 7, 7), 3)
    mixture = ByLayer((DFA(), LastLayerOnly(), BP()))
    assert mixture.name == "DFA, last layer only, BP"
    assert mixture.feedback == ("output", "none", "none")
    network = convolutional(mixture, "tanh")
    assert [F is None for F in network.feedback] == [False, True, True]
    ours = gradients(network, mixture, inputs, target)
    by_dfa = convolutional(DFA(), "tanh")
    assert torch.equal(by_dfa.feedback[0], network.feedback[0])
    alone = gradients(by_dfa, DFA(), inputs, target)
    for name in ("weights", "biases"):
        assert torch.equal(ours[0][name], alone[0][name])
        assert torch.equal(ours[2][name], gradients(network, BP(), inputs, target)[2][name])
    assert ours[1] is None
    below_a_frozen_layer = gradients(network, ByLayer((BP(), LastLayerOnly(), BP())), inputs, target)
    assert not below_a_frozen_layer[0]["weights"].any()


def test_with_one_target_the_squared_error_moves_by_its_own_error():
    network = dense(DFA(), "tanh")
    before = copied(network)
    inputs, _ = samples((3, 5, 7), 4)
    target = torch.from_numpy(streams.generator(1, "test samples").normal(size=(3, 5, 4)))
    outputs = network.outputs(inputs)
    network.update(DFA(), inputs, target, StepSize(0.1, "sum", SquaredError()))
    moved = network.state()["biases 3"] - before["biases 3"]
    agree(moved, -0.1 * (outputs - target).sum(1), 1e-12)


@dataclass(frozen=True)
class ClippedDFA:
    """A reader's own rule: direct feedback of the error's sign."""

    name: ClassVar[str] = "DFA of signs"
    feedback: ClassVar[str] = "output"

    def teaching_signal(self, layer):
        return layer.through_feedback(layer.error.sign())


def test_a_readers_own_rule_trains_a_convolutional_network():
    centres = streams.generator(0, "class centres").normal(size=(4, 3, 8, 8))
    draw = streams.generator(0, "clouds")
    labels = torch.from_numpy(draw.integers(0, 4, 200))
    inputs = torch.from_numpy(centres[labels] + draw.normal(size=(200, 3, 8, 8)))
    network = cnn((3, 8, 8), (4,), (16,), 4, ClippedDFA(), SEEDS, kernel=3, dtype=torch.float64)
    seen = train(
        network,
        ClippedDFA(),
        inputs,
        labels,
        Schedule(10, 20, 0.5, "mean", (0, 10)),
        lambda network: {"accuracy": (network.outputs(inputs).argmax(-1) == labels).double().mean(1).numpy()},
    )
    assert (seen["accuracy"][0] < 0.6).all()
    assert (seen["accuracy"][1] > 0.9).all()


# ---- members, streams, state --------------------


def everything(seeds, rule, dtype=torch.float64):
    """A network in which every part draws or keeps count."""
    return cnn(
        (3, 8, 8),
        (4, 5),
        (6,),
        4,
        rule,
        seeds,
        kernel=3,
        after_convolution=(BatchNorm(), Activation("tanh"), Dropout(0.2), MaxPool2d(2, 2)),
        after_hidden=(Activation("abs"), Dropout(0.3)),
        input_operations=(Dropout(0.1),),
        dtype=dtype,
    )


def trained(seeds, rule, steps, dtype=torch.float64, network=None):
    network = network or everything(seeds, rule, dtype)
    for _ in range(steps):
        step = int(network.steps_taken[0])
        batches = [samples((5, 3, 8, 8), 4, dtype, seed=1000 * seed + step) for seed in seeds]
        inputs, target = (torch.stack(parts) for parts in zip(*batches, strict=True))
        network.update(rule, inputs, target, StepSize(0.1, "mean"))
    return network


@every_rule
def test_a_member_does_not_depend_on_its_companions(rule):
    """A grouped convolution may add in another order than a single one; ten steps carry roundings of 1e-16 along."""
    together = trained((2, 7, 1, 8), rule, 10).state()
    for place, seed in ((0, 2), (3, 8)):
        for name, values in trained((seed,), rule, 10).state().items():
            agree(together[name][place], values[0], 1e-12)


@every_rule
def test_seeds_fix_every_bit_and_the_state_brings_a_network_back(rule):
    global_states = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    whole = trained(SEEDS, rule, 6, torch.float32)
    halfway = trained(SEEDS, rule, 3, torch.float32)
    resumed = everything(SEEDS, rule, torch.float32)
    for name, values in resumed.state().items():
        values.copy_(halfway.state()[name])
    trained(SEEDS, rule, 3, network=resumed, dtype=torch.float32)
    for name, values in whole.state().items():
        assert torch.equal(values, resumed.state()[name]), name
    assert not torch.equal(whole.weights[-1], trained((3, 1, 5), rule, 6, torch.float32).weights[-1])
    assert np.array_equal(np.random.get_state()[1], global_states[0])  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), global_states[1])


def test_rules_start_from_equal_weights_and_no_two_draws_are_equal():
    networks = [convolutional(rule, "tanh") for rule in RULES]
    for network in networks[1:]:
        assert all(torch.equal(*pair) for pair in zip(network.weights, networks[0].weights, strict=True))
    square = stack((6,), [(Linear(6), Activation("tanh"))] * 2 + [(Linear(6),)], DFA(), SEEDS)
    matrices = [W[member] for W in (*square.weights, *square.feedback) for member in range(3)]
    assert not any(torch.equal(one, other) for index, one in enumerate(matrices) for other in matrices[:index])
    biases = [square.state()[f"biases {layer}"][member] for layer in (1, 2, 3) for member in range(3)]
    assert not any(torch.equal(one, other) for index, one in enumerate(biases) for other in biases[:index])


def test_looking_changes_nothing_and_modes_differ():
    network = everything(SEEDS, DFA())
    before = copied(network)
    inputs, _ = samples((3, 5, 3, 8, 8), 4)
    outputs = {mode: network.forward(inputs, mode).outputs for mode in ("train", "eval")}
    assert not torch.allclose(outputs["train"], outputs["eval"])
    assert torch.equal(outputs["train"], network.forward(inputs, "train").outputs)
    assert torch.equal(outputs["eval"], network.outputs(inputs))
    for name, values in network.state().items():
        assert torch.equal(values, before[name])


def test_shared_inputs_are_one_batch_for_all():
    network = everything(SEEDS, DFA())
    inputs, _ = samples((5, 3, 8, 8), 4)
    assert torch.equal(network.outputs(inputs), network.outputs(inputs.expand(3, -1, -1, -1, -1)))


def test_a_member_that_diverges_leaves_the_others_alone():
    network, alone = everything(SEEDS, BP()), everything(SEEDS, BP())
    for values in network.state().values():
        if values.is_floating_point():
            values[1] = torch.nan
    inputs, target = samples((3, 5, 3, 8, 8), 4)
    for one in (network, alone):
        one.update(BP(), inputs, target, StepSize(0.1, "mean"))
    for name, values in network.state().items():
        for member in (0, 2):
            agree(values[member], alone.state()[name][member], 1e-12)


# ---- what is refused --------------------

HIDDEN, OUTPUT = (Linear(6), Activation("tanh")), (Linear(4),)


@pytest.mark.parametrize(
    ("shape", "blocks", "seeds", "message"),
    [
        ((7,), [OUTPUT], SEEDS, "one hidden block or more and, as its last block, a Linear layer alone"),
        ((7,), [HIDDEN, HIDDEN], SEEDS, "as its last block, a Linear layer alone"),
        ((3, 8, 8), [HIDDEN, (Conv2d(4, 3),)], SEEDS, "as its last block, a Linear layer alone"),
        ((7, 7), [HIDDEN, OUTPUT], SEEDS, r"must be \(features,\) or \(channels, height, width\).*; got \(7, 7\)"),
        ((0,), [HIDDEN, OUTPUT], SEEDS, r"at least 1 each; got \(0,\)"),
        ((7,), [HIDDEN, OUTPUT], (), r"seeds must be different integers, one a member; got \(\)"),
        ((7,), [HIDDEN, OUTPUT], (1, 1), r"seeds must be different integers, one a member; got \(1, 1\)"),
        ((7,), [(), OUTPUT], SEEDS, r"block 1 must be one affine layer .*; got \(\)"),
        ((7,), [HIDDEN[::-1], OUTPUT], SEEDS, "block 1 must be one affine layer"),
        ((7,), [HIDDEN, (Linear(5), Linear(6)), OUTPUT], SEEDS, "block 2 must be one affine layer"),
        ((7,), [(Conv2d(3, 3),), OUTPUT], SEEDS, r"block 1: a convolution needs images .* got the shape \(7,\)"),
        ((3, 4, 9), [(Conv2d(3, 5),), OUTPUT], SEEDS, "block 1: .* kernel 5 and padding 0 .* images of 4 x 9 pixels"),
        ((7,), [(*HIDDEN, MaxPool2d(2, 2)), OUTPUT], SEEDS, r"block 1: pooling needs images .* the shape \(6,\)"),
        (
            (3, 4, 4),
            [(Conv2d(2, 3), AveragePool2d(2, 1), MaxPool2d(2, 2)), OUTPUT],
            SEEDS,
            "block 1: pooling with kernel 2 .* images of 1 x 1 pixels",
        ),
    ],
)
def test_stacks_that_cannot_be_are_refused(shape, blocks, seeds, message):
    with pytest.raises(ValueError, match=message):
        stack(shape, blocks, BP(), seeds)


def test_operations_on_the_inputs_cannot_learn():
    with pytest.raises(ValueError, match=r"operations on the inputs cannot learn.*BatchNorm"):
        stack((7,), [HIDDEN, OUTPUT], BP(), SEEDS, input_operations=[BatchNorm()])


@pytest.mark.parametrize("kernel", [0, 2])
def test_an_even_kernel_cannot_keep_the_size_of_the_images(kernel):
    with pytest.raises(ValueError, match=f"the kernel must be odd.*; got {kernel}"):
        cnn((3, 8, 8), (4,), (), 4, BP(), SEEDS, kernel=kernel)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((5, 8), torch.float64), ((2, 5, 7), torch.float64), ((7,), torch.float64), ((5, 7), torch.float32)],
)
def test_inputs_that_do_not_fit_are_refused(shape, dtype):
    with pytest.raises(ValueError, match=rf"inputs must be torch.float64, .*; got {dtype} of shape .*{shape[-1]}"):
        dense(BP(), "tanh").outputs(torch.zeros(shape, dtype=dtype))


def test_targets_that_do_not_fit_are_refused():
    inputs, target = samples((3, 5, 7), 5)
    with pytest.raises(ValueError, match=r"targets must be .* = \(3, 5, 4\); got \(3, 5, 5\)"):
        dense(BP(), "tanh").update(BP(), inputs, target, StepSize(1.0, "mean"))


@pytest.mark.parametrize(
    ("made_for", "used", "message"),
    [
        (BP(), DFA(), r"needs a feedback matrix F_3 of shape \(3, n_l, 3\); the network's has none"),
        (DFA(), FA(), r"needs a feedback matrix F_2 of shape \(3, 16, 5\); the network's has \(3, 16, 3\)"),
        (FA(), DRTP(), r"needs a feedback matrix F_2 of shape \(3, n_l, 3\); the network's has \(3, 16, 5\)"),
        (ByLayer((BP(), BP())), BP(), "the rule 'BP, BP' is one for 2 hidden layers; the network has 3"),
        (BP(), ByLayer((BP(), BP())), "the rule 'BP, BP' is one for 2 hidden layers; the network has 3"),
    ],
)
def test_a_network_made_for_another_rule_is_refused(made_for, used, message):
    inputs, target = samples((3, 5, 2, 7, 7), 3)
    with pytest.raises(ValueError, match=message):
        convolutional(made_for, "tanh").update(used, inputs, target, StepSize(1.0, "mean"))


@pytest.mark.parametrize(
    "matrices", [[None], [None, torch.zeros(3, 5, 3)], [torch.zeros(3, 6, 7), None], [torch.zeros(2, 6, 4), None]]
)
def test_feedback_that_does_not_fit_is_refused(matrices):
    found = re.escape(str([None if F is None else tuple(F.shape) for F in matrices]))
    message = rf"feedback must be None or .*\[\(\(3, 6, 4\), \(3, 6, 5\)\), .*\]; got {found}"
    with pytest.raises(ValueError, match=message):
        dense(DFA(), "tanh", feedback=matrices)
    network = dense(DFA(), "tanh")
    with pytest.raises(ValueError, match=message):
        network.feedback = matrices


def test_a_weight_or_a_signal_of_another_shape_is_refused():
    @dataclass(frozen=True)
    class Wrong:
        name: ClassVar[str] = "wrong"
        feedback: ClassVar[str] = "none"

        def teaching_signal(self, layer):
            return layer.error

    @dataclass(frozen=True)
    class WrongWeight:
        name: ClassVar[str] = "wrong weight"
        feedback: ClassVar[str] = "none"

        def teaching_signal(self, layer):
            return layer.pass_down(layer.weight_above[:, 1:])

    inputs, target = samples((3, 5, 7), 4)
    with pytest.raises(ValueError, match=r"signal of wrong for layer 2 must be .* = \(3, 5, 5\); got \(3, 5, 4\)"):
        dense(Wrong(), "tanh").update(Wrong(), inputs, target, StepSize(1.0, "mean"))
    with pytest.raises(ValueError, match=r"must have the shape of W_3, \(3, 4, 5\); got \(3, 3, 5\)"):
        dense(WrongWeight(), "tanh").update(WrongWeight(), inputs, target, StepSize(1.0, "mean"))
