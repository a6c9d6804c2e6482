"""I2, I3, I4 against quadrature of their definitions, sampling, identities, and many digits where units nearly meet."""

from itertools import permutations, product

import literal
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_alignment.streams import generator
from feedback_alignment.teacher_student import I2, I3, I4
from feedback_alignment.teacher_student.activations import ACTIVATIONS

SEEDS = st.integers(0, 2**32 - 1)
# Which of the variables coincide: every way in which four, three and two indices can, up to names.
FOUR = [p for p in product(range(4), repeat=4) if all(i <= 1 + max(p[:n], default=-1) for n, i in enumerate(p))]
THREE = [p for p in product(range(3), repeat=3) if all(i <= 1 + max(p[:n], default=-1) for n, i in enumerate(p))]


def covariance(seed: int, variables: int = 4, dimensions: int = 7) -> np.ndarray:
    weights = generator(seed, "test covariance").standard_normal((variables, dimensions))
    return weights @ weights.T / dimensions


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_closed_forms_equal_quadrature_for_every_coincidence_of_indices(activation: str) -> None:
    C = covariance(1)
    for i in FOUR:
        if len(set(i)) < 4 or activation == "relu":
            assert I4(C, *i, activation) == pytest.approx(
                literal.average(C, list(i[:2]), [], list(i[2:]), activation), abs=1e-12
            ), i
    for i in THREE:
        quadrature = literal.average(C, [i[0]], [i[1]], [i[2]], activation)
        assert I3(C, *i, activation) == pytest.approx(quadrature, abs=1e-12), i
    for i in ((0, 0), (0, 1)):
        assert I2(C, *i, activation) == pytest.approx(literal.average(C, [], [], list(i), activation), abs=1e-12), i


