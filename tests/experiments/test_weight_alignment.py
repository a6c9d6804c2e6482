from dataclasses import replace

import numpy as np
import pytest
from interrupted_runs import StoppedError, Watch
from made_up_data import multiply, put, verdicts, with_record

from feedback_alignment.companion import provenance, store
from feedback_alignment.companion.pictures import Picture
from feedback_alignment.deep_linear import KINDS, RULES, Convolution, converged_conditioning_exponent
from feedback_alignment.experiments import load, weight_alignment, weight_alignment_claims
from feedback_alignment.experiments.printed_alignment import FORMULAS

SMOKE = weight_alignment.SETTINGS["smoke"]


@pytest.fixture(scope="module")
def dataset(smoke_run):
    return smoke_run("04_weight_alignment")


# ---- the dataset --------------------


def test_the_dataset_has_named_axes_and_units(dataset):
    assert dict(dataset.sizes) == {
        "rule": 4,
        "kind": 3,
        "batch": 2,
        "depth": 1,
        "identity_run": 1,
        "example_layer": 2,
        "unit": 8,
        "input": 8,
        "output": 3,
        "output_below": 3,
        "printed_run": 1,
        "formula": 5,
        "width": 2,
        "member": 3,
        "time": 4,
        "layer": 3,
        "hidden_layer": 3,
        "strong_width": 2,
        "draw": 10,
        "strong_layer": 3,
        "strong_kind": 2,
        "memory_run": 2,
        "flow_eta": 2,
        "flow_run": 2,
        "convolution": 5,
        "conv_run": 4,
    }
    for name, values in dataset.data_vars.items():
        assert values.long_name, name
        assert values.units, name
    assert dataset.rule.values.tolist() == list(RULES)
    assert dataset.kind.values.tolist() == list(KINDS)
    assert dataset.formula.values.tolist() == list(FORMULAS)
    assert dataset.layer.values.tolist() == [2, 3, 4]
    assert dataset.hidden_layer.values.tolist() == [1, 2, 3]


def test_the_provenance_says_what_was_run(dataset):
    record = store.provenance(dataset)
    assert record["chapter"] == "04_weight_alignment"
    assert record["settings"] == provenance.settings_as_data(SMOKE)
    assert record["seeds"] == [0, 1, 2]
    assert record["reduced"] == []


def test_the_dataset_obeys_the_theory(dataset):
    assert dataset.residual.max() < 1e-14
    np.testing.assert_allclose(dataset.example_weights, dataset.example_aligned, atol=1e-14)
    assert (dataset.printed_error > 0.1).all()
    assert (dataset.corrected_error < 1e-14).all()
    assert (abs(dataset.gradient_alignment) <= 1).all()
    assert (abs(dataset.weight_alignment) <= 1).all()
    assert (dataset.condition >= 1).all()
    assert abs(dataset.missed.sel(strong_layer=3)).max() < 1e-14
    assert dataset.flow_identity.max() < 1e-14
    assert dataset.one_output_matrix == pytest.approx(-0.01)
    assert dataset.one_output_alignment == pytest.approx(-1)
    assert (dataset.convolution_part < dataset.convolution_whole).all()
    assert (dataset.feedback_rank == SMOKE.outputs).all()
    errors = dataset.error.sel(kind="orthonormal").transpose("width", ...)
    np.testing.assert_allclose(errors[0], errors[1], rtol=1e-10)


SMALL = replace(
    SMOKE,
    trained=replace(SMOKE.trained, steps=20),
    identity=replace(SMOKE.identity, steps=20),
    memory=replace(SMOKE.memory, span=5.0),
    strong_widths=(100, 110),
    strong_draws=2,
    convolutions=(Convolution(1, 1, (2, 2), (4, 4)),),
)


@pytest.fixture(scope="module")
def uninterrupted():
    return weight_alignment.run(SMALL)


@pytest.mark.usefixtures("shapes_unchecked")
@pytest.mark.parametrize("stop", [5, 28, 40])
def test_an_interrupted_run_ends_with_the_same_numbers(stop, uninterrupted):
    states = {}
    with pytest.raises(StoppedError):
        weight_alignment.run(SMALL, progress=Watch(states, stop))
    resumed = weight_alignment.run(SMALL, progress=Watch(states))
    assert resumed.drop_attrs().identical(uninterrupted.drop_attrs())


def test_the_profiles_fit_their_purpose():
    for profile, settings in weight_alignment.SETTINGS.items():
        assert settings.profile == profile
        assert profile in weight_alignment.COST
        parts = (settings.identity, settings.trained, settings.flow, settings.memory)
        assert len(settings.seeds) == max(part.runs for part in parts)
        assert len(settings.identity.etas) == len(RULES)
        assert sum(width >= 100 for width in settings.strong_widths) >= 2
    paper = weight_alignment.SETTINGS["paper"]
    assert paper.identity.depths == (2, 3, 4, 5, 6)
    assert (paper.identity.steps, paper.identity.batches) == (3000, (1, 32))
    assert load("04") is weight_alignment


