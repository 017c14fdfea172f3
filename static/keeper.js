// Keeps the board live: owns the event stream, hands its HTML to htmx, and says so when it is not live.
// An EventSource gives up for good after any answer but 200, and a half-open one looks alive; so silence
// is measured here, and every stream is closed and opened again by this script alone.
(function () {
  "use strict";

  const CHECK_EVERY = 250; // milliseconds, as all of these
  const STALE_AFTER = 4200; // two heartbeats and a little: with the time of a check, less than five seconds
  const DEAD_AFTER = 7000;
  const FIRST_RETRY = 300;
  const LAST_RETRY = 10000;
  const POLL_EVERY = 2000;
  const POLL_GIVES_UP = 5000;
  const POLL_AFTER_SILENCE = 10000;
  const POLL_AFTER_BARREN = 3; // attempts in a row that brought no tiles
  const RELOAD_WITHIN = 5000;
  const PROBE_AGAIN = 10000;

  const root = document.documentElement;
  const address = "/boards/" + encodeURIComponent(root.dataset.slug);
  const word = document.querySelector(".link-word");
  const detail = document.querySelector(".link-detail");

  let stream = null;
  let streamHeardAt = 0; // or opened, whichever is later
  let streamMessages = 0;
  let failures = 0; // since a stream last lived long enough for a heartbeat
  let barren = 0;
  let retryAt = 0;
  let heardAt = null; // the stream or a poll; null until the first word
  let pollingHelps = false; // from the first need until a stream brings tiles again
  let polling = false;
  let pollAt = 0;
  let renewing = false;
  let missing = false; // a fragment had no place on the page
  let gone = false; // the server says that there is no such board; it may come back
  let opened = 0; // streams, as all of these since the page was loaded
  let missed = 0; // fragments without a place
  let beatAt = null; // the last heartbeat, of the stream or of a poll

  function path(last) {
    return address + "/" + last + location.search;
  }

  function open() {
    const mine = new EventSource(path("stream"));
    const on = function (name, handle) {
      mine.addEventListener(name, function (event) {
        if (stream === mine) handle(event);
      });
    };
    stream = mine;
    streamHeardAt = performance.now();
    barren += 1;
    opened += 1;
    on("tiles", onTiles);
    on("heartbeat", onHeartbeat);
    on("command", onCommand);
    on("farewell", onFarewell);
    on("error", fail);
  }

  // Why a stream could not be opened is told to no script; a poll tells, and may bring what the stream does not.
  function fail() {
    drop();
    if (barren && !polling) poll();
  }

  function drop() {
    stream.close();
    stream = null;
    failures += 1;
    const back = FIRST_RETRY * Math.pow(2, failures - 1) * (1 + Math.random());
    retryAt = performance.now() + Math.min(back, LAST_RETRY * (0.7 + 0.3 * Math.random()));
  }

  function onTiles(event) {
    const mark = event.lastEventId.split(":");
    if (!show(event.data, mark[0], mark[1])) return drop();
    if (barren && opened > 1) document.dispatchEvent(new Event("wallboard:reconnected"));
    barren = 0;
    pollingHelps = false;
    heardStream();
  }

  function onFarewell(event) {
    gone = JSON.parse(event.data).reason === "removed";
    if (gone) heardAt = performance.now() - STALE_AFTER;
    drop();
  }

  function onHeartbeat(event) {
    failures = 0;
    heardStream();
    const beat = JSON.parse(event.data);
    if (beat.boot === root.dataset.boot) root.dataset.sequence = beat.sequence;
    learn(beat);
  }

  function onCommand(event) {
    heardStream();
    document.dispatchEvent(new CustomEvent("wallboard:command", { detail: JSON.parse(event.data) }));
  }

  function heardStream() {
    streamMessages += 1;
    streamHeardAt = performance.now();
    heard("stream");
  }

  function heard(transport) {
    heardAt = performance.now();
    gone = false;
    mark("data-transport", transport);
    setLink("live");
  }

  function mark(name, value) {
    if (root.getAttribute(name) !== value) root.setAttribute(name, value);
  }

  // Swaps fragments in; false if the page and the server no longer agree on what is there.
  function show(html, boot, sequence) {
    let changed = null;
    missing = false;
    try {
      changed = window.wallboard.swap(html);
    } catch (error) {
      console.error(error);
      return false;
    }
    document.dispatchEvent(new CustomEvent("wallboard:swapped", { detail: changed }));
    if (missing) return false;
    mark("data-boot", boot);
    root.setAttribute("data-sequence", sequence);
    return true;
  }

  function learn(beat) {
    beatAt = performance.now();
    wallboard.heardServerTime(beat.server_now, beat.boot + ":" + beat.clock_steps);
    if (beat.build !== root.dataset.build) renew(beat.build);
  }

  function poll() {
    const before = streamMessages;
    const abort = new AbortController();
    const alarm = setTimeout(function () {
      abort.abort();
    }, POLL_GIVES_UP);
    const done = function () {
      clearTimeout(alarm);
      polling = false;
    };
    polling = true;
    pollAt = performance.now() + POLL_EVERY;
    fetch(path("tiles"), { cache: "no-store", credentials: "same-origin", redirect: "error", signal: abort.signal })
      .then(asJson)
      .then(function (frame) {
        if (streamMessages !== before) return; // the stream is back, and newer
        if (show(frame.html, frame.boot, String(frame.sequence))) heard("poll");
        learn(frame);
      })
      .then(done, done);
  }

  function asJson(response) {
    gone = response.status === 404;
    if (response.status === 401 || response.status === 403) wallboard.goHome(response.status);
    if (!response.ok) throw new Error("poll answered " + response.status);
    return response.json();
  }

  // A new build reloads the page, spread over some seconds and only when that build answers.
  function renew(build) {
    if (renewing) return;
    renewing = true;
    setTimeout(function () {
      wallboard.leave(location.href, 'data-build="' + build + '"');
    }, Math.random() * RELOAD_WITHIN);
    setTimeout(function () {
      renewing = false;
    }, RELOAD_WITHIN + PROBE_AGAIN);
  }

  function setLink(link) {
    const changed = root.getAttribute("data-link") !== link;
    if (!changed && link === "live") return;
    if (changed) root.setAttribute("data-link", link);
    const said = link === "live" ? "" : gone ? "This board no longer exists" : heardAt === null ? "Connecting" : "Not live";
    if (word.textContent !== said) word.textContent = said;
    if (changed) document.dispatchEvent(new Event("wallboard:link"));
  }

  // How the stream has fared, for whoever asks.
  function health() {
    const age = beatAt === null ? null : Math.round(performance.now() - beatAt);
    return { reconnects: Math.max(0, opened - 1), ageMs: age, missing: missed };
  }

  function check() {
    const now = performance.now();
    const silence = now - (heardAt === null ? 0 : heardAt);
    if (stream && now - streamHeardAt > DEAD_AFTER) drop();
    if (!stream && now >= retryAt) open();
    if (barren > POLL_AFTER_BARREN || silence > POLL_AFTER_SILENCE) pollingHelps = true;
    if (pollingHelps && !polling && now >= pollAt) poll();
    if (heardAt === null || silence > STALE_AFTER) stale(silence);
  }

  function stale(silence) {
    setLink("stale");
    const ago = gone ? "– it was removed, and is shown again when it is back" : heardAt === null ? "" : "– last update " + span(Math.floor(silence / 1000)) + " ago, reconnecting";
    if (detail.textContent !== ago) detail.textContent = ago;
  }

  function span(seconds) {
    if (seconds < 120) return seconds + " s";
    return seconds < 7200 ? Math.floor(seconds / 60) + " min" : Math.floor(seconds / 3600) + " h";
  }

  function checkAtOnce() {
    if (!stream) retryAt = 0;
    check();
  }

  document.body.addEventListener("htmx:oobErrorNoTarget", function () {
    missing = true;
    missed += 1;
  });
  wallboard.link = health;
  window.addEventListener("online", checkAtOnce);
  document.addEventListener("visibilitychange", checkAtOnce);
  setInterval(check, CHECK_EVERY);
  check();
})();