@pytest.mark.parametrize("activation", ["erf", "linear"])
def test_four_different_smooth_units_equal_quadrature(activation: str) -> None:
    C = covariance(2)
    assert I4(C, 0, 1, 2, 3, activation) == pytest.approx(literal.average(C, [0, 1], [], [2, 3], activation), abs=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_four_different_relu_units_equal_quadrature(seed: int) -> None:
    C = covariance(seed, dimensions=5 + seed)
    for i in permutations(range(4)):
        assert I4(C, *i, "relu") == pytest.approx(literal.relu_average(C, list(i[:2]), [], list(i[2:])), abs=1e-12)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_sampling_agrees(activation: str) -> None:
    C = covariance(3)
    u = generator(3, "test samples").standard_normal((400_000, 4)) @ np.linalg.cholesky(C).T
    g, slope = literal.ACTIVATION[activation](u), literal.SLOPE[activation](u)
    samples = {
        I2(C, 0, 1, activation): g[:, 0] * g[:, 1],
        I3(C, 0, 1, 2, activation): slope[:, 0] * u[:, 1] * g[:, 2],
        I4(C, 0, 1, 2, 3, activation): slope[:, 0] * slope[:, 1] * g[:, 2] * g[:, 3],
        I4(C, 0, 1, 1, 3, activation): slope[:, 0] * slope[:, 1] * g[:, 1] * g[:, 3],
    }
    for exact, sampled in samples.items():
        assert abs(sampled.mean() - exact) < 4.5 * sampled.std() / np.sqrt(len(u))


@pytest.mark.parametrize("distance", [2.0**-7, 2.0**-13, 2.0**-20])
@pytest.mark.parametrize("meeting", [{2: 0}, {1: 0}, {2: 0, 3: 1}, {1: 0, 2: 0}])
def test_nearly_collinear_relu_units(distance: float, meeting: dict[int, int]) -> None:
    random = generator(4, "test collinear units")
    weights = np.round(random.standard_normal((4, 6)) * 8) / 8
    for unit, partner in meeting.items():
        weights[unit] = weights[partner] + distance * np.round(random.standard_normal(6) * 8) / 8
    C = weights @ weights.T  # exact, as the weights are short binary fractions: else rounding would move the angle
    assert I4(C, 0, 1, 2, 3, "relu") == pytest.approx(literal.high_precision_relu_four(C), abs=1e-11)


@given(SEEDS, st.sampled_from([1e-1, 1e-4, 1e-7, 1e-10, 0.0]), st.sampled_from([1.0, -1.0]))
def test_a_gate_and_its_opposite_make_no_gate(seed: int, distance: float, side: float) -> None:
    # θ(b) + θ(−b) = 1, however near b is to one of the others.
    random = generator(seed, "test gates")
    weights = random.standard_normal((4, 6))
    weights[1] = side * weights[random.integers(0, 4)] + distance * random.standard_normal(6)
    opposite = weights * np.array([1, -1, 1, 1])[:, None]
    closed = I4(weights @ weights.T, 0, 0, 2, 3, "relu")
    split = I4(weights @ weights.T, 0, 1, 2, 3, "relu") + I4(opposite @ opposite.T, 0, 1, 2, 3, "relu")
    assert split == pytest.approx(closed, abs=2e-9 if 0 < distance < 1e-6 else 1e-11)


@given(SEEDS, st.sampled_from(ACTIVATIONS), st.sampled_from(FOUR))
def test_averages_are_symmetric_where_their_factors_commute(seed: int, activation: str, i: tuple[int, ...]) -> None:
    C = covariance(seed)
    a, b, c, d = i
    value = I4(C, a, b, c, d, activation)
    assert I4(C, b, a, c, d, activation) == pytest.approx(value, abs=1e-13)
    assert I4(C, a, b, d, c, activation) == pytest.approx(value, abs=1e-13)
    assert I2(C, a, b, activation) == pytest.approx(I2(C, b, a, activation), abs=1e-15)


@given(SEEDS, st.sampled_from([1e-150, 1e-60, 1e-9, 1e9, 1e60]))
def test_relu_averages_scale_with_the_units(seed: int, size: float) -> None:
    C = covariance(seed)
    sizes = np.array([size, 1.0, 1 / size, 3.0])
    scaled = C * np.outer(sizes, sizes)
    for a, b, c, d in ((0, 1, 2, 3), (2, 3, 0, 1), (0, 1, 2, 2), (0, 0, 1, 3), (0, 1, 0, 2)):
        expected = I4(C, a, b, c, d, "relu") * sizes[c] * sizes[d]
        assert I4(scaled, a, b, c, d, "relu") == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_variables_without_variance_are_always_zero(activation: str) -> None:
    C = covariance(5)
    C[3], C[:, 3] = 0, 0
    gate = literal.SLOPE[activation](np.zeros(1))[0]
    assert I2(C, 0, 3, activation) == 0
    assert I3(C, 0, 3, 1, activation) == I3(C, 0, 1, 3, activation) == 0
    gated = gate * literal.average(C[:3, :3], [], [0], [1], activation)
    assert I3(C, 3, 0, 1, activation) == pytest.approx(gated, abs=1e-12)
    assert I4(C, 0, 1, 2, 3, activation) == I4(C, 0, 0, 3, 3, activation) == 0
    half = gate * literal.average(C[:3, :3], [0], [], [1, 2], activation)
    assert I4(C, 0, 3, 1, 2, activation) == pytest.approx(half, abs=1e-12)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_equal_variables_are_as_good_as_equal_indices(activation: str) -> None:
    C = covariance(6)
    for i in FOUR:
        copied = C[np.ix_(i, i)]
        assert I4(copied, 0, 1, 2, 3, activation) == pytest.approx(I4(C, *i, activation), abs=1e-13), i
        assert I3(copied, 0, 1, 2, activation) == pytest.approx(I3(C, *i[:3], activation), abs=1e-14), i


def average_in_a_plane(units: np.ndarray) -> float:
    """E[θ(a) θ(b) max(0, c) max(0, d)] where the four rows of `units` lie in a plane: integrals over arcs."""
    directions, sizes = np.arctan2(units[:, 1], units[:, 0]), np.hypot(units[:, 0], units[:, 1])
    edges = np.sort(np.mod(np.concatenate([directions - np.pi / 2, directions + np.pi / 2]), 2 * np.pi))
    total = 0.0
    for low, high in zip(edges, [*edges[1:], edges[0] + 2 * np.pi], strict=True):
        if (np.cos((low + high) / 2 - directions) > 0).all():
            c, d = directions[2:]
            total += (high - low) * np.cos(c - d) / 2 + (np.sin(2 * high - c - d) - np.sin(2 * low - c - d)) / 4
    return total * sizes[2] * sizes[3] / np.pi


@given(SEEDS, st.sampled_from([0.0, 1e-15, 1e-12, 1e-10]), st.sampled_from([(0, 2), (1, 3), (0, 1)]))
def test_a_singular_covariance_may_be_left_indefinite(seed: int, excess: float, pair: tuple[int, int]) -> None:
    units = generator(seed, "test rounding").standard_normal((4, 2))  # in a plane, as a perfect student's
    C = units @ units.T
    C[pair] *= 1 + excess
    C[pair[::-1]] = C[pair]
    sizes = np.hypot(units[2, 0], units[2, 1]) * np.hypot(units[3, 0], units[3, 1])
    assert I4(C, 0, 1, 2, 3, "relu") == pytest.approx(average_in_a_plane(units), abs=sizes * (1e-8 + np.sqrt(excess)))


@pytest.mark.parametrize(
    ("matrix", "indices", "activation", "message"),
    [
        (np.eye(3)[:2], (0, 1), "erf", "shape"),
        (np.eye(3), (0, 3), "erf", "indices must count the 3 variables"),
        (np.eye(3), (-1, 0), "erf", "indices"),
        (np.eye(3), (0, 1), "tanh", "activation must be one of 'erf', 'relu', 'linear'"),
        ([[1, 2], [2, 1]], (0, 1), "relu", "positive semi-definite"),
        ([[1, 0.5], [0.4, 1]], (0, 1), "relu", "symmetric"),
        ([[1, np.nan], [np.nan, 1]], (0, 1), "relu", "finite"),
    ],
)
def test_bad_input(matrix: object, indices: tuple[int, int], activation: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        I2(matrix, *indices, activation)  # type: ignore[arg-type]
