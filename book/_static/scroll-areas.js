// Boxes that scroll sideways can be reached and scrolled with the keyboard, and say what they are.
"use strict";

(() => {
  const kinds = [
    [".bd-article pre", "Code or output, scrolls sideways"],
    [".bd-article mjx-container[display='true'], .bd-article div.math", "Equation, scrolls sideways"],
    [".bd-article .pst-scrollable-table-container, .bd-article .cell_output div.output.text_html",
      "Table, scrolls sideways"],
  ];

  const scrolls = (box) =>
    box.scrollWidth > box.clientWidth + 1 && ["auto", "scroll"].includes(getComputedStyle(box).overflowX);

  function mark(box, label) {
    if (scrolls(box)) {
      box.setAttribute("data-scrolls", "");
      box.setAttribute("tabindex", "0");
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", label);
    } else if (box.hasAttribute("data-scrolls")) {
      for (const name of ["data-scrolls", "tabindex", "role", "aria-label"]) box.removeAttribute(name);
    }
  }

  function markAll() {
    for (const [selector, label] of kinds) {
      for (const box of document.querySelectorAll(selector)) mark(box, label);
    }
  }

  window.addEventListener("load", () => {
    markAll();
    const typeset = window.MathJax && window.MathJax.startup && window.MathJax.startup.promise;
    if (typeset) typeset.then(markAll);
    document.fonts.ready.then(markAll);
  });
  window.addEventListener("resize", markAll);
  // A folded box has no width until it is opened.
  document.addEventListener("toggle", markAll, true);
  document.addEventListener("click", () => requestAnimationFrame(markAll));
})();
