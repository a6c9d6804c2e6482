// The generalisation error and the alignment against time, with the plateau marked.
"use strict";

(() => {
  const { MARGIN, FIRST_TIME, LEARNED, element, powerOfTen, short, linear, logarithmic, path, axes, show } = explorer;
  const HEIGHT = 200;

  function timeScale(run, width) {
    return logarithmic(FIRST_TIME, run.until, MARGIN.left, width - MARGIN.right);
  }

  function decades(low, high, step) {
    const first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9);
    const exponents = [];
    for (let exponent = first; exponent <= last; exponent += step) exponents.push(exponent);
    return exponents;
  }

  function plot(svg, width, run, seen, place, { values, scale, ticks, yName, further }) {
    const x = timeScale(run, width);
    const bottom = HEIGHT - MARGIN.bottom;
    const parts = [];
    if (seen.plateau) {
      const from = x(run.alpha[seen.plateau.entry]);
      const to = x(run.alpha[seen.plateau.exit ?? run.alpha.length - 1]);
      const size = { x: from, width: Math.max(1, to - from), y: MARGIN.top, height: bottom - MARGIN.top };
      parts.push(element("rect", { class: "plateau", ...size }));
      const label = { x: (from + to) / 2, y: bottom - 8, "text-anchor": "middle", class: "plateau-name" };
      parts.push(element("text", label, "plateau"));
    }
    const across = decades(FIRST_TIME, run.until, 1).map((exponent) => [x(10 ** exponent), powerOfTen(exponent)]);
    parts.push(axes({ width, height: HEIGHT, across, along: ticks, xName: "time α (samples / N)", yName }));
    parts.push(...further(x));
    const curve = run.alpha.map((alpha, i) => [alpha > 0 ? x(alpha) : NaN, scale(values[i])]);
    parts.push(element("path", { class: "curve", d: path(curve) }));
    if (run.alpha[place] > 0) {
      const at = x(run.alpha[place]);
      parts.push(element("line", { class: "now", x1: at, x2: at, y1: MARGIN.top, y2: bottom }));
      if (Number.isFinite(values[place])) {
        parts.push(element("circle", { class: "now-point", cx: at, cy: scale(values[place]), r: 4 }));
      }
    }
    show(svg, width, HEIGHT, parts);
  }

  // `seen` is what `happenings` found in the run, `place` the time that the reader looks at, `width` that of the
  // drawing: to ask the browser for it between drawings would have it lay out the page each time.
  function plotError(svg, width, run, seen, place) {
    const highest = Math.max(1, 10 ** Math.ceil(Math.log10(Math.max(...run.error))));
    const scale = logarithmic(LEARNED, highest, HEIGHT - MARGIN.bottom, MARGIN.top);
    const floored = run.error.map((error) => Math.max(error, LEARNED));
    const ticks = decades(LEARNED, highest, 2).map((exponent) => [scale(10 ** exponent), powerOfTen(exponent)]);
    const height = () => {
      if (!seen.plateau) return [];
      const y = scale(seen.plateau.height);
      const ends = { x1: MARGIN.left, x2: width - MARGIN.right, y1: y, y2: y };
      return [element("line", { class: "plateau-height", ...ends })];
    };
    const yName = "generalisation error";
    plot(svg, width, run, seen, place, { values: floored, scale, ticks, yName, further: height });
  }

  function plotAlignment(svg, width, run, seen, place) {
    const scale = linear(-1.05, 1.05, HEIGHT - MARGIN.bottom, MARGIN.top);
    const ticks = [-1, -0.5, 0, 0.5, 1].map((value) => [scale(value), short(value)]);
    const best = (x) => {
      if (seen.mostAligned < 0 || run.alpha[seen.mostAligned] === 0) return [];
      const point = { cx: x(run.alpha[seen.mostAligned]), cy: scale(run.cosine[seen.mostAligned]), r: 5 };
      return [element("circle", { class: "best", ...point })];
    };
    const yName = "cosine of W₂ and F";
    plot(svg, width, run, seen, place, { values: run.cosine, scale, ticks, yName, further: best });
  }

  // Returns the place in the run of the time that is drawn at `x` pixels from the left of a plot `width` wide.
  function placeAt(run, width, x) {
    const share = (x - MARGIN.left) / (width - MARGIN.left - MARGIN.right);
    const alpha = FIRST_TIME * (run.until / FIRST_TIME) ** share;
    const later = run.alpha.findIndex((value) => value >= alpha);
    return later < 0 ? run.alpha.length - 1 : later;
  }

  Object.assign(explorer, { plotError, plotAlignment, placeAt });
})();
