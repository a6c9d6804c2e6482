// What can be set: fields with their ranges, presets, checks in words, and the address that carries them.
"use strict";

(() => {
  // Sliders run from `low` to `high`; numbers may be typed up to `most`, and down to −most where `signed`. A slider of
  // decades has `decades`; where `zero` is allowed, it stands at the left end.
  const FIELDS = [
    { key: "eta", label: "Learning rate η", low: 0.01, high: 3, most: 10, decades: true, step: 0.02 },
    { key: "sigma0", label: "Initial weights σ₀", low: 1e-4, high: 1, most: 10, decades: true, zero: true, step: 0.02 },
    { key: "F1", label: "Feedback F¹ to unit 1", low: -2, high: 2, most: 10, signed: true, step: 0.05 },
    { key: "F2", label: "Feedback F² to unit 2", low: -2, high: 2, most: 10, signed: true, step: 0.05 },
    { key: "teacher1", label: "Teacher weight W̃₂¹", low: -2, high: 2, most: 10, signed: true, step: 0.05 },
    { key: "teacher2", label: "Teacher weight W̃₂²", low: -2, high: 2, most: 10, signed: true, step: 0.05 },
    { key: "start", label: "Start, by number", low: 0, high: 50, most: 1e6, zero: true, whole: true, step: 1 },
    { key: "until", label: "Until time α", low: 100, high: 1e5, most: 1e5, decades: true, step: 0.25 },
  ];
  const RULES = { dfa: "DFA", bp: "BP" };

  // Start 9 is not aligned with F by chance.
  const TEACHER = { teacher1: 1.1, teacher2: 0.9 };
  const FIG3 = { rule: "dfa", eta: 0.1, sigma0: 0.01, F1: 0.4, F2: -1.5, ...TEACHER, start: 9, until: 1e4 };
  const ZERO = { ...FIG3, sigma0: 0 };
  const PRESETS = [
    { name: "Fig. 3, DFA", values: FIG3 },
    { name: "Fig. 3, BP", values: { ...FIG3, rule: "bp" } },
    { name: "Fig. 10: stuck", values: { ...ZERO, F1: 1, F2: -1, teacher1: 1, teacher2: 1 } },
    { name: "Control: F orthogonal, learns", values: { ...ZERO, F1: 0.8, F2: 1.2, teacher1: 1.2, teacher2: -0.8 } },
    { name: "Control: F not orthogonal, stuck", values: { ...ZERO, F1: 1, F2: 1, teacher1: 1.2, teacher2: -0.8 } },
    { name: "Control: teacher units alike, stuck", values: { ...ZERO, F1: 0.7, F2: -1.3, teacher1: 1, teacher2: 1 } },
  ];

  const given = (value) => (Number.isNaN(value) ? "no number" : String(value));

  function fieldProblem(field, value) {
    const { label, low, most } = field;
    if (field.signed) {
      return Math.abs(value) <= most ? null : `${label} must lie between −${most} and ${most}; got ${given(value)}.`;
    }
    if (field.whole) {
      const fine = Number.isInteger(value) && value >= 0 && value <= most;
      return fine ? null : `${label} must be a whole number from 0 to ${most}; got ${given(value)}.`;
    }
    if (field.zero) {
      return value >= 0 && value <= most ? null : `${label} must be 0 or more, at most ${most}; got ${given(value)}.`;
    }
    const least = field.key === "until" ? low : 0;
    const fine = value <= most && (least > 0 ? value >= least : value > 0);
    const lower = least > 0 ? `at least ${least}` : "larger than 0";
    return fine ? null : `${label} must be ${lower} and at most ${most}; got ${given(value)}.`;
  }

  // Returns what is wrong with the values by field, and what is wrong with all of them together under "all".
  function problems(values) {
    const found = {};
    for (const field of FIELDS) {
      const problem = fieldProblem(field, values[field.key]);
      if (problem) found[field.key] = problem;
    }
    if (!(values.rule in RULES)) found.rule = "Choose a rule, DFA or BP.";
    if (values.teacher1 === 0 && values.teacher2 === 0) {
      found.all = "With both teacher weights at 0 there is nothing to learn: set one of them to another number.";
    } else if (values.F1 === 0 && values.F2 === 0) {
      found.all = "With both feedback weights at 0 no signal arrives: set one of them to another number.";
    }
    return found;
  }

  function toAddress(values) {
    const keys = ["rule", ...FIELDS.map(({ key }) => key)];
    return new URLSearchParams(keys.map((key) => [key, values[key]])).toString();
  }

  // Returns the values in the address: those that it does not name are the first preset's, those that it spoils NaN.
  function fromAddress(text) {
    const named = new URLSearchParams(text);
    const values = { ...FIG3 };
    for (const { key } of FIELDS) {
      if (named.has(key)) values[key] = named.get(key).trim() === "" ? NaN : Number(named.get(key));
    }
    if (named.has("rule")) values.rule = named.get("rule");
    return values;
  }

  Object.assign(explorer, { FIELDS, RULES, PRESETS, problems, toAddress, fromAddress });
})();
