// The start: all student weights independent N(0, sigma0²), in N input dimensions, before an orthonormal teacher.
"use strict";

(() => {
  const INPUTS = 500;
  const SCRAMBLED = 0x9e3779b1;
  const WARM_UP = 16;

  // Uniform numbers in (0, 1) by a 32-bit shift register (Marsaglia 2003); nearby seeds are scrambled apart.
  function uniforms(seed) {
    let x = Math.imul(seed + 1, SCRAMBLED) >>> 0 || SCRAMBLED;
    const next = () => {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      return ((x >>> 0) + 0.5) / 2 ** 32;
    };
    for (let i = 0; i < WARM_UP; i++) next();
    return next;
  }

  // Standard normal numbers by the transformation of Box and Muller.
  function normals(seed) {
    const uniform = uniforms(seed);
    return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  }

  // Returns the order parameters of weights drawn one by one. The teacher's weight vectors are √N times the first two
  // unit vectors, so that R^{km} is the m-th weight of unit k divided by √N. The draw does not depend on sigma0.
  function draw(seed, sigma0) {
    const normal = normals(seed);
    const W1 = [0, 1].map(() => Float64Array.from({ length: INPUTS }, normal));
    const overlap = (k, l) => W1[k].reduce((sum, weight, i) => sum + weight * W1[l][i], 0) / INPUTS;
    const size = sigma0 * sigma0;
    const along = sigma0 / Math.sqrt(INPUTS);
    return Float64Array.of(
      size * overlap(0, 0), size * overlap(0, 1), size * overlap(1, 1),
      along * W1[0][0], along * W1[0][1], along * W1[1][0], along * W1[1][1],
      sigma0 * normal(), sigma0 * normal(),
    );
  }

  Object.assign(explorer, { draw });
})();