def test_there_is_no_other_device():
    with pytest.raises(ValueError, match="must be 'cpu'"):
        weight_alignment.run(SMOKE, device="cuda")


# ---- claims --------------------


@pytest.fixture
def made(dataset):
    """A paper-scale dataset, made up, in which everything that this book says is so."""
    made = with_record(dataset, profile="paper").copy(deep=True)
    made = made.isel(
        draw=np.arange(200) % 10, conv_run=np.arange(40) % 4, flow_run=np.arange(6) % 2, memory_run=np.arange(6) % 2
    )
    wobble = 1 + 1e-3 * (-1.0) ** np.arange(200)
    made["flow_noise"][:] = 0.1 * made.flow_eta.values[:, None, None] * wobble[:6, None]
    made["flow_least"][:] = 0.2 * wobble[:6, None]
    for kind in made.strong_kind.values:
        expected = made.missed_expected.sel(strong_kind=kind).values
        made["missed"].loc[{"kind": kind}] = expected[:, None, :] * wobble[:, None]
    made["missed"].loc[{"kind": "orthonormal"}] = 1e-16
    for layer in made.layer.values:
        power = converged_conditioning_exponent(int(layer), 4)
        made["memory_power"].loc[{"layer": layer}] = power * wobble[:6]
    shape = made.condition.shape
    made["condition"][:] = 1 + np.arange(np.prod(shape))[::-1].reshape(shape)
    made["gradient_alignment"][:] = 1 / (1.5 + np.log(made.condition.values))
    share = made.expected_share * made.convolution_whole.mean("conv_run")
    made["convolution_part"][:] = share.values[:, None] * wobble[:40]
    return made


def unsteady(made):
    made["flow_noise"][:] = made.flow_noise * (made.flow_eta / 0.01) ** -0.5


def worse_at_the_end(made):
    made["gradient_alignment"].loc[{"kind": "orthonormal", "time": made.time.values[-1]}] *= 0.1


def slower_in_width(made):
    made["missed"][:] = (made.missed * made.strong_width**0.5).transpose(*made.missed.dims)


DISAGREE = {"04-one-output", *(f"04-printed-{key}" for key, _ in weight_alignment_claims.CORRECTED.values())}
CHANGES = {
    **{
        f"{rule} breaks the identity": (put("residual", 1e-13, rule=rule), {f"04-weak-{rule}": "disagrees"})
        for rule in RULES
    },
    **{
        f"{formula} is right as printed": (
            put("printed_error", 1e-16, formula=formula),
            {f"04-printed-{weight_alignment_claims.CORRECTED[formula][0]}": "agrees"},
        )
        for formula in FORMULAS
    },
    **{
        f"{formula} corrected is wrong": (
            put("corrected_error", 0.5, formula=formula),
            {f"04-corrected-{weight_alignment_claims.CORRECTED[formula][0]}": "disagrees"},
        )
        for formula in FORMULAS
    },
    "the symmetric part has other terms": (put("flow_identity", 1e-9), {"04-symmetric": "disagrees"}),
    "the noise vanishes more slowly": (unsteady, {"04-flow-noise": "disagrees"}),
    "gradient flow turns vectors round": (multiply("flow_least", -1), {"04-flow-positive": "disagrees"}),
    "one output is enough": (put("one_output_alignment", 1.0), {"04-one-output": "agrees"}),
    "the hand calculation is wrong": (put("one_output_matrix", 0.01), {"04-one-output-matrix": "disagrees"}),
    "strong alignment is not enough": (put("missed", 1e-3, kind="orthonormal"), {"04-strong-exact": "disagrees"}),
    "Gaussian feedback misses more": (multiply("missed", 1.2, kind="gaussian"), {"04-strong-gaussian": "disagrees"}),
    "uniform feedback misses more": (multiply("missed", 1.2, kind="uniform"), {"04-strong-uniform": "disagrees"}),
    "width helps less": (
        slower_in_width,
        {"04-strong-exponent": "disagrees", "04-strong-gaussian": "disagrees", "04-strong-uniform": "disagrees"},
    ),
    "orthonormal feedback is worse": (
        worse_at_the_end,
        {"04-orthonormal": "disagrees"},
    ),
    "width matters to orthonormal feedback": (
        multiply("error", 1.01, kind="orthonormal", width=8),
        {"04-width": "disagrees"},
    ),
    "good conditioning is bad": (
        multiply("gradient_alignment", -1),
        {"04-conditioning": "disagrees", "04-orthonormal": "disagrees"},
    ),
    **{
        f"layer {layer} remembers more": (
            multiply("memory_power", 1.2, layer=layer),
            {f"04-memory-{layer}": "disagrees"},
        )
        for layer in (2, 3, 4)
    },
    "convolutions take more": (multiply("convolution_part", 1.1), {"04-convolution-share": "disagrees"}),
    "the rank bound is wrong": (put("convolution_rank", 1), {"04-convolution-rank": "disagrees"}),
    "feedback has any rank": (put("feedback_rank", 100), {"04-convolution-impossible": "disagrees"}),
}


