// A run of the two-layer student: its order parameters, its error and its alignment over time, computed bit by bit.
"use strict";

(() => {
  const { SIZE, motion, keeper, kept, draw, integrate, IntegrationError } = explorer;
  // Relative errors allowed in a step: while a slider moves, and for what stays on the page.
  const COARSE = 1e-6, FINE = 1e-10;
  // As in the Python solver: below this share of the relative error, errors do not count.
  const FLOOR = 1e-4;
  const LEARNED = 1e-10;
  const FIRST_TIME = 0.1;
  const TIMES_A_DECADE = 40;
  const BOUND = 1e4;
  const MOST_STEPS = 500_000;

  function times(until) {
    const count = Math.ceil(TIMES_A_DECADE * Math.log10(until / FIRST_TIME));
    const spaced = Array.from({ length: count }, (_, i) => FIRST_TIME * (until / FIRST_TIME) ** (i / count));
    return [0, ...spaced, until];
  }

  // Cosine of the second layer and the feedback (chapter 02); NaN while the second layer is zero.
  function cosine(W2, F) {
    return (W2[0] * F[0] + W2[1] * F[1]) / (Math.hypot(...W2) * Math.hypot(...F));
  }

  class Run {
    constructor(values, rtol) {
      const physics = {
        eta: values.eta,
        rule: values.rule,
        sigma0: values.sigma0,
        feedback: [values.F1, values.F2],
        teacher: [values.teacher1, values.teacher2],
      };
      Object.assign(this, physics, { until: values.until, alpha: [], states: [], error: [], cosine: [] });
      this.finished = false;
      this.learned = false;
      this.problem = null;
      this.start = values.sigma0 === 0 ? new Float64Array(SIZE) : draw(values.start, values.sigma0);
      const { velocity, generalisationError } = motion(physics);
      this.errorOf = generalisationError;
      const symmetrise = keeper(physics);
      const moved = symmetrise === null ? velocity : kept(velocity, symmetrise);
      const accuracy = { rtol, atol: FLOOR * rtol, bound: BOUND, mostSteps: MOST_STEPS };
      this.coming = integrate(moved, this.start, times(values.until), accuracy);
    }

    // Goes on for about so many milliseconds, or to the end.
    advance(milliseconds) {
      const end = performance.now() + milliseconds;
      try {
        while (!this.finished && performance.now() < end) this.take(this.coming.next());
      } catch (problem) {
        if (!(problem instanceof IntegrationError)) throw problem;
        this.finished = true;
        this.problem = this.words(problem);
      }
    }

    take({ done, value }) {
      if (done) {
        this.finished = true;
      } else if (value !== null) {
        const [alpha, state] = value;
        this.alpha.push(alpha);
        this.states.push(state);
        this.error.push(this.errorOf(state));
        this.cosine.push(cosine(state.subarray(7), this.feedback));
        this.finished = this.learned = this.error.at(-1) <= LEARNED;
      }
    }

    words({ message, time }) {
      const reached = `The curves end at α = ${time.toPrecision(3)}`;
      return message === "bound"
        ? `${reached}: beyond it Q or W₂ exceeds ten thousand, and nothing is learned. Lower η or the weights.`
        : `${reached}: going on to ${this.until} would take too many steps. Lower η, or stop at an earlier time.`;
    }
  }

  Object.assign(explorer, { LEARNED, FIRST_TIME, COARSE, FINE, Run });
})();
