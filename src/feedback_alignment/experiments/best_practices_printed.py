"""The numbers of Table 2 of Launay et al. 2019, with the standard deviations that stand in its brackets."""

Number = tuple[float, float]

TEST: dict[str, Number] = {
    "norm": (46.46, 0.35),
    "no norm": (43.46, 0.27),
    "norm + BN": (45.73, 0.53),
    "norm + |x|": (50.21, 0.39),
    "norm + ReLU": (40.24, 2.16),
    "norm + lReLU(-0.5)": (52.94, 0.38),
    "norm + lReLU(0.01)": (37.88, 4.34),
    "norm + DO(0.5)": (47.90, 0.17),
    "norm + DO(0.1)": (49.50, 0.34),
}
"""Test accuracy in per cent, mean and standard deviation over ten runs."""
TRAIN: dict[str, Number] = {
    "norm": (86.62, 0.31),
    "no norm": (96.43, 0.22),
    "norm + BN": (84.52, 0.30),
    "norm + |x|": (62.17, 0.35),
    "norm + ReLU": (41.68, 0.40),
    "norm + lReLU(-0.5)": (68.67, 1.73),
    "norm + lReLU(0.01)": (41.46, 0.69),
    "norm + DO(0.5)": (54.23, 0.15),
    "norm + DO(0.1)": (69.97, 0.18),
}
"""Accuracy while training, likewise."""
ALIGNMENT: dict[str, tuple[Number, Number, Number]] = {
    "norm": ((0.79, 0.08), (0.87, 0.10), (0.64, 0.07)),
    "no norm": ((0.64, 0.08), (0.69, 0.08), (0.65, 0.06)),
    "norm + BN": ((0.62, 0.21), (0.43, 0.13), (0.56, 0.14)),
    "norm + |x|": ((0.79, 0.02), (0.64, 0.04), (0.19, 0.02)),
    "norm + ReLU": ((0.38, 0.33), (0.37, 0.33), (0.06, 0.07)),
    "norm + lReLU(-0.5)": ((0.84, 0.02), (0.72, 0.02), (0.22, 0.02)),
    "norm + lReLU(0.01)": ((0.42, 0.35), (0.40, 0.34), (0.07, 0.07)),
    "norm + DO(0.5)": ((0.72, 0.07), (0.73, 0.08), (0.43, 0.06)),
    "norm + DO(0.1)": ((0.79, 0.07), (0.83, 0.05), (0.54, 0.03)),
}
"""Cosine at the three hidden layers, mean and standard deviation over the 128 samples of the best run."""
RUNS, SAMPLES = 10, 128
