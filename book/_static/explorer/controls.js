// The controls: for each setting a slider and a number that say the same, the rule, and presets.
"use strict";

(() => {
  const { FIELDS, RULES, PRESETS } = explorer;

  function made(name, properties, ...children) {
    const box = Object.assign(document.createElement(name), properties);
    box.append(...children);
    return box;
  }

  // A slider of decades holds the exponent; where zero is allowed, it is one step below the lowest.
  function position(field, value) {
    if (!field.decades) return value;
    return value === 0 ? Math.log10(field.low) - field.step : Math.log10(value);
  }

  function valueAt(field, place) {
    if (!field.decades) return place;
    if (field.zero && place < Math.log10(field.low) - field.step / 2) return 0;
    return Number((10 ** place).toPrecision(2));
  }

  function pair(field, changed) {
    const id = `explorer-${field.key}`;
    const label = made("label", { id: `${id}-label`, htmlFor: id, textContent: field.label });
    const number = made("input", { id, type: "number", step: field.whole ? "1" : "any", inputMode: "decimal" });
    const slider = made("input", { type: "range" });
    slider.min = field.decades ? position(field, field.zero ? 0 : field.low) : field.low;
    slider.max = position(field, field.high);
    slider.step = field.step;
    slider.setAttribute("aria-labelledby", label.id);
    number.setAttribute("aria-describedby", "explorer-problem");
    const show = (value) => {
      slider.value = position(field, value);
      slider.setAttribute("aria-valuetext", String(value));
    };
    slider.addEventListener("input", () => {
      const value = valueAt(field, slider.valueAsNumber);
      number.value = value;
      slider.setAttribute("aria-valuetext", String(value));
      changed();
    });
    number.addEventListener("input", () => {
      if (Number.isFinite(number.valueAsNumber)) show(number.valueAsNumber);
      changed();
    });
    return {
      box: made("div", { className: "explorer-field" }, label, slider, number),
      read: () => number.valueAsNumber,
      write: (value) => {
        number.value = Number.isFinite(value) ? value : "";
        if (Number.isFinite(value)) show(value);
      },
      mark: (bad) => number.setAttribute("aria-invalid", String(bad)),
    };
  }

  // Fills `settings` and `presets` with controls and calls `changed` whenever the reader moves one. Returns functions
  // that read and write all values, and mark the fields that have problems.
  function controls(settings, presets, changed) {
    const pairs = new Map(FIELDS.map((field) => [field.key, pair(field, moved)]));
    const radios = Object.entries(RULES).map(([value, textContent]) => {
      const radio = made("input", { type: "radio", name: "explorer-rule", value });
      radio.addEventListener("change", moved);
      return [radio, made("label", {}, radio, ` ${textContent}`)];
    });
    const labels = radios.map(([, label]) => label);
    settings.append(
      made("fieldset", { className: "explorer-rule" }, made("legend", { textContent: "Rule" }), ...labels),
      ...[...pairs.values()].map(({ box }) => box),
    );
    const buttons = PRESETS.map(({ name, values }) => {
      const button = made("button", { type: "button", textContent: name });
      button.addEventListener("click", () => {
        write(values);
        moved();
      });
      presets.append(button);
      return { button, values };
    });

    function read() {
      const rule = radios.map(([radio]) => radio).find((radio) => radio.checked)?.value;
      return { rule, ...Object.fromEntries([...pairs].map(([key, { read: number }]) => [key, number()])) };
    }

    function write(values) {
      for (const [radio] of radios) radio.checked = radio.value === values.rule;
      for (const [key, { write: number }] of pairs) number(values[key]);
      markPreset();
    }

    function markPreset() {
      const now = read();
      for (const { button, values } of buttons) {
        const same = Object.keys(values).every((key) => values[key] === now[key]);
        button.setAttribute("aria-pressed", String(same));
      }
    }

    function moved() {
      markPreset();
      changed();
    }

    function mark(found) {
      for (const [key, { mark: number }] of pairs) number(key in found);
    }

    return { read, write, mark };
  }

  Object.assign(explorer, { controls });
})();
