// A run in words and in a table.
"use strict";

(() => {
  const { LEARNED, RULES, short, plateau, mostAligned, minima, bestMinima } = explorer;
  // A second layer this close to a minimum, with an error this small, is said to end there.
  const CLOSE = 0.1, SMALL = 1e-3;
  const COLUMNS = ["error", "cosine", "W₂¹", "W₂²", "Q¹¹", "Q¹²", "Q²²", "R¹¹", "R¹²", "R²¹", "R²²"];

  // Returns the plateau and the time of largest alignment as places in the run's times, which begin with time 0.
  function happenings(run) {
    const found = plateau(run.alpha.slice(1), run.error.slice(1));
    const moved = found && { ...found, entry: found.entry + 1, exit: found.exit === null ? null : found.exit + 1 };
    return { plateau: moved, mostAligned: mostAligned(run.cosine) };
  }

  function fall(run) {
    const [first, last, alpha] = [run.error[0], run.error.at(-1), short(run.alpha.at(-1))];
    const rule = RULES[run.rule];
    if (run.learned) {
      return `${rule} has learned the teacher: the error falls from ${short(first)} to ${short(LEARNED)} by α = ${alpha}.`;
    }
    if (last === first) return `${rule} does not move: the error stays ${short(first)}.`;
    return `${rule}: the error goes from ${short(first)} to ${short(last)} at α = ${alpha}.`;
  }

  function resting(run, seen) {
    if (!seen.plateau) return "There is no plateau.";
    const { height, entry, exit } = seen.plateau;
    const from = `a plateau, at an error of ${short(height)}, from α = ${short(run.alpha[entry])}`;
    return exit === null ? `It rests on ${from} to the end.` : `It rests on ${from} to ${short(run.alpha[exit])}.`;
  }

  function ending(run) {
    const [p, q] = run.states.at(-1).subarray(7);
    const where = `W₂ ends at (${short(p)}, ${short(q)})`;
    const away = ([first, second]) => Math.hypot(first - p, second - q);
    const nearest = minima(run.teacher).reduce((best, point) => (away(point) < away(best) ? point : best));
    if (away(nearest) > CLOSE || run.error.at(-1) > SMALL) return `${where}, which is no minimum.`;
    const best = bestMinima(run.teacher, run.feedback).some(([p, q]) => p === nearest[0] && q === nearest[1]);
    return `${where}, at ${best ? "the minimum" : "a minimum, but not the one"} that overlaps most with F.`;
  }

  function summary(run, seen) {
    const parts = [fall(run)];
    if (seen.mostAligned >= 0) {
      const [cosine, alpha] = [run.cosine[seen.mostAligned], run.alpha[seen.mostAligned]];
      parts.push(`The alignment with F is largest, ${short(cosine)}, at α = ${short(alpha)}.`);
    }
    return [...parts, resting(run, seen), ending(run)].join(" ");
  }

  // Returns the rows of the table: the times at which something happens, and every decade.
  function rows(run, seen) {
    const named = new Map([[0, "start"]]);
    run.alpha.forEach((alpha, i) => {
      const decade = Math.log10(alpha);
      if (alpha > 0 && Math.abs(decade - Math.round(decade)) < 1e-9) named.set(i, "");
    });
    if (seen.mostAligned >= 0) named.set(seen.mostAligned, "most aligned");
    if (seen.plateau) {
      named.set(seen.plateau.entry, "plateau begins");
      if (seen.plateau.exit !== null) named.set(seen.plateau.exit, "plateau ends");
    }
    named.set(run.alpha.length - 1, "end");
    return [...named.keys()].sort((i, j) => i - j).map((i) => {
      const [Q11, Q12, Q22, R11, R12, R21, R22, first, second] = run.states[i];
      const numbers = [run.error[i], run.cosine[i], first, second, Q11, Q12, Q22, R11, R12, R21, R22];
      return { alpha: short(run.alpha[i]), event: named.get(i), numbers: numbers.map(short) };
    });
  }

  function cell(name, text) {
    const made = document.createElement(name);
    made.textContent = text;
    return made;
  }

  function fillTable(table, run, seen) {
    const head = document.createElement("tr");
    for (const name of ["α", "what", ...COLUMNS]) {
      const heading = cell("th", name);
      heading.scope = "col";
      head.append(heading);
    }
    const body = rows(run, seen).map(({ alpha, event, numbers }) => {
      const row = document.createElement("tr");
      const heading = cell("th", alpha);
      heading.scope = "row";
      row.append(heading, cell("td", event), ...numbers.map((text) => cell("td", text)));
      return row;
    });
    table.tHead.replaceChildren(head);
    table.tBodies[0].replaceChildren(...body);
  }

  Object.assign(explorer, { happenings, summary, fillTable });
})();
