"""The claims of chapter 04."""

import numpy as np
import xarray as xr
from jaxtyping import Float

from feedback_alignment.companion import provenance
from feedback_alignment.companion.claims import Claim, Expected, Measured, Tolerance
from feedback_alignment.deep_linear import converged_conditioning_exponent

BOOK = "this book"
PAPER = "Refinetti et al. 2021, "
CORRECTED = {
    "Eq. 12": ("eq12", "Eq. 12"),
    "Eq. 46, range": ("eq46-range", "SM Eq. 46"),
    "Eqs 15 and 43, l = 3": ("eq43", "Eq. 15, SM Eqs 43, 47"),
    "Eqs 15 and 46, l = 4": ("eq46-4", "Eq. 15, SM Eqs 46, 47"),
    "Eqs 15 and 46, l = 5": ("eq46-5", "Eq. 15, SM Eqs 46, 47"),
}
ROUNDING = Tolerance("rounding of sums over up to 3000 steps", sigmas=0, floor=1e-14)
EXACT = Tolerance("rounding", sigmas=0, floor=1e-12)
SEEDS = Tolerance("three standard errors over seeds")
FIRST_ORDER = Tolerance("three standard errors; 0.05 for the next order in the learning rate", floor=0.05)
MEMORY = Tolerance("three standard errors; 0.01 for the finite learning rate", floor=0.01)
WIDTH = Tolerance("three standard errors; 0.05 for the next order in 1/width", floor=0.05)
ZERO, ONE = Expected("0", 0, 0), Expected("1", 1, 1)
POSITIVE, NEGATIVE = Expected("> 0", low=0), Expected("< 0", high=0)


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Return all claims, those about convolutions last."""
    return [
        *_weak(dataset),
        *_formulas(dataset),
        *_symmetric(dataset),
        *_strong(dataset),
        *_memory(dataset),
        *_convolutions(dataset),
    ]


def slopes(
    values: Float[np.ndarray, "*members points"], x: Float[np.ndarray, " points"]
) -> Float[np.ndarray, "*members"]:
    """Return least-squares slopes of ln(values) against ln(x)."""
    centred = np.log(x) - np.log(x).mean()
    found: np.ndarray = (np.log(values) * centred).sum(axis=-1) / (centred**2).sum()
    return found


def _weak(dataset: xr.Dataset) -> list[Claim]:
    scale, found = provenance.scale(dataset), []
    names = {
        "dfa": "DFA",
        "fa": "FA, with F_l F_(l+1) … F_(L-1) for F_l",
        "drtp": "DRTP with the true error in the output layer",
        "drtp-target": "DRTP with the target in every layer",
    }
    for rule, name in names.items():
        statement = f"Weak alignment W_l = F_l A_l F_(l-1)^T: largest relative residual, {name}"
        measured = Measured.exact(float(dataset.residual.sel(rule=rule).max()))
        source = PAPER + "Eqs 10, 14"
        found.append(Claim(f"04-weak-{rule}", source, statement, ZERO, measured, ROUNDING, scale, any_scale=True))
    return found


def _formulas(dataset: xr.Dataset) -> list[Claim]:
    scale, found = provenance.scale(dataset), []
    for formula, (key, where) in CORRECTED.items():
        printed = dataset.printed_error.sel(formula=formula)
        corrected = dataset.corrected_error.sel(formula=formula)
        statement = f"{formula}, as printed: least relative error over seeds, Gaussian feedback"
        measured = Measured.exact(float(printed.min()))
        found.append(Claim(f"04-printed-{key}", PAPER + where, statement, ZERO, measured, EXACT, scale, any_scale=True))
        statement = f"{formula}, corrected: largest relative error over seeds, Gaussian feedback"
        measured = Measured.exact(float(corrected.max()))
        source = f"{PAPER}{where}, corrected"
        found.append(Claim(f"04-corrected-{key}", source, statement, ZERO, measured, EXACT, scale, any_scale=True))
    return found


def _symmetric(dataset: xr.Dataset) -> list[Claim]:
    scale = provenance.scale(dataset)
    identity = Measured.exact(float(dataset.flow_identity.max()))
    slope = slopes(dataset.flow_noise.mean("layer").transpose("flow_run", "flow_eta").values, dataset.flow_eta.values)
    finest = dataset.flow_least.sel(flow_eta=dataset.flow_eta.min()).min("layer")
    n_L = f"{PAPER}Sec. 4.1"
    return [
        Claim(
            "04-symmetric",
            BOOK,
            "Exact terms of A_l + A_l^T: largest relative residual",
            ZERO,
            identity,
            ROUNDING,
            scale,
            any_scale=True,
        ),
        Claim(
            "04-flow-noise",
            BOOK,
            "Power of eta with which the negative term of A_l + A_l^T vanishes, mean over layers",
            ONE,
            Measured.over_seeds(slope),
            FIRST_ORDER,
            scale,
        ),
        Claim(
            "04-flow-positive",
            BOOK,
            "Least eigenvalue of A_l + A_l^T over its norm at the smallest eta, lowest layer",
            POSITIVE,
            Measured.over_seeds(finest.values),
            SEEDS,
            scale,
        ),
        Claim(
            "04-one-output",
            n_L,
            "With one output gradient alignment is guaranteed: its cosine after two steps of SGD on opposite targets",
            ONE,
            Measured.exact(float(dataset.one_output_alignment)),
            EXACT,
            scale,
            any_scale=True,
        ),
        Claim(
            "04-one-output-matrix",
            BOOK,
            "The same run: A_2, by hand",
            Expected("-0.01", -0.01, -0.01),
            Measured.exact(float(dataset.one_output_matrix)),
            EXACT,
            scale,
            any_scale=True,
        ),
    ]


def _strong(dataset: xr.Dataset) -> list[Claim]:
    scale = provenance.scale(dataset)
    exact = float(abs(dataset.missed.sel(kind="orthonormal")).max())
    eq17, random = f"{PAPER}Eqs 16, 17", f"{PAPER}Sec. 2.2, made quantitative by this book"
    found = [
        Claim(
            "04-strong-exact",
            eq17,
            "Strong alignment with left-orthogonal feedback: largest 1 - gradient alignment",
            ZERO,
            Measured.exact(exact),
            EXACT,
            scale,
            any_scale=True,
        )
    ]
    first = dataset.missed.sel(strong_layer=1)
    wide = dataset.strong_width.max()
    for kind in dataset.strong_kind.values:
        expected = float(dataset.missed_expected.sel(strong_kind=kind, strong_layer=1, strong_width=wide))
        measured = Measured.over_seeds(first.sel(kind=kind, strong_width=wide).values / expected)
        statement = f"Strong alignment with {kind} feedback: missed alignment over its expected value, first layer"
        found.append(Claim(f"04-strong-{kind}", random, statement, ONE, measured, WIDTH, scale))
    by_width = first.sel(kind="gaussian").isel(strong_width=dataset.strong_width.values >= 100)
    # Means of ten groups of draws: the logarithm of a mean, and an error of its slope.
    groups = by_width.transpose("draw", "strong_width").values
    means = np.stack([part.mean(axis=0) for part in np.array_split(groups, 10)])
    measured = Measured.over_seeds(slopes(means, by_width.strong_width.values.astype(float)))
    statement = "Power of the width with which it misses, Gaussian feedback"
    found.append(Claim("04-strong-exponent", random, statement, Expected("-1", -1, -1), measured, WIDTH, scale))
    last = dataset.isel(time=-1).gradient_alignment.mean("hidden_layer")
    gained = (last.sel(kind="orthonormal") - last.sel(kind="gaussian")).isel(width=0)
    statement = "Left-orthogonal feedback is favourable: gradient alignment gained over Gaussian, narrowest network"
    found.append(
        Claim(
            "04-orthonormal", f"{PAPER}Sec. 2.2", statement, POSITIVE, Measured.over_seeds(gained.values), SEEDS, scale
        )
    )
    statement = "Left-orthogonal feedback: largest change of the error with the width, relative"
    errors = dataset.error.sel(kind="orthonormal")
    # Compared while the error is far above rounding.
    early = errors.isel(time=errors.time.values <= 50)
    spread = float(((early.max("width") - early.min("width")) / early.mean("width")).max())
    found.append(Claim("04-width", BOOK, statement, ZERO, Measured.exact(spread), EXACT, scale, any_scale=True))
    statement = "The better conditioned, the stronger: rank correlation of log cond A_l and alignment, per network"
    found.append(
        Claim(
            "04-conditioning",
            f"{PAPER}Sec. 2.2",
            statement,
            NEGATIVE,
            Measured.over_seeds(rank_correlations(dataset)),
            SEEDS,
            scale,
        )
    )
    return found


def _memory(dataset: xr.Dataset) -> list[Claim]:
    found, layers = [], int(dataset.layer.max())
    for layer in dataset.layer.values:
        power = converged_conditioning_exponent(int(layer), layers)
        statement = f"Power of cond(T) that is cond(A_{layer}) after convergence, {layers} layers, white inputs"
        measured = Measured.over_seeds(dataset.memory_power.sel(layer=layer).values)
        expected = Expected(f"{2 ** (layer - 1)}/{2**layers - 1}", power, power)
        key = f"04-memory-{layer}"
        found.append(Claim(key, BOOK, statement, expected, measured, MEMORY, provenance.scale(dataset)))
    return found


def rank_correlations(dataset: xr.Dataset) -> Float[np.ndarray, " members"]:
    """Return each seed's Spearman correlation of log cond(A_L) with the last hidden layer's gradient alignment.

    It is taken over all kinds of feedback, widths and times of that seed.
    """
    from scipy.stats import spearmanr

    dims = ("member", "kind", "width", "time")
    condition = dataset.condition.isel(layer=-1).transpose(*dims).values.reshape(dataset.sizes["member"], -1)
    alignment = dataset.gradient_alignment.isel(hidden_layer=-1).transpose(*dims).values.reshape(condition.shape)
    return np.array([spearmanr(c, a).statistic for c, a in zip(condition, alignment, strict=True)])


def _convolutions(dataset: xr.Dataset) -> list[Claim]:
    scale = provenance.scale(dataset)
    ratio = dataset.convolution_part / dataset.convolution_whole.mean("conv_run") / dataset.expected_share
    spare = dataset.convolution_rank - dataset.full_windows
    impossible = f"{PAPER}Sec. 4.2"
    short = (dataset.feedback_rank - dataset.full_windows).max()
    return [
        Claim(
            "04-convolution-share",
            BOOK,
            "Share of |F_l F_(l-1)^T|^2 that a convolution can take, over its expected value d / (n_l n_(l-1))",
            ONE,
            Measured.over_seeds(ratio.mean("convolution").values),
            SEEDS,
            scale,
        ),
        Claim(
            "04-convolution-rank",
            BOOK,
            "Rank of convolutions less the positions of a full window, least over all",
            Expected(">= 0", low=-0.5),
            Measured.exact(float(spare.min())),
            EXACT,
            scale,
            any_scale=True,
        ),
        Claim(
            "04-convolution-impossible",
            impossible,
            "Exact weight alignment is impossible: rank of F_l F_(l-1)^T less that of any convolution, at most",
            Expected("< 0", high=0),
            Measured.exact(float(short)),
            EXACT,
            scale,
            any_scale=True,
        ),
    ]
