"""The explorer, in a real browser: its numbers are the Python solver's, and everyone can work it."""

import re
from itertools import product
from typing import Any

import numpy as np
import pytest

from feedback_alignment.experiments.two_phases_alignment import meeting
from feedback_alignment.experiments.two_phases_curves import cosine
from feedback_alignment.experiments.two_phases_symmetry import solve_before_alike_teachers, teachers_alike
from feedback_alignment.streams import generator
from feedback_alignment.teacher_student import I2, I3, I4, OrderParameters, solve

PAGE = "book/explorer.html"
READY = "#explorer[data-ready]"
RANDOM_SETTINGS = 50
# Order parameters are of order one: a millionth of that, and of their size where they are larger.
CLOSE = {"rtol": 1e-6, "atol": 1e-6}
# A millionth of the error, however small, but for the rounding of its ten terms of order one, which cancel.
CLOSE_ERROR = {"rtol": 1e-6, "atol": 1e-14}
SOLVE = """(settings) => settings.map((values) => {
  const run = new explorer.Run(values, explorer.FINE);
  while (!run.finished) run.advance(Infinity);
  const places = run.alpha.slice(1);
  return {...run, states: run.states.map((state) => [...state]), found: explorer.plateau(places, run.error.slice(1))};
})"""


def random_settings(index: int) -> dict[str, Any]:
    draw = generator(0, "explorer", index)
    F1, F2 = draw.standard_normal(2)
    teacher1, teacher2 = draw.uniform(-2, 2, 2)
    return {
        "rule": ("bp", "dfa")[index % 2],
        "eta": 10 ** draw.uniform(-2, 0),
        "sigma0": 10 ** draw.uniform(-3, -0.5),
        "F1": F1,
        "F2": F2,
        "teacher1": teacher1,
        "teacher2": teacher2,
        "start": int(draw.integers(1_000_000)),
        "until": 10 ** draw.uniform(2, 4),
    }


@pytest.fixture(scope="module")
def open_page(browser: Any, book: str) -> Any:
    """The explorer in one window for all tests that only call its functions."""
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{book}{PAGE}")
        page.wait_for_selector(READY)
        yield page


@pytest.fixture(scope="module")
def presets(open_page: Any) -> list[dict[str, Any]]:
    return open_page.evaluate("explorer.PRESETS.map(({name, values}) => ({name, ...values}))")


