"""Numbers of chapter 05's dataset that its claims, figures and tables need."""

import itertools
from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float, Int
from scipy.stats import rankdata

from feedback_alignment.streams import generator

RESAMPLINGS = 10_000
Grid = Float[np.ndarray, "seeds alphas betas"]


def at_end(dataset: xr.Dataset, variable: str, recipe: str, activation: str, layer: str) -> Grid:
    """Return a variable after training, for one recipe, activation and layer (or 'all')."""
    values = dataset[variable].sel(recipe=recipe, activation=activation).isel(time=-1)
    layers = next(name for name in values.dims if name not in ("seed", "alpha", "beta"))
    return np.asarray(values.sel({layers: layer}).values, dtype=float)


def highest(dataset: xr.Dataset, recipe: str, activation: str) -> Grid:
    """Return the largest weight alignment of all layers together during training."""
    values = dataset.weight_alignment.sel(recipe=recipe, activation=activation, upper="all")
    return np.asarray(values.max("time").values, dtype=float)


def rank_correlation(values: Grid, factor: str) -> Float[np.ndarray, " seeds"]:
    """Return, for each seed, Spearman's correlation with `factor`, 'alpha' or 'beta', mean over values of the other."""
    in_order = np.arange(values.shape[_axis(factor)])[None]
    return np.asarray(_correlations(values, _axis(factor), in_order)[0])


def rank_p_value(values: Grid, factor: str) -> float:
    """Return how often chance alone makes the mean rank correlation over seeds as large as it is.

    By chance the levels of the factor could come in any order, in each seed anew: the exact correlations for all
    orders, combined over seeds in 10,000 random ways. The smallest value is 1e-4.
    """
    orders = np.array(list(itertools.permutations(range(values.shape[_axis(factor)]))))
    null = _correlations(values, _axis(factor), orders)
    drawn = generator(0, "permutations").integers(len(null), size=(RESAMPLINGS, len(values)))
    by_chance = null[drawn, np.arange(len(values))].mean(1)
    reached = by_chance >= rank_correlation(values, factor).mean() - 1e-12
    return float((1 + reached.sum()) / (1 + RESAMPLINGS))


def _axis(factor: str) -> int:
    if factor not in ("alpha", "beta"):
        raise ValueError(f"factor must be 'alpha' or 'beta'; got {factor!r}")
    return 1 if factor == "alpha" else 2


def _correlations(
    values: Grid, axis: int, orders: Int[np.ndarray, "orders levels"]
) -> Float[np.ndarray, "orders seeds"]:
    """Return rank correlations along an axis with each of several orders of its levels, mean over the other axis."""
    ranks = np.moveaxis(rankdata(values, axis=axis), axis, -1)
    centred, steps = ranks - ranks.mean(-1, keepdims=True), orders - orders.mean(-1, keepdims=True)
    lengths = np.sqrt((centred**2).sum(-1)[..., None] * (steps**2).sum(-1))
    return np.asarray((centred @ steps.T / lengths).mean(1).T)


def exponents(dataset: xr.Dataset, recipe: str, matrix: str) -> Float[np.ndarray, "seeds times"]:
    """Return slopes of ln cond(A_l) against ln cond(T) over (α, β), linear networks; NaN where nothing was seen."""
    conditions = dataset.condition.sel(recipe=recipe, activation="linear", matrix=matrix)
    y = np.log(conditions.values.astype(float)).reshape(len(conditions), -1, conditions.sizes["time"])
    return _slopes(np.log(dataset.map_condition.sel(recipe=recipe).values).reshape(len(y), -1, 1), y)


def _slopes(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the slope of the straight line through the points along axis 1."""
    x, y = (part - part.mean(1, keepdims=True) for part in (x, y))
    found: np.ndarray = (x * y).sum(1) / (x**2).sum(1)
    return found


def uneven_slopes(dataset: xr.Dataset, time: int) -> tuple[Float[np.ndarray, " seeds"], Float[np.ndarray, " seeds"]]:
    """Return slopes of ln cond(A_2) over uneven inputs with balanced targets, linear networks.

    The first against ln cond(S), which counts early in training, the second against ln cond(T Tᵀ), which counts late;
    the latter is the inputs' condition number exactly, as the targets are linear in the inputs.
    """
    conditions = dataset.uneven_condition.sel(uneven_activation="linear", matrix="A2").isel(time=time).values
    y = np.log(conditions.astype(float))
    squared_map = np.broadcast_to(dataset.input_condition.values, y.shape)
    return _slopes(np.log(dataset.uneven_signal_condition.values), y), _slopes(np.log(squared_map), y)


def uneven_rank(dataset: xr.Dataset, activation: str) -> Float[np.ndarray, " seeds"]:
    """Return Spearman's correlation of isotropic gradient alignment after training with the inputs' condition."""
    values = dataset.uneven_probe_alignment.sel(uneven_activation=activation, hidden="all").isel(time=-1).values
    return rank_correlation(values[:, :, None].astype(float), "alpha")


@dataclass(frozen=True)
class Score:
    """How well gradient alignment was foretold where it was held out; one number a seed."""

    explained: Float[np.ndarray, " seeds"]
    """R²: 1 minus the squared error over that of the baseline."""
    error: Float[np.ndarray, " seeds"]
    """Mean absolute error."""
    baseline_error: Float[np.ndarray, " seeds"]
    """That of the baseline: mean gradient alignment of what was not held out."""


def held_out(alphas: int, betas: int) -> Bool[np.ndarray, "alphas betas"]:
    """Return which pairs (α, β) are held out: the white fields of a chessboard whose corner is black."""
    return np.asarray(np.add.outer(np.arange(alphas), np.arange(betas)) % 2 == 1)


def score(foretold: Grid, measured: Grid) -> Score:
    """Return how a line from `foretold` to `measured`, fitted on the pairs that are not held out, does on the others.

    One line serves all seeds; the baseline is the mean of `measured` over the same pairs.
    """
    out = held_out(*measured.shape[1:])
    slope, offset = np.polyfit(foretold[:, ~out].ravel(), measured[:, ~out].ravel(), 1)
    wrong = measured[:, out] - slope * foretold[:, out] - offset
    apart = measured[:, out] - measured[:, ~out].mean()
    return Score((1 - (wrong**2).sum(1) / (apart**2).sum(1)), abs(wrong).mean(1), abs(apart).mean(1))


def score_of(dataset: xr.Dataset, recipe: str, activation: str, predictor: str, layer: str = "all") -> Score:
    """Return the score of one predictor for networks after training; recipe 'digits' for handwritten digits."""
    if recipe == "digits":
        foretold = dataset.digits_foretold.sel(predictor=predictor, hidden=layer)
        measured = dataset.digits_alignment.sel(activation=activation, hidden=layer)
        return score(foretold.values.astype(float), measured.values.astype(float))
    foretold = dataset.foretold.sel(recipe=recipe, predictor=predictor, hidden=layer)
    return score(foretold.values.astype(float), at_end(dataset, "gradient_alignment", recipe, activation, layer))
