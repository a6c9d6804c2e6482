// Elements of SVG, scales, and the axes that the plots share.
"use strict";

(() => {
  const NAMESPACE = "http://www.w3.org/2000/svg";
  const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
  const MARGIN = { left: 60, right: 10, top: 8, bottom: 40 };

  function element(name, attributes = {}, ...children) {
    const made = document.createElementNS(NAMESPACE, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  const powerOfTen = (exponent) => `10${[...String(exponent)].map((sign) => RAISED[sign]).join("")}`;

  // Returns a number in a few characters: 0.0157, −1.5, 3.5 × 10⁻⁸.
  function short(value) {
    if (!Number.isFinite(value)) return "–";
    if (value === 0) return "0";
    const size = Math.abs(value);
    const sign = value < 0 ? "−" : "";
    if (size >= 1e-3 && size < 1e6) return sign + Number(size.toPrecision(3));
    const [digits, exponent] = size.toExponential(1).split("e");
    return `${sign}${Number(digits)} × ${powerOfTen(Number(exponent))}`;
  }

  function linear(low, high, from, to) {
    return (value) => from + ((value - low) / (high - low)) * (to - from);
  }

  function logarithmic(low, high, from, to) {
    const scale = linear(Math.log10(low), Math.log10(high), from, to);
    return (value) => scale(Math.log10(value));
  }

  // Returns the path through points of the page, interrupted where a coordinate is not a number.
  function path(points) {
    let drawing = false;
    return points
      .map(([x, y]) => {
        const fine = Number.isFinite(x) && Number.isFinite(y);
        const step = fine ? `${drawing ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}` : "";
        drawing = fine;
        return step;
      })
      .join("");
  }

  // Returns a frame with ticks [position, text] along both axes and their names.
  function axes({ width, height, across, along, xName, yName }) {
    const bottom = height - MARGIN.bottom, right = width - MARGIN.right;
    const middle = (MARGIN.top + bottom) / 2;
    const parts = [
      element("rect", {
        class: "frame", x: MARGIN.left, y: MARGIN.top, width: right - MARGIN.left, height: bottom - MARGIN.top,
      }),
    ];
    for (const [x, text] of across) {
      parts.push(element("line", { class: "tick", x1: x, x2: x, y1: bottom, y2: bottom + 5 }));
      parts.push(element("text", { x, y: bottom + 19, "text-anchor": "middle" }, text));
    }
    for (const [y, text] of along) {
      parts.push(element("line", { class: "tick", x1: MARGIN.left - 5, x2: MARGIN.left, y1: y, y2: y }));
      parts.push(element("text", { x: MARGIN.left - 8, y: y + 4, "text-anchor": "end" }, text));
    }
    parts.push(element("text", { x: (MARGIN.left + right) / 2, y: height - 4, "text-anchor": "middle" }, xName));
    const turned = { x: 0, y: 0, transform: `translate(11 ${middle}) rotate(-90)`, "text-anchor": "middle" };
    parts.push(element("text", turned, yName));
    return element("g", { class: "axes" }, ...parts);
  }

  // Puts the parts into the drawing `svg`, which gets the given size in pixels.
  function show(svg, width, height, parts) {
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.style.width = `${width}px`;
    svg.style.height = `${height}px`;
    svg.replaceChildren(...parts);
  }

  Object.assign(explorer, { MARGIN, element, powerOfTen, short, linear, logarithmic, path, axes, show });
})();