@pytest.fixture(scope="module")
def runs(open_page: Any, presets: list[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    settings = [*presets, *map(random_settings, range(RANDOM_SETTINGS))]
    return list(zip(settings, open_page.evaluate(SOLVE, settings), strict=True))


def order_parameters(states: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return Q, R and W2 of the explorer's packed states."""
    y = np.asarray(states)
    return y[..., [[0, 1], [1, 2]]], y[..., [[3, 4], [5, 6]]], y[..., 7:]


def reference(settings: dict[str, Any], run: dict[str, Any]) -> Any:
    """Return the Python solver's trajectory from the explorer's start, at its times, a hundred times as accurate."""
    Q, R, W2 = order_parameters(run["states"][0])
    F = (settings["F1"], settings["F2"])
    start = OrderParameters(Q, R, np.eye(2), W2, (settings["teacher1"], settings["teacher2"]), F)
    learning = {"eta": settings["eta"], "rule": settings["rule"], "rtol": 1e-12}
    if settings["sigma0"] == 0 and abs(F[0]) == abs(F[1]):
        sign = np.sign(F[0] * F[1])
        return solve(start, run["alpha"], activation="erf", mirror=[[0, sign], [sign, 0]], **learning)
    if settings["sigma0"] == 0 and teachers_alike(start):
        return solve_before_alike_teachers(start, run["alpha"], **learning)
    return solve(start, run["alpha"], activation="erf", **learning)


def test_averages_are_the_sums_that_the_equations_need(open_page):
    for index in range(10):
        draw = generator(1, "explorer", index)
        root, v = draw.standard_normal((4, 4)), draw.standard_normal(4)
        C = root @ root.T
        found = open_page.evaluate(
            """([C, v]) => ({
              square: explorer.meanSquare(C, v),
              output: [0, 1].map((k) => explorer.outputError(C, v, k)),
              gated: [0, 1].map((k) => {
                const all = new Float64Array(4);
                explorer.gatedError(C, v, k, all);
                return [...all];
              }),
              gatedSquare: [0, 1].map((k) => [0, 1].map((l) => explorer.gatedSquare(C, v, k, l))),
            })""",
            [C.ravel().tolist(), v.tolist()],
        )
        units, pairs = range(4), list(product(range(4), repeat=2))
        expected = {
            "square": sum(v[a] * v[b] * I2(C, a, b, "erf") for a, b in pairs),
            "output": [sum(v[a] * I2(C, k, a, "erf") for a in units) for k in (0, 1)],
            "gated": [[sum(v[a] * I3(C, k, j, a, "erf") for a in units) for j in units] for k in (0, 1)],
            "gatedSquare": [
                [sum(v[a] * v[b] * I4(C, k, l, a, b, "erf") for a, b in pairs) for l in (0, 1)] for k in (0, 1)
            ],
        }
        for name, values in expected.items():
            np.testing.assert_allclose(found[name], values, rtol=1e-11, atol=1e-12, err_msg=name)


def test_runs_are_those_of_the_python_solver(runs):
    assert len(runs) == RANDOM_SETTINGS + 6
    for settings, run in runs:
        assert run["problem"] is None
        assert run["learned"] or run["alpha"][-1] == settings["until"]
        expected = reference(settings, run)
        for name, values in zip(("Q", "R", "W2"), order_parameters(run["states"]), strict=True):
            np.testing.assert_allclose(values, getattr(expected, name), **CLOSE, err_msg=f"{name} of {settings}")
        np.testing.assert_allclose(run["error"], expected.generalisation_error, **CLOSE_ERROR, err_msg=str(settings))
        moving = np.linalg.norm(expected.W2, axis=1) > 0
        aligned = cosine(expected.W2[moving], np.array([settings["F1"], settings["F2"]]))
        np.testing.assert_allclose(np.array(run["cosine"], dtype=float)[moving], aligned, **CLOSE)


def test_starts_are_those_of_small_random_weights(open_page):
    starts = np.array(open_page.evaluate("Array.from({length: 400}, (_, i) => [...explorer.draw(i, 0.1)])"))
    Q, R, W2 = order_parameters(starts)
    # Means over 400 draws lie within four standard errors.
    np.testing.assert_allclose(Q.mean(axis=0), 0.01 * np.eye(2), atol=4 * 0.01 * np.sqrt(2 / 500 / 400))
    np.testing.assert_allclose(R.std(), 0.1 / np.sqrt(500), rtol=4 / np.sqrt(2 * R.size))
    np.testing.assert_allclose(W2.std(), 0.1, rtol=4 / np.sqrt(2 * W2.size))
    for numbers in (R, W2):
        assert abs(numbers.mean()) < 4 * numbers.std() / np.sqrt(numbers.size)


def test_the_plateau_is_that_of_the_chapter(runs):
    compared = 0
    for settings, run in runs:
        alpha, errors = np.array(run["alpha"][1:]), np.array(run["error"][1:])
        aligned = cosine(order_parameters(run["states"])[2][1:], np.array([settings["F1"], settings["F2"]]))
        expected, found = meeting(alpha, errors, aligned), run["found"]
        # The chapter follows students until they have learned, and knows no plateau at the end of a run.
        if run["learned"] and np.isfinite(expected["height"]):
            compared += 1
            np.testing.assert_allclose(found["height"], expected["height"], rtol=1e-12)
            assert alpha[found["entry"]] == expected["alpha_entry"]
            assert errors[found["exit"]] < found["height"] / 1.1
    assert compared >= 5


def test_stuck_students_are_still_on_the_plateau_and_the_others_are_not(runs):
    at_the_end = {settings["name"]: run["found"]["exit"] is None for settings, run in runs if "name" in settings}
    assert at_the_end == {
        "Fig. 3, DFA": False,
        "Fig. 3, BP": False,
        "Fig. 10: stuck": True,
        "F at right angles, learns": False,
        "F not at right angles, stuck": True,
        "Teacher units alike, stuck": True,
    }


def test_what_cannot_be_followed_ends_with_words(open_page, presets):
    wild = {**presets[0], "eta": 10, "F1": 10, "F2": -10, "teacher1": 10, "teacher2": 10, "until": 1e5}
    run = open_page.evaluate(SOLVE, [wild])[0]
    assert 0 < run["alpha"][-1] < 1e5
    assert re.fullmatch(r"The curves end at α = [\d.e+]+: beyond it Q or W₂ exceeds a million.*Lower η.*", run["problem"])
    stopped = open_page.evaluate(
        """([values]) => {
          const limits = {rtol: 1e-10, atol: 1e-14, bound: 1e6, mostSteps: 20};
          const growth = explorer.integrate((y, dy) => { dy[0] = y[0] * y[0]; }, [1], [0, 0.5, 2], limits);
          const reached = [];
          try {
            for (const point of growth) reached.push(point);
          } catch (problem) {
            const run = new explorer.Run(values, explorer.FINE);
            return [problem.message, problem.time, run.words(problem)];
          }
        }""",
        [presets[0]],
    )
    assert stopped[0] == "steps"
    assert 0 < stopped[1] < 1
    assert "too many steps" in stopped[2]
