"""The explorer, in a real browser: its numbers are the Python solver's, and everyone can work it."""

import json
import re
from itertools import product
from typing import Any

import built_book
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
EVERYDAY_SETTINGS = 4
# Two presets that keep a mirror symmetry, which takes the Python solver some time while the tests check all shapes.
SLOW = ("Fig. 10: stuck", "Control: F not orthogonal, stuck")
# Order parameters are of order one: a millionth of that, and of their size where they are larger.
CLOSE = {"rtol": 1e-6, "atol": 1e-6}
# A millionth of the error, however small, but for the rounding of its ten terms of order one, which cancel.
CLOSE_ERROR = {"rtol": 1e-6, "atol": 1e-14}
DRAGS = 8
DRAG = """async (count) => {
  const slider = document.querySelector('#explorer input[type="range"]');
  const frame = () => new Promise(requestAnimationFrame);
  for (let i = 0; i < count; i++) {
    slider.stepUp();
    slider.dispatchEvent(new Event("input"));
    await frame();
    await frame();
  }
}"""
SOLVE = """(settings) => JSON.stringify(settings.map((values) => {
  const run = new explorer.Run(values, explorer.FINE);
  while (!run.finished) run.advance(Infinity);
  const places = run.alpha.slice(1);
  return {...run, states: run.states.map((state) => [...state]), found: explorer.plateau(places, run.error.slice(1))};
}))"""


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


