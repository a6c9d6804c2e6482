import numpy as np
import pytest

from feedback_alignment.experiments.image_columns import image_columns


@pytest.fixture(scope="module")
def dataset(smoke_run):
    return smoke_run("06_degeneracy_breaking")


def test_each_set_of_images_of_each_dataset_is_a_column(dataset):
    both = dataset.isel(images=[0, 0]).assign_coords(images=["mnist", "cifar10"])
    columns = image_columns([dataset, both])
    assert [heading.splitlines()[-1] for heading, _ in columns] == ["digits", "MNIST", "CIFAR-10"]
    assert [str(chosen.images.values) for _, chosen in columns] == ["digits", "mnist", "cifar10"]


def test_images_of_which_nothing_is_finished_are_no_column(dataset):
    both = dataset.isel(images=[0, 0]).assign_coords(images=["mnist", "cifar10"]).copy(deep=True)
    both["train_error"].loc[{"images": "cifar10"}] = np.nan
    (heading, _) = image_columns([both])[0]
    assert len(image_columns([both])) == 1
    assert heading.endswith("MNIST")
