"""Fig. 4 of Launay et al. 2019 in numbers: they are stored beside the released code, from one seed."""

UNITS = (1, 3, 5, 8, 11, 18, 28, 46, 73, 118, 191, 308, 496, 800)
TEST = (40.5, 41.1, 41.5, 41.9, 42.8, 43.4, 44.6, 45.6, 46.8, 47.9, 47.6, 46.8, 46.4, 47.1)
"""Test accuracy in per cent."""
TRAIN = (41.2, 41.9, 42.5, 43.3, 44.0, 45.3, 46.8, 49.4, 53.0, 58.5, 67.7, 81.4, 94.4, 99.5)
"""Accuracy while training in per cent."""
COSINE = (
    0.0689,
    0.1677,
    0.2342,
    0.3154,
    0.3744,
    0.4655,
    0.5406,
    0.6217,
    0.6917,
    0.7597,
    0.8260,
    0.8705,
    0.8953,
    0.8924,
)
"""Cosine at the second hidden layer."""
