"""What chapter 05 computes at each scale."""

from dataclasses import dataclass

from feedback_alignment.experiments.conditioning_runs import Training, observed_epochs

GRID = (0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True)
class Recipe:
    """A number of examples, and for how many epochs linear and nonlinear networks see them."""

    examples: int
    linear_epochs: int
    network_epochs: int


@dataclass(frozen=True)
class Uneven:
    """Inputs of unequal variance: condition numbers of their covariance, and the training."""

    conditions: tuple[float, ...]
    examples: int
    epochs: int


@dataclass(frozen=True)
class Projection:
    """Direct random target projection: layers of weights, steps, learning rate."""

    layers: int
    steps: int
    eta: float


@dataclass(frozen=True)
class Settings:
    """Everything that the numbers of this chapter depend on."""

    profile: str
    seeds: tuple[int, ...]
    """Inputs, targets, feedback and weights of a member are drawn from its seed; the order of the samples is shared."""
    main_text: Recipe
    supplement: Recipe
    uneven: Uneven
    digits_epochs: int
    digits_seeds: int
    """How many of the seeds, the first ones, are trained on digits."""
    projection: Projection
    alphas: tuple[float, ...] = GRID
    betas: tuple[float, ...] = GRID
    width: int = 100
    inputs: int = 10
    batch: int = 32
    learning_rate: float = 1e-4
    """On the squared error summed over a batch."""
    points: int = 14
    """Times at which networks are looked at."""
    observed: int = 1000
    """Samples over which gradient alignment is a mean."""
    double: bool = False
    """Whether nonlinear networks are trained in float64; linear ones always are."""
    together: int = 1
    """Seeds that are trained in one lockstep."""
    reduced: tuple[str, ...] = ()

    @property
    def recipes(self) -> dict[str, Recipe]:
        """The two recipes that the paper gives, by the place where it does."""
        return {"main text": self.main_text, "supplement": self.supplement}

    def training(self, epochs: int) -> Training:
        """Return how networks of two hidden layers are trained for so many epochs."""
        return Training(
            epochs,
            self.learning_rate,
            self.batch,
            self.width,
            hidden=2,
            double=self.double,
            observe_at=observed_epochs(epochs, self.points),
            observed=self.observed,
        )


SETTINGS: dict[str, Settings] = {
    "smoke": Settings(
        "smoke",
        (0, 1, 2),
        Recipe(64, 60, 20),
        Recipe(128, 60, 10),
        uneven=Uneven((1, 10, 100), 64, 20),
        digits_epochs=4,
        digits_seeds=2,
        projection=Projection(6, 60, 0.02),
        alphas=(0.2, 0.6, 1.0),
        betas=(0.2, 0.6, 1.0),
        width=12,
        learning_rate=4e-4,
        points=5,
        double=True,
        together=3,
    ),
    "quick": Settings(
        "quick",
        (0, 1, 2),
        Recipe(250, 320, 130),
        Recipe(1000, 130, 10),
        uneven=Uneven((1, 3, 10, 30, 100), 250, 60),
        digits_epochs=4,
        digits_seeds=2,
        projection=Projection(6, 400, 0.01),
        alphas=(0.2, 0.6, 1.0),
        betas=(0.2, 0.6, 1.0),
        width=40,
        learning_rate=6e-4,
        points=6,
        observed=250,
        double=True,
        together=3,
    ),
    "paper": Settings(
        "paper",
        (0, 1, 2),
        Recipe(1000, 1000, 1000),
        Recipe(10_000, 1000, 1000),
        uneven=Uneven((1, 2, 5, 10, 20, 50, 100), 1000, 300),
        digits_epochs=40,
        digits_seeds=2,
        projection=Projection(6, 3000, 0.001),
        reduced=("3 seeds",),
    ),
}
