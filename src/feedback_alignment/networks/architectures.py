"""Making networks of blocks: any stack, and convolutional networks of the common kind."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from feedback_alignment.networks.blocks import Block, build_block
from feedback_alignment.networks.devices import require_device
from feedback_alignment.networks.feedback import Distribution, FeedbackMatrix, draw_feedback
from feedback_alignment.networks.feedback_distributions import Uniform
from feedback_alignment.networks.initialisation import He, Initialisation, PyTorchDefault
from feedback_alignment.networks.layers import Affine, Conv2d, Linear, Shape
from feedback_alignment.networks.network import Network
from feedback_alignment.networks.operations import Activation, MaxPool2d, Operation
from feedback_alignment.networks.rules import Rule

TANH = (Activation("tanh"),)
TANH_AND_POOL = (Activation("tanh"), MaxPool2d(3, 2))
PYTORCH_DEFAULT = PyTorchDefault()
UNIFORM = Uniform()


def stack(
    input_shape: Shape,
    blocks: Sequence[Sequence[Affine | Operation]],
    rule: Rule,
    seeds: Sequence[int],
    *,
    input_operations: Sequence[Operation] = (),
    feedback: Distribution | Sequence[Tensor | None] = UNIFORM,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
) -> Network:
    """Make an ensemble of networks from a list of blocks, one member a seed.

    `input_shape` is that of one sample, (features,) or (channels, height, width). A block is an affine layer, `Linear`
    or `Conv2d`, and the operations that follow it, in their order; the last block is a `Linear` layer alone, whose
    output is a_L. `feedback` is where the matrices that `rule` wants come from, or the matrices themselves, one a
    hidden layer. Everything is drawn on the CPU in float64 from the members' own streams 'weights', 'biases' and
    'feedback': two rules with equal seeds start from equal weights.

    Two convolutions and a hidden layer, with normalisation between the two that the pooling follows:

        stack((3, 32, 32), [
            (Conv2d(64, 3, padding=1), Activation("relu")),
            (Conv2d(64, 3, padding=1), BatchNorm(), Activation("relu"), MaxPool2d(2, 2)),
            (Linear(512), Activation("relu"), Dropout(0.5)),
            (Linear(10),),
        ], DFA(), seeds=range(3))

    Raises ValueError for a shape that is neither, fewer than two blocks, parts that do not fit each other, operations
    on the inputs that learn, no or repeated seeds, feedback that does not fit, or a device that is not there; TypeError
    for what is no rule.
    """
    require_device(device)
    input_shape = tuple(input_shape)
    if len(input_shape) not in (1, 3) or min(input_shape) < 1:
        raise ValueError(
            "the shape of an input must be (features,) or (channels, height, width), at least 1 each; "
            f"got {input_shape}"
        )
    if not seeds or len(set(seeds)) != len(seeds):
        raise ValueError(f"seeds must be different integers, one a member; got {tuple(seeds)}")
    if len(blocks) < 2 or len(blocks[-1]) != 1 or not isinstance(blocks[-1][0], Linear):
        raise ValueError(
            "a network needs one hidden block or more and, as its last block, a Linear layer alone; got "
            f"{[tuple(parts) for parts in blocks]}"
        )
    learning = [operation for operation in input_operations if operation.parameters(input_shape)]
    if learning:
        raise ValueError(f"operations on the inputs cannot learn, for no signal reaches them; got {learning}")
    shape = input_shape
    for operation in input_operations:
        shape = operation.output_shape(shape)
    made: list[Block] = []
    for layer, parts in enumerate(blocks, 1):
        made.append(build_block(parts, shape, layer, seeds, dtype, device))
        shape = made[-1].output_shape
    return Network(made, _matrices(feedback, rule, made, seeds), tuple(seeds), tuple(input_operations))


def cnn(
    input_shape: Shape,
    channels: Sequence[int],
    widths: Sequence[int],
    outputs: int,
    rule: Rule,
    seeds: Sequence[int],
    *,
    kernel: int = 5,
    after_convolution: Sequence[Operation] = TANH_AND_POOL,
    after_hidden: Sequence[Operation] = TANH,
    input_operations: Sequence[Operation] = (),
    bias: bool = True,
    initialisation: Initialisation = PYTORCH_DEFAULT,
    feedback: Distribution | Sequence[Tensor | None] = UNIFORM,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
) -> Network:
    """Make an ensemble of convolutional networks, one member a seed.

    One convolution for each of `channels`, of an odd `kernel` with zeros around the image so that its size is kept, and
    then `after_convolution`; one `Linear` layer for each of `widths` and then `after_hidden`; and `outputs` outputs.
    With cnn((3, 32, 32), (32, 64, 64), (128,), 10, ...) this is the network of Launay et al. 2019, Table 4.

    Raises ValueError for an even kernel, no hidden layer at all, and what `stack` raises it for.
    """
    if kernel < 1 or kernel % 2 == 0:
        raise ValueError(f"the kernel must be odd, so that padding can keep the size of the images; got {kernel}")
    blocks: list[Sequence[Affine | Operation]] = []
    blocks += [(Conv2d(count, kernel, 1, kernel // 2, bias, initialisation), *after_convolution) for count in channels]
    blocks += [(Linear(width, bias, initialisation), *after_hidden) for width in widths]
    blocks.append((Linear(outputs, bias, initialisation),))
    return stack(
        input_shape,
        blocks,
        rule,
        seeds,
        input_operations=input_operations,
        feedback=feedback,
        dtype=dtype,
        device=device,
    )


VGG16 = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
"""How many convolutions with how many channels stand before each pooling."""


def vgg(groups: Sequence[tuple[int, int]], outputs: int, hidden: Sequence[int]) -> list[Sequence[Affine | Operation]]:
    """Return the blocks of a network like VGG for `stack`: 3×3 convolutions with ReLUs, `hidden` layers, and outputs.

    Each of `groups` has a number of convolutions and their channels, and ends with a pooling that halves the image.
    Weights are drawn as He et al. 2015 do. Raises ValueError for a group without convolutions, and in `stack` for
    images too small for so many poolings.
    """
    if not groups or any(count < 1 for count, _ in groups):
        raise ValueError(f"groups must be (convolutions, channels), with a convolution at least in each; got {groups}")
    relu, he = Activation("relu"), He()
    blocks: list[Sequence[Affine | Operation]] = []
    for count, channels in groups:
        convolution = Conv2d(channels, 3, 1, 1, True, he)
        blocks += [(convolution, relu)] * (count - 1)
        blocks.append((convolution, relu, MaxPool2d(2, 2)))
    blocks += [(Linear(width, True, he), relu) for width in hidden]
    return [*blocks, (Linear(outputs, True, he),)]


def vgg16(outputs: int, hidden: Sequence[int] = (4096, 4096)) -> list[Sequence[Affine | Operation]]:
    """Return the blocks of VGG-16 for `stack`: thirteen 3×3 convolutions with ReLUs, then `hidden` layers and outputs.

    Five poolings halve the image (Simonyan and Zisserman 2014, their configuration D). Weights are drawn as He et al.
    2015 do. Raises ValueError, in `stack`, for images whose side is below 32 pixels.
    """
    return vgg(VGG16, outputs, hidden)


def _matrices(
    feedback: Distribution | Sequence[Tensor | None], rule: Rule, blocks: Sequence[Block], seeds: Sequence[int]
) -> list[FeedbackMatrix | None]:
    if not isinstance(feedback, Distribution):
        return [None if F is None else FeedbackMatrix(F) for F in feedback]
    widths = [math.prod(block.output_shape) for block in blocks[:-1]]
    return draw_feedback(feedback, rule, widths, [block.parameters["weights"] for block in blocks], seeds)
