// The explorer on its page: settings in, curves, words and numbers out.
"use strict";

(() => {
  const { Run, COARSE, FINE, short, problems, toAddress, fromAddress, happenings, summary, fillTable } = explorer;
  const { plotError, plotAlignment, plotPlane, placeAt, controls } = explorer;
  // Milliseconds of computing between two drawings, quiet before the exact run, and of playing from start to end.
  const SLICE = 20, QUIET = 200, PLAYING = 8000;

  function begin(root) {
    const part = (name) => root.querySelector(`[data-part="${name}"]`);
    const time = part("time");
    const play = part("play");
    const still = window.matchMedia("(prefers-reduced-motion: reduce)");
    let shown = null, seen = null, share = 1, drawnWidth = 0;
    let frame = 0, timer = 0, addressTimer = 0, playing = 0;

    const last = () => Math.max(1, shown.alpha.length - 1);
    const place = () => Math.min(Math.round(share * last()), shown.alpha.length - 1);

    function draw() {
      drawnWidth = root.clientWidth;
      if (drawnWidth === 0) return;
      const at = place();
      const [error, alignment, plane] = ["error", "alignment", "plane"].map(part);
      const room = [error, alignment, plane].map((svg) => svg.parentElement.clientWidth);
      plotError(error, room[0], shown, seen, at);
      plotAlignment(alignment, room[1], shown, seen, at);
      plotPlane(plane, room[2], shown, seen, at);
      time.max = last();
      time.disabled = play.disabled = false;
      time.value = at;
      const [first, second] = shown.states[at].subarray(7);
      const words = [
        `α = ${short(shown.alpha[at])}`, `error ${short(shown.error[at])}`, `cosine ${short(shown.cosine[at])}`,
        `W₂ = (${short(first)}, ${short(second)})`,
      ].join(", ");
      time.setAttribute("aria-valuetext", words);
      part("reading").textContent = words;
    }

    // Computes in slices, and draws after each one if `eagerly`, else only when all is there.
    function follow(run, eagerly, then) {
      run.advance(SLICE);
      if (run.finished || (eagerly && run.alpha.length > 1)) {
        shown = run;
        seen = happenings(run);
        draw();
      }
      if (run.finished) then(run);
      else frame = requestAnimationFrame(() => follow(run, eagerly, then));
    }

    function finish(run) {
      say(run.problem === null ? [] : [run.problem]);
      part("summary").textContent = summary(run, seen);
      fillTable(part("numbers"), run, seen);
      root.dataset.ready = toAddress(settings.read());
    }

    function say(sentences) {
      part("problem").textContent = sentences.join(" ");
      part("problem").hidden = sentences.length === 0;
    }

    function recompute(values) {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
      const found = problems(values);
      settings.mark(found);
      delete root.dataset.ready;
      const bad = Object.values(found);
      root.classList.toggle("explorer-stale", bad.length > 0);
      say(bad);
      if (bad.length > 0) return false;
      frame = requestAnimationFrame(() => {
        follow(new Run(values, COARSE), true, () => {
          timer = setTimeout(() => follow(new Run(values, FINE), false, finish), QUIET);
        });
      });
      return true;
    }

    function changed() {
      pause();
      const values = settings.read();
      if (!recompute(values)) return;
      clearTimeout(addressTimer);
      addressTimer = setTimeout(() => history.replaceState(null, "", `#${toAddress(values)}`), QUIET);
    }

    function lookAt(newShare) {
      share = Math.min(1, Math.max(0, newShare));
      draw();
    }

    function pause() {
      cancelAnimationFrame(playing);
      playing = 0;
      play.textContent = "Play";
    }

    function start() {
      const from = share < 1 ? share : 0;
      const began = performance.now();
      play.textContent = "Pause";
      const step = (now) => {
        lookAt(from + Math.max(0, now - began) / PLAYING);
        if (share < 1) playing = requestAnimationFrame(step);
        else pause();
      };
      playing = requestAnimationFrame(step);
    }

    function readAddress() {
      if (!location.hash.includes("=") && shown !== null) return;
      const values = fromAddress(location.hash.slice(1));
      settings.write(values);
      recompute(settings.read());
    }

    const settings = controls(part("settings"), part("presets"), changed);
    time.addEventListener("input", () => {
      pause();
      lookAt(time.valueAsNumber / last());
    });
    play.addEventListener("click", () => (playing ? pause() : start()));
    for (const name of ["error", "alignment"]) {
      const svg = part(name);
      const look = (event) => {
        if (event.buttons === 0 || shown === null) return;
        pause();
        const box = svg.getBoundingClientRect();
        lookAt(placeAt(shown, box.width, event.clientX - box.left) / last());
      };
      svg.addEventListener("pointerdown", look);
      svg.addEventListener("pointermove", look);
    }
    const allowMotion = () => {
      play.hidden = still.matches;
      if (still.matches) pause();
    };
    still.addEventListener("change", allowMotion);
    window.addEventListener("hashchange", readAddress);
    // Drawing changes the height of the page: only another width asks for another drawing.
    new ResizeObserver(() => shown && root.clientWidth !== drawnWidth && draw()).observe(root);
    root.hidden = false;
    allowMotion();
    readAddress();
  }

  const root = document.querySelector("#explorer");
  if (root) begin(root);
})();
