"""Parts of chapter 03's dataset that both its claims and its figures need."""

import numpy as np
import xarray as xr
from jaxtyping import Bool


def learned(dataset: xr.Dataset, trial: int) -> Bool[np.ndarray, " runs"]:
    """Return which runs of a trial learned; its number of runs is that of the times which are not NaN."""
    at = dataset.learned_at.isel(trial=trial).values
    return np.asarray(np.isfinite(at[~np.isnan(at)]))


def usual(dataset: xr.Dataset, plus: int, minus: int, rule: str = "dfa", start: str = "random") -> list[int]:
    """Return the trials before a teacher of such signs, at the number of inputs that most trials have."""
    sizes, counts = np.unique(dataset.N.values, return_counts=True)
    chosen = (sizes[counts.argmax()] == dataset.N) & (dataset.rule == rule) & (dataset.start == start)
    chosen &= (dataset.teacher_positive == plus) & (dataset.teacher_negative == minus)
    return [int(i) for i in np.flatnonzero(chosen)]


def find(dataset: xr.Dataset, K: int, plus: int = 2, minus: int = 0, rule: str = "dfa", start: str = "random") -> int:
    """Return the usual trial with K units.

    Raises ValueError where there is none.
    """
    found = [i for i in usual(dataset, plus, minus, rule, start) if dataset.K[i] == K]
    if not found:
        raise ValueError(
            f"the dataset needs a trial of {K} units by {rule} from a {start} start before a teacher with {plus} "
            f"positive and {minus} negative weights, at the number of inputs that most trials have"
        )
    return found[0]


def largest_size(dataset: xr.Dataset) -> int:
    """Return the trial of three units before a teacher (1, 1) with the largest number of inputs."""
    alike = (dataset.rule == "dfa") & (dataset.K == 3)
    alike &= (dataset.teacher_positive == 2) & (dataset.teacher_negative == 0)
    return int(dataset.N.where(alike).argmax("trial"))


def foretold(dataset: xr.Dataset) -> Bool[np.ndarray, " runs"]:
    """Return, for all runs of all trials by DFA, whether those and only those with enough right signs learned."""
    found = []
    for trial in map(int, np.flatnonzero(dataset.rule == "dfa")):
        of = dataset.isel(trial=trial)
        positive = of.positive_entries.values[~np.isnan(of.learned_at.values)]
        enough = (positive >= int(of.teacher_positive)) & (int(of.K) - positive >= int(of.teacher_negative))
        found.append(learned(dataset, trial) == enough)
    return np.concatenate(found)


def escapes_with(dataset: xr.Dataset, **fixed: float) -> xr.Dataset:
    """Return the escape times of the settings with the given values of angle, eta, sigma0 or N."""
    chosen = dataset.escape_eta > 0
    for name, value in fixed.items():
        chosen &= np.isclose(dataset[f"escape_{name}"], value)
    return dataset.isel(escape=np.flatnonzero(chosen))


def fixed_point_rate(dataset: xr.Dataset) -> float:
    """Return the rate of the fixed point at angle 0, per unit of α at the learning rate of `escape_rates`."""
    return float(dataset.rate_fixed_point.sel(angle=0))


def eta_exponents(dataset: xr.Dataset) -> np.ndarray:
    """Return, for each start, the slope of the logarithm of the simulated escape time against that of eta."""
    swept = escapes_with(dataset, angle=0, sigma0=1e-2, N=usual_inputs(dataset))
    return np.asarray(np.polyfit(np.log(swept.escape_eta), np.log(swept.escape_simulation), 1)[0])


def start_slopes(dataset: xr.Dataset) -> np.ndarray:
    """Return, for each start, the slope of the equations' escape time against ln(√N / sigma0)."""
    swept = escapes_with(dataset, angle=0, eta=0.1)
    return np.asarray(np.polyfit(start_size(swept), swept.escape_equations, 1)[0])


def start_size(dataset: xr.Dataset) -> np.ndarray:
    """Return ln(√N / sigma0) of each setting, minus the logarithm of the size of the differences at the start."""
    return np.asarray(np.log(np.sqrt(dataset.escape_N.values) / dataset.escape_sigma0.values))


def noise_ratio(dataset: xr.Dataset, angle: float) -> np.ndarray:
    """Return, for each start, the simulated escape time over that of the equations at the smallest sigma0 and N."""
    swept = escapes_with(dataset, angle=angle, eta=0.1)
    least = swept.isel(escape=np.lexsort((swept.escape_N, swept.escape_sigma0))[0])
    return np.asarray(least.escape_simulation / least.escape_equations)


def usual_inputs(dataset: xr.Dataset) -> int:
    """Return the number of inputs at which most escape times were taken."""
    sizes, counts = np.unique(dataset.escape_N.values, return_counts=True)
    return int(sizes[counts.argmax()])
