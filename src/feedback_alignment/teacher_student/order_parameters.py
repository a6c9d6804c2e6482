"""What the two-layer theory follows: the order parameters of a student and its teacher, and their trajectories.

| name here | paper | meaning |
|---|---|---|
| `Q` | Q^{kl}, Eq. 23 | overlaps of the student's hidden units, W1^k · W1^l / N |
| `R` | R^{km}, Eq. 24 | overlaps of student and teacher, W1^k · W̃1^m / N |
| `T` | T^{mn}, Eq. 25 | overlaps of the teacher's hidden units |
| `W2`, `W2_teacher` | W_2, W̃_2 | second-layer weights |
| `F` | F_1 | feedback weights |

Equation numbers are those of Refinetti et al. (2021) and its supplement.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from feedback_alignment.streams import generator
from feedback_alignment.teacher_student.activations import activation_code

# The joint covariance of a perfect student, or of the plateau, is exactly singular, and a trajectory's states carry the
# integrator's error: eigenvalues down to minus this fraction of the largest count as zero.
ROUNDING = 1e-9


def _read_only(name: str, value: Any, dimensions: int, shape_in_words: str) -> np.ndarray:
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be an array of numbers of shape {shape_in_words}; got {value!r}") from error
    if array.ndim != dimensions or array.size == 0:
        raise ValueError(f"{name} must have shape {shape_in_words}; got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite; {np.count_nonzero(~np.isfinite(array))} of its entries are not")
    array.setflags(write=False)
    return array


def check_count(name: str, value: Any) -> None:
    """Raise ValueError unless `value` is a positive integer."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or int(value) < 1:
        raise ValueError(f"{name} must be a positive integer; got {value!r}")