def solved(open_page: Any, settings: list[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return the explorer's own runs beside their settings."""
    return list(zip(settings, json.loads(open_page.evaluate(SOLVE, settings)), strict=True))


@pytest.fixture(scope="module")
def runs(open_page: Any, presets: list[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return solved(open_page, [*presets, *map(random_settings, range(EVERYDAY_SETTINGS))])


def order_parameters(states: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return Q, R and W2 of the explorer's packed states."""
    y = np.asarray(states)
    return y[..., [[0, 1], [1, 2]]], y[..., [[3, 4], [5, 6]]], y[..., 7:]


def reference(settings: dict[str, Any], run: dict[str, Any]) -> Any:
    """Return the Python solver's trajectory from the explorer's start, at its times."""
    Q, R, W2 = order_parameters(run["states"][0])
    F = (settings["F1"], settings["F2"])
    start = OrderParameters(Q, R, np.eye(2), W2, (settings["teacher1"], settings["teacher2"]), F)
    learning = {"eta": settings["eta"], "rule": settings["rule"]}
    if settings["sigma0"] == 0 and abs(F[0]) == abs(F[1]):
        sign = np.sign(F[0] * F[1])
        return solve(start, run["alpha"], activation="erf", mirror=[[0, sign], [sign, 0]], **learning)
    if settings["sigma0"] == 0 and teachers_alike(start):
        return solve_before_alike_teachers(start, run["alpha"], **learning)
    return solve(start, run["alpha"], activation="erf", **learning)


def test_averages_are_the_sums_that_the_equations_need(open_page):
    for index in range(4):
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
                [sum(v[a] * v[b] * I4(C, k, other, a, b, "erf") for a, b in pairs) for other in (0, 1)] for k in (0, 1)
            ],
        }
        for name, values in expected.items():
            np.testing.assert_allclose(found[name], values, rtol=1e-11, atol=1e-12, err_msg=name)


def test_a_few_runs_are_those_of_the_python_solver(runs):
    assert {settings.get("name") for settings, _ in runs} > set(SLOW)
    compare([(settings, run) for settings, run in runs if settings.get("name") not in SLOW])


@pytest.mark.long
def test_presets_and_fifty_random_runs_are_those_of_the_python_solver(open_page, presets):
    compare(solved(open_page, [*presets, *map(random_settings, range(RANDOM_SETTINGS))]))


def compare(runs: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    for settings, run in runs:
        assert run["problem"] is None
        assert run["learned"] or run["alpha"][-1] == settings["until"]
        expected = reference(settings, run)
        for name, values in zip(("Q", "R", "W2"), order_parameters(run["states"]), strict=True):
            np.testing.assert_allclose(values, getattr(expected, name), **CLOSE, err_msg=f"{name} of {settings}")
        np.testing.assert_allclose(run["error"], expected.generalisation_error, **CLOSE_ERROR, err_msg=str(settings))
        moving = np.linalg.norm(expected.W2, axis=1) > 0
        aligned = cosine(expected.W2[moving], np.array([settings["F1"], settings["F2"]], dtype=float))
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
        aligned = cosine(
            order_parameters(run["states"])[2][1:], np.array([settings["F1"], settings["F2"]], dtype=float)
        )
        expected, found = meeting(alpha, errors, aligned), run["found"]
        if found is None:
            assert np.isnan(expected["height"])
        elif found["exit"] is not None:  # a plateau at the end of a run is one for the explorer only
            compared += 1
            np.testing.assert_allclose(found["height"], expected["height"], rtol=1e-12)
            assert alpha[found["entry"]] == expected["alpha_entry"]
            assert errors[found["exit"]] < found["height"] / 1.1 <= errors[found["exit"] - 1]
    assert compared >= 5


def test_stuck_students_are_still_on_the_plateau_and_the_others_are_not(runs):
    at_the_end = {settings["name"]: run["found"]["exit"] is None for settings, run in runs if "name" in settings}
    assert at_the_end == {
        "Fig. 3, DFA": False,
        "Fig. 3, BP": False,
        "Fig. 10: stuck": True,
        "Control: F orthogonal, learns": False,
        "Control: F not orthogonal, stuck": True,
        "Control: teacher units alike, stuck": True,
    }


def test_what_cannot_be_followed_ends_with_words(open_page, presets):
    wild = {**presets[0], "eta": 10, "F1": 10, "F2": -10, "teacher1": 10, "teacher2": 10, "until": 1e5}
    [(_, run)] = solved(open_page, [wild])
    assert 0 < run["alpha"][-1] < 1e5
    assert re.fullmatch(
        r"The curves end at α = [\d.e+]+: beyond it Q or W₂ exceeds ten thousand.*Lower η.*", run["problem"]
    )
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


def settled(page: Any, part: str) -> None:
    """Wait until the page shows the exact run of settings whose address holds `part`."""
    page.wait_for_selector(f'#explorer[data-ready*="{part}"]')


def test_settings_move_with_the_keyboard_and_travel_in_the_address(page, book):
    page.goto(f"{book}{PAGE}")
    settled(page, "eta=0.1&")
    before = page.get_by_role("status").inner_text()
    slider, number = page.get_by_role("slider", name="Learning rate η"), page.get_by_role("spinbutton", name="Learning")
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    typed = float(number.input_value())
    assert 0.1 < typed < 0.2
    assert slider.get_attribute("aria-valuetext") == number.input_value()
    page.get_by_role("radio", name="BP").check()
    page.get_by_role("spinbutton", name="Feedback F² to unit 2").fill("1.25")
    settled(page, f"rule=bp&eta={typed}&")
    page.wait_for_function("location.hash.includes('F2=1.25')")
    after, table = page.get_by_role("status").inner_text(), page.get_by_role("table").inner_text()
    assert before.startswith("DFA")
    assert after.startswith("BP")

    address = page.url
    page.goto("about:blank")
    page.goto(address)
    settled(page, f"rule=bp&eta={typed}&")
    assert page.get_by_role("status").inner_text() == after
    assert page.get_by_role("table").inner_text() == table
    assert page.get_by_role("spinbutton", name="Feedback F² to unit 2").input_value() == "1.25"


def test_the_words_and_the_table_are_those_of_the_run(page, book, runs):
    page.goto(f"{book}{PAGE}")
    settled(page, "rule=dfa&")
    _, run = runs[0]
    first, second = run["states"][-1][7:]
    said = page.get_by_role("status").inner_text()
    assert f"W₂ ends at ({first:.3g}, −{-second:.3g}), at the minimum that overlaps most with F." in said
    assert f"at an error of {run['found']['height']:.3g}, from" in said
    cells = {
        row.get_by_role("rowheader").inner_text(): row.get_by_role("cell").all_inner_texts()
        for row in page.get_by_role("table").get_by_role("row").all()[1:]
    }
    assert cells["0"][0] == "start"
    assert cells["10000"][0] == "end"
    assert {"most aligned", "plateau begins", "plateau ends"} <= {texts[0] for texts in cells.values()}
    assert float(cells["10000"][2]) == pytest.approx(run["cosine"][-1], rel=5e-3)
    assert float(cells["0"][1]) == pytest.approx(run["error"][0], rel=5e-3)

    time = page.get_by_role("slider", name="Look at time")
    time.focus()
    page.keyboard.press("Home")
    assert page.locator(".explorer-reading").inner_text().startswith("α = 0, error")
    assert time.get_attribute("aria-valuetext") == page.locator(".explorer-reading").inner_text()
    plot = page.get_by_role("img", name="Curve of the generalisation error")
    plot.click(position={"x": plot.bounding_box()["width"] - 11, "y": 50})
    assert re.match(r"α = (9440|10000),", page.locator(".explorer-reading").inner_text())
    time.press("Home")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("document.querySelector('#explorer-time').value > 5")
    page.get_by_role("button", name="Pause").click()
    stopped = time.input_value()
    page.wait_for_timeout(100)
    assert time.input_value() == stopped


def test_what_cannot_be_set_is_refused_in_words(page, book):
    page.goto(f"{book}{PAGE}#sigma0=-1&rule=fa&eta=")
    problem = page.get_by_role("alert")
    for words in (
        "σ₀ must be 0 or more, at most 10; got -1.",
        "η must be larger than 0",
        "got no number",
        "Choose a rule",
    ):
        assert words in problem.inner_text()
    page.get_by_role("button", name="Fig. 3, DFA").click()
    problem.wait_for(state="hidden")
    settled(page, "rule=dfa&")
    for name, bad, words in (
        ("Learning rate η", "0", "must be larger than 0 and at most 10; got 0."),
        ("Learning rate η", "", "must be larger than 0 and at most 10; got no number."),
        ("Learning rate η", "11", "must be larger than 0 and at most 10; got 11."),
        ("Feedback F¹ to unit 1", "-10.5", "must lie between −10 and 10; got -10.5."),
        ("Start, by number", "1.5", "must be a whole number from 0 to 1000000; got 1.5."),
        ("Until time α", "1e6", "must be at least 100 and at most 100000; got 1000000."),
    ):
        field = page.get_by_role("spinbutton", name=name)
        good = field.input_value()
        field.fill(bad)
        assert problem.inner_text() == f"{name} {words}"
        assert field.get_attribute("aria-invalid") == "true"
        field.fill(good)
        assert problem.is_hidden()
        assert field.get_attribute("aria-invalid") == "false"
    for name in ("Teacher weight W̃₂¹", "Teacher weight W̃₂²"):
        page.get_by_role("spinbutton", name=name).fill("0")
    assert "nothing to learn" in problem.inner_text()
    page.get_by_role("spinbutton", name="Teacher weight W̃₂¹").fill("1")
    for name in ("Feedback F¹ to unit 1", "Feedback F² to unit 2"):
        page.get_by_role("spinbutton", name=name).fill("0")
    assert "no signal arrives" in problem.inner_text()


def test_it_works_from_a_folder_of_files_by_touch_and_without_motion(browser, book):
    complaints, foreign = [], []
    telephone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with browser.new_context(**telephone, reduced_motion="reduce") as context:
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith("file:") else foreign.append(request.url))
        page.goto((built_book.pages() / PAGE).as_uri())
        settled(page, "rule=dfa&")
        page.get_by_role("button", name="Fig. 10: stuck").tap()
        settled(page, "sigma0=0&")
        assert page.get_by_role("button", name="Fig. 10: stuck").get_attribute("aria-pressed") == "true"
        assert "to the end" in page.get_by_role("status").inner_text()
        assert page.get_by_role("button", name="Play").count() == 0
        page.wait_for_function("location.hash.includes('sigma0=0&')")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert complaints == []
    assert [address for address in foreign if not address.startswith("data:")] == []


def test_a_dragged_slider_redraws_within_fifty_milliseconds(page, book):
    page.goto(f"{book}{PAGE}")
    settled(page, "rule=dfa&")
    # Processor time of scripts, styles and layout, which hardly depends on what else the machine does.
    measured = page.context.new_cdp_session(page)
    measured.send("Performance.enable", {"timeDomain": "threadTicks"})

    def seconds() -> float:
        metrics = {metric["name"]: metric["value"] for metric in measured.send("Performance.getMetrics")["metrics"]}
        return sum(metrics[f"{work}Duration"] for work in ("Script", "RecalcStyle", "Layout"))

    page.evaluate(DRAG, DRAGS)
    before = seconds()
    page.evaluate(DRAG, DRAGS)
    assert (seconds() - before) / DRAGS < 0.05
