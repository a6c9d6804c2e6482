"""Linear networks by their alignment matrices, against deep_linear's literal training with real weights."""

from dataclasses import replace

import numpy as np
import pytest

from feedback_alignment import deep_linear
from feedback_alignment.experiments import conditioning_linear
from feedback_alignment.experiments.alignment_products import Products, mean_over_samples
from feedback_alignment.experiments.conditioning_linear import follow
from feedback_alignment.experiments.conditioning_runs import Training, conditions, feedback, grams, order
from feedback_alignment.experiments.conditioning_tasks import independent_targets

TRAINING = Training(
    epochs=30, learning_rate=1e-3, batch=8, width=7, hidden=3, double=True, observe_at=(1, 30), observed=40
)
TASK = independent_targets((3, 4), 40, 5, (0.5, 1.0), (0.3,))


@pytest.fixture(scope="module")
def literal():
    """The last member of TASK, trained with all its weights at once."""
    F = tuple(part[-1] for part in feedback(TASK.seeds, TRAINING, 2))
    chosen = np.concatenate([order(epoch, 40, TRAINING.batch) for epoch in range(TRAINING.epochs)])
    x, y = (part[chosen].swapaxes(1, 2) for part in (TASK.inputs[-1], TASK.targets[-1, -1]))
    # deep_linear's step is −η/b; here it is −2·(learning rate) times the sum over the batch.
    return deep_linear.train(F, x, y, TRAINING.rate * TRAINING.batch, "dfa", times=(5, len(chosen)))


def test_the_small_recursion_is_training_with_all_weights(literal):
    G = grams(TASK.seeds, TRAINING, 2)
    A = conditioning_linear.zero_matrices(4, 5, 2, 4)
    for epoch in range(TRAINING.epochs):
        for chosen in order(epoch, 40, TRAINING.batch):
            x, y = np.repeat(TASK.inputs, 2, axis=0)[:, chosen], TASK.targets.reshape(4, 40, 2)[:, chosen]
            conditioning_linear.step(A, G, x.swapaxes(1, 2) @ x, y.swapaxes(1, 2) @ x, TRAINING.rate)
    F = literal.feedback
    expected = (F[0] @ A[0][-1], *(F[i] @ A[i][-1] @ F[i - 1].T for i in (1, 2)), A[3][-1] @ F[2].T)
    for W, aligned in zip(literal.weights, expected, strict=True):
        # 150 steps of rounding errors.
        np.testing.assert_allclose(W[-1], aligned, rtol=0, atol=1e-13 * np.abs(W[-1]).max())
    W = [part[-1] for part in literal.weights]
    np.testing.assert_allclose(conditioning_linear.maps(A, G)[-1][-1], np.linalg.multi_dot(W[::-1]), rtol=0, atol=1e-15)


def test_what_is_seen_is_what_weights_and_errors_give(literal):
    seen = follow(TASK, TRAINING)
    for time, index in ((0, 0), (1, 1)):
        W, F = tuple(part[index] for part in literal.weights), literal.feedback
        errors = np.linalg.multi_dot(W[::-1]) @ TASK.inputs[-1].T - TASK.targets[-1, -1].T
        np.testing.assert_allclose(seen["weight"][time, -1, :3], deep_linear.weight_alignment(W, F), rtol=1e-9)
        layerwise = deep_linear.gradient_alignment(W, F, errors).mean(1)
        np.testing.assert_allclose(seen["gradient"][time, -1, :3], layerwise, rtol=1e-9)
        np.testing.assert_allclose(seen["loss"][time, -1], (errors**2).sum(0).mean(), rtol=1e-12)
        joined = [F[1] @ F[0].T, F[2] @ F[1].T, F[2].T]
        a, b = (np.concatenate([part.ravel() for part in parts]) for parts in (W[1:], joined))
        cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
        np.testing.assert_allclose(seen["weight"][time, -1, 3], cosine, rtol=1e-9)


def test_conditions_are_those_of_the_matrices_and_of_the_chain(literal):
    A = [part[-1:] for part in deep_linear.alignment_matrices(literal)[1:]]
    G = [(F.T @ F)[None] for F in literal.feedback]
    W, F = [part[-1] for part in literal.weights], literal.feedback
    # W_2ᵀ W_3ᵀ W_4ᵀ = F_1 (chain), so the chain is what F_1's pseudo-inverse leaves.
    chain = np.linalg.pinv(F[0]) @ W[1].T @ W[2].T @ W[3].T
    expected = [*(np.linalg.cond(part[0]) for part in A), np.linalg.cond(chain)]
    np.testing.assert_allclose(conditions(A, G)[0], expected, rtol=1e-6)


def test_members_do_not_depend_on_their_company():
    alone = follow(independent_targets((4,), 40, 5, (0.5, 1.0), (0.3,)), TRAINING)
    together = follow(TASK, TRAINING)
    for name, values in alone.items():
        np.testing.assert_allclose(values, together[name][:, 2:], rtol=1e-9, err_msg=name)


def test_training_that_overflows_names_the_epoch():
    with pytest.raises(FloatingPointError, match=r"no longer finite after epoch \d+: lower the learning rate"):
        follow(TASK, replace(TRAINING, learning_rate=1.0))


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(ValueError, match="a batch of 64 needs at least as many samples; got 40"):
        follow(TASK, replace(TRAINING, batch=64))


def test_cosines_are_those_of_each_layer_and_of_all_joined():
    a, b = np.array([[3.0, 4.0], [0.0, 0.0]]), np.array([[4.0, 3.0], [1.0, 0.0]])
    products = Products((a * b).sum(1)[None], (a * a).sum(1)[None], (b * b).sum(1)[None])
    np.testing.assert_allclose(products.cosines(), [[24 / 25, np.nan, 24 / (5 * np.sqrt(26))]])


def test_means_leave_out_samples_without_direction():
    cosines = np.array([[[1.0, np.nan], [0.5, np.nan], [np.nan, np.nan]]])
    np.testing.assert_array_equal(mean_over_samples(cosines), [[0.75, np.nan]])
