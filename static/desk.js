// The desk's doorbell: owns the one event stream, rings `desk:changed` for htmx, and says when nothing comes any more.
(function () {
  "use strict";

  const CHECK_EVERY = 250; // milliseconds, as all of these
  const STALE_AFTER = 4200;
  const DEAD_AFTER = 7000;
  const FIRST_RETRY = 300;
  const LAST_RETRY = 10000;
  const RING_EVERY = 5000; // waits grow and targets are passed without an event

  const root = document.documentElement;
  let stream = null;
  let heardAt = null;
  let openedAt = 0;
  let failures = 0;
  let retryAt = 0;
  let rungAt = 0;

  function open() {
    const mine = new EventSource("/supervisor/stream");
    stream = mine;
    openedAt = performance.now();
    mine.addEventListener("changed", () => { hear(mine); ring(); });
    mine.addEventListener("heartbeat", (event) => {
      failures = 0;
      hear(mine);
      const beat = JSON.parse(event.data);
      window.wallboard.heardServerTime(beat.server_now, beat.boot + ":" + beat.clock_steps);
      if (performance.now() - rungAt > RING_EVERY) ring();
      if (beat.build !== root.dataset.build) say("desk-trouble", "A new version is running. Reload the page to use it.");
    });
    for (const name of ["farewell", "error"]) mine.addEventListener(name, () => { if (stream === mine) drop(); });
  }

  function hear(mine) {
    if (stream !== mine) return;
    const wasStale = root.dataset.link !== "live";
    heardAt = performance.now();
    root.dataset.link = "live";
    say("desk-link", "");
    if (wasStale) ring();
  }

  function ring() {
    rungAt = performance.now();
    htmx.trigger(document.body, "desk:changed");
  }

  function drop() {
    stream.close();
    stream = null;
    failures += 1;
    if (failures > 1) lookWhetherWeMayStay();
    retryAt = performance.now() + Math.min(LAST_RETRY, FIRST_RETRY * 2 ** (failures - 1)) * (0.7 + 0.6 * Math.random());
  }

  // An EventSource does not tell why it was refused: it may be that this browser was signed out.
  function lookWhetherWeMayStay() {
    fetch("/supervisor/stream", { method: "HEAD", cache: "no-store" })
      .then((answer) => {
        if (answer.status === 401) location.assign("/sign-in?next=" + encodeURIComponent(location.pathname + location.search));
      })
      .catch(() => {});
  }

  function check() {
    const now = performance.now();
    const silence = now - (heardAt === null ? 0 : heardAt);
    if (stream && now - Math.max(openedAt, heardAt || 0) > DEAD_AFTER) drop();
    if (!stream && now >= retryAt) open();
    if (silence <= STALE_AFTER) return;
    root.dataset.link = "stale";
    say("desk-link", heardAt === null ? "Connecting…" : "Not live – what you see is " + Math.floor(silence / 1000) + " s old. Reconnecting…");
  }

  // Looked up anew each time: Back brings other elements of the same ids.
  function say(id, text) {
    const element = document.getElementById(id);
    if (element && element.textContent !== text) element.textContent = text;
  }

  document.body.addEventListener("htmx:responseError", (event) => {
    const status = event.detail.xhr.status;
    if (status === 503) return; // starting, or crowded: the next ring asks again
    say("desk-trouble", "The server answered " + status + ": what you asked for was not done.");
  });
  document.body.addEventListener("htmx:sendError", () => say("desk-trouble", "The server cannot be reached: nothing was sent."));
  document.body.addEventListener("htmx:afterOnLoad", () => say("desk-trouble", ""));
  document.body.addEventListener("htmx:afterSwap", () => wallboard.fill(document));
  document.addEventListener("visibilitychange", () => { retryAt = 0; check(); });
  window.addEventListener("online", () => { retryAt = 0; check(); });
  setInterval(check, CHECK_EVERY);
  check();
})();
