"""The right-hand side of the equations of motion, compiled.

The solver's state is one vector: the upper triangle of Q row by row, then R, then W2. Keeping only that triangle
keeps Q symmetric whatever the rounding.
"""

from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float

from feedback_alignment.compilation import compiled
from feedback_alignment.teacher_student import erf_averages, linear_averages, relu_averages
from feedback_alignment.teacher_student.activations import ERF, LINEAR, RELU


class Averages(NamedTuple):
    """E[g'(u_k) u_j e], E[g(u_k) e] and E[g'(u_k) g'(u_l) e²]."""

    gated: Float[np.ndarray, "K n"]
    output: Float[np.ndarray, " K"]
    squared: Float[np.ndarray, "K K"]


@compiled
def mean_square(activation: int, C: Float[np.ndarray, "n n"], v: Float[np.ndarray, " n"]) -> float:
    """Return E[e²], not below zero, for pre-activations of covariance `C` and the error e = Σ_a v_a g(u_a)."""
    if activation == ERF:
        return max(0.0, erf_averages.mean_square(C, v))
    if activation == RELU:
        return max(0.0, relu_averages.mean_square(C, v))
    return max(0.0, linear_averages.mean_square(C, v))


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
def mean_squares(
    activation: int, states: Float[np.ndarray, "n d"], C: Float[np.ndarray, "n n"], v: Float[np.ndarray, " n"], K: int
) -> Float[np.ndarray, " n"]:
    """Return E[e²] of each state; `C` and `v` hold T and −W2_teacher in their last rows, the rest is overwritten."""
    values = np.empty(len(states))
    for i in range(len(states)):
        unpack(states[i], C, v, K)
        values[i] = mean_square(activation, C, v)
    return values


@compiled
def _averages(y: Float[np.ndarray, " d"], C: Float[np.ndarray, "n n"], v: Float[np.ndarray, " n"]) -> Averages:
    """Unpack `y` to `C` and `v`, and return room for the averages that Eq. 27 needs."""
    n = len(v)
    K = n
    while K * (K + 1) // 2 + K * (n - K) + K > len(y):
        K -= 1
    unpack(y, C, v, K)
    return Averages(np.empty((K, n)), np.empty(K), np.zeros((K, K)))


@compiled
def _write_velocity(
    averages: Averages,
    eta: float,
    feedback: Float[np.ndarray, " fed"],
    v: Float[np.ndarray, " n"],
    dy: Float[np.ndarray, " d"],
) -> None:
    gated, output, squared = averages.gated, averages.output, averages.squared
    K, n = gated.shape
    F = feedback if len(feedback) > 0 else v[:K]
    place = 0
    for k in range(K):
        for l in range(k, K):
            dy[place] = -eta * (F[k] * gated[k, l] + F[l] * gated[l, k]) + eta**2 * F[k] * F[l] * squared[k, l]
            place += 1
    for k in range(K):
        for m in range(K, n):
            dy[place] = -eta * F[k] * gated[k, m]
            place += 1
    for k in range(K):
        dy[place] = -eta * output[k]
        place += 1


@compiled
def erf_velocity(
    y: Float[np.ndarray, " d"],
    order: int,
    eta: float,
    feedback: Float[np.ndarray, " fed"],
    C: Float[np.ndarray, "n n"],
    v: Float[np.ndarray, " n"],
    dy: Float[np.ndarray, " d"],
) -> None:
    """Write the time derivative of the state `y` (Eq. 27) to `dy`, for erf units.

    `order` 1 leaves out the term in eta². `feedback` holds F, or nothing for backpropagation, which feeds back
    through W2. `C` and `v` hold T and −W2_teacher in their last rows; the rest is overwritten.
    """
    averages = _averages(y, C, v)
    erf_averages.correlate(C, v, averages.gated, averages.output)
    if order == 2:
        erf_averages.correlate_squared(C, v, averages.squared)
    _write_velocity(averages, eta, feedback, v, dy)


@compiled
def relu_velocity(
    y: Float[np.ndarray, " d"],
    order: int,
    eta: float,
    feedback: Float[np.ndarray, " fed"],
    C: Float[np.ndarray, "n n"],
    v: Float[np.ndarray, " n"],
    dy: Float[np.ndarray, " d"],
) -> None:
    """Write the time derivative of the state `y` to `dy`, for ReLU units; arguments as for `erf_velocity`."""
    averages = _averages(y, C, v)
    relu_averages.correlate(C, v, averages.gated, averages.output)
    if order == 2:
        relu_averages.correlate_squared(C, v, averages.squared)
    _write_velocity(averages, eta, feedback, v, dy)


@compiled
def linear_velocity(
    y: Float[np.ndarray, " d"],
    order: int,
    eta: float,
    feedback: Float[np.ndarray, " fed"],
    C: Float[np.ndarray, "n n"],
    v: Float[np.ndarray, " n"],
    dy: Float[np.ndarray, " d"],
) -> None:
    """Write the time derivative of the state `y` to `dy`, for linear units; arguments as for `erf_velocity`."""
    averages = _averages(y, C, v)
    linear_averages.correlate(C, v, averages.gated, averages.output)
    if order == 2:
        linear_averages.correlate_squared(C, v, averages.squared)
    _write_velocity(averages, eta, feedback, v, dy)


# One function an activation, so that using one does not compile the others.
VELOCITIES: Final = {ERF: erf_velocity, RELU: relu_velocity, LINEAR: linear_velocity}
