"""What chapter 04 computes at each scale."""

from dataclasses import dataclass

from feedback_alignment.deep_linear import Convolution


@dataclass(frozen=True)
class Identity:
    """Runs on which W_l = F_l A_l F_{l−1}ᵀ is checked: every rule, kind of feedback and batch size, at each depth."""

    depths: tuple[int, ...]
    steps: int
    runs: int
    batches: tuple[int, ...] = (1, 32)
    width: int = 40
    etas: tuple[float, ...] = (3e-3, 2e-3, 3e-4, 5e-4)
    """Stable learning rates of the rules in their order: DRTP's weights grow without bound, hence small ones."""


@dataclass(frozen=True)
class Trained:
    """Networks of L = `depth` that learn a random linear map by DFA, whose alignment is followed."""

    widths: tuple[int, ...]
    steps: int
    runs: int
    depth: int = 4
    batch: int = 32
    eta: float = 0.05
    times: int = 12
    """Observation times, spaced evenly on a logarithmic scale."""


@dataclass(frozen=True)
class Flow:
    """Full-batch training for one span of η × steps in more and more, smaller and smaller steps."""

    steps: tuple[int, ...]
    runs: int
    span: float = 4.0
    depth: int = 4
    width: int = 20
    batch: int = 100


@dataclass(frozen=True)
class Memory:
    """Training to convergence on white inputs, every step on all of them, with left-orthogonal feedback."""

    eta: float
    runs: int
    span: float = 60.0
    """Of η × steps."""
    depth: int = 4
    width: int = 8


@dataclass(frozen=True)
class Settings:
    """Everything that the numbers of this chapter depend on."""

    profile: str
    seeds: tuple[int, ...]
    """Teacher, feedback and samples of the trained networks; a part with fewer runs takes the first ones."""
    identity: Identity
    trained: Trained
    flow: Flow
    memory: Memory
    strong_widths: tuple[int, ...]
    """Widths at which strong weight alignment is imposed, with Gaussian and uniform feedback."""
    strong_draws: int
    convolution_draws: int
    printed_runs: int
    inputs: int = 20
    outputs: int = 5
    convolutions: tuple[Convolution, ...] = (
        Convolution(1, 2, (3, 3), (8, 8)),
        Convolution(3, 8, (3, 3), (8, 8), padding=1),
        Convolution(3, 4, (5, 5), (8, 8), padding=2),
        Convolution(4, 4, (3, 3), (8, 8), stride=2, padding=1),
        Convolution(4, 4, (1, 1), (6, 6)),
    )
    reduced: tuple[str, ...] = ()


SETTINGS: dict[str, Settings] = {
    "smoke": Settings(
        "smoke",
        (0, 1, 2),
        Identity((3,), 100, 1, (1, 4), 12),
        Trained((8, 16), 60, 3, times=4),
        Flow((100, 200), 2),
        Memory(0.05, 2),
        (100, 200),
        10,
        4,
        1,
    ),
    "quick": Settings(
        "quick",
        tuple(range(6)),
        Identity((2, 6), 400, 1),
        Trained((8, 24, 72), 300, 6),
        Flow((100, 200, 400, 800), 4),
        Memory(0.01, 4),
        (10, 30, 100, 300),
        100,
        30,
        3,
    ),
    "paper": Settings(
        "paper",
        tuple(range(20)),
        Identity((2, 3, 4, 5, 6), 3000, 1),
        Trained((8, 16, 32, 64, 128, 256), 500, 20, times=20),
        Flow((100, 200, 400, 800, 1600, 3200), 10),
        Memory(0.004, 10),
        (10, 20, 50, 100, 200, 500, 1000),
        500,
        300,
        10,
    ),
}
