// Equations of motion of two student units before two orthonormal teacher units (Refinetti et al. 2021, Eq. 27).
//
// The state is Q11, Q12, Q22, R11, R12, R21, R22 and the second layer's two weights, in this order.
"use strict";

(() => {
  const { UNITS, meanSquare, outputError, gatedError, gatedSquare } = explorer;
  const SIZE = 9;

  // Writes Q and R into the joint covariance C, whose teacher block is there, and W2 into the first two entries of v.
  function unpack(y, C, v) {
    C[0] = y[0];
    C[1] = C[UNITS] = y[1];
    C[UNITS + 1] = y[2];
    for (let k = 0; k < 2; k++) {
      for (let m = 0; m < 2; m++) C[UNITS * k + 2 + m] = C[UNITS * (2 + m) + k] = y[3 + 2 * k + m];
      v[k] = y[7 + k];
    }
  }

  // Returns the motion of one teacher, rule ("bp" or "dfa") and learning rate as functions of the state.
  function motion({ eta, rule, feedback, teacher }) {
    const C = new Float64Array(UNITS * UNITS);
    C[2 * UNITS + 2] = C[3 * UNITS + 3] = 1;
    const v = Float64Array.of(0, 0, -teacher[0], -teacher[1]);
    const F = rule === "dfa" ? feedback : v;

    const gated = [new Float64Array(UNITS), new Float64Array(UNITS)];

    function velocity(y, dy) {
      unpack(y, C, v);
      for (let k = 0; k < 2; k++) gatedError(C, v, k, gated[k]);
      const overlap = (k, l) =>
        -eta * (F[k] * gated[k][l] + F[l] * gated[l][k]) + eta * eta * F[k] * F[l] * gatedSquare(C, v, k, l);
      dy[0] = overlap(0, 0);
      dy[1] = overlap(0, 1);
      dy[2] = overlap(1, 1);
      for (let k = 0; k < 2; k++) {
        for (let m = 0; m < 2; m++) dy[3 + 2 * k + m] = -eta * F[k] * gated[k][2 + m];
        dy[7 + k] = -eta * outputError(C, v, k);
      }
    }

    function generalisationError(y) {
      unpack(y, C, v);
      return Math.max(0, meanSquare(C, v)) / 2;
    }

    return { velocity, generalisationError };
  }

  Object.assign(explorer, { SIZE, motion });
})();
