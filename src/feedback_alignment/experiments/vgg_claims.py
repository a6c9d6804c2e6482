"""The claims of chapter 10 on networks like VGG, which stand in place of Table 3 of Launay et al. 2019."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from feedback_alignment.companion.claims import Claim, Expected, Measured, Tolerance

TEXT = "Launay et al. 2019, Sec. 4.1"
COUNTED = Tolerance(
    "three standard errors over seeds, and 0.021: three of a difference of two shares of 10,000 test images",
    floor=0.021,
)


def claims(dataset: xr.Dataset, scale: str) -> Iterator[Claim]:
    """Return the claims about those pairs of teachers that are there."""
    if "vgg_test_accuracy" not in dataset:
        return
    accuracy = {str(who): dataset.vgg_test_accuracy.sel(vgg_teacher=who) for who in dataset.vgg_teacher.values}
    for key, words, expected, one, other in (
        ("bp", "BP less DFA", Expected("> 0", low=0), "BP", "DFA"),
        ("classifier", "DFA less a classifier on random filters", Expected("not > 0", high=0), "DFA", "classifier"),
    ):
        difference = accuracy[one] - accuracy[other]
        if np.isfinite(difference).all():
            yield Claim(
                f"10-vgg-{key}",
                TEXT,
                f"Test accuracy of networks like VGG, {words}",
                expected,
                measured(difference),
                COUNTED,
                scale,
            )


def measured(values: xr.DataArray) -> Measured:
    """Return mean and standard error over seeds; of one seed its number alone."""
    return Measured.over_seeds(values) if values.size > 1 else Measured(float(values.values.item()), 0.0, 1)
