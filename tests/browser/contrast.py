"""To check the contrast of a page's words without looking at every word.

axe spends most of its time on the colours behind every word. Words that agree in colour, size and weight, and in all
that their own box and the boxes around it paint behind them, have the same contrast, so that some of each will do.
"""

from typing import Any

MARK = "data-contrast-sample"
OF_EACH_STYLE = 2

MARK_SAMPLES = """([mark, ofEach]) => {
  const behind = new Map([[null, ""]]);
  const ground = (box) => {
    if (!behind.has(box)) {
      const style = getComputedStyle(box);
      const own = [style.backgroundColor, style.backgroundImage, style.opacity, style.filter, style.mixBlendMode];
      const outer = ground(box.parentElement);
      const before = getComputedStyle(box, "::before"), after = getComputedStyle(box, "::after");
      const painted = [before, after].filter((part) => part.content !== "none")
        .map((part) => [part.backgroundColor, part.backgroundImage, part.position].join(" "));
      behind.set(box, [outer, ...new Set([own.join(" "), ...painted])].join(" / "));
    }
    return behind.get(box);
  };
  const seen = new Map();
  for (const box of document.querySelectorAll(`[${mark}]`)) box.removeAttribute(mark);
  for (const box of document.body.querySelectorAll("*")) {
    // axe passes over single characters, and these are not to stand for longer words.
    const lengthOf = (node) => node.nodeType === Node.TEXT_NODE ? node.nodeValue.trim().length : 0;
    const words = [...box.childNodes].some((node) => lengthOf(node) > 1);
    if (!(words || box.matches("input, select, textarea")) || !box.checkVisibility()) continue;
    const style = getComputedStyle(box);
    const letters = [style.color, style.fontSize, style.fontWeight, style.textShadow].join(" ");
    const kind = [box.localName, letters, ground(box)].join(" | ");
    const count = seen.get(kind) ?? 0;
    seen.set(kind, count + 1);
    if (count < ofEach) box.setAttribute(mark, "");
  }
  return seen.size;
}"""


def mark_samples(page: Any) -> int:
    """Mark some words of each style that the page has now, and return the number of styles."""
    found: int = page.evaluate(MARK_SAMPLES, [MARK, OF_EACH_STYLE])
    return found
