// Fills in the code that a phone has read from a screen. It stands in the address's fragment, which is sent to nobody,
// and is taken out of the address at once.
(function () {
  "use strict";

  const input = document.getElementById("pair-code");
  const code = /^#([A-Za-z0-9]{8})$/.exec(location.hash);
  if (!input || !code) return;
  input.value = code[1].slice(0, 4) + " " + code[1].slice(4);
  history.replaceState(history.state, "", location.pathname);
  input.form.querySelector("button").focus();
})();
