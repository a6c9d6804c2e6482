import numpy as np
import pytest
from interrupted_runs import StoppedError, Watch
from made_up_data import add, check_that_wrong_inputs_turn_their_claims, put, verdicts, with_record

from feedback_alignment.companion import provenance, store
from feedback_alignment.companion.pictures import Picture
from feedback_alignment.experiments import credit_assignment, load

SMOKE = credit_assignment.SETTINGS["smoke"]
RULES = ["BP", "FA", "DFA", "DRTP", "last layer only"]
ALIGNMENTS = ("gradient_alignment", "signal_alignment", "update_alignment")


@pytest.fixture(scope="module")
def dataset(smoke_run):
    return smoke_run("01_credit_assignment")


# ---- the dataset --------------------


def test_the_dataset_has_named_axes_coordinates_and_units(dataset):
    assert dict(dataset.sizes) == {"rule": 5, "epoch": 4, "member": 2, "layer": 2}
    assert dataset.rule.values.tolist() == RULES
    assert dataset.epoch.values.tolist() == [0, 1, 2, 4]
    assert dataset.epoch.units == "epochs"
    assert dataset.member.values.tolist() == [0, 1]
    assert dataset.layer.values.tolist() == [1, 2]
    per_layer = {*ALIGNMENTS, "gradient_alignment_spread", "signal_alignment_spread"}
    assert set(dataset.data_vars) == per_layer | {"test_accuracy", "train_accuracy"}
    for name, values in dataset.data_vars.items():
        assert values.dims == ("rule", "epoch", "member") + (("layer",) if name in per_layer else ())
        assert values.units == "1"
        assert values.long_name
        assert values.dtype == np.float64


def test_the_provenance_says_what_was_run(dataset):
    record = store.provenance(dataset)
    assert record["chapter"] == "01_credit_assignment"
    assert record["profile"] == "smoke"
    assert record["science_version"] == credit_assignment.SCIENCE_VERSION
    assert record["settings"] == provenance.settings_as_data(SMOKE)
    assert record["seeds"] == [0, 1]
    assert record["reduced"] == []
    assert record["data"]["origin"].startswith("load_digits of scikit-learn")
    assert record["data"]["subset"] == "first 256 train, first 360 test"
    assert record["wall_seconds"] > 0
    assert record["device"].startswith("CPU")


def test_a_device_that_is_absent_is_an_error():
    with pytest.raises(ValueError, match="device 'cuda:99' cannot be used here"):
        credit_assignment.run(SMOKE, device="cuda:99")


def test_the_numbers_are_those_of_the_rules(dataset):
    finite = dataset.sel(rule=RULES[:-1])
    for name in (*ALIGNMENTS, "gradient_alignment_spread", "signal_alignment_spread"):
        assert np.isfinite(finite[name]).all()
        assert dataset[name].sel(rule="last layer only").isnull().all()
    for name in ALIGNMENTS:
        np.testing.assert_allclose(dataset[name].sel(rule="BP"), 1, atol=1e-12)
        assert abs(finite[name].sel(rule=["FA", "DFA", "DRTP"])).max() < 1
        top_layer = dataset[name].sel(epoch=0, layer=2)
        np.testing.assert_array_equal(top_layer.sel(rule="FA"), top_layer.sel(rule="DFA"))
    at_start = dataset.test_accuracy.sel(epoch=0)
    assert (at_start == at_start.sel(rule="BP")).all()
    at_end = dataset.test_accuracy.sel(epoch=4).mean("member")
    assert (at_end > at_start.mean("member")).all()
    assert at_end.sel(rule="BP") > 0.5
    assert ((dataset.test_accuracy >= 0) & (dataset.test_accuracy <= 1)).all()


def test_a_run_stopped_within_its_third_rule_ends_with_the_same_numbers(dataset):
    states = {}
    with pytest.raises(StoppedError):
        credit_assignment.run(SMOKE, progress=Watch(states, stop=2 * 32 + 11))
    assert list(states) == ["BP", "FA", "DFA"]
    resumed = credit_assignment.run(SMOKE, progress=Watch(states))
    assert resumed.drop_attrs().identical(dataset.drop_attrs())


def test_the_profiles_fit_their_purpose():
    for profile, settings in credit_assignment.SETTINGS.items():
        assert settings.profile == profile
        assert settings.schedule.observe_at[0] == 0
        assert settings.schedule.observe_at[-1] == settings.schedule.epochs
        assert settings.schedule.epochs / 2 in settings.schedule.observe_at
        assert len(settings.seeds) >= 2
        assert profile in credit_assignment.COST
    quick, paper = (credit_assignment.SETTINGS[profile] for profile in ("quick", "paper"))
    assert quick.images == "digits"
    assert (paper.images, len(paper.hidden), len(paper.seeds), paper.reduced) == ("mnist", 2, 10, ())
    assert load("01") is credit_assignment


