// An explicit Runge–Kutta method of order 5 with an embedded one of order 4 that measures its error (Dormand & Prince
// 1980), with steps as long as the tolerance allows.
"use strict";

(() => {
  const STAGES = [
    [],
    [1 / 5],
    [3 / 40, 9 / 40],
    [44 / 45, -56 / 15, 32 / 9],
    [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
    [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
    [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
  ];
  // Fifth order minus fourth.
  const DIFFERENCE = [71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40];
  const LAST = STAGES.length - 1;
  const SAFETY = 0.9, SMALLEST_FACTOR = 0.2, LARGEST_FACTOR = 5;
  // A controller that also looks at the step before chatters less where stability, not accuracy, bounds the step.
  const NOW = 0.17, BEFORE = 0.04;
  const STEPS_A_BREATH = 100;

  class IntegrationError extends Error {
    constructor(message, time) {
      super(message);
      this.time = time;
    }
  }

  // Yields [time, state] at each of the increasing `times`, from the state `start` at time 0, and null now and then in
  // between, so that the caller can see to other things. Errors of a step are kept below rtol · |y| + atol in each
  // component. Throws IntegrationError where the state leaves `bound` or steps run out.
  function* integrate(velocity, start, times, { rtol, atol, bound, mostSteps }) {
    const size = start.length;
    const slopes = STAGES.map(() => new Float64Array(size));
    const next = new Float64Array(size);
    let y = Float64Array.from(start);
    let time = 0, errorBefore = 1e-4, steps = 0;
    let step = 1e-3 * times.find((requested) => requested > 0);
    velocity(y, slopes[0]);

    // Takes the six further stages to `next` and returns the error in units of what is allowed.
    function attempt(h) {
      for (let stage = 1; stage <= LAST; stage++) {
        next.set(y);
        for (let before = 0; before < stage; before++) {
          const slope = slopes[before], share = h * STAGES[stage][before];
          for (let i = 0; i < size; i++) next[i] += share * slope[i];
        }
        velocity(next, slopes[stage]);
      }
      let largest = 0;
      for (let i = 0; i < size; i++) {
        let sum = 0;
        for (let stage = 0; stage <= LAST; stage++) sum += DIFFERENCE[stage] * slopes[stage][i];
        const allowed = atol + rtol * Math.max(Math.abs(y[i]), Math.abs(next[i]));
        const share = Math.abs(h * sum) / allowed;
        // Written so that NaN is not lost.
        if (!(share <= largest)) largest = share;
      }
      return largest;
    }

    for (const requested of times) {
      while (time < requested) {
        if (steps++ >= mostSteps) throw new IntegrationError("steps", time);
        if (steps % STEPS_A_BREATH === 0) yield null;
        const clipped = step >= requested - time;
        const h = clipped ? requested - time : step;
        const error = attempt(h);
        if (!(error <= 1)) {
          const factor = Number.isFinite(error) ? SAFETY * error ** -NOW : SMALLEST_FACTOR;
          step = h * Math.max(SMALLEST_FACTOR, factor);
          if (time + step === time) throw new IntegrationError("bound", time);
          continue;
        }
        time = clipped ? requested : time + h;
        y.set(next);
        slopes[0].set(slopes[LAST]);
        if (!y.every((entry) => Math.abs(entry) <= bound)) throw new IntegrationError("bound", time);
        const factor = SAFETY * Math.max(error, 1e-12) ** -NOW * errorBefore ** BEFORE;
        const proposed = h * Math.min(LARGEST_FACTOR, Math.max(SMALLEST_FACTOR, factor));
        step = clipped ? Math.max(step, proposed) : proposed;
        errorBefore = Math.max(error, 1e-4);
      }
      yield [requested, Float64Array.from(y)];
    }
  }

  Object.assign(explorer, { IntegrationError, integrate });
})();
