// The scorecard's rows by source, verdict and words, and in another order. Without this script all rows are there, chapter by chapter.
"use strict";

(() => {
  const ANY = "all";
  const VERDICTS = ["disagrees", "agrees", "reduced", "not reproducible"];
  const ORDERS = {
    chapter: { label: "as in the chapter", key: (row) => row.index },
    verdict: { label: "verdict, disagreements first", key: (row) => VERDICTS.indexOf(row.verdict) },
    source: { label: "source, then number", key: (row) => row.source },
    statement: { label: "statement", key: (row) => row.statement },
  };
  const collator = new Intl.Collator("en", { numeric: true });

  const paperOf = (source) => (source.match(/^.+? \d{4}\b/) || [source.split(",")[0]])[0];

  function readRow(element, index) {
    const source = element.querySelector(".claim-source").textContent;
    const verdict = element.querySelector(".verdict").textContent.trim();
    return {
      element,
      index,
      source,
      paper: paperOf(source),
      verdict: VERDICTS.find((word) => verdict.startsWith(word)),
      statement: element.querySelector("th").textContent,
      words: element.textContent.toLowerCase(),
    };
  }

  function readChapters(page) {
    return [...page.querySelectorAll("section:has(> .pst-scrollable-table-container > .claims-table)")].map((section) => ({
      section,
      body: section.querySelector(".claims-table tbody"),
      rows: [...section.querySelectorAll(".claims-table tbody tr")].map(readRow),
    }));
  }

  function labelled(text, control) {
    const [box, label] = [document.createElement("div"), document.createElement("label")];
    control.id = `scorecard-filter-${text.toLowerCase()}`;
    label.htmlFor = control.id;
    label.textContent = text;
    box.append(label, control);
    return box;
  }

  function choice(text, options) {
    const select = document.createElement("select");
    for (const [value, name] of options) select.add(new Option(name, value));
    return { select, box: labelled(text, select) };
  }

  function makeForm(rows) {
    const papers = [...new Set(rows.map((row) => row.paper))].sort(collator.compare);
    const paper = choice("Source", [[ANY, "all sources"], ...papers.map((name) => [name, name])]);
    const verdict = choice("Verdict", [[ANY, "all verdicts"], ...VERDICTS.map((word) => [word, word])]);
    const order = choice("Order", Object.entries(ORDERS).map(([value, { label }]) => [value, label]));
    const words = document.createElement("input");
    words.type = "search";
    const reset = document.createElement("button");
    reset.type = "reset";
    reset.textContent = "Show all";
    const status = document.createElement("p");
    status.setAttribute("role", "status");
    const form = document.createElement("form");
    form.className = "scorecard-filter";
    form.setAttribute("role", "search");
    form.setAttribute("aria-label", "Claims");
    form.append(paper.box, verdict.box, labelled("Words", words), order.box, reset, status);
    return { form, paper: paper.select, verdict: verdict.select, order: order.select, words, status };
  }

  function matches(row, controls) {
    const words = controls.words.value.toLowerCase().split(/\s+/);
    return (
      [ANY, row.paper].includes(controls.paper.value) &&
      [ANY, row.verdict].includes(controls.verdict.value) &&
      words.every((word) => row.words.includes(word))
    );
  }

  function compare(key) {
    return (a, b) => {
      const [x, y] = [key(a), key(b)];
      return (typeof x === "number" ? x - y : collator.compare(x, y)) || a.index - b.index;
    };
  }

  function show(chapters, controls) {
    let shown = 0;
    for (const { section, body, rows } of chapters) {
      const found = rows.filter((row) => matches(row, controls));
      for (const row of rows) row.element.hidden = !found.includes(row);
      section.hidden = found.length === 0;
      body.append(...[...rows].sort(compare(ORDERS[controls.order.value].key)).map((row) => row.element));
      shown += found.length;
    }
    const all = chapters.reduce((sum, { rows }) => sum + rows.length, 0);
    controls.status.textContent = shown ? `${shown} of ${all} claims shown` : `None of ${all} claims has all of that`;
  }

  function start() {
    const page = document.querySelector("section#scorecard");
    const chapters = page ? readChapters(page) : [];
    if (!chapters.length) return;
    const controls = makeForm(chapters.flatMap(({ rows }) => rows));
    const update = () => show(chapters, controls);
    controls.form.addEventListener("input", update);
    controls.form.addEventListener("submit", (event) => event.preventDefault());
    controls.form.addEventListener("reset", () => setTimeout(update));
    // A link to a claim that is filtered away shows all claims again.
    window.addEventListener("hashchange", () => {
      const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
      if (!target || !target.closest("[hidden]")) return;
      controls.form.reset();
      setTimeout(() => target.scrollIntoView());
    });
    chapters[0].section.before(controls.form);
    update();
  }

  start();
})();
