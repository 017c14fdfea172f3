// Keeps the reader's place while a part of the desk is swapped under them: focus, drafts, what stands open; knows no page.
(function () {
  "use strict";

  const callbacks = Idiomorph.defaults.callbacks;
  let left = null;

  // What a reader has opened, or typed and not yet sent, is not in the server's HTML and must outlive it.
  callbacks.beforeAttributeUpdated = (name, node) => !(name === "open" && node.nodeName === "DETAILS");
  callbacks.beforeNodeMorphed = (node) => !isDraft(node);

  function isDraft(node) {
    if (node.nodeName === "TEXTAREA") return node.value !== node.defaultValue;
    return node.nodeName === "INPUT" && node.type !== "hidden" && node === document.activeElement;
  }

  function isNowhere() {
    return !document.activeElement || document.activeElement === document.body;
  }

  // Where focus is, and where it may go should that disappear: the same row, the next ones, then those before.
  function remember() {
    if (isNowhere()) return;
    const active = document.activeElement;
    const row = active.closest("[data-row]");
    const rows = row ? Array.from(document.querySelectorAll("[data-row]")) : [];
    const at = rows.indexOf(row);
    const near = at < 0 ? [] : [row, ...rows.slice(at + 1), ...rows.slice(0, at).reverse()];
    left = { id: active.id, act: active.dataset.act || "", rows: near.map((one) => one.id), main: !!active.closest("#desk, #desk-nav") };
  }

  function comeBack() {
    const from = left;
    left = null;
    if (!from || !isNowhere() || !from.main) return;
    const same = from.id && document.getElementById(from.id);
    const target = same || inRow(from) || document.getElementById("desk");
    if (target) target.focus({ preventScroll: !from.rows.length });
  }

  function inRow(from) {
    const row = from.rows.map((id) => document.getElementById(id)).find((found) => found !== null);
    if (!row) return null;
    return (from.act && row.querySelector('[data-act="' + from.act + '"]')) || row.querySelector("a, button");
  }

  // A note that was sent is a draft no longer.
  function sent(event) {
    const form = event.detail.elt.closest && event.detail.elt.closest("form");
    if (!form || !event.detail.successful) return;
    for (const text of form.querySelectorAll("textarea")) text.defaultValue = text.value;
  }

  // Filters that are not set have no place in the address.
  function leaveOutEmpty(event) {
    if (event.detail.verb !== "get") return;
    for (const name of Object.keys(event.detail.parameters)) {
      if (event.detail.parameters[name] === "") delete event.detail.parameters[name];
    }
  }

  document.body.addEventListener("htmx:configRequest", leaveOutEmpty);
  document.body.addEventListener("htmx:beforeOnLoad", sent);
  document.body.addEventListener("htmx:beforeSwap", remember);
  document.body.addEventListener("htmx:afterSettle", comeBack);
})();
