import gzip
import hashlib
import io
import math
import os
import socket
import struct
import tarfile
from collections import Counter
from dataclasses import replace

import jaxtyping
import numpy as np
import pytest

from feedback_alignment.networks import archives, data
from feedback_alignment.networks.data import LabelledImages, load, resize, standardise
from feedback_alignment.streams import generator

GIVEN = os.environ.get("FEEDBACK_ALIGNMENT_DATA")


@pytest.fixture(autouse=True)
def _no_given_data(monkeypatch, tmp_path):
    monkeypatch.delenv("FEEDBACK_ALIGNMENT_DATA", raising=False)
    monkeypatch.setenv("FEEDBACK_ALIGNMENT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def _own_validation(monkeypatch):
    """Where the run checks jaxtyping's annotations, let the class's own validation speak instead."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.fixture
def _no_network(monkeypatch):
    def refuse(*arguments, **keywords):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def images(
    train: int = 7, test: int = 5, channels: int = 3, height: int = 4, width: int = 6, **changes
) -> LabelledImages:
    random = np.random.default_rng(0)
    fields = {
        "name": "made",
        "train_inputs": random.random((train, channels, height, width), np.float32),
        "train_labels": random.integers(0, 4, train),
        "test_inputs": random.random((test, channels, height, width), np.float32),
        "test_labels": random.integers(0, 4, test),
        "classes": 4,
        "source": {"origin": "made up"},
    }
    return LabelledImages(**(fields | changes))


# ---- labelled images --------------------


def test_flat_keeps_channel_row_column_order_without_copying():
    made = images()
    train, test = made.flat
    assert train.shape == (7, 72)
    assert test.shape == (5, 72)
    assert train[2, 1 * 24 + 3 * 6 + 5] == made.train_inputs[2, 1, 3, 5]
    assert np.shares_memory(train, made.train_inputs)


def test_subset_takes_the_first_of_each_and_says_so():
    made = images()
    part = made.subset(3, 2)
    assert np.array_equal(part.train_inputs, made.train_inputs[:3])
    assert np.array_equal(part.train_labels, made.train_labels[:3])
    assert np.array_equal(part.test_inputs, made.test_inputs[:2])
    assert np.array_equal(part.test_labels, made.test_labels[:2])
    assert part.source == {"origin": "made up", "subset": "first 3 train, first 2 test"}
    assert made.source == {"origin": "made up"}
    assert len(made.subset(7, 5).train_inputs) == 7


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [(8, 5, "train must be 1 to 7 images; got 8"), (7, 6, "test must be 1 to 5 images; got 6"), (0, 5, "got 0")],
)
def test_subsets_that_do_not_exist_are_refused(train, test, message):
    with pytest.raises(ValueError, match=message):
        images().subset(train, test)


def altered(value: float) -> np.ndarray:
    inputs = images().train_inputs.copy()
    inputs[3, 1, 2, 2] = value
    return inputs


@pytest.mark.usefixtures("_own_validation")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": 1}, "made: classes must be at least 2; got 1"),
        ({"train_labels": np.array([0, 1, 2, 3, 4, 0, 0])}, "train_labels must be 0 to 3; got 0 to 4"),
        ({"test_labels": np.array([0, 1, -1, 3, 0])}, "test_labels must be 0 to 3; got -1 to 3"),
        ({"test_labels": np.zeros(4, np.int64)}, "test_labels must hold 5 labels, one for each image; got 4"),
        ({"train_inputs": altered(math.nan)}, "train_inputs must be finite; got NaN or infinity"),
        ({"train_inputs": altered(math.inf)}, "train_inputs must be finite; got NaN or infinity"),
        ({"train_inputs": altered(255)}, r"train_inputs must come from pixels in \[0, 1\]; got .* to 255: divide them"),
        ({"train_inputs": altered(-0.5)}, r"train_inputs must come from pixels in \[0, 1\]; got -0\.5 to"),
        (
            {"test_inputs": np.zeros((0, 3, 4, 6), np.float32)},
            r"test_inputs .* none of them 0; .* shape \(0, 3, 4, 6\)",
        ),
        (
            {"test_inputs": np.zeros((5, 3, 6, 4), np.float32)},
            r"test_inputs must be images of shape \(3, 4, 6\).*\(3, 6, 4\)",
        ),
        ({"offset": (0.0, 0.0)}, r"offset must be 1 or 3 finite numbers; got \(0\.0, 0\.0\)"),
        ({"scale": (math.nan,)}, r"scale must be 1 or 3 finite numbers; got \(nan,\)"),
        ({"scale": (0.0,)}, r"scale must be positive; got \(0\.0,\)"),
        ({"offset": (0.5,)}, r"train_inputs must come from pixels in \[0, 1\]; got 0\.5.* state offset and scale"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_wrong_values_are_refused_by_field(changes, message):
    with pytest.raises(ValueError, match=message):
        images(**changes)


@pytest.mark.usefixtures("_own_validation")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"train_inputs": np.zeros((7, 72), np.float32)},
            r"train_inputs must be float32 .*; got float32 of shape \(7, 72\)",
        ),
        ({"train_inputs": np.zeros((7, 3, 4, 6))}, "train_inputs must be float32 .*; got float64"),
        ({"train_labels": np.zeros(7, np.int32)}, "train_labels must be int64 .*; got int32"),
        ({"test_labels": np.zeros((5, 1), np.int64)}, r"test_labels must be int64 of shape .*; got int64 of \(5, 1\)"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_wrong_types_and_dimensions_are_refused_by_field(changes, message):
    with pytest.raises(ValueError, match=message):
        images(**changes)


# ---- loading --------------------


@pytest.mark.usefixtures("_no_network")
def test_digits_are_scikit_learns_in_the_documented_order():
    from sklearn.datasets import load_digits

    bundled, digits = load_digits(), load("digits")
    assert digits.train_inputs.shape == (1437, 1, 8, 8)
    assert digits.test_inputs.shape == (360, 1, 8, 8)
    assert digits.classes == 10
    order = generator(0, "digits split").permutation(1797)
    assert sorted(order) == list(range(1797))
    for sample in (0, 1, 1436, 1437, 1796):
        part, place = ("train", sample) if sample < 1437 else ("test", sample - 1437)
        assert np.array_equal(getattr(digits, f"{part}_inputs")[place, 0] * 16, bundled.images[order[sample]])
        assert getattr(digits, f"{part}_labels")[place] == bundled.target[order[sample]]
    assert min(Counter(digits.test_labels.tolist()).values()) > 20
    assert digits.train_inputs.max() == 1
    assert digits.source["origin"].startswith("load_digits of scikit-learn ")
    assert "not stratified" in digits.source["split"]


def test_digits_are_the_same_each_time_and_leave_numpys_generator_alone():
    before = np.random.get_state()[1].tolist()  # noqa: NPY002 — the global state is what is tested
    first, second = load("digits"), load("digits")
    assert np.array_equal(first.train_inputs, second.train_inputs)
    assert first.source == second.source
    assert len(bytes.fromhex(first.source["SHA-256 of pixels and labels as bytes"])) == 32
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("MNIST", "; did you mean 'mnist'?"),
        ("cifar-10", "; did you mean 'cifar10'?"),
        ("digit", "; did you mean 'digits'?"),
    ],
)
def test_unknown_names_get_a_suggestion(name, hint):
    with pytest.raises(ValueError, match="unknown data set") as refused:
        load(name)
    assert str(refused.value) == f"unknown data set {name!r}: expected one of digits, mnist, cifar10{hint}"


def test_a_name_like_no_other_gets_none():
    with pytest.raises(ValueError, match=r"'svhn': expected one of digits, mnist, cifar10$"):
        load("svhn")


def pattern(samples: int, values: int) -> np.ndarray:
    """Rows that differ, in which value i of sample s is s + 5 i modulo 256."""
    return (np.arange(samples)[:, None] + 5 * np.arange(values)).astype(np.uint8)


def write_mnist(folder) -> None:
    folder.mkdir(parents=True)
    for part, samples in (("train", 60_000), ("t10k", 10_000)):
        labels = (np.arange(samples) % 10).astype(np.uint8)
        for kind, sizes, content in (
            ("images-idx3", (samples, 28, 28), pattern(samples, 784).tobytes()),
            ("labels-idx1", (samples,), labels.tobytes()),
        ):
            header = bytes((0, 0, 8, len(sizes))) + struct.pack(f">{len(sizes)}I", *sizes)
            (folder / f"{part}-{kind}-ubyte.gz").write_bytes(gzip.compress(header + content, compresslevel=1))


def test_mnist_is_read_from_a_given_folder(tmp_path, monkeypatch):
    write_mnist(tmp_path / "mnist")
    monkeypatch.setenv("FEEDBACK_ALIGNMENT_DATA", str(tmp_path))
    mnist = load("mnist")
    assert mnist.train_inputs.shape == (60_000, 1, 28, 28)
    assert mnist.test_inputs.shape == (10_000, 1, 28, 28)
    assert mnist.train_inputs[41_234, 0, 3, 7] == np.float32((41_234 + 5 * (3 * 28 + 7)) % 256) / np.float32(255)
    assert mnist.test_labels[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert mnist.source["agreement"].startswith("not the official files: train-images-idx3-ubyte.gz")


def test_cifar10_comes_out_of_the_archive_in_order(tmp_path, monkeypatch):
    rows = pattern(10_000, 3073)
    archive = tmp_path / "cache" / "made.tar.gz"
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        for number, name in enumerate(archives.CIFAR10_BATCHES):
            rows[:, 0] = (np.arange(10_000) + number) % 10
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = rows.nbytes
            tar.addfile(info, io.BytesIO(rows))
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    monkeypatch.setattr(archives, "CIFAR10", archives.OfficialFile(archive.name, archive.stat().st_size, sha256, ()))
    cifar10 = load("cifar10")
    assert cifar10.train_inputs.shape == (50_000, 3, 32, 32)
    assert cifar10.test_inputs.shape == (10_000, 3, 32, 32)
    assert cifar10.train_labels[[0, 10_000, 20_000, 30_000, 40_001]].tolist() == [0, 1, 2, 3, 5]
    assert cifar10.test_labels[:3].tolist() == [5, 6, 7]
    blue = np.float32((77 + 5 * (1 + 2 * 1024 + 9 * 32 + 4)) % 256) / np.float32(255)
    assert cifar10.train_inputs[30_077, 2, 9, 4] == blue
    assert cifar10.source["origin"] == "official archives"


@pytest.mark.skipif(not GIVEN, reason="needs the real data: FEEDBACK_ALIGNMENT_DATA is not set")
def test_the_real_data_have_their_known_statistics(monkeypatch):
    monkeypatch.setenv("FEEDBACK_ALIGNMENT_DATA", GIVEN)
    mnist = standardise(load("mnist"), per_channel=False)
    assert mnist.train_labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert np.bincount(mnist.train_labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(mnist.test_labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert (*mnist.offset, *mnist.scale) == pytest.approx((0.1307, 0.3081), abs=5e-5)
    assert mnist.source["agreement"] == "the official files"
    del mnist
    cifar10 = load("cifar10")
    assert cifar10.train_labels[:10].tolist() == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]
    assert np.bincount(cifar10.train_labels).tolist() == [5000] * 10
    assert np.bincount(cifar10.test_labels).tolist() == [1000] * 10
    means = cifar10.train_inputs.mean(axis=(0, 2, 3), dtype=np.float64)
    assert means == pytest.approx((0.4914, 0.4822, 0.4465), abs=2e-4)
    assert cifar10.source["agreement"].startswith("unknown: ")


# ---- standardisation --------------------


@pytest.mark.parametrize("per_channel", [False, True])
def test_standardisation_uses_the_training_set_only(per_channel):
    made = images(train=9000)
    made = replace(made, test_inputs=made.test_inputs * np.float32(0.1))
    result = standardise(made, per_channel)
    axes = (0, 2, 3) if per_channel else (0, 1, 2, 3)
    train = made.train_inputs.astype(np.float64)
    mean, deviation = train.mean(axes, keepdims=True), train.std(axes, keepdims=True)
    for got, before in ((result.train_inputs, made.train_inputs), (result.test_inputs, made.test_inputs)):
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, (before - mean) / deviation, atol=2e-6)
    np.testing.assert_allclose(result.train_inputs.mean(axes, dtype=np.float64), 0, atol=1e-6)
    np.testing.assert_allclose(result.train_inputs.std(axes, dtype=np.float64), 1, atol=1e-6)
    assert result.test_inputs.mean() < -1
    assert len(result.offset) == len(result.scale) == (3 if per_channel else 1)
    np.testing.assert_allclose(result.offset, mean.ravel(), rtol=1e-12)
    np.testing.assert_allclose(result.scale, deviation.ravel(), rtol=1e-12)
    assert result.source == made.source
    assert np.array_equal(result.train_labels, made.train_labels)


def test_offset_and_scale_lead_back_to_the_pixels_also_after_two_standardisations():
    made = images()
    twice = standardise(standardise(made, per_channel=True), per_channel=False)
    offset, scale = (np.reshape(values, (-1, 1, 1)) for values in (twice.offset, twice.scale))
    np.testing.assert_allclose(twice.test_inputs * scale + offset, made.test_inputs, atol=1e-6)
    with pytest.raises(ValueError, match=r"train_inputs must come from pixels in \[0, 1\]"):
        replace(twice, train_inputs=twice.train_inputs * np.float32(3))


def test_constant_inputs_cannot_be_standardised():
    made = images()
    flat = np.full_like(made.train_inputs, 0.1)
    with pytest.raises(ValueError, match=r"made: cannot standardise: train_inputs must vary; got 0\.1 throughout"):
        standardise(replace(made, train_inputs=flat), per_channel=False)
    one_channel = made.train_inputs.copy()
    one_channel[:, 2] = 0.25
    made = replace(made, train_inputs=one_channel)
    with pytest.raises(ValueError, match=r"channel 2 of train_inputs must vary; got 0\.25 throughout"):
        standardise(made, per_channel=True)
    assert np.isfinite(standardise(made, per_channel=False).train_inputs).all()


# ---- resizing --------------------


def triangle_filter(old: int, new: int) -> np.ndarray:
    """The matrix (new, old) of a triangle filter as wide as the coarser of the two grids, each row of sum 1."""
    ratio = old / new
    reach = max(ratio, 1.0)
    matrix = np.zeros((new, old))
    for i in range(new):
        centre = (i + 0.5) * ratio
        for j in range(old):
            matrix[i, j] = max(0.0, 1.0 - abs(j + 0.5 - centre) / reach)
        matrix[i] /= matrix[i].sum()
    return matrix


@pytest.mark.parametrize(
    ("height", "width", "side"), [(28, 28, 14), (32, 32, 14), (8, 8, 5), (6, 9, 4), (4, 6, 9), (5, 5, 5)]
)
def test_resizing_is_a_separable_triangle_filter(height, width, side):
    made = images(height=height, width=width)
    result = resize(made, side)
    rows, columns = triangle_filter(height, side), triangle_filter(width, side)
    for got, before in ((result.train_inputs, made.train_inputs), (result.test_inputs, made.test_inputs)):
        expected = np.einsum("ih,nchw,jw->ncij", rows, before.astype(np.float64), columns)
        assert got.shape[1:] == (3, side, side)
        np.testing.assert_allclose(got, expected, atol=1e-6)
    assert np.array_equal(result.test_labels, made.test_labels)


def test_resizing_commutes_with_standardising():
    standardised = standardise(images(), per_channel=True)
    small = resize(standardised, 3)
    scale, offset = (np.reshape(values, (-1, 1, 1)) for values in (standardised.scale, standardised.offset))
    np.testing.assert_allclose(small.test_inputs * scale + offset, resize(images(), 3).test_inputs, atol=1e-6)
    assert (small.offset, small.scale) == (standardised.offset, standardised.scale)


@pytest.mark.parametrize("side", [0, -3])
def test_a_side_below_one_is_refused(side):
    with pytest.raises(ValueError, match=f"made: side must be at least 1 pixel; got {side}"):
        resize(images(), side)


def test_a_known_data_set_has_a_loader_and_an_entry_in_the_check():
    assert list(archives.data_available()) == ["digits", "mnist", "cifar10"]
    assert data.load("digits").name == "digits"
