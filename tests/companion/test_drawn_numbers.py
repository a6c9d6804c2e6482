"""What is read back from a drawing: each number that was put into it, with the panel and the series it belongs to."""

import csv
import io

import numpy as np
import pytest
from matplotlib.figure import Figure

from feedback_alignment.companion import drawn_numbers, pictures
from feedback_alignment.companion.drawn_numbers import Point


def of_kind(figure: Figure, kind: str) -> list[drawn_numbers.Row]:
    return [row for row in drawn_numbers.rows(figure) if row.kind == kind]


def test_curves_with_bands_over_seeds():
    values = np.random.default_rng(1).normal(size=(5, 4))
    x = np.array([0.0, 1.0, 10.0, 100.0])
    figure, axes = pictures.panels(1, 2)
    pictures.band(axes[0, 1], x, values, label="DFA", index=0)
    pictures.band(axes[0, 1], x, values + 1, label="BP", index=1)
    axes[0, 1].set(title="digits\nten classes", xlabel="epochs", ylabel="error")
    lines, bands = of_kind(figure, "line"), of_kind(figure, "band")
    assert {row.panel for row in (*lines, *bands)} == {2}
    assert {(row.title, row.x_axis, row.y_axis) for row in lines} == {("digits ten classes", "epochs", "error")}
    mean, error = values.mean(0), values.std(0, ddof=1) / np.sqrt(5)
    for series, shift in (("DFA", 0), ("BP", 1)):
        np.testing.assert_allclose([row.point.y for row in lines if row.series == series], mean + shift, rtol=1e-14)
        # The band has no entry in the legend: it is found by its colour.
        of_series = [row.point for row in bands if row.series == series]
        assert [point.x for point in of_series] == x.tolist()
        np.testing.assert_allclose([point.low for point in of_series], mean - error + shift, rtol=1e-14)
        np.testing.assert_allclose([point.high for point in of_series], mean + error + shift, rtol=1e-14)


def test_error_bars_and_their_points_but_not_their_caps():
    figure = Figure()
    axes = figure.subplots()
    axes.errorbar([1, 2, 3], [4.0, 5.0, 6.0], yerr=[0.5, np.nan, 0.25], capsize=3, label="seeds")
    assert [row.point for row in of_kind(figure, "line")] == [Point(1, 4), Point(2, 5), Point(3, 6)]
    intervals = [row.point for row in of_kind(figure, "interval")]
    assert intervals[0] == Point(1, low=3.5, high=4.5)
    assert intervals[-1] == Point(3, low=5.75, high=6.25)


def test_error_bars_across():
    figure = Figure()
    figure.subplots().errorbar([1.0], [2.0], xerr=[0.5])
    assert [row.point for row in of_kind(figure, "interval")] == [Point(y=2, low=0.5, high=1.5)]


def test_guides_have_one_coordinate():
    figure = Figure()
    axes = figure.subplots()
    axes.axhline(0.9, label="paper")
    axes.axvline(3.0)
    assert [(row.series, row.point) for row in of_kind(figure, "guide")] == [("paper", Point(y=0.9)), ("", Point(x=3))]


def test_bars():
    figure = Figure()
    figure.subplots().bar([0, 1], [0.5, -0.25], width=0.8, label="layers")
    assert [row.point for row in of_kind(figure, "box")] == [
        Point(0, low=0, high=0.5),
        pytest.approx(Point(1, low=-0.25, high=0)),
    ]


def test_maps_cell_by_cell():
    values = np.arange(6.0).reshape(2, 3)
    figure = Figure()
    left, right = figure.subplots(1, 2)
    left.imshow(np.ma.masked_equal(values, 4))
    right.pcolormesh([10.0, 20.0, 30.0], [1.0, 2.0], values, shading="nearest")
    cells = of_kind(figure, "cell")
    image = [row.point for row in cells if row.panel == 1]
    assert image[5] == Point(2, 1, value=5)
    assert np.isnan(image[4].value)
    mesh = [row.point for row in cells if row.panel == 2]
    assert mesh == [Point(x, y, value=values[j, i]) for j, y in enumerate((1, 2)) for i, x in enumerate((10, 20, 30))]


def test_a_colour_of_two_series_names_neither():
    figure = Figure()
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="C0", label="one")
    axes.plot([0, 1], [1, 0], color="C0", label="other")
    axes.fill_between([0, 1], [0, 0], [1, 1], color="C0")
    assert {row.series for row in of_kind(figure, "band")} == {""}


def test_a_drawing_without_axes_shows_no_numbers():
    assert drawn_numbers.rows(Figure()) == []


def test_the_table_can_be_read_back():
    figure = Figure()
    figure.subplots().plot([0.1, 1e-12], [1 / 3, 2], label='a, "b"')
    lines = list(csv.DictReader(io.StringIO(drawn_numbers.as_csv(drawn_numbers.rows(figure)))))
    assert [(line["series"], line["x"], line["y"], line["low"]) for line in lines] == [
        ('a, "b"', "0.1", "0.3333333333", ""),
        ('a, "b"', "1e-12", "2", ""),
    ]