# ---- claims --------------------


@pytest.fixture
def agreeing(dataset):
    """A paper-scale dataset, made up, in which all that the papers say is so, clearly but not without scatter."""
    made = with_record(dataset.copy(deep=True), profile="paper")
    for name, values in made.data_vars.items():
        scatter = np.array([-0.001, 0.001])
        made[name] = values.dims, np.broadcast_to(scatter.reshape(-1, *[1] * (values.ndim - 3)), values.shape).copy()
    trained = {"epoch": slice(1, None)}
    for rule, accuracy in zip(RULES, (0.98, 0.97, 0.96, 0.95, 0.90), strict=True):
        add("test_accuracy", accuracy, rule=rule, **trained)(made)
        if rule != "last layer only":
            for name in ALIGNMENTS:
                add(name, 1 if rule == "BP" else 0.5, rule=rule, **trained)(made)
    add("signal_alignment", -0.1, rule="DFA", epoch=4)(made)
    add("signal_alignment_spread", 0.1, epoch=4)(made)
    return made


WRONG = {
    "01-not-bp": put("update_alignment", 1, rule="DFA", epoch=4, layer=1),
    "01-decreases": add("signal_alignment", 0.4, rule="DFA", epoch=4),
    "01-spreads": add("signal_alignment_spread", -0.4, rule="DFA", epoch=4),
}
for _rule in ("FA", "DFA", "DRTP"):
    WRONG |= {
        f"01-learns-{_rule.lower()}": add("test_accuracy", -0.1, rule=_rule, epoch=4),
        f"01-starts-{_rule.lower()}": add("gradient_alignment", 0.2, rule=_rule, epoch=0),
        f"01-aligns-{_rule.lower()}": add("signal_alignment", -1, rule=_rule, epoch=4, layer=2),
    }


def test_each_claim_holds_where_the_papers_are_right_and_turns_by_its_wrong_input(agreeing):
    check_that_wrong_inputs_turn_their_claims(credit_assignment, agreeing, WRONG)


@pytest.mark.parametrize("profile", ["smoke", "quick"])
def test_small_runs_decide_nothing(agreeing, profile):
    assert set(verdicts(credit_assignment, with_record(agreeing, profile=profile)).values()) == {"reduced"}


def test_a_paper_run_with_something_left_out_says_so(agreeing):
    reduced = with_record(agreeing, reduced=["3 of 10 seeds"])
    assert {claim.scale for claim in credit_assignment.claims(reduced)} == {"reduced"}


# ---- figures --------------------

PANELS = {
    "accuracy": (1, "test error (%)"),
    "gradient_alignment": (2, "gradient alignment\nhidden layer {} (cosine)"),
    "update_angle": (1, "angle between the updates\nof DFA and BP (degrees)"),
}


@pytest.mark.parametrize("columns", [1, 2])
def test_figures_have_labelled_axes_with_units(dataset, columns):
    figures = credit_assignment.figures(*[dataset] * columns)
    assert list(figures) == ["information_flow", *PANELS]
    for name, (rows, y_label) in PANELS.items():
        axes = figures[name].axes
        assert len(axes) == rows * columns
        assert {ax.get_xlabel() for ax in axes} == {"training time (epochs)"}
        labels = [ax.get_ylabel() for ax in axes]
        assert [label for label in labels if label] == [y_label.format(row + 1) for row in range(rows)]
        assert [ax.get_title() for ax in axes[:columns]] == ["smoke run: digits, 2 seeds"] * columns
        assert all(ax.lines for ax in axes)
    legends = {name: [text.get_text() for text in figures[name].axes[0].get_legend().get_texts()] for name in PANELS}
    assert legends == {
        "accuracy": RULES,
        "gradient_alignment": ["FA", "DFA", "DRTP"],
        "update_angle": ["hidden layer 1", "hidden layer 2"],
    }
    for figure in figures.values():
        assert columns == 1 or Picture(figure, dpi=40)._repr_png_().startswith(b"\x89PNG")


def test_the_figures_show_the_datasets_numbers(dataset):
    figures = credit_assignment.figures(dataset)
    line = figures["accuracy"].axes[0].lines[RULES.index("DFA")]
    assert line.get_label() == "DFA"
    np.testing.assert_allclose(line.get_xdata(), dataset.epoch)
    np.testing.assert_allclose(line.get_ydata(), 100 - 100 * dataset.test_accuracy.sel(rule="DFA").mean("member"))
    line = figures["gradient_alignment"].axes[1].lines[0]
    np.testing.assert_allclose(line.get_ydata(), dataset.gradient_alignment.sel(rule="FA", layer=2).mean("member"))
    line = figures["update_angle"].axes[0].lines[0]
    expected = np.degrees(np.arccos(dataset.update_alignment.sel(rule="DFA", layer=1))).mean("member")
    np.testing.assert_allclose(line.get_ydata(), expected)
