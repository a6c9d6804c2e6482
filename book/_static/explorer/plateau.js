// What happens when: the plateau, the largest alignment, the end. The definitions are those of chapter 02.
"use strict";

(() => {
  const { LEARNED } = explorer;
  // A student is on the plateau while its error is within 10 % of that where the plateau is flattest.
  const NEAR = 1.1;
  // The plateau is looked for between these shares of the first error.
  const HIGHEST = 0.6, LOWEST = 1e-2;
  // A curve that still falls by less than this power of time at its end is on a plateau there.
  const FLAT = 0.1;
  const ROUNDING = 1e-9;

  // Returns −d ln error / d ln α on the run's evenly spaced logarithms of time, by central differences.
  function steepness(alpha, error) {
    const last = error.length - 1;
    return error.map((_, i) => {
      const before = Math.max(0, i - 1), after = Math.min(last, i + 1);
      return -Math.log(error[after] / error[before]) / Math.log(alpha[after] / alpha[before]);
    });
  }

  // Returns {height, entry, exit}, the last two as places in `alpha`, or null where there is no plateau. It lies where
  // ln ε_g against ln α is flattest between its first decay and the last, or at the end, where nothing was flatter
  // before; a run that ends on it has exit = null.
  // `alpha` does not hold time 0.
  function plateau(alpha, error) {
    if (error.length < 3) return null;
    const slope = steepness(alpha, error);
    const last = error.length - 1;
    const within = (i) => error[i] < HIGHEST * error[0] && error[i] > LOWEST * error[0];
    let flattest = -1;
    for (let i = 1; i < last; i++) {
      const least = slope[i] < slope[i - 1] && slope[i] <= slope[i + 1] && within(i);
      if (least && (flattest < 0 || slope[i] < slope[flattest])) flattest = i;
    }
    const ends = error[last] > LEARNED && error[last] < HIGHEST * error[0] && slope[last] < FLAT;
    if (ends && (flattest < 0 || slope[last] < slope[flattest])) flattest = last;
    if (flattest < 0) return null;
    const height = error[flattest];
    const entry = error.findIndex((value) => value < NEAR * height);
    const exit = error.findIndex((value, i) => i > entry && value < height / NEAR);
    return { height, entry, exit: exit < 0 ? null : exit };
  }

  // Returns the first place of the largest alignment, within rounding, or −1 where it is defined nowhere.
  function mostAligned(cosine) {
    const largest = Math.max(...cosine.filter(Number.isFinite));
    return cosine.findIndex((value) => value >= largest - ROUNDING);
  }

  // Returns the second layers of all perfect students: the teacher's weights, exchanged or not, with any signs.
  function minima([first, second]) {
    const found = [];
    for (const [x, y] of [[first, second], [second, first]]) {
      for (const s of [1, -1]) {
        for (const t of [1, -1]) {
          const point = [s * x + 0, t * y + 0];
          if (!found.some(([p, q]) => p === point[0] && q === point[1])) found.push(point);
        }
      }
    }
    return found;
  }

  // Returns the minimum that overlaps most with F, or all of them where several do.
  function bestMinima(teacher, F) {
    const found = minima(teacher);
    const overlaps = found.map((point) => point[0] * F[0] + point[1] * F[1]);
    return found.filter((_, i) => overlaps[i] >= Math.max(...overlaps) - ROUNDING);
  }

  Object.assign(explorer, { plateau, mostAligned, minima, bestMinima });
})();