def test_what_the_book_says_agrees_and_slips_disagree(made):
    found = verdicts(weight_alignment, made)
    assert {key for key, verdict in found.items() if verdict == "disagrees"} == DISAGREE
    assert set(found.values()) == {"agrees", "disagrees"}


@pytest.mark.parametrize("what", CHANGES)
def test_each_claim_can_turn(made, what):
    change, expected = CHANGES[what]
    before = verdicts(weight_alignment, made)
    change(made)
    after = verdicts(weight_alignment, made)
    assert {key: verdict for key, verdict in after.items() if verdict != before[key]} == expected


def test_every_claim_is_turned(made):
    assert set().union(*(expected for _, expected in CHANGES.values())) == set(verdicts(weight_alignment, made))


@pytest.mark.parametrize("profile", ["smoke", "quick"])
def test_small_runs_decide_mathematics_only(made, profile):
    found = verdicts(weight_alignment, with_record(made, profile=profile))
    decided = {key for key, verdict in found.items() if verdict != "reduced"}
    words = ("weak", "printed", "corrected", "symmetric", "one-output", "strong-exact", "width", "rank", "impossible")
    assert decided == {key for key in found if any(word in key for word in words)}


def test_slopes_are_powers():
    x = np.array([1.0, 2.0, 5.0])
    np.testing.assert_allclose(weight_alignment_claims.slopes(np.stack([3 * x**2, x**-0.5]), x), [2, -0.5])


def test_rank_correlations_are_taken_seed_by_seed(made):
    np.testing.assert_allclose(weight_alignment_claims.rank_correlations(made.sel(kind=["gaussian"])), -1)
    made["gradient_alignment"].loc[{"member": 1}] *= -1
    found = weight_alignment_claims.rank_correlations(made.sel(kind=["gaussian"]))
    np.testing.assert_allclose(found, [-1, 1, -1])


# ---- figures --------------------

PANELS = {"residuals": 1, "conditioning": 2, "widths": 1, "strong": 1, "flow": 1, "convolutions": 1}


@pytest.mark.parametrize("columns", [1, 2])
def test_figures_have_labelled_axes(dataset, columns):
    figures = weight_alignment.figures(*[dataset] * columns)
    assert set(figures) == {*PANELS, "example"}
    for name, rows in PANELS.items():
        axes = figures[name].axes
        assert len(axes) == rows * columns
        assert all(ax.get_xlabel() for ax in axes[-columns:]), name
        assert all(ax.get_title().startswith("smoke run: 3 seeds") for ax in axes[:columns]), name
        assert all(ax.get_ylabel() or ax.get_yticklabels() for ax in axes[::columns]), name
        assert columns == 1 or Picture(figures[name], dpi=40)._repr_png_().startswith(b"\x89PNG")
    assert [ax.get_title() for ax in figures["example"].axes[:4]] == [
        "$W_2$",
        "$F_2 A_2 F_1^{\\top}$",
        "difference",
        "$A_2$",
    ]


def test_the_figures_show_the_datasets_numbers(dataset):
    figures = weight_alignment.figures(dataset)
    np.testing.assert_array_equal(
        figures["residuals"].axes[0].lines[0].get_xdata(), dataset.residual.values[0, 0, 0].ravel()
    )
    np.testing.assert_array_equal(figures["example"].axes[0].images[0].get_array(), dataset.example_weights.values[0])
    condition, alignment = figures["conditioning"].axes
    expected = np.log10(dataset.condition.sel(kind="orthonormal", layer=2).isel(width=0)).mean("member")
    np.testing.assert_allclose(condition.lines[0].get_ydata(), expected)
    expected = dataset.gradient_alignment.sel(kind="orthonormal", hidden_layer=1).isel(width=0).mean("member")
    np.testing.assert_allclose(alignment.lines[0].get_ydata(), expected)
    last = dataset.gradient_alignment.isel(time=-1).sel(kind="gaussian").mean(["hidden_layer", "member"])
    np.testing.assert_allclose(figures["widths"].axes[0].lines[0].get_ydata(), last)
    missed = figures["strong"].axes[0].containers[0].lines[0].get_ydata()
    np.testing.assert_allclose(missed, dataset.missed.sel(kind="gaussian", strong_layer=1).mean("draw"))
    noise = figures["flow"].axes[0].lines[0].get_ydata()
    np.testing.assert_allclose(noise, dataset.flow_noise.sel(layer=2).mean("flow_run"))
    marks = figures["convolutions"].axes[0].lines[0].get_xdata()
    np.testing.assert_allclose(marks, np.sqrt(dataset.expected_share))
