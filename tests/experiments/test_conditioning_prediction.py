"""What is foretold from moments: against integration to the end, quadrature, sampling and NumPy's own least squares."""

import numpy as np
import pytest
from scipy.integrate import quad

from feedback_alignment.deep_linear import converged_conditioning_exponent
from feedback_alignment.experiments import conditioning_linear
from feedback_alignment.experiments import conditioning_prediction as prediction
from feedback_alignment.streams import generator


def draws(*shape):
    return generator(0, "test moments").standard_normal(shape)


@pytest.mark.parametrize("layers", [2, 3, 4])
def test_the_law_at_the_end_is_where_white_inputs_and_orthonormal_feedback_lead(layers):
    left, right = (np.linalg.qr(part)[0] for part in (draws(3, 3), draws(6, 3).reshape(6, 3)))
    singular = np.array([0.5, 1.0, 2.0])
    T = (left * singular @ right.T)[None]
    grams = [np.eye(3)[None]] * (layers - 1)
    moments = (np.eye(6)[None], T, T @ T.swapaxes(1, 2))
    powers = []
    for rate, steps in ((0.02, 3000), (0.01, 6000)):
        A = prediction.trained_on_moments(moments, grams, rate, steps)
        np.testing.assert_allclose(prediction.learned_map(A, grams), T, atol=1e-6)
        modes = [np.diag(left.T @ part[0] @ left) for part in A[1:]]
        for part, diagonal in zip(A[1:], modes, strict=True):
            np.testing.assert_allclose(part[0], left * diagonal @ left.T, atol=1e-6 * diagonal.max())
        powers.append([np.polyfit(np.log(singular**2), np.log(diagonal), 1)[0] for diagonal in modes])
    # Steps of finite size are away from the gradient flow by a term in rate, extrapolated away, and one in rate².
    expected = [converged_conditioning_exponent(layer, layers) / 2 for layer in range(2, layers + 1)]
    np.testing.assert_allclose(2 * np.array(powers[1]) - powers[0], expected, atol=0.02**2)


def test_the_law_early_is_that_of_target_projection():
    C = draws(1, 2, 6)
    grams = [np.eye(2)[None]] * 2
    A = prediction.trained_on_moments((np.eye(6)[None], C, C @ C.swapaxes(1, 2)), grams, rate=1e-5, steps=200)
    S = C @ C.swapaxes(1, 2)
    for matrix, power in ((A[1], 1), (A[2], 2)):
        law = np.linalg.matrix_power(S, power)
        # Errors have hardly changed: 200 steps of 1e-5 times eigenvalues below 10.
        np.testing.assert_allclose(matrix / np.linalg.norm(matrix), law / np.linalg.norm(law), atol=1e-3)


@pytest.mark.parametrize("condition", [1.0, 1.7, 10.0, 1e4])
def test_lines_of_theory(condition):
    def cosine(angle):
        e = np.array([np.cos(angle), np.sin(angle)])
        Ae = np.array([condition, 1.0]) * e
        return e @ Ae / np.linalg.norm(Ae)

    # The integrand turns within an angle of 1/condition of 90 degrees.
    mean = 2 / np.pi * quad(cosine, 0, np.pi / 2, epsabs=1e-12, limit=500, points=[np.pi / 2 - 3 / condition])[0]
    assert prediction.isotropic_cosine(np.array(condition)) == pytest.approx(mean, abs=1e-10)
    A = np.diag([condition, 1.0])
    assert prediction.condition_cosine(np.array(condition)) == pytest.approx(
        np.trace(A) / np.linalg.norm(A) / np.sqrt(2), rel=1e-14
    )


def test_errors_have_the_moment_they_should():
    root = draws(1, 2, 2)
    moment = root @ root.swapaxes(1, 2)
    white = np.sqrt(500) * np.linalg.qr(draws(500, 2))[0]
    errors = prediction.errors_with_moment(moment, white)
    np.testing.assert_allclose(errors.swapaxes(1, 2) @ errors / 500, moment, rtol=1e-12)


def test_moments_of_errors_and_the_least_squares_map_are_those_of_samples():
    x, y, T = draws(1, 50, 4), generator(1, "test moments").standard_normal((1, 50, 2)), draws(1, 2, 4)
    moments = tuple(a.swapaxes(1, 2) @ b / 50 for a, b in ((x, x), (y, x), (y, y)))
    e = x @ T.swapaxes(1, 2) - y
    np.testing.assert_allclose(prediction.second_moment_of_errors(T, moments), e.swapaxes(1, 2) @ e / 50, rtol=1e-12)
    expected = np.linalg.lstsq(x[0], y[0])[0].T
    np.testing.assert_allclose(prediction.least_squares_map(*moments[:2])[0], expected, rtol=1e-10)


def test_powers_of_matrices():
    root = draws(1, 3, 3)
    S = root @ root.swapaxes(1, 2)
    np.testing.assert_allclose(prediction.power(S, 2.0), S @ S, rtol=1e-10)
    half = prediction.power(S, 0.5)
    np.testing.assert_allclose(half @ half, S, rtol=1e-10)
    singular = np.array([[[1.0, 1.0], [1.0, 1.0]]])
    np.testing.assert_allclose(prediction.power(singular, 0.5), singular / np.sqrt(2), atol=1e-8)


def test_alignment_of_the_final_law_is_that_of_its_matrices():
    squared_map, errors = np.diag([4.0, 1.0])[None], draws(300, 2)
    found = prediction.alignment_of_final_law(squared_map, np.eye(2)[None], errors, 3)
    for column, power in ((0, 3 / 7), (1, 2 / 7)):
        seen = errors * np.array([4.0**power, 1.0])
        cosines = (seen * errors).sum(1) / np.linalg.norm(seen, axis=1) / np.linalg.norm(errors, axis=1)
        assert found[0, column] == pytest.approx(cosines.mean(), rel=1e-12)


def test_identical_matrices_align_perfectly():
    A = [np.zeros((1, 2, 3)), np.eye(2)[None], 3 * np.eye(2)[None]]
    grams = [np.eye(2)[None]] * 2
    np.testing.assert_allclose(prediction.alignment_of_matrices(A, grams, draws(1, 20, 2)), 1, rtol=1e-14)
    np.testing.assert_allclose(conditioning_linear.weight_products(A, grams).cosines()[:, :2], 1, rtol=1e-14)