@dataclass(frozen=True, eq=False)
class OrderParameters:
    """Order parameters of a student with K hidden units and a teacher with M, in float64, validated and read-only.

    `dataclasses.replace(state, Q=…, R=…, W2=…)` makes the state of the same teacher and feedback at another time.

    Raises ValueError, naming the field, for a wrong shape, entries that are not finite, Q or T not symmetric, or
    pre-activations whose joint covariance [[Q, R], [Rᵀ, T]] is not positive semi-definite within rounding.
    """

    Q: Float[np.ndarray, "K K"]
    R: Float[np.ndarray, "K M"]
    T: Float[np.ndarray, "M M"]
    W2: Float[np.ndarray, " K"]
    W2_teacher: Float[np.ndarray, " M"]
    F: Float[np.ndarray, " K"] | None = None

    def __post_init__(self) -> None:
        W2 = _read_only("W2", self.W2, 1, "(K,)")
        W2_teacher = _read_only("W2_teacher", self.W2_teacher, 1, "(M,)")
        K, M = W2.size, W2_teacher.size
        fields = {"W2": W2, "W2_teacher": W2_teacher}
        for name, words, shape in (("Q", "(K, K)", (K, K)), ("R", "(K, M)", (K, M)), ("T", "(M, M)", (M, M))):
            array = _read_only(name, getattr(self, name), 2, words)
            if array.shape != shape:
                raise ValueError(
                    f"{name} must have shape {words} = {shape}, as W2 has {K} entries and W2_teacher {M}; "
                    f"got {array.shape}"
                )
            fields[name] = array
        if self.F is not None:
            fields["F"] = _read_only("F", self.F, 1, "(K,)")
            if fields["F"].size != K:
                raise ValueError(f"F must have one entry a hidden unit, K = {K} as in W2; got {fields['F'].size}")
        for name in ("Q", "T"):
            array = fields[name]
            asymmetry = np.abs(array - array.T).max()
            if asymmetry > ROUNDING * np.abs(array).max():
                raise ValueError(
                    f"{name} must be symmetric, as overlaps of one set of units are; "
                    f"it differs from its transpose by up to {asymmetry:.3g}"
                )
            fields[name] = _read_only(name, (array + array.T) / 2, 2, "")
        for name, array in fields.items():
            object.__setattr__(self, name, array)
        self._check_covariance()

    def _check_covariance(self) -> None:
        for name, own in (("Q", self.Q), ("T", self.T), ("R", self.covariance)):
            eigenvalues = np.linalg.eigvalsh(own)
            if eigenvalues[0] < -ROUNDING * max(np.abs(eigenvalues).max(), np.finfo(float).tiny):
                what = name if name != "R" else "with this R the joint covariance [[Q, R], [R^T, T]]"
                raise ValueError(
                    f"{what} must be positive semi-definite, as every covariance is; its smallest eigenvalue is "
                    f"{eigenvalues[0]:.3g}, its largest {eigenvalues[-1]:.3g}"
                )
        idle = np.flatnonzero((np.diag(self.Q) <= 0) & np.any(self.R != 0, axis=1))
        if idle.size:
            raise ValueError(
                f"R must be zero where Q has no variance: hidden unit {idle[0]} has Q = 0 and R = {self.R[idle[0]]}"
            )

    @property
    def covariance(self) -> Float[np.ndarray, "units units"]:
        """Joint covariance [[Q, R], [Rᵀ, T]] of the K + M pre-activations, students first."""
        return np.block([[self.Q, self.R], [self.R.T, self.T]])

    @classmethod
    def from_weights(
        cls, W1: ArrayLike, W2: ArrayLike, W1_teacher: ArrayLike, W2_teacher: ArrayLike, F: ArrayLike | None = None
    ) -> "OrderParameters":
        """Return the order parameters of weights W1 (K, N), W2 (K,), W1_teacher (M, N), W2_teacher (M,) and F (K,).

        Overlaps are divided by N (Eqs 23–25). Raises ValueError as the class does, and where N differs.
        """
        student = _read_only("W1", W1, 2, "(K, N)")
        teacher = _read_only("W1_teacher", W1_teacher, 2, "(M, N)")
        N = student.shape[1]
        if teacher.shape[1] != N:
            raise ValueError(
                f"W1_teacher must have shape (M, N) with N = {N} as W1 has; got {teacher.shape}: "
                "weights are stored one hidden unit a row"
            )
        return cls(
            Q=student @ student.T / N,
            R=student @ teacher.T / N,
            T=teacher @ teacher.T / N,
            W2=W2,  # type: ignore[arg-type]
            W2_teacher=W2_teacher,  # type: ignore[arg-type]
            F=F,  # type: ignore[arg-type]
        )

    @classmethod
    def zero_start(cls, K: int, T: ArrayLike, W2_teacher: ArrayLike, F: ArrayLike | None = None) -> "OrderParameters":
        """Return a student of K hidden units whose weights are all zero, before a teacher T (M, M), W2_teacher (M,)."""
        check_count("K", K)
        overlaps = _read_only("T", T, 2, "(M, M)")
        return cls(np.zeros((K, K)), np.zeros((K, len(overlaps))), overlaps, np.zeros(K), W2_teacher, F)  # type: ignore[arg-type]

    @classmethod
    def random_start(
        cls,
        K: int,
        T: ArrayLike,
        W2_teacher: ArrayLike,
        F: ArrayLike | None = None,
        *,
        N: int,
        sigma0: float,
        seed: int,
    ) -> "OrderParameters":
        """Return the order parameters of random small weights in N dimensions, drawn without making the weights.

        All student weights are independent N(0, sigma0²), in the second layer too. In an orthonormal frame whose first
        M axes span the teacher's weights, the student's first M coordinates are Gaussian, and the overlaps of the rest
        follow Bartlett's triangular form of the Wishart law with N − M degrees of freedom; so the cost does not depend
        on N. The draws come from the stream (seed, 'order parameters').

        Raises ValueError for N < K + M or a sigma0 that is negative or not finite, and as the class does.
        """
        check_count("K", K)
        overlaps = _read_only("T", T, 2, "(M, M)")
        M = len(overlaps)
        check_count("N", N)
        if N < K + M:
            raise ValueError(f"N must be at least K + M = {K + M}, the directions that the weights span; got {N}")
        if not (np.isfinite(sigma0) and sigma0 >= 0):
            raise ValueError(f"sigma0 must be a standard deviation, finite and not negative; got {sigma0}")
        cls.zero_start(K, overlaps, W2_teacher, F)  # checks the teacher before its root is taken
        random = generator(seed, "order parameters")
        values, axes = np.linalg.eigh((overlaps + overlaps.T) / 2)
        teacher = axes * np.sqrt(np.clip(values, 0, None))
        along = random.standard_normal((K, M))
        across = np.tril(random.standard_normal((K, K)), -1)
        across[np.diag_indices(K)] = np.sqrt(random.chisquare(N - M - np.arange(K)))
        return cls(
            Q=sigma0**2 / N * (along @ along.T + across @ across.T),
            R=sigma0 / np.sqrt(N) * along @ teacher.T,
            T=overlaps,
            W2=sigma0 * random.standard_normal(K),
            W2_teacher=W2_teacher,  # type: ignore[arg-type]
            F=F,  # type: ignore[arg-type]
        )


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Order parameters at requested times, from the equations of motion or from simulation.

    Time `alpha` is the number of samples divided by N. `generalisation_error` has the factor ½. Simulations of many
    runs have an axis of runs before that of times.
    """

    alpha: Float[np.ndarray, " times"]
    Q: Float[np.ndarray, "*runs times K K"]
    R: Float[np.ndarray, "*runs times K M"]
    W2: Float[np.ndarray, "*runs times K"]
    generalisation_error: Float[np.ndarray, "*runs times"]


def generalisation_error(state: OrderParameters, activation: str) -> float:
    """Return ε_g = ½ E[(ŷ − y)²] (Eqs 5 and 22) of a student with `activation` 'erf', 'relu' or 'linear'.

    Raises ValueError for an unknown activation.
    """
    code = activation_code(activation)
    from feedback_alignment.teacher_student import velocities

    signed = np.concatenate([state.W2, -state.W2_teacher])
    return float(velocities.mean_square(code, state.covariance, signed) / 2)
