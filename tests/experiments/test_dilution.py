import numpy as np
import torch

from feedback_alignment.experiments.deep_ensembles import EnsembleSettings, ensemble
from feedback_alignment.experiments.dilution import diluted_similarity
from feedback_alignment.networks import Schedule

SETTINGS = EnsembleSettings(
    "digits",
    None,
    (30, 30, 30),
    "tanh",
    "DFA",
    (0, 1, 2),
    (0, 0, 0),
    0.0,
    Schedule(5, 32, 0.01, "sum", (0, 1, 5)),
    "float64",
    50,
)


def test_diluted_changes_are_what_similarity_is_made_of():
    """W = W_0 + ΔW: cos(W, W') lacks only the overlaps of starts with each other and with the other's changes.

    They are of the order of 1/√n for n = 4020 weights, as for random vectors.
    """
    found = ensemble(SETTINGS)
    foretold = diluted_similarity(found)
    assert foretold.dims == found.similarity.dims
    assert foretold.isel(epoch=0).isnull().all()
    apart = (foretold - found.similarity).isel(epoch=slice(1, None))
    assert abs(apart).max() < 3 / np.sqrt(4020)
    assert (found.similarity.isel(epoch=-1) > 0.3).all()


def test_the_share_of_the_changes_is_that_of_their_norms():
    """Made from numbers of two layers of two members: ‖ΔW‖² = ‖W‖² + ‖W_0‖² − 2 W·W_0."""
    found = ensemble(SETTINGS).isel(member=slice(0, 2), pair=slice(0, 1), layer=slice(0, 2), epoch=slice(0, 2))
    draw = torch.Generator().manual_seed(1)
    W0, W1 = (torch.randn(2, 2, 7, generator=draw, dtype=torch.float64) for _ in range(2))  # member, layer, entry
    cosines = (W0 * W1).sum(-1) / W0.norm(dim=-1) / W1.norm(dim=-1)
    found["weight_norm"] = found.weight_norm.dims, torch.stack([W0.norm(dim=-1), W1.norm(dim=-1)]).numpy()
    found["start_overlap"] = found.start_overlap.dims, torch.stack([torch.ones(2, 2), cosines]).numpy()
    found["similarity_of_changes"] = found.similarity.dims, np.array([[np.nan], [0.5]])
    share = (W1 - W0).flatten(1).norm(dim=-1) / W1.flatten(1).norm(dim=-1)
    expected = 0.5 * float(share[0] * share[1])
    np.testing.assert_allclose(diluted_similarity(found).values[1, 0], expected, rtol=1e-12)
