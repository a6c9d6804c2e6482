"""Feedback matrices of deep linear networks: how they are drawn, and what each layer receives of the output's error."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from feedback_alignment.streams import generator

RULES = ("dfa", "fa", "drtp", "drtp-target")
"""Direct feedback alignment and feedback alignment, as in Refinetti et al. 2021, Eqs 3 and 4; direct random target
projection with the true error in the output layer (Frenkel et al. 2021), and with minus the target in every layer
(Refinetti et al. 2021, SM D)."""
KINDS = ("gaussian", "uniform", "orthonormal")
"""How entries of feedback matrices are drawn; see `draw_feedback`."""
Matrices = tuple[Float[np.ndarray, "_rows _columns"], ...]


def check_rule(rule: str) -> None:
    """Raise ValueError unless `rule` is one of RULES."""
    if rule not in RULES:
        raise ValueError(f"rule must be one of {', '.join(RULES)}; got {rule!r}")


def draw_feedback(sizes: Sequence[int], rule: str, kind: str, seed: int) -> Matrices:
    """Draw F_1 … F_{L−1} for a network of `sizes` n_0, n_1, …, n_L, all scaled so that F_lᵀF_l is 1 in expectation.

    F_l is (n_l, n_L), or (n_l, n_{l+1}) for the rule 'fa'. `kind` is 'gaussian', N(0, 1/n_l); 'uniform', the same
    variance; or 'orthonormal', with F_lᵀF_l = 1 exactly ("left-orthogonal" in Refinetti et al. 2021, Sec. 2.2).

    Raises ValueError for fewer than two layers of weights, an unknown rule or kind, and orthonormal columns that are
    more than the rows.
    """
    check_rule(rule)
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}; got {kind!r}")
    if len(sizes) < 3 or min(sizes) < 1:
        raise ValueError(f"sizes must be at least three positive widths n_0, n_1, …, n_L; got {tuple(sizes)}")
    matrices = []
    for layer in range(1, len(sizes) - 1):
        rows, columns = sizes[layer], sizes[layer + 1] if rule == "fa" else sizes[-1]
        draws = generator(seed, "feedback", layer)
        if kind == "uniform":
            matrices.append(draws.uniform(-1, 1, (rows, columns)) * np.sqrt(3 / rows))
            continue
        gaussian = draws.standard_normal((rows, columns))
        if kind == "gaussian":
            matrices.append(gaussian / np.sqrt(rows))
            continue
        if rows < columns:
            raise ValueError(
                f"F_{layer} cannot have {columns} orthonormal columns in {rows} rows: make layer {layer} wider"
            )
        Q, R = np.linalg.qr(gaussian)
        # With the signs of R's diagonal taken out, Q is uniform over all such matrices.
        matrices.append(Q * np.sign(np.diag(R)))
    return tuple(matrices)


def direct_feedback(feedback: Matrices, rule: str) -> Matrices:
    """Return what carries the output's error to each hidden layer, (n_l, n_L) each.

    The matrices themselves, and for 'fa' the products F_l F_{l+1} … F_{L−1} that the paper puts in their place
    (Refinetti et al. 2021, after Eq. 15).

    Raises ValueError for an unknown rule and for shapes that do not chain.
    """
    check_rule(rule)
    if not feedback:
        raise ValueError("a network needs at least one hidden layer, so at least one feedback matrix F_1; got none")
    outputs = feedback[-1].shape[1]
    for layer, F in enumerate(feedback[:-1], start=1):
        expected = feedback[layer].shape[0] if rule == "fa" else outputs
        if F.shape[1] != expected:
            counted = f"units in layer {layer + 1}" if rule == "fa" else "outputs"
            raise ValueError(
                f"F_{layer} must have one column for each of the {expected} {counted}; it has {F.shape[1]}"
            )
    if rule != "fa":
        return feedback
    products = [feedback[-1]]
    for F in reversed(feedback[:-1]):
        products.append(F @ products[-1])
    return tuple(reversed(products))


def check_left_orthogonal(feedback: Matrices) -> None:
    """Raise ValueError unless F_lᵀF_l = 1 for each matrix, to 1e-12."""
    for layer, F in enumerate(feedback, start=1):
        outputs = F.shape[1]
        rank = np.linalg.matrix_rank(F)
        if rank < outputs:
            raise ValueError(
                f"the left-orthogonal form needs F_{layer} of rank n_L = {outputs}; it has rank {rank} and shape "
                f"{F.shape}: make the layer wider, or use method 'recursion' or 'double sum'"
            )
        deviation = float(np.abs(F.T @ F - np.eye(outputs)).max())
        if deviation > 1e-12:
            raise ValueError(
                f"the left-orthogonal form needs F_{layer}ᵀF_{layer} = 1; it deviates by {deviation:.2g}: draw "
                "'orthonormal' feedback, or use method 'recursion' or 'double sum'"
            )
