"""Delays by noise, and the theory behind what foretells them."""

import numpy as np
import pytest
import torch
import xarray as xr

from feedback_alignment.experiments.label_noise_delays import clock, clock_delay, delay, foretold_delay, onset_decades
from feedback_alignment.experiments.label_noise_observations import conditioning, predictions
from feedback_alignment.networks import DFA, Schedule, data, mlp, train
from feedback_alignment.networks.label_noise import noisy_labels, softened_targets
from feedback_alignment.networks.losses import SquaredError

EPOCHS = np.array([0.0, *np.geomspace(0.1, 100, 60)])
SIGNALS = {0.0: 1.0, 0.5: 0.5, 0.9: 0.1}


def on_grid(of):
    """Return a curve for each share of noise and two members, the second four times as fast as the first."""
    rows = [[[of(EPOCHS * speed, noise) for noise in SIGNALS] for speed in (1, 4)]]
    return xr.DataArray(
        np.array(rows),
        dims=("variant", "member", "label_noise", "epoch"),
        coords={"variant": ["drawn"], "label_noise": list(SIGNALS), "epoch": EPOCHS},
    )


def alignment_with(noise_slows):
    return on_grid(lambda time, noise: np.tanh((time * noise_slows[noise]) ** 2 / 100))


def test_alignment_that_is_slowed_is_delayed_by_as_much():
    """Within the interpolation between 20 looks a decade."""
    found = delay(alignment_with(SIGNALS), 0.1).sel(variant="drawn")
    for noise, share in SIGNALS.items():
        np.testing.assert_allclose(found.sel(label_noise=noise), [-np.log10(share)] * 2, atol=1e-3)


def test_what_is_never_reached_has_no_delay():
    short = alignment_with(SIGNALS).sel(epoch=slice(None, 20))
    decades = onset_decades(short, 0.5).sel(variant="drawn")
    assert np.isfinite(decades.sel(label_noise=0.5, member=1))
    assert np.isnan(decades.sel(label_noise=0.9, member=0))
    assert np.isnan(delay(short, 0.5).sel(label_noise=0.9, member=0))


def test_the_signal_before_training_foretells():
    found = foretold_delay(on_grid(lambda time, noise: SIGNALS[noise] * np.exp(-time)))
    np.testing.assert_allclose(found.sel(variant="drawn", member=1), [0, np.log10(2), 1], atol=1e-12)


def test_the_clock_is_the_signals_integral():
    """Trapezoids of 20 looks a decade, against the integral of exp(-t): relative error under 1 %."""
    found = clock(on_grid(lambda time, noise: SIGNALS[noise] * np.exp(-time)))
    for noise, share in SIGNALS.items():
        one = found.sel(variant="drawn", member=0, label_noise=noise)
        np.testing.assert_allclose(one, share * (1 - np.exp(-EPOCHS)), rtol=0.01, atol=1e-12)


def test_by_a_clock_that_alone_moves_alignment_nothing_is_late():
    signal = on_grid(lambda time, noise: SIGNALS[noise] / (1 + time * SIGNALS[noise]))
    curve = on_grid(lambda time, noise: np.log1p(time * SIGNALS[noise]) ** 2 / 10)
    assert abs(delay(curve, 0.1).sel(variant="drawn", label_noise=0.9) - 1).max() < 0.01
    np.testing.assert_allclose(clock_delay(curve, signal, 0.1).values, 0, atol=0.02)


# ---- theory --------------------


@pytest.fixture(scope="module")
def digits():
    return data.standardise(data.load("digits"), per_channel=False)


def silent_network(seeds, x):
    network = mlp((x.shape[1], 20, 20, 10), DFA(), seeds, activation="relu", dtype=torch.float64)
    network.weights[-1].zero_()
    return network


