// The path of the second layer in its plane, with the degenerate minima and the feedback.
"use strict";

(() => {
  const { MARGIN, element, short, linear, path, axes, show, minima, bestMinima } = explorer;
  const LARGEST = 400;
  const ROOM = 1.15;
  const TICKS = 4;

  // Returns about TICKS round numbers on either side of zero, up to `reach`.
  function roundTicks(reach) {
    const rough = reach / TICKS;
    const decade = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((digit) => digit * decade).find((size) => size >= rough);
    const count = Math.floor(reach / step);
    return Array.from({ length: 2 * count + 1 }, (_, i) => (i - count) * step);
  }

  function plotPlane(svg, room, run, seen, place) {
    const width = Math.min(room, LARGEST);
    const height = width - MARGIN.left - MARGIN.right + MARGIN.top + MARGIN.bottom;
    const W2 = run.states.map((state) => [state[7], state[8]]);
    const points = minima(run.teacher);
    const reach = ROOM * Math.max(...[...points, ...W2, run.feedback].flat().map(Math.abs));
    const x = linear(-reach, reach, MARGIN.left, width - MARGIN.right);
    const y = linear(-reach, reach, height - MARGIN.bottom, MARGIN.top);
    const at = ([first, second]) => ({ cx: x(first), cy: y(second) });
    const ticks = roundTicks(reach);
    const parts = [
      axes({
        width,
        height,
        across: ticks.map((value) => [x(value), short(value)]),
        along: ticks.map((value) => [y(value), short(value)]),
        xName: "weight of unit 1",
        yName: "weight of unit 2",
      }),
    ];
    for (const point of points) parts.push(element("circle", { class: "minimum", ...at(point), r: 5 }));
    for (const point of bestMinima(run.teacher, run.feedback)) {
      parts.push(element("circle", { class: "best", ...at(point), r: 10 }));
    }
    if (seen.plateau) {
      const there = W2.slice(seen.plateau.entry, (seen.plateau.exit ?? W2.length) + 1);
      parts.push(element("path", { class: "plateau-path", d: path(there.map(([p, q]) => [x(p), y(q)])) }));
    }
    parts.push(element("path", { class: "curve", d: path(W2.map(([p, q]) => [x(p), y(q)])) }));
    const arrow = [[x(0), y(0)], [x(run.feedback[0]), y(run.feedback[1])]];
    parts.push(element("path", { class: "feedback", d: path(arrow) }));
    const end = W2.at(-1);
    parts.push(element("rect", { class: "end", x: x(end[0]) - 4, y: y(end[1]) - 4, width: 8, height: 8 }));
    parts.push(element("circle", { class: "now-point", ...at(W2[place]), r: 4 }));
    show(svg, width, height, parts);
  }

  Object.assign(explorer, { plotPlane });
})();
