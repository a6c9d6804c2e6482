// Gaussian averages for g(x) = erf(x/√2), by the closed forms of Saad & Solla (1995) that the page "Order parameters
// and their motion" derives:
//
//   I2(a, b) = E[g(a) g(b)],  I3(a, b, c) = E[g'(a) b g(c)],  I4(a, b, c, d) = E[g'(a) g'(b) g(c) g(d)].
//
// Indices run over four pre-activations, the student's two and then the teacher's two; C holds their covariance row by
// row, and v the second layers, so that the error is e = Σ_a v_a g(u_a). Each average is summed over e at once.
"use strict";

globalThis.explorer = {};

(() => {
  const UNITS = 4;
  const TWO_OVER_PI = 2 / Math.PI;
  const spread = new Float64Array(UNITS);
  const weighted = new Float64Array(UNITS * UNITS);
  const alongFirst = new Float64Array(UNITS), alongSecond = new Float64Array(UNITS);
  const arcsine = (sine) => Math.asin(Math.min(1, Math.max(-1, sine)));

  function writeSpread(C) {
    for (let a = 0; a < UNITS; a++) spread[a] = 1 / Math.sqrt(1 + C[UNITS * a + a]);
  }

  // Returns E[e²] = Σ_ab v_a v_b I2(a, b).
  function meanSquare(C, v) {
    writeSpread(C);
    let total = 0;
    for (let a = 0; a < UNITS; a++) {
      total += v[a] * v[a] * arcsine(C[UNITS * a + a] * spread[a] * spread[a]);
      for (let b = 0; b < a; b++) total += 2 * v[a] * v[b] * arcsine(C[UNITS * a + b] * spread[a] * spread[b]);
    }
    return TWO_OVER_PI * total;
  }

  // Returns E[g(u_k) e] = Σ_a v_a I2(k, a).
  function outputError(C, v, k) {
    writeSpread(C);
    let total = 0;
    for (let a = 0; a < UNITS; a++) total += v[a] * arcsine(C[UNITS * k + a] * spread[k] * spread[a]);
    return TWO_OVER_PI * total;
  }

  // Writes gated[j] = E[g'(u_k) u_j e] = Σ_a v_a I3(k, j, a).
  function gatedError(C, v, k, gated) {
    const own = 1 + C[UNITS * k + k];
    gated.fill(0);
    for (let a = 0; a < UNITS; a++) {
      const ka = C[UNITS * k + a];
      const weight = (TWO_OVER_PI * v[a]) / (own * Math.sqrt(own * (1 + C[UNITS * a + a]) - ka * ka));
      for (let j = 0; j < UNITS; j++) gated[j] += weight * (C[UNITS * j + a] * own - C[UNITS * k + j] * ka);
    }
  }

  // Returns E[g'(u_k) g'(u_l) e²] = Σ_ab v_a v_b I4(k, l, a, b). The factors g' add 1 to the precision of u_k and of
  // u_l: what is left is E[e²] for another covariance.
  function gatedSquare(C, v, k, l) {
    const kk = 1 + C[UNITS * k + k], ll = 1 + C[UNITS * l + l], kl = C[UNITS * k + l];
    const determinant = C[UNITS * k + k] + C[UNITS * l + l] + 1 + (C[UNITS * k + k] * C[UNITS * l + l] - kl * kl);
    for (let a = 0; a < UNITS; a++) {
      const ka = C[UNITS * k + a], la = C[UNITS * l + a];
      alongFirst[a] = (ka * ll - la * kl) / determinant;
      alongSecond[a] = (la * kk - ka * kl) / determinant;
      for (let b = 0; b <= a; b++) {
        const kept = C[UNITS * a + b] - alongFirst[a] * C[UNITS * k + b] - alongSecond[a] * C[UNITS * l + b];
        weighted[UNITS * a + b] = kept;
      }
    }
    return (TWO_OVER_PI * meanSquare(weighted, v)) / Math.sqrt(determinant);
  }

  Object.assign(explorer, { UNITS, meanSquare, outputError, gatedError, gatedSquare });
})();