def test_noise_slows_the_first_step_by_the_share_of_labels_that_it_leaves_alone(digits):
    """Eq. eq-slowed, exact for one step on all samples from equal predictions and equally frequent classes."""
    chosen = np.concatenate([np.flatnonzero(digits.train_labels == label)[:100] for label in range(10)])
    x = torch.from_numpy(digits.flat[0][chosen]).double()
    moved = []
    for noise in (0.0, 0.3, 0.9):
        y = torch.from_numpy(softened_targets(digits.train_labels[chosen], noise, 10))
        network = silent_network((0, 1), x)
        start = [W.clone() for W in network.weights]
        train(network, DFA(), x, y, Schedule(1, 1000, 0.1, "mean", (0,)), lambda trained, step: {})
        moved.append([W - W_0 for W, W_0 in zip(network.weights, start, strict=True)])
    for share, changes in zip((1.0, 0.7, 0.1), moved, strict=True):
        for change, clean in zip(changes, moved[0], strict=True):
            np.testing.assert_allclose(change, share * clean, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("noise", [0.0, 0.5, 1.0])
def test_the_signal_of_a_finite_set_is_that_of_the_clean_one_and_of_the_noise(digits, noise):
    """Eq. eq-finite-signal at equal predictions, mean over 60 draws; within 4 standard errors, exact without noise.

    The classes of the digits are equally frequent to 1 %, which changes the factor 1 - 1/C by less than 1e-4.
    """
    seeds = tuple(range(60))
    x = torch.from_numpy(digits.flat[0]).double()
    labels = torch.from_numpy(noisy_labels(digits.train_labels, noise, 10, seeds))
    squares = predictions(silent_network(seeds, x), x, labels)["signal"].numpy() ** 2
    y = np.eye(10)[digits.train_labels]
    centred = (x - x.mean(0)).numpy()
    clean = np.sum((y.T @ centred / len(x)) ** 2)
    fluctuation = noise * (2 - noise) * 0.9 * np.mean(np.sum(centred**2, 1)) / len(x)
    expected = (1 - noise) ** 2 * clean + fluctuation
    if noise == 0:
        np.testing.assert_allclose(squares, expected, rtol=1e-12)
    else:
        assert abs(squares.mean() - expected) < 4 * squares.std(ddof=1) / np.sqrt(60) + 1e-3 * expected


def test_the_signal_makes_the_trace_of_the_alignment_matrix():
    """Eq. eq-signal-trace in discrete time, tr A_2 = η²/2 (‖Σ S‖² − Σ ‖S‖²), from zero first weights: to rounding."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(50, 6))
    x = torch.from_numpy(x - x.mean(0))
    y = torch.from_numpy(rng.normal(size=(50, 3)))
    y = y - y.mean(0)
    network = mlp((6, 7, 8, 3), DFA(), (0,), activation="linear", dtype=torch.float64)
    for W in network.weights:
        W.zero_()
    F = [f[0].numpy() for f in network.feedback]
    eta, steps, signals = 0.3, 40, []

    def observe(trained, step):
        e = trained.outputs(x)[0] - y
        signals.append((e.T @ x / len(x)).numpy())
        return {}

    schedule = Schedule(steps, 50, eta, "mean", tuple(range(steps)))
    train(network, DFA(), x, y, schedule, observe, loss=SquaredError())
    A = np.linalg.pinv(F[1]) @ network.weights[1][0].numpy() @ np.linalg.pinv(F[0]).T
    total, own = np.sum(signals, axis=0), sum(np.sum(S**2) for S in signals)
    np.testing.assert_allclose(np.trace(A), eta**2 / 2 * (np.sum(total**2) - own), rtol=1e-9)


# ---- what is measured of predictions --------------------


def test_predictions_and_errors_are_measured_as_a_plain_loop_does(digits):
    x = torch.from_numpy(digits.flat[0][:300]).double()
    labels = noisy_labels(digits.train_labels[:300], 0.5, 10, (3, 4))
    network = mlp((64, 12, 11, 10), DFA(), (3, 4), activation="relu", dtype=torch.float64)
    found = predictions(network, x, torch.from_numpy(labels))
    projection = np.eye(10) - 0.1

    def cosine(a, b):
        return np.sum(a * b) / np.linalg.norm(a) / np.linalg.norm(b)

    for member in range(2):
        logits = network.outputs(x)[member].numpy()
        p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        e = p - np.eye(10)[labels[member]]
        cross = np.cov(e.T, x.numpy().T, bias=True)[:10, 10:]
        expected = {
            "train_error": np.mean(p.argmax(1) != labels[member]),
            "class_spread": np.sqrt(np.mean((p - 0.1) ** 2)),
            "sample_spread": np.sqrt(np.mean(p.var(0))),
            "prediction_conditioning": cosine(np.cov(p.T), projection),
            "error_conditioning": cosine(e.T @ e, projection),
            "signal": np.linalg.norm(cross),
        }
        for name, value in expected.items():
            np.testing.assert_allclose(found[name][member], value, rtol=1e-9)


def test_chunks_do_not_matter(digits, monkeypatch):
    x, labels = torch.from_numpy(digits.flat[0]).double(), torch.from_numpy(digits.train_labels)[None]
    network = mlp((64, 12, 10), DFA(), (3,), activation="relu", dtype=torch.float64)
    whole = predictions(network, x, labels)
    monkeypatch.setattr("feedback_alignment.experiments.label_noise_observations.CHUNK", 100)
    for name, values in predictions(network, x, labels).items():
        np.testing.assert_allclose(values, whole[name], rtol=1e-9)


def test_predictions_that_are_all_alike_have_no_conditioning(digits):
    x, labels = torch.from_numpy(digits.flat[0]).double(), torch.from_numpy(digits.train_labels)[None]
    found = predictions(silent_network((0,), x), x, labels)
    assert torch.isnan(found["prediction_conditioning"]).all()
    assert found["class_spread"] < 1e-9
    assert found["error_conditioning"] > 0.99


def test_conditioning_is_one_for_the_projection_and_smallest_for_one_direction():
    projection = torch.eye(5, dtype=torch.float64) - 0.2
    line = torch.tensor([1.0, -1, 0, 0, 0], dtype=torch.float64)
    found = conditioning(torch.stack([3 * projection, torch.outer(line, line)]))
    np.testing.assert_allclose(found, [1, 1 / np.sqrt(4)], rtol=1e-12)
