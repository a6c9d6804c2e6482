// The theme and the toggle buttons narrate what they do on the console; all other messages pass.
"use strict";

(() => {
  const log = console.log.bind(console);
  const narrated = /^\[(?:PST|togglebutton)\]/;
  console.log = (...message) => {
    if (!narrated.test(String(message[0]))) log(...message);
  };
})();
