"""The right-hand side of the equations of motion, compiled.

The solver's state is one vector: the upper triangle of Q row by row, then R, then W2. Keeping only that triangle keeps Q
symmetric whatever the rounding.
"""

import numpy as np
from jaxtyping import Float

from feedback_alignment.teacher_student import erf_averages, linear_averages, relu_averages
from feedback_alignment.teacher_student.activations import ERF, RELU
from feedback_alignment.teacher_student.compilation import compiled


@compiled
def mean_square(activation: int, C: Float[np.ndarray, "n n"], v: Float[np.ndarray, " n"]) -> float:
    """Return E[e²] for pre-activations of covariance `C` and the error e = Σ_a v_a g(u_a); never below zero by rounding."""
    if activation == ERF:
        return max(0.0, erf_averages.mean_square(C, v))
    if activation == RELU:
        return max(0.0, relu_averages.mean_square(C, v))
    return max(0.0, linear_averages.mean_square(C, v))


@compiled
def _correlate(
    activation: int,
    C: Float[np.ndarray, "n n"],
    v: Float[np.ndarray, " n"],
    gated: Float[np.ndarray, "K n"],
    output: Float[np.ndarray, " K"],
) -> None:
    if activation == ERF:
        erf_averages.correlate(C, v, gated, output)
    elif activation == RELU:
        relu_averages.correlate(C, v, gated, output)
    else:
        linear_averages.correlate(C, v, gated, output)


@compiled
def _correlate_squared(
    activation: int, C: Float[np.ndarray, "n n"], v: Float[np.ndarray, " n"], squared: Float[np.ndarray, "K K"]
) -> None:
    if activation == ERF:
        erf_averages.correlate_squared(C, v, squared)
    elif activation == RELU:
        relu_averages.correlate_squared(C, v, squared)
    else:
        linear_averages.correlate_squared(C, v, squared)


@compiled
def unpack(y: Float[np.ndarray, " d"], C: Float[np.ndarray, "n n"], v: Float[np.ndarray, " n"], K: int) -> None:
    """Write Q and R of the state `y` into the joint covariance `C`, and W2 into the first K entries of `v`."""
    place = 0
    for k in range(K):
        for l in range(k, K):
            C[k, l] = y[place]
            C[l, k] = y[place]
            place += 1
    for k in range(K):
        for m in range(K, len(v)):
            C[k, m] = y[place]
            C[m, k] = y[place]
            place += 1
    for k in range(K):
        v[k] = y[place]
        place += 1


@compiled
def velocity(
    y: Float[np.ndarray, " d"],
    activation: int,
    order: int,
    eta: float,
    feedback: Float[np.ndarray, " fed"],
    C: Float[np.ndarray, "n n"],
    v: Float[np.ndarray, " n"],
    dy: Float[np.ndarray, " d"],
) -> None:
    """Write the time derivative of the state `y` (Eq. 27) to `dy`; without the eta² term if `order` is 1.

    `feedback` holds F, or nothing for backpropagation, which feeds back through W2. `C` and `v` hold T and −W2_teacher in
    their last rows; the rest is overwritten.
    """
    n = len(v)
    K = n
    while K * (K + 1) // 2 + K * (n - K) + K > len(y):
        K -= 1
    unpack(y, C, v, K)
    F = feedback if len(feedback) > 0 else v[:K]
    gated, output, squared = np.empty((K, n)), np.empty(K), np.zeros((K, K))
    _correlate(activation, C, v, gated, output)
    if order == 2:
        _correlate_squared(activation, C, v, squared)
    place = 0
    for k in range(K):
        for l in range(k, K):
            dy[place] = -eta * (F[k] * gated[k, l] + F[l] * gated[l, k]) + eta ** 2 * F[k] * F[l] * squared[k, l]
            place += 1
    for k in range(K):
        for m in range(K, n):
            dy[place] = -eta * F[k] * gated[k, m]
            place += 1
    for k in range(K):
        dy[place] = -eta * output[k]
        place += 1
