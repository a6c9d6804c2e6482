"""What chapter 03 computes at each scale."""

from collections.abc import Sequence
from dataclasses import dataclass

from feedback_alignment.experiments.first_passage import Learning
from feedback_alignment.experiments.plateau_escape import TILTED, Escape
from feedback_alignment.experiments.relu_students import Trial


@dataclass(frozen=True)
class Plane:
    """The plane of feedback vectors of K = M = 2: `side` values of either entry within ± `extent`."""

    side: int
    runs: int
    N: int
    horizon: float
    extent: float = 2.0


@dataclass(frozen=True)
class Plateau:
    """What is computed about the plateau: settings of its escape times, angles of its rates, starts of each setting."""

    escapes: tuple[Escape, ...]
    angles: tuple[float, ...]
    starts: int
    horizon: float = 2000.0
    """In units of 1/eta."""


@dataclass(frozen=True)
class Settings:
    """Everything that the numbers of this chapter depend on; times are samples / N."""

    profile: str
    seeds: tuple[int, ...]
    """One a run: teacher, feedback and start are drawn from it. A trial of fewer runs takes the first ones."""
    trials: tuple[Trial, ...]
    horizon: float
    curve_horizon: float
    plane: Plane
    plateau: Plateau
    curve_points: int = 50
    N: int = 500
    """Inputs of the learning curves."""
    eta: float = 0.1
    sigma0: float = 1e-2
    learned_below: float = 1e-3
    reduced: tuple[str, ...] = ()

    @property
    def learning(self) -> Learning:
        """How ReLU students learn, and what counts as learned."""
        return Learning("relu", "dfa", self.eta, self.learned_below, self.horizon, leg=min(250.0, self.horizon))


def trials(N: int, runs: int, one_sign: Sequence[int], mixed: Sequence[int]) -> tuple[Trial, ...]:
    """Return the trials at one N: DFA with teachers of one sign and of both, and BP with two kinds of start."""
    return (
        *(Trial(K, (1.0, 1.0), N, runs) for K in one_sign),
        *(Trial(K, (1.0, -1.0), N, runs) for K in mixed),
        Trial(2, (1.0, 1.0), N, runs, rule="bp"),
        Trial(2, (1.0, 1.0), N, runs, rule="bp", start="positive"),
    )


def escapes(
    etas: Sequence[float], sizes: Sequence[int], sigma0s: Sequence[float], angles: Sequence[float], N: int = 400
) -> tuple[Escape, ...]:
    """Return the settings of three sweeps: eta; sizes with sigma0, at angles 0 and TILTED; the angle of the feedback.

    The first and the last are at `N` inputs.
    """
    found = [Escape(0.0, eta=eta, N=N) for eta in etas]
    found += [Escape(angle, sigma0=sigma0, N=size) for angle in (0.0, TILTED) for size in sizes for sigma0 in sigma0s]
    found += [Escape(angle, N=N) for angle in angles]
    return tuple(dict.fromkeys(found))


PAPER_TRIALS = (
    *trials(500, 200, (2, 3, 4, 5, 6, 8), (2, 3, 4, 6)),
    Trial(3, (1.0, 1.0, 1.0), 500, 200),
    Trial(6, (1.0, 1.0, 1.0), 500, 200),
    Trial(4, (1.0, 1.0, -1.0), 500, 200),
    Trial(3, (1.0, 1.0), 50, 200),
    Trial(3, (1.0, 1.0), 10_000, 200),
)

SETTINGS: dict[str, Settings] = {
    "smoke": Settings(
        "smoke",
        tuple(range(10)),
        (
            *trials(30, 10, (2, 3, 4, 6, 8), (2, 3)),
            Trial(3, (1.0, 1.0, 1.0), 30, 10),
            Trial(4, (1.0, 1.0, -1.0), 30, 10),
            Trial(3, (1.0, 1.0), 60, 10),
        ),
        horizon=300,
        curve_horizon=50,
        curve_points=8,
        N=50,
        plane=Plane(4, 1, 30, 300),
        plateau=Plateau(escapes((0.1, 0.2), (50, 100), (1e-2,), (0.0, 20.0)), (0.0, 20.0), 2),
    ),
    "quick": Settings(
        "quick",
        tuple(range(30)),
        (
            *trials(50, 30, (2, 3, 4, 6, 8), (2, 3)),
            Trial(3, (1.0, 1.0, 1.0), 50, 30),
            Trial(4, (1.0, 1.0, -1.0), 50, 30),
            Trial(3, (1.0, 1.0), 150, 20),
        ),
        horizon=2000,
        curve_horizon=1500,
        N=200,
        plane=Plane(8, 1, 50, 1000),
        plateau=Plateau(
            escapes((0.1, 0.2, 0.4), (25, 100), (1e-2, 1e-4, 1e-6), (0.0, 10.0, 20.0, 30.0), N=100),
            (0.0, 10.0, 20.0, 30.0, 40.0),
            3,
        ),
    ),
    "paper": Settings(
        "paper",
        tuple(range(200)),
        PAPER_TRIALS,
        horizon=6000,
        curve_horizon=3000,
        plane=Plane(16, 1, 200, 6000),
        plateau=Plateau(
            escapes(
                (0.01, 0.02, 0.05, 0.1, 0.2, 0.4),
                (100, 1000, 10_000),
                (1e-2, 1e-4, 1e-6),
                (0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0),
            ),
            (0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0),
            10,
        ),
    ),
}
