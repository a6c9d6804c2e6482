"""The pictures of the front page show what the stored results hold."""

from pathlib import Path

import numpy as np
import pytest

from feedback_alignment.experiments import front_page
from feedback_alignment.experiments.pair_statistics import per_member
from feedback_alignment.experiments.stored import read

RESULTS = Path(__file__).resolve().parents[2] / "results"


def test_simulation_and_theory_of_one_student():
    dataset = read("02", "paper", RESULTS)
    error, cosine = front_page.align_then_memorise(dataset).axes
    run = dataset.sel(rule="dfa")
    for axes, name in ((error, "shown_simulated"), (cosine, "shown_cosine_simulated")):
        drawn = axes.lines[0].get_xydata()
        assert np.array_equal(drawn, np.stack([run.shown_alpha, run[name]], 1)[1:])
    assert cosine.lines[-1].get_xdata()[0] in run.shown_alpha.values


def test_networks_that_share_their_feedback_beside_those_that_do_not():
    dataset = read("06", "paper", RESULTS)
    (axes,) = front_page.degeneracy_breaking(dataset).axes
    drawn = {line.get_label(): line.get_ydata() for line in axes.lines}
    shown = dataset.similarity.sel(images="mnist", rule="DFA", activation="tanh")
    assert drawn["DFA, one F for all, tanh"] == pytest.approx(per_member(shown).mean(0))
    assert drawn["DFA, one F for all, tanh"][-1] > drawn["BP, tanh"][-1]


def test_a_curve_that_is_not_there_yet_is_left_out():
    dataset = read("06", "paper", RESULTS).copy()
    dataset["similarity"] = dataset.similarity.where(dataset.rule != "BP")
    (axes,) = front_page.degeneracy_breaking(dataset).axes
    assert [line.get_label() for line in axes.lines] == ["DFA, one F for all, ReLU", "DFA, one F for all, tanh"]


def test_no_bar_of_a_convolution_reaches_the_line_of_a_full_layer():
    dataset = read("04", "paper", RESULTS)
    (axes,) = front_page.convolutions(dataset).axes
    widths = [bar.get_width() for bar in axes.patches]
    assert widths == pytest.approx(np.sqrt(dataset.convolution_part / dataset.convolution_whole).mean("conv_run"))
    assert max(widths) < 1
