"""Stochastic gradient descent of one perceptron, many steps in one call, without Python's interpreter or its lock.

One network's weights stay in a core's own cache while it takes its steps, and several networks can do so on several
threads. Activities are kept as (units, batch) for the products on the way up and down, and once more as (batch, units)
for the updates. All buffers are padded with zeros to whole tiles (see `products`), allocated once a call: g(0) = 0 for
every activation here, so that the padding stays zero.
"""

from typing import Final, no_type_check

import numba
import numpy as np

from feedback_alignment.compilation import compiled
from feedback_alignment.networks.compiled import elementwise
from feedback_alignment.networks.compiled.products import CACHE_LINE, ROWS, product

NOTHING: Final = 0
BP: Final = 1
FA: Final = 2
DFA: Final = 3
DRTP: Final = 4


@numba.njit(error_model="numpy")
@no_type_check
def _rounded_up(number, unit):
    return (number + unit - 1) // unit * unit


@numba.njit(error_model="numpy", nogil=True)
@no_type_check
def _copy(source, source_row, destination, destination_row, rows, columns):
    for i in range(rows):
        for j in range(columns):
            destination[i * destination_row + j] = source[i * source_row + j]


@numba.njit(error_model="numpy", nogil=True)
@no_type_check
def _copy_transposed(source, source_row, destination, destination_row, rows, columns):
    for i in range(rows):
        for j in range(columns):
            destination[j * destination_row + i] = source[i * source_row + j]


@compiled
@no_type_check
def descend(
    sizes,
    weights,
    biases,
    feedback,
    columns,
    teachers,
    activation,
    kink,
    softmax,
    inputs,
    targets,
    order,
    hidden_rate,
    output_rate,
):
    """Take one step for each batch of `order` (steps, batch), changing `weights` and `biases` in place.

    `sizes` = (n_0, …, n_L). `weights` holds W_1, …, W_L row by row, one after the other, `biases` one number for each
    unit of layers 1 … L, or nothing where there are none, and `feedback` F_1, …, F_{L-1} with their numbers of
    `columns`, 0 where a layer has none. `teachers` says what each hidden layer hears (NOTHING, BP, FA, DFA or DRTP),
    `activation` what it does (TANH, ERF, or PIECEWISE_LINEAR with the slopes `kink` below and at 0), and `softmax`
    whether e = softmax(a_L) − y or a_L − y. Rates multiply the sum over a batch.
    """
    L = len(sizes) - 1
    n_in, n_out = sizes[0], sizes[L]
    steps, batch = order.shape
    real = weights.dtype
    lanes = CACHE_LINE // weights.itemsize
    width = _rounded_up(batch, lanes)

    # Layer l = 0 … L has rows of `width` numbers from row[l] on in arrays (units, batch), and from line[l] on rows of
    # stride[l] numbers in arrays (batch, units); W_l begins at W_at[l], with rows of stride[l - 1].
    stride = np.empty(L + 1, np.int64)
    row, line = np.zeros(L + 2, np.int64), np.zeros(L + 2, np.int64)
    W_at, F_at = np.zeros(L + 2, np.int64), np.zeros(L + 2, np.int64)
    for l in range(L + 1):
        stride[l] = _rounded_up(sizes[l], lanes)
        rows = _rounded_up(sizes[l], ROWS)
        row[l + 1] = row[l] + rows * width
        line[l + 1] = line[l] + batch * stride[l]
        if l > 0:
            W_at[l + 1] = W_at[l] + rows * stride[l - 1]
        if 0 < l < L:
            F_at[l + 1] = F_at[l] + rows * columns[l - 1]
    W, F = np.zeros(W_at[L + 1], real), np.zeros(F_at[L], real)
    h, h_transposed = np.zeros(row[L + 1], real), np.zeros(line[L + 1], real)
    slope, delta = np.zeros(row[L], real), np.zeros(row[L + 1], real)
    minus_y = np.zeros(row[L + 1] - row[L], real)
    e = delta[row[L] :]

    W_begin, F_begin = 0, 0
    for l in range(1, L + 1):
        _copy(weights[W_begin:], sizes[l - 1], W[W_at[l] :], stride[l - 1], sizes[l], sizes[l - 1])
        W_begin += sizes[l] * sizes[l - 1]
        if l < L:
            _copy(feedback[F_begin:], columns[l - 1], F[F_at[l] :], columns[l - 1], sizes[l], columns[l - 1])
            F_begin += sizes[l] * columns[l - 1]

    for step in range(steps):
        for b in range(batch):
            sample = order[step, b]
            for i in range(n_in):
                h_transposed[b * stride[0] + i] = inputs[sample, i]
            for i in range(n_out):
                minus_y[i * width + b] = -targets[sample, i]
        _copy_transposed(h_transposed, stride[0], h, width, batch, n_in)

        unit = 0
        for l in range(1, L + 1):
            a = h[row[l] : row[l + 1]]
            if len(biases):
                for i in range(sizes[l]):
                    for b in range(batch):
                        a[i * width + b] = biases[unit + i]
                unit += sizes[l]
            below = h[row[l - 1] : row[l]]
            product(
                W[W_at[l] :], stride[l - 1], 1, below, width, a, width, sizes[l], batch, sizes[l - 1], len(biases) > 0
            )
            if l < L:
                if activation == elementwise.TANH:
                    elementwise.tanh(a, slope[row[l] : row[l + 1]])
                elif activation == elementwise.ERF:
                    elementwise.erf(a, slope[row[l] : row[l + 1]])
                else:
                    elementwise.piecewise_linear(a, slope[row[l] : row[l + 1]], kink[0], kink[1])
                _copy_transposed(a, width, h_transposed[line[l] :], stride[l], sizes[l], batch)

        _copy(h[row[L] :], width, e, width, n_out, batch)
        if softmax:
            elementwise.softmax(e, n_out, width, batch)
        elementwise.add(e, minus_y)

        for l in range(L - 1, 0, -1):
            if teachers[l - 1] == NOTHING:
                continue
            d, above = delta[row[l] : row[l + 1]], delta[row[l + 1] : row[l + 2]]
            if teachers[l - 1] == BP:
                product(W[W_at[l + 1] :], 1, stride[l], above, width, d, width, sizes[l], batch, sizes[l + 1], False)
            else:
                heard = above if teachers[l - 1] == FA else e if teachers[l - 1] == DFA else minus_y
                from_ = columns[l - 1]
                product(F[F_at[l] :], from_, 1, heard, width, d, width, sizes[l], batch, from_, False)
            elementwise.multiply(d, slope[row[l] : row[l + 1]])

        unit = 0
        for l in range(1, L + 1):
            if l == L or teachers[l - 1] != NOTHING:
                d = delta[row[l] : row[l + 1]]
                elementwise.scale(d, -(output_rate if l == L else hidden_rate))
                below = h_transposed[line[l - 1] : line[l]]
                n = sizes[l - 1]
                product(d, width, 1, below, stride[l - 1], W[W_at[l] :], stride[l - 1], sizes[l], n, batch, True)
                if len(biases):
                    for i in range(sizes[l]):
                        for b in range(batch):
                            biases[unit + i] += d[i * width + b]
            unit += sizes[l]

    W_begin = 0
    for l in range(1, L + 1):
        _copy(W[W_at[l] :], stride[l - 1], weights[W_begin:], sizes[l - 1], sizes[l], sizes[l - 1])
        W_begin += sizes[l] * sizes[l - 1]
