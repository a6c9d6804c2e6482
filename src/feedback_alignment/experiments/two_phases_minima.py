"""Which of the degenerate minima a student reaches (chapter 02): Refinetti et al. 2021, Fig. 3c and Sec. 1.1.

Equations of motion of erf units with K = M, an orthonormal teacher and unequal second-layer weights, so that all
2^K K! global minima have different second layers.
"""

from collections.abc import Mapping
from itertools import permutations, product

import numpy as np
from jaxtyping import Float

from feedback_alignment.streams import generator
from feedback_alignment.teacher_student import OrderParameters, jacobian, perfect_student, solve

TEACHERS = {2: (1.3, 0.7), 3: (1.5, 1.0, 0.5)}
LEARNED = 1e-7
TIMES = np.geomspace(1.0, 1e6, 61)


def feedback(K: int, seed: int) -> Float[np.ndarray, " K"]:
    """Return feedback weights, N(0, 1), from the stream 'feedback'."""
    return generator(seed, "feedback").standard_normal(K)


def reached(K: int, seed: int, N: int, eta: float, sigma0: float) -> Mapping[str, np.ndarray]:
    """Return the minimum that is reached by BP and by DFA, the two along the first axis, from one small random start.

    `rank` counts the permutations of the teacher that would give a larger overlap |F|·|W2| than the one reached; 0 is
    the largest, −1 stands where two units copy the same teacher unit. `signs` tells whether sgn W2 = sgn F throughout.
    """
    F, teacher = feedback(K, seed), np.array(TEACHERS[K])
    start = OrderParameters.random_start(K, np.eye(K), teacher, F, N=N, sigma0=sigma0, seed=seed)
    found = []
    for rule in ("bp", "dfa"):
        solved = solve(start, TIMES, eta, "erf", rule, stop_below=LEARNED)
        W2, R, error = solved.W2[-1], solved.R[-1], solved.generalisation_error[-1]
        found.append(
            {
                "learned": np.asarray(error <= LEARNED),
                "signs": np.asarray((np.sign(W2) == np.sign(F)).all()),
                "rank": np.asarray(rank(F, teacher, np.abs(R).argmax(axis=1))),
                "W2": W2,
                "F": F,
            }
        )
    return {name: np.stack([entry[name] for entry in found]) for name in found[0]}


def rank(F: Float[np.ndarray, " K"], teacher: Float[np.ndarray, " K"], copied: np.ndarray) -> int:
    """Return how many permutations overlap more with |F| than `copied`, the teacher unit that each unit copies."""
    if len(set(copied.tolist())) < len(copied):
        return -1
    own = np.abs(F) @ teacher[copied]
    others = [np.abs(F) @ teacher[list(order)] for order in permutations(range(len(F)))]
    return int(sum(other > own * (1 + 1e-12) for other in others))


def stability(K: int, draw: int, eta: float) -> Mapping[str, np.ndarray]:
    """Return the largest growth rate at each of the 2^K K! minima under DFA, and whether its signs agree with F.

    F is drawn for each `draw`.
    """
    F, teacher = feedback(K, draw), np.array(TEACHERS[K])
    rates, agree = [], []
    for order in permutations(range(K)):
        for signs in product((1, -1), repeat=K):
            minimum = perfect_student(np.eye(K), teacher, order, np.array(signs), F)
            rates.append(np.linalg.eigvals(jacobian(minimum, eta, "erf", "dfa", order=2)).real.max())
            agree.append((np.sign(minimum.W2) == np.sign(F)).all())
    return {"rate": np.array(rates), "agree": np.array(agree)}
