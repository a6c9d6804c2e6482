"""The numbers of Table 4 of Launay et al. 2019, with the standard deviations that stand in its brackets."""

from feedback_alignment.experiments.best_practices_printed import RUNS, SAMPLES, Number

__all__ = ["ALIGNMENT", "RUNS", "SAMPLES", "TEST"]

TEST: dict[str, Number] = {
    "norm": (62.65, 0.65),
    "no norm": (57.90, 0.82),
    "norm + BN": (48.50, 1.52),
    "norm + DO(0.5)": (57.95, 1.02),
    "norm + DO(0.1)": (61.31, 0.78),
}
"""Test accuracy in per cent, mean and standard deviation over ten runs."""
ALIGNMENT: dict[str, tuple[Number, Number, Number, Number]] = {
    "norm": ((0.02, 0.02), (0.15, 0.04), (0.59, 0.06), (1.0, 0.0)),
    "no norm": ((0.0, 0.08), (0.09, 0.12), (0.62, 0.12), (1.0, 0.0)),
    "norm + BN": ((0.01, 0.06), (0.0, 0.07), (0.0, 0.11), (0.14, 0.20)),
    "norm + DO(0.5)": ((0.01, 0.02), (0.09, 0.04), (0.30, 0.11), (0.96, 0.05)),
    "norm + DO(0.1)": ((0.02, 0.01), (0.12, 0.04), (0.44, 0.12), (0.98, 0.04)),
}
"""Cosine at three convolutions and 'class. 4', mean and standard deviation over the 128 samples of the best run."""
