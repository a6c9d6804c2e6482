// The symmetries that a student from exactly zero weights keeps for ever, but for rounding errors, which would grow.
//
// Where both feedback weights have one modulus, the student's units stay mirror images of each other. Where both of the
// teacher's second-layer weights have one, the student never prefers one of the teacher's units. Chapter 02, "Students
// that start from nothing", shows both.
"use strict";

(() => {
  const average = (y, i, j, sign) => {
    const mean = (y[i] + sign * y[j]) / 2;
    y[i] = mean;
    y[j] = sign * mean;
  };

  // Returns a function that turns a state into the nearest one with the symmetries of the settings' start, or null.
  function keeper({ sigma0, feedback, teacher }) {
    if (sigma0 !== 0) return null;
    const mirror = Math.abs(feedback[0]) === Math.abs(feedback[1]) ? Math.sign(feedback[0] * feedback[1]) : 0;
    const alike = Math.abs(teacher[0]) === Math.abs(teacher[1]) ? Math.sign(teacher[0] * teacher[1]) : 0;
    if (mirror === 0 && alike === 0) return null;
    return (y) => {
      if (mirror !== 0) {
        average(y, 0, 2, 1);
        average(y, 3, 5, mirror);
        average(y, 4, 6, mirror);
        average(y, 7, 8, mirror);
      }
      if (alike !== 0) {
        average(y, 3, 4, alike);
        average(y, 5, 6, alike);
      }
    };
  }

  // Returns the velocity of the nearest symmetric state, which is symmetric itself.
  function kept(velocity, symmetrise) {
    const nearest = new Float64Array(explorer.SIZE);
    return (y, dy) => {
      nearest.set(y);
      symmetrise(nearest);
      velocity(nearest, dy);
      symmetrise(dy);
    };
  }

  Object.assign(explorer, { keeper, kept });
})();
